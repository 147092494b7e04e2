use std::cmp::Ordering;

use crate::ItemId;

/// An item with its score; greater is better.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scored {
    /// The item.
    pub item: ItemId,
    /// The score, never NaN.
    pub score: f32,
}

impl Scored {
    /// Best first: falling score, ties by rising [`ItemId`].
    #[inline]
    #[must_use]
    pub fn rank_order(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.item.cmp(&other.item))
    }
}

/// Keeps the `k` best of any number of offers.
///
/// The order is total (score falling, then id rising; -0.0 counts as 0.0), so the result does not
/// depend on the order of the offers. NaN is refused. An offer costs O(1) amortised: offers go
/// into a buffer of twice `k`, which is cut back to `k` when full. A property test compares it
/// with sort-then-cut.
#[derive(Clone, Debug)]
pub struct TopK {
    k: usize,
    floor: Option<Scored>,
    kept: Vec<Scored>,
}

impl TopK {
    /// Room for the `k` best; `k == 0` keeps nothing.
    #[must_use]
    pub fn new(k: usize) -> Self {
        Self { k, floor: None, kept: Vec::with_capacity(k.saturating_mul(2).min(1 << 16)) }
    }

    /// Empties it for another `k`, keeping the memory.
    pub fn reset(&mut self, k: usize) {
        self.k = k;
        self.floor = None;
        self.kept.clear();
    }

    /// Offers an item; a NaN score is ignored.
    #[inline]
    pub fn offer(&mut self, item: ItemId, score: f32) {
        if score.is_nan() {
            return;
        }
        // Adding zero turns -0.0 into 0.0.
        let offer = Scored { item, score: score + 0.0 };
        if let Some(floor) = &self.floor
            && offer.rank_order(floor) != Ordering::Less
        {
            return;
        }
        self.keep(offer);
    }

    fn keep(&mut self, offer: Scored) {
        if self.k == 0 {
            return;
        }
        self.kept.push(offer);
        if self.kept.len() >= self.k.saturating_mul(2) {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.kept.len() > self.k {
            self.kept.select_nth_unstable_by(self.k - 1, Scored::rank_order);
            self.kept.truncate(self.k);
        }
        if self.kept.len() == self.k {
            self.floor = self.kept.iter().copied().max_by(Scored::rank_order);
        }
    }

    /// The score that an offer has to beat or equal to be kept; `None` while there is room.
    #[inline]
    #[must_use]
    pub fn floor(&self) -> Option<f32> {
        self.floor.map(|s| s.score)
    }

    /// Sorts what is kept and lends it, best first. O(k log k); no allocation.
    pub fn sorted(&mut self) -> &[Scored] {
        self.cut();
        self.kept.sort_unstable_by(Scored::rank_order);
        &self.kept
    }

    /// The kept items, best first.
    #[must_use]
    pub fn into_sorted(mut self) -> Vec<Scored> {
        self.sorted();
        self.kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn equals_sort_then_cut(scores in proptest::collection::vec(-3i32..3, 0..60), k in 0usize..12) {
            let all: Vec<Scored> = scores.iter().enumerate()
                .map(|(i, &s)| Scored { item: ItemId(i as u32), score: s as f32 * 0.5 }).collect();
            let mut top = TopK::new(k);
            for s in all.iter().rev() {
                top.offer(s.item, s.score);
            }
            let mut plain = all;
            plain.sort_by(Scored::rank_order);
            plain.truncate(k);
            prop_assert_eq!(top.into_sorted(), plain);
        }
    }

    #[test]
    fn nan_cannot_enter_and_zero_has_one_sign() {
        let mut top = TopK::new(2);
        top.offer(ItemId(9), f32::NAN);
        top.offer(ItemId(2), 0.0);
        top.offer(ItemId(1), -0.0);
        let items: Vec<u32> = top.into_sorted().iter().map(|s| s.item.0).collect();
        assert_eq!(items, [1, 2]);
    }
}
