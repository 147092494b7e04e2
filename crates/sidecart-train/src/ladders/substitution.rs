//! Whether the tiers of a ladder are bought instead of each other or side by side.

use rayon::prelude::*;
use sidecart_core::Baskets;
use sidecart_data::Ledger;

use super::MAX_TIERS;
use super::NONE;

/// Baskets of one ladder.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Together {
    /// Baskets that hold two of its tiers.
    pub(super) n_baskets: u64,
    /// What chance explains of them, in parts of [`ONE`].
    expected: u64,
}

/// One expected basket. Whole numbers, so that sums do not depend on the order of the customers.
const ONE: f64 = (1u64 << 30) as f64;

impl Together {
    /// Baskets with two tiers that chance explains.
    pub(super) fn expected(self) -> f64 {
        self.expected as f64 / ONE
    }
}

/// One line of a customer: where it stands in a ladder.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Place {
    ladder: u32,
    basket: u32,
    tier: u8,
}

/// For every ladder the baskets with two of its tiers, and how many there would be if every
/// customer's lines of the ladder were dealt at random to the places they take in the customer's
/// baskets. Anonymous baskets say nothing.
///
/// A basket with `m` of a customer's `n` lines, `n_t` of them of tier `t`, is of one tier with
/// probability `sum over t of C(n_t, m) / C(n, m)`; this is the mean over all shuffles.
/// O(lines log lines of a customer).
pub(super) fn together(ledger: &Ledger, item_ladder: &[u32], item_tier: &[u8], n_ladders: usize) -> Vec<Together> {
    let customers: Vec<std::ops::Range<usize>> =
        ledger.customer_runs().filter(|run| ledger.customer_of(run.start).is_some()).collect();
    let nothing = || vec![Together::default(); n_ladders];
    customers
        .par_iter()
        .with_min_len(64)
        .fold(
            || (nothing(), Vec::new()),
            |(mut sums, mut places), run| {
                places.clear();
                for basket in run.clone() {
                    let items = ledger.baskets().get(basket).iter().filter(|i| item_ladder[i.index()] != NONE);
                    places.extend(items.map(|item| Place {
                        ladder: item_ladder[item.index()],
                        basket: basket as u32,
                        tier: item_tier[item.index()],
                    }));
                }
                places.sort_unstable();
                for own in places.chunk_by(|a, b| a.ladder == b.ladder) {
                    add(own, &mut sums[own[0].ladder as usize]);
                }
                (sums, places)
            },
        )
        .map(|(sums, _)| sums)
        .reduce(nothing, |mut sums, others| {
            for (sum, other) in sums.iter_mut().zip(others) {
                sum.n_baskets += other.n_baskets;
                sum.expected += other.expected;
            }
            sums
        })
}

/// For every ladder the baskets with an item of it, and with two or more different ones; of anyone.
pub(super) fn baskets(all: &Baskets, item_ladder: &[u32], n_ladders: usize) -> Vec<(u32, u32)> {
    let nothing = || vec![(0u32, 0u32); n_ladders];
    (0..all.len())
        .into_par_iter()
        .with_min_len(4_096)
        .fold(
            || (nothing(), Vec::new()),
            |(mut sums, mut own): (Vec<(u32, u32)>, Vec<u32>), basket| {
                own.clear();
                let ladders = all.get(basket).iter().map(|item| item_ladder[item.index()]);
                own.extend(ladders.filter(|&ladder| ladder != NONE));
                own.sort_unstable();
                for same in own.chunk_by(|a, b| a == b) {
                    let sum = &mut sums[same[0] as usize];
                    sum.0 += 1;
                    sum.1 += u32::from(same.len() > 1);
                }
                (sums, own)
            },
        )
        .map(|(sums, _)| sums)
        .reduce(nothing, |mut sums, others| {
            for (sum, other) in sums.iter_mut().zip(others) {
                sum.0 += other.0;
                sum.1 += other.1;
            }
            sums
        })
}

