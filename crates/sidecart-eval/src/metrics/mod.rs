//! Metrics of ranked lists, one file each.
//!
//! Every case of an evaluation hides one item, so a list is judged by the position of that item
//! alone: positions count from 0, `None` means that the list does not hold it. A mean over nothing
//! is `None`, never 0. [`attach_rate`], [`order_value`] and [`category_coverage`] are for lists of
//! other kinds: baskets of which several items are open, and offers with a price.

mod attach_rate;
mod category_coverage;
mod coverage;
mod gini;
mod hit_rate;
mod mrr;
mod ndcg;
mod order_value;
mod popularity;
mod tail_share;

use sidecart_core::ItemId;

pub use attach_rate::attach_rate;
pub use category_coverage::{CategoryCoverage, category_coverage};
pub use coverage::{COVERAGE_EXPLANATION, coverage};
pub use gini::{GINI_EXPLANATION, gini};
pub use hit_rate::hit_rate;
pub use mrr::reciprocal_rank;
pub use ndcg::ndcg;
pub use order_value::{OrderValue, ValuedOffer, order_value};
pub use popularity::{POPULARITY_EXPLANATION, popularity};
pub use tail_share::{TAIL_SHARE_EXPLANATION, tail_share};

/// Where a list holds an item, counted from 0.
#[must_use]
pub fn position_of(target: ItemId, ranked: &[ItemId]) -> Option<usize> {
    ranked.iter().position(|&item| item == target)
}

/// The mean of the values; `None` when there is none. The sum runs in the order given.
#[must_use]
pub fn mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (mut sum, mut n) = (0.0, 0u64);
    for value in values {
        sum += value;
        n += 1;
    }
    (n > 0).then(|| sum / n as f64)
}

/// A metric that every report holds for each ranker and slice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Metric {
    /// [`hit_rate`] at 10.
    HitRate10,
    /// [`ndcg`] at 10.
    Ndcg10,
    /// [`reciprocal_rank`] at 20.
    Mrr20,
    /// [`hit_rate`] at 50.
    HitRate50,
}

impl Metric {
    /// All of them, in the order of report columns.
    pub const ALL: [Self; 4] = [Self::HitRate10, Self::Ndcg10, Self::Mrr20, Self::HitRate50];

    /// Longest list that any metric looks at.
    pub const MAX_K: usize = 50;

    /// The heading of its column.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::HitRate10 => "HR@10",
            Self::Ndcg10 => "NDCG@10",
            Self::Mrr20 => "MRR@20",
            Self::HitRate50 => "HR@50",
        }
    }

    /// What it says, in words.
    #[must_use]
    pub fn explanation(self) -> &'static str {
        match self {
            Self::HitRate10 => "hit rate: share of cases whose hidden item is among the first 10 offers",
            Self::Ndcg10 => {
                "as HR@10, but a hit counts 1 in first place and less further down: 1 / log2(rank + 1), .29 in tenth"
            }
            Self::Mrr20 => "mean reciprocal rank: a hit counts 1 / rank, nothing below rank 20",
            Self::HitRate50 => "hit rate among the first 50 offers",
        }
    }

    /// Its value in [0, 1] for one case.
    #[must_use]
    pub fn of(self, position: Option<usize>) -> f64 {
        match self {
            Self::HitRate10 => hit_rate(position, 10),
            Self::Ndcg10 => ndcg(position, 10),
            Self::Mrr20 => reciprocal_rank(position, 20),
            Self::HitRate50 => hit_rate(position, Self::MAX_K),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_mean_of_nothing_is_nothing() {
        assert_eq!(mean([]), None);
        assert_eq!(mean([1.0, 0.0, 0.5]), Some(0.5));
    }

    #[test]
    fn positions_count_from_zero() {
        let ranked = [ItemId(7), ItemId(3)];
        assert_eq!(position_of(ItemId(3), &ranked), Some(1));
        assert_eq!(position_of(ItemId(4), &ranked), None);
    }

    proptest! {
        #[test]
        fn values_are_in_the_unit_range_and_grow_with_k(position in proptest::option::of(0usize..80), k in 0usize..80) {
            for metric in [hit_rate, ndcg, reciprocal_rank] {
                let (at_k, at_next) = (metric(position, k), metric(position, k + 1));
                prop_assert!((0.0..=1.0).contains(&at_k));
                prop_assert!(at_k <= at_next && at_k <= hit_rate(position, k));
            }
            for metric in Metric::ALL {
                prop_assert!((0.0..=1.0).contains(&metric.of(position)));
                prop_assert!(metric.of(position) <= hit_rate(position, Metric::MAX_K));
            }
        }
    }
}
