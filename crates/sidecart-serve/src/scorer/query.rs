use sidecart_core::{History, ItemId, Scored, Time};

use crate::cold_start::StandIn;
use crate::settings::{Mode, Source};

/// Largest `k`.
pub const MAX_K: usize = 1_000;
/// Longest basket; of a longer one the last items count.
pub const MAX_BASKET: usize = 1_000;

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The basket so far; repeats count once.
    pub basket: &'a [ItemId],
    /// The customer's past; only what is strictly before `time` is used.
    pub history: Option<&'a History>,
    /// When the question is asked.
    pub time: Time,
    /// How many answers, 1..=[`MAX_K`].
    pub k: usize,
    /// What the list is for.
    pub mode: Mode,
    /// The part of the model that answers.
    pub using: Source,
    /// The store, as [`Scorer::store`](crate::Scorer::store) numbers it; without one, or with one that the model does not
    /// know, what sells in all of them counts. Used where a ranker other than `fast` answers.
    pub store: Option<u32>,
    /// Items that may not come back.
    pub exclude: &'a [ItemId],
    /// What is on promotion where and when the question is asked, the most important first: a
    /// ranker other than `fast` looks at the first of them, too, and ranks them like all others.
    pub promoted: &'a [ItemId],
}

impl Default for Query<'_> {
    fn default() -> Self {
        Self {
            basket: &[],
            history: None,
            time: Time(i64::MAX),
            k: 10,
            mode: Mode::Completion,
            using: Source::Default,
            store: None,
            exclude: &[],
            promoted: &[],
        }
    }
}

/// The best items, best first.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Answer<'s> {
    /// At most `k` items; never one of the basket or of the exclusions.
    pub offers: &'s [Scored],
    /// Offers from this position on stand in because the model had no more of its own. Equal to
    /// `offers.len()` when none does.
    pub fallback_from: usize,
    /// Those from this position on are the most popular items; what stands in before them rests on
    /// categories. At least `fallback_from`.
    pub popular_from: usize,
    /// For every offer the probability that the basket ends up with the item, had nothing been
    /// shown; empty where the model does not know it, and for [sources](Source) that are named.
    pub probabilities: &'s [f32],
}

impl Answer<'_> {
    /// The probability that the basket ends up with the item at a position; `None` where it is not
    /// known.
    #[must_use]
    pub fn probability(&self, position: usize) -> Option<f64> {
        self.probabilities.get(position).map(|&p| f64::from(p))
    }

    /// What the offer at a position stands in by; `None` where the model speaks for it.
    #[must_use]
    pub fn stand_in(&self, position: usize) -> Option<StandIn> {
        match position {
            position if position >= self.popular_from => Some(StandIn::Popular),
            position if position >= self.fallback_from => Some(StandIn::Category),
            _ => None,
        }
    }
}