/// Adds one customer's lines of one ladder, in the order of their baskets.
fn add(own: &[Place], sum: &mut Together) {
    let mut n_tier = [0u32; MAX_TIERS];
    for place in own {
        n_tier[usize::from(place.tier)] += 1;
    }
    if n_tier.iter().filter(|&&n| n > 0).count() < 2 {
        return;
    }
    for basket in own.chunk_by(|a, b| a.basket == b.basket).filter(|basket| basket.len() >= 2) {
        sum.n_baskets += u64::from(basket.iter().any(|place| place.tier != basket[0].tier));
        let of_one_tier: f64 = n_tier
            .iter()
            .filter(|&&n| n as usize >= basket.len())
            .map(|&n| {
                let draws = (0..basket.len()).map(|drawn| (f64::from(n) - drawn as f64) / (own.len() - drawn) as f64);
                draws.product::<f64>()
            })
            .sum();
        sum.expected += ((1.0 - of_one_tier).max(0.0) * ONE).round() as u64;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sidecart_core::{ItemId, Rng};

    use super::*;

    fn places(lines: &[(u32, u8)]) -> Vec<Place> {
        let mut places: Vec<Place> = lines.iter().map(|&(basket, tier)| Place { ladder: 0, basket, tier }).collect();
        places.sort_unstable();
        places
    }

    fn mixed(places: &[Place]) -> u64 {
        let baskets = places.chunk_by(|a, b| a.basket == b.basket);
        baskets.filter(|basket| basket.iter().any(|p| p.tier != basket[0].tier)).count() as u64
    }

    #[test]
    fn baskets_with_several_are_counted_once() {
        let mut all = Baskets::default();
        for items in [&[0, 1, 2][..], &[0, 3], &[1], &[4], &[0, 1, 3, 4]] {
            all.push(items.iter().map(|&item| ItemId(item)));
        }
        // Items 0 and 1 on ladder 0, items 2 and 3 on ladder 1, item 4 on none.
        assert_eq!(baskets(&all, &[0, 0, 1, 1, NONE], 2), [(4, 2), (3, 0)]);
    }

    #[test]
    fn two_lines_in_one_basket() {
        // Lines 0 0 1 in baskets of two and one: the pair is mixed with probability 2/3.
        let mut sum = Together::default();
        add(&places(&[(1, 0), (1, 0), (2, 1)]), &mut sum);
        assert_eq!(sum.n_baskets, 0);
        assert!((sum.expected() - 2.0 / 3.0).abs() < 1e-8);
        // One tier only, or never two lines at once, says nothing.
        let mut sum = Together::default();
        add(&places(&[(1, 0), (1, 0)]), &mut sum);
        add(&places(&[(1, 0), (2, 1)]), &mut sum);
        assert_eq!(sum, Together::default());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]

        /// The plain twin: shuffle and count.
        #[test]
        fn the_expectation_is_the_mean_of_shuffles(lines in prop::collection::vec((0u32..6, 0u8..4), 1..24), seed: u64) {
            let own = places(&lines);
            let mut sum = Together::default();
            add(&own, &mut sum);
            prop_assert_eq!(sum.n_baskets, mixed(&own));
            let mut rng = Rng::new(seed, 1);
            let n_shuffles = 3_000u32;
            let (mut total, mut squares) = (0.0, 0.0);
            for _ in 0..n_shuffles {
                let mut tiers: Vec<u8> = own.iter().map(|place| place.tier).collect();
                rng.shuffle(&mut tiers);
                let shuffled: Vec<Place> = own.iter().zip(tiers).map(|(&place, tier)| Place { tier, ..place }).collect();
                let n = mixed(&shuffled) as f64;
                total += n;
                squares += n * n;
            }
            let mean = total / f64::from(n_shuffles);
            let deviation = ((squares / f64::from(n_shuffles) - mean * mean).max(0.0) / f64::from(n_shuffles)).sqrt();
            prop_assert!((sum.expected() - mean).abs() <= 6.0 * deviation + 2e-3, "{} {mean}", sum.expected());
        }
    }
}
