use std::collections::BTreeMap;

use sidecart_core::ExternalId;
use sidecart_data::{Acceptance, Exposure};

use crate::error::{Error, Result};

const MS_PER_DAY: f64 = 86_400_000.0;

/// Marks the exposures that a purchase follows, and returns how many purchases follow none.
///
/// A purchase with a request id belongs to the exposures of its item in that answer; one with a
/// customer and a time to the newest exposure of its item to that customer that is not after it and
/// not more than `within_days` before it. Shown and withheld offers are joined alike.
pub(super) fn accept(exposures: &mut [Exposure], outcomes: Option<&[Acceptance]>, within_days: f64) -> Result<u64> {
    let Some(outcomes) = outcomes else { return known(exposures) };
    let mut followed: Vec<usize> = Vec::new();
    let mut n_unmatched = 0;
    {
        let mut by_request: BTreeMap<(&str, &ExternalId), Vec<usize>> = BTreeMap::new();
        let mut by_customer: BTreeMap<(&ExternalId, &ExternalId), Vec<(i64, usize)>> = BTreeMap::new();
        for (at, exposure) in exposures.iter().enumerate() {
            by_request.entry((&exposure.request_id, &exposure.item)).or_default().push(at);
            if let Some(customer) = &exposure.customer_id {
                by_customer.entry((customer, &exposure.item)).or_default().push((exposure.time, at));
            }
        }
        by_customer.values_mut().for_each(|times| times.sort_unstable());
        let within_ms = (within_days * MS_PER_DAY) as i64;
        for outcome in outcomes {
            let before = followed.len();
            if let Some(request_id) = &outcome.request_id {
                followed.extend(by_request.get(&(request_id.as_str(), &outcome.item)).into_iter().flatten());
            } else if let (Some(customer), Some(time)) = (&outcome.customer_id, outcome.time) {
                let seen = by_customer.get(&(customer, &outcome.item)).map_or(&[][..], Vec::as_slice);
                let newest = seen[..seen.partition_point(|(shown, _)| *shown <= time)].last();
                followed.extend(newest.filter(|(shown, _)| time.saturating_sub(*shown) <= within_ms).map(|(_, at)| at));
            }
            n_unmatched += u64::from(followed.len() == before);
        }
    }
    for exposure in exposures.iter_mut() {
        exposure.accepted.get_or_insert(false);
    }
    for at in followed {
        exposures[at].accepted = Some(true);
    }
    Ok(n_unmatched)
}

/// Without outcomes every exposure has to say for itself whether its item was bought.
fn known(exposures: &[Exposure]) -> Result<u64> {
    match exposures.iter().filter(|exposure| exposure.accepted.is_none()).count() {
        0 => Ok(0),
        n => Err(Error::Setting {
            key: "--outcomes".into(),
            got: format!("none, and {n} of {} exposures do not say whether they were accepted", exposures.len()),
            expected: "a file of what was bought (request_id and item, or customer_id, item and time), or `accepted` \
                       in every exposure"
                .into(),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exposure(request: &str, customer: Option<i64>, item: i64, day: i64) -> Exposure {
        Exposure {
            request_id: request.into(),
            time: day * 86_400_000,
            version: String::new(),
            customer_id: customer.map(ExternalId::Int),
            touchpoint: None,
            kind: "upsell".into(),
            item: ExternalId::Int(item),
            p: None,
            probability_shown: 0.5,
            held_out: false,
            accepted: None,
        }
    }

    fn bought(request: Option<&str>, customer: Option<i64>, item: i64, day: Option<i64>) -> Acceptance {
        Acceptance {
            request_id: request.map(str::to_owned),
            customer_id: customer.map(ExternalId::Int),
            item: ExternalId::Int(item),
            time: day.map(|day| day * 86_400_000),
        }
    }

    #[test]
    fn purchases_find_their_exposures() {
        let mut log = [
            exposure("a", Some(1), 7, 0),
            exposure("b", Some(1), 7, 3),
            exposure("b", Some(1), 8, 3),
            exposure("c", None, 7, 3),
            exposure("d", Some(2), 7, 3),
        ];
        let outcomes = [
            bought(Some("c"), None, 7, None),
            bought(None, Some(1), 7, Some(4)),  // after two of them: the newest
            bought(None, Some(1), 8, Some(11)), // a day too late
            bought(None, Some(2), 7, Some(2)),  // before it was seen
            bought(Some("b"), None, 9, None),   // not offered
        ];
        assert_eq!(accept(&mut log, Some(&outcomes), 7.0).unwrap(), 3);
        assert_eq!(log.map(|e| e.accepted), [false, true, false, true, false].map(Some));
    }

    #[test]
    fn what_the_log_says_itself_counts_too() {
        let mut log = [exposure("a", None, 7, 0), exposure("b", None, 7, 0)];
        assert!(accept(&mut log, None, 7.0).unwrap_err().to_string().contains("2 of 2 exposures"));
        log[0].accepted = Some(true);
        assert_eq!(accept(&mut log, Some(&[bought(Some("b"), None, 7, None)]), 7.0).unwrap(), 0);
        assert_eq!(log.clone().map(|e| e.accepted), [Some(true); 2]);
        assert_eq!(accept(&mut log, None, 7.0).unwrap(), 0);
    }
}
