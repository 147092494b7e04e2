use sidecart_core::Time;

use super::Order;
use crate::intervals::{Estimate, wilson};

/// Who buys again.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Retention {
    /// Share of customers with a second order within the days after their first, with its 95 %
    /// interval.
    pub share: Estimate,
    /// Customers whose first order is so long ago that it can be known.
    pub n_customers: u64,
}

/// The share of customers who order again, later than their first order and not more than
/// `within_days` after it.
///
/// Only customers count whose first order is at least that long before the end of the history, so
/// that newcomers do not look lost; `None` without one. The first order is the first of the
/// history, which begins in the middle of older customers' lives. O(orders).
#[must_use]
pub fn retention<'a>(
    customers: impl IntoIterator<Item = &'a [Order]>,
    end: Time,
    within_days: f64,
) -> Option<Retention> {
    let (mut n_again, mut n_customers) = (0, 0);
    for orders in customers {
        let Some(first) = orders.first() else { continue };
        if end.days_since(first.time) < within_days {
            continue;
        }
        n_customers += 1;
        let again = orders.iter().find(|order| order.time > first.time);
        n_again += u64::from(again.is_some_and(|order| order.time.days_since(first.time) <= within_days));
    }
    Some(Retention { share: wilson(n_again, n_customers)?, n_customers })
}

/// The median number of days from an order to the same customer's next one.
///
/// What comes after the last order is not seen, only that nothing came until the end; the median is
/// that of the Kaplan-Meier curve, which counts such waits for as long as they lasted. Orders at the
/// same time are one. `None` where more than half of the waits outlast the history, or without
/// orders. (Kaplan and Meier: Nonparametric Estimation from Incomplete Observations, 1958.)
/// O(orders log orders).
#[must_use]
pub fn days_to_next_order<'a>(customers: impl IntoIterator<Item = &'a [Order]>, end: Time) -> Option<f64> {
    // Days waited, and whether an order ended the wait.
    let mut waits: Vec<(f64, bool)> = Vec::new();
    for orders in customers {
        let later = orders.windows(2).filter(|pair| pair[1].time > pair[0].time);
        waits.extend(later.map(|pair| (pair[1].time.days_since(pair[0].time), true)));
        waits.extend(orders.last().map(|last| (end.days_since(last.time).max(0.0), false)));
    }
    waits.sort_by(|a, b| a.0.total_cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut n_waiting = waits.len();
    let mut share_waiting = 1.0;
    for equals in waits.chunk_by(|a, b| a.0 == b.0) {
        let n_ended = equals.iter().filter(|(_, ended)| *ended).count();
        share_waiting *= 1.0 - n_ended as f64 / n_waiting as f64;
        if n_ended > 0 && share_waiting <= 0.5 {
            return Some(equals[0].0);
        }
        n_waiting -= equals.len();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidecart_core::{MICROS_PER_DAY, Rng};

    fn day(day: f64) -> Time {
        Time((day * MICROS_PER_DAY as f64) as i64)
    }

    fn orders(days: &[f64]) -> Vec<Order> {
        days.iter().map(|&at| Order { time: day(at), paid: None }).collect()
    }

    fn slices(customers: &[Vec<Order>]) -> impl Iterator<Item = &[Order]> {
        customers.iter().map(Vec::as_slice)
    }

    #[test]
    fn a_planted_cohort_is_counted() {
        let customers = [
            orders(&[0.0, 30.0]),      // on the last day that counts
            orders(&[0.0, 30.5]),      // too late
            orders(&[5.0, 5.0, 12.0]), // the same time is no return, the week after is
            orders(&[10.0, 10.0]),     // never again
            orders(&[75.0, 76.0]),     // began too late to be known
        ];
        let found = retention(slices(&customers), day(100.0), 30.0).unwrap();
        assert_eq!((found.share.value, found.n_customers), (0.5, 4));
        assert!(found.share.low < 0.2 && found.share.high > 0.8);
        assert_eq!(retention(slices(&customers), day(20.0), 30.0), None);
    }

    #[test]
    fn waits_by_hand() {
        // Waits 2, 4, 4, 10 end with an order, 4 and 90 with the history.
        // After 2: 5/6; after 4: 5/6 * 3/5 = 1/2.
        let customers = [orders(&[0.0, 2.0, 6.0, 10.0]), orders(&[86.0, 96.0])];
        assert_eq!(days_to_next_order(slices(&customers), day(100.0)), Some(4.0));
        assert_eq!(days_to_next_order(slices(&[orders(&[1.0])]), day(100.0)), None);
        assert_eq!(days_to_next_order(slices(&[]), day(100.0)), None);
    }

    #[test]
    fn a_history_that_ends_early_does_not_shorten_the_median() {
        // Waits of 20 days on average, exponential: a median of 13.9; a history of 60 days.
        let mut rng = Rng::new(8, 0);
        let customers: Vec<Vec<Order>> = (0..4_000)
            .map(|_| {
                let mut at = 40.0 * rng.unit();
                let mut days = Vec::new();
                while at < 60.0 {
                    days.push(at);
                    at -= 20.0 * (1.0 - rng.unit()).ln();
                }
                orders(&days)
            })
            .collect();
        let median = days_to_next_order(slices(&customers), day(60.0)).unwrap();
        assert!((median - 20.0 * std::f64::consts::LN_2).abs() < 0.7, "{median}");
    }
}
