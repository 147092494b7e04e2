use serde::{Deserialize, Serialize};

use super::metrics::equal_mass_bins;
use super::resamples::Resamples;
use super::sample::Sample;
use super::{UpgradeCases, UpsellParams};
use crate::intervals::{Estimate, percentile_interval};
use crate::report::build::{rounded, rounded_estimate};

/// Share of cases that get an offer, with or without a suppressed group.
pub(super) const OFFER_SHARE: f64 = 0.2;
/// Stream of the resamples.
const STREAM: u64 = 3 << 20;

/// What it costs to make one group no offer while 20 % of the cases still get one.
///
/// Offers go to the best `p` × expected gain of the default model; those that the group would have
/// had go to the next best cases outside it.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SuppressionRow {
    /// Name of the proxy; `None` for the fifth with the lowest scores.
    pub proxy: Option<String>,
    /// The fifth without offers, 1 = least price-sensitive to 5 = most; `None` as above.
    pub fifth: Option<u8>,
    /// Share of all cases in the group.
    pub share_of_cases: f64,
    /// Share of the offers that go to the group when it is not suppressed.
    pub share_of_offers: f64,
    /// Share of all list price gain in the group.
    pub share_of_list_gain: f64,
    /// Relative change of the captured list price gain: -0.1 is a loss of 10 %.
    pub list_gain: Option<Estimate>,
    /// Relative change of the captured net gain.
    pub net_gain: Option<Estimate>,
}

/// Cases in the order in which they get offers.
struct Offers {
    cases: Vec<OfferCase>,
    cluster_sizes: Vec<f64>,
}

struct OfferCase {
    /// Position in the sample.
    member: usize,
    cluster: u32,
    ends_tie: bool,
    list_gain: f64,
    net_gain: f64,
}

/// What the offered cases are worth.
#[derive(Clone, Copy, Default, PartialEq, Debug)]
struct Captured {
    weight: f64,
    list_gain: f64,
    net_gain: f64,
}

impl Captured {
    fn add(&mut self, other: Self, part: f64) {
        self.weight += part * other.weight;
        self.list_gain += part * other.list_gain;
        self.net_gain += part * other.net_gain;
    }
}

impl Offers {
    fn new(sample: &Sample, scores: &[f64], list_gains: &[f64], net_gains: &[f64]) -> Self {
        let mut order: Vec<usize> = (0..sample.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let mut cluster_sizes = vec![0.0; sample.n_clusters];
        sample.clusters.iter().for_each(|&cluster| cluster_sizes[cluster as usize] += 1.0);
        let cases = order
            .iter()
            .enumerate()
            .map(|(i, &member)| OfferCase {
                member,
                cluster: sample.clusters[member],
                ends_tie: order.get(i + 1).is_none_or(|&next| scores[next] != scores[member]),
                list_gain: list_gains[member],
                net_gain: net_gains[member],
            })
            .collect();
        Self { cases, cluster_sizes }
    }

    /// What offers to [`OFFER_SHARE`] of the weight capture. `is_kept` goes by position in this
    /// order; a cut inside tied cases takes an equal part of each.
    fn captured(&self, weights: &[f64], is_kept: impl Fn(usize) -> bool) -> Captured {
        let total: f64 = self.cluster_sizes.iter().zip(weights).map(|(size, weight)| size * weight).sum();
        let limit = OFFER_SHARE * total;
        let (mut captured, mut tied) = (Captured::default(), Captured::default());
        for (i, case) in self.cases.iter().enumerate() {
            if is_kept(i) {
                let weight = weights[case.cluster as usize];
                tied.add(Captured { weight: 1.0, list_gain: case.list_gain, net_gain: case.net_gain }, weight);
            }
            if case.ends_tie {
                let room = limit - captured.weight;
                if tied.weight >= room {
                    captured.add(tied, if tied.weight > 0.0 { room / tied.weight } else { 0.0 });
                    break;
                }
                captured.add(std::mem::take(&mut tied), 1.0);
            }
        }
        captured
    }
}

/// Measures the suppression of every fifth of every proxy and of the lowest-scored fifth, which
/// comes last. `p` are the default model's predictions by case.
pub(super) fn measure(
    cases: &UpgradeCases,
    net_gains: Option<&[f64]>,
    sample: &Sample,
    p: &[f64],
    params: &UpsellParams,
) -> Vec<SuppressionRow> {
    let scores: Vec<f64> = sample.members.iter().map(|&case| p[case] * cases.expected_gains[case]).collect();
    let list = sample.pick(&cases.gains);
    let net = net_gains.map_or_else(|| vec![0.0; sample.len()], |gains| sample.pick(gains));
    let offers = Offers::new(sample, &scores, &list, &net);

    let mut rows = Vec::new();
    // Whether a position in the order of offers gets no offer, by row.
    let mut suppressed: Vec<Vec<bool>> = Vec::new();
    let mut suppress = |proxy: Option<&String>, fifth: Option<u8>, holds: &dyn Fn(usize) -> bool| {
        let flags: Vec<bool> = offers.cases.iter().map(|case| holds(case.member)).collect();
        let held = || offers.cases.iter().zip(&flags).filter(|&(_, &flag)| flag).map(|(case, _)| case);
        let ones = vec![1.0; sample.n_clusters];
        let n_offered = offers.captured(&ones, |_| true).weight;
        let n_kept = part_kept(&offers, &ones, &flags);
        rows.push(SuppressionRow {
            proxy: proxy.cloned(),
            fifth,
            share_of_cases: rounded(held().count() as f64 / sample.len() as f64),
            share_of_offers: rounded(1.0 - n_kept / n_offered),
            share_of_list_gain: rounded(held().map(|case| case.list_gain).sum::<f64>() / list.iter().sum::<f64>()),
            list_gain: None,
            net_gain: None,
        });
        suppressed.push(flags);
    };
    for proxy in &cases.sensitivities {
        for fifth in 0..5 {
            let holds = |member: usize| proxy.fifths[sample.members[member]] == Some(fifth);
            suppress(Some(&proxy.name), Some(fifth + 1), &holds);
        }
    }
    let lowest = equal_mass_bins(&scores, 5);
    suppress(None, None, &|member| lowest[member] == 0);

    let changes = |weights: &[f64]| -> Vec<[Option<f64>; 2]> {
        let all = offers.captured(weights, |_| true);
        let relative = |kept: f64, all: f64| (all > 0.0).then(|| kept / all - 1.0);
        suppressed
            .iter()
            .map(|flags| {
                let kept = offers.captured(weights, |i| !flags[i]);
                [relative(kept.list_gain, all.list_gain), relative(kept.net_gain, all.net_gain)]
            })
            .collect()
    };
    let plain = changes(&vec![1.0; sample.n_clusters]);
    let resamples =
        Resamples { seed: params.seed, stream: STREAM, n_resamples: params.resamples, n_clusters: sample.n_clusters };
    let draws = resamples.map(changes);
    for (i, row) in rows.iter_mut().enumerate() {
        let estimate = |which: usize| {
            Some(rounded_estimate(percentile_interval(plain[i][which]?, draws.iter().map(|draw| draw[i][which]))))
        };
        row.list_gain = estimate(0);
        row.net_gain = net_gains.and_then(|_| estimate(1));
    }
    rows
}

/// Weight of the unsuppressed offers that outlast the suppression of the flagged cases unmoved.
fn part_kept(offers: &Offers, weights: &[f64], flags: &[bool]) -> f64 {
    let total: f64 = offers.cluster_sizes.iter().zip(weights).map(|(size, weight)| size * weight).sum();
    let (mut passed, mut kept, mut tied, mut tied_kept) = (0.0, 0.0, 0.0, 0.0);
    for (case, &flag) in offers.cases.iter().zip(flags) {
        let weight = weights[case.cluster as usize];
        tied += weight;
        tied_kept += if flag { 0.0 } else { weight };
        if case.ends_tie {
            let part = if tied > 0.0 { ((OFFER_SHARE * total - passed) / tied).clamp(0.0, 1.0) } else { 0.0 };
            kept += part * tied_kept;
            passed += tied;
            (tied, tied_kept) = (0.0, 0.0);
        }
    }
    kept
}

/// The result of the suppressions in one sentence; `None` without a proxy that could be measured.
pub(super) fn conclusion(rows: &[SuppressionRow]) -> Option<String> {
    let change = |row: &SuppressionRow| match (row.net_gain, row.list_gain) {
        (Some(net), _) => Some((net, "net gain")),
        (None, list) => Some((list?, "list price gain")),
    };
    let sensitive: Vec<String> = rows
        .iter()
        .filter(|row| row.fifth == Some(5))
        .filter_map(|row| Some(format!("by {} {}", row.proxy.as_ref()?, in_words(change(row)?))))
        .collect();
    if sensitive.is_empty() {
        return None;
    }
    let lowest: String = rows
        .iter()
        .filter(|row| row.proxy.is_none())
        .filter_map(change)
        .map(|change| format!("; suppressing the lowest-scored fifth {}", in_words(change)))
        .collect();
    Some(format!(
        "With offers for {:.0} % of the cases, suppressing the most price-sensitive fifth {}{lowest}.",
        OFFER_SHARE * 100.0,
        sensitive.join(", ")
    ))
}

/// `loses 15 % (10 to 20) of the net gain`, or that nothing shows.
fn in_words((change, gain): (Estimate, &str)) -> String {
    let percent = |value: f64| format!("{:.0}", value.abs() * 100.0);
    if !change.excludes_zero() {
        // Adding zero turns -0.0 into 0.0.
        let signed = |value: f64| format!("{:+.0}", (value * 100.0).round() + 0.0);
        return format!(
            "shows no change beyond noise ({} to {} % of the {gain})",
            signed(change.low),
            signed(change.high)
        );
    }
    let (verb, near, far) =
        if change.value < 0.0 { ("loses", change.high, change.low) } else { ("adds", change.low, change.high) };
    format!("{verb} {} % ({} to {}) of the {gain}", percent(change.value), percent(near), percent(far))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propensity::Ranked;
    use crate::propensity::metrics::captured_gain;
    use proptest::prelude::*;

    fn estimate(value: f64, low: f64, high: f64) -> Option<Estimate> {
        Some(Estimate { value, low, high })
    }

    fn row(proxy: Option<&str>, net_gain: Option<Estimate>) -> SuppressionRow {
        SuppressionRow {
            proxy: proxy.map(Into::into),
            fifth: proxy.map(|_| 5),
            share_of_cases: 0.2,
            share_of_offers: 0.2,
            share_of_list_gain: 0.2,
            list_gain: estimate(-0.3, -0.4, -0.2),
            net_gain,
        }
    }

    fn sample(n_cases: usize, n_clusters: usize) -> Sample {
        let customers: Vec<u32> = (0..n_cases).map(|case| (case % n_clusters) as u32).collect();
        let mut order: Vec<usize> = (0..n_cases).collect();
        order.sort_by_key(|&case| customers[case]);
        Sample::new(&customers, &order, |_| true)
    }

    #[test]
    fn offers_move_to_the_next_best() {
        // Ten customers with a case each, worth 10, 9, ... 1 in the order of scores.
        let sample = sample(10, 10);
        let gains: Vec<f64> = (0..10).map(|i| f64::from(10 - i)).collect();
        let offers = Offers::new(&sample, &gains, &gains, &[1.0; 10]);
        let captured = |suppressed: &[usize]| offers.captured(&[1.0; 10], |i| !suppressed.contains(&i));
        assert_eq!(captured(&[]), Captured { weight: 2.0, list_gain: 19.0, net_gain: 2.0 });
        assert_eq!(captured(&[0]).list_gain, 17.0);
        assert_eq!(captured(&[0, 1, 2]).list_gain, 13.0);
        assert_eq!(captured(&[9]).list_gain, 19.0);
        assert_eq!(captured(&[0, 1, 2, 3, 4, 5, 6, 7, 8]), Captured { weight: 1.0, list_gain: 1.0, net_gain: 1.0 });
        let mut flags = [false; 10];
        flags[1] = true;
        assert_eq!(part_kept(&offers, &[1.0; 10], &flags), 1.0);
        // Equal scores: a fifth of everything.
        let equal = Offers::new(&sample, &[1.0; 10], &gains, &gains);
        assert_eq!(equal.captured(&[1.0; 10], |_| true).list_gain, 11.0);
    }

    #[test]
    fn the_conclusion_follows_the_intervals() {
        let rows = [
            row(Some("deal share"), estimate(-0.149, -0.201, -0.1)),
            row(Some("price position"), estimate(-0.02, -0.06, 0.01)),
            row(None, estimate(0.0, 0.0, 0.0)),
        ];
        assert_eq!(
            conclusion(&rows).unwrap(),
            "With offers for 20 % of the cases, suppressing the most price-sensitive fifth by deal share loses 15 % \
             (10 to 20) of the net gain, by price position shows no change beyond noise (-6 to +1 % of the net gain); \
             suppressing the lowest-scored fifth shows no change beyond noise (+0 to +0 % of the net gain)."
        );
        assert!(conclusion(&[row(Some("x"), estimate(0.1, 0.05, 0.2))]).unwrap().contains("adds 10 % (5 to 20)"));
        assert!(conclusion(&[row(Some("x"), None)]).unwrap().contains("loses 30 % (20 to 40) of the list price gain"));
        assert_eq!(conclusion(&[row(None, None)]), None);
    }

    proptest! {
        #[test]
        fn without_suppression_it_is_the_captured_gain(
            values in proptest::collection::vec((0u8..5, 0u8..9), 12..60),
            weights in proptest::collection::vec(0u8..4, 6),
        ) {
            let sample = sample(values.len(), 6);
            let scores: Vec<f64> = sample.members.iter().map(|&case| f64::from(values[case].0)).collect();
            let gains: Vec<f64> = sample.members.iter().map(|&case| f64::from(values[case].1)).collect();
            let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            let all: f64 = sample.clusters.iter().zip(&gains).map(|(&c, gain)| weights[c as usize] * gain).sum();
            let expected = captured_gain(&Ranked::new(&scores, &gains, &sample.clusters, 6), &weights, &[OFFER_SHARE]);
            let got = Offers::new(&sample, &scores, &gains, &gains).captured(&weights, |_| true).list_gain;
            prop_assert!((got - expected.map_or(0.0, |share| share[0] * all)).abs() < 1e-9);
        }
    }
}
