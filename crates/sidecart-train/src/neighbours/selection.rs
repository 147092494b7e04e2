use sidecart_core::ItemId;

/// The greatest key of a score of zero.
const NOTHING: u64 = u32::MAX as u64;

/// The best columns of one row.
///
/// Positive floats sort like their bits, so a score and an id fit one integer: the greater
/// integer is the greater score or, for equal scores, the smaller id. That order is total, so
/// the result does not depend on the order of the offers.
#[derive(Debug)]
pub(super) struct Selection {
    per_item: usize,
    floor: u64,
    /// Room for twice `per_item`, of which the first `len` are in use.
    kept: Vec<u64>,
    len: usize,
}

impl Selection {
    pub(super) fn new(per_item: usize) -> Self {
        Self { per_item, floor: NOTHING, kept: vec![0; 2 * per_item], len: 0 }
    }

    /// Offers an item; only positive scores are kept, and the score must not be NaN.
    ///
    /// Whether an offer passes the floor is hard to predict, so it is always written and the
    /// length moves on only if it passed.
    #[inline]
    pub(super) fn offer(&mut self, item: ItemId, score: f32) {
        let score = if score > 0.0 { score } else { 0.0 };
        let key = u64::from(score.to_bits()) << 32 | u64::from(!item.0);
        self.kept[self.len] = key;
        self.len += usize::from(key > self.floor);
        if self.len == self.kept.len() {
            self.cut();
        }
    }

    fn cut(&mut self) {
        if self.len > self.per_item {
            let (_, worst, _) = self.kept[..self.len].select_nth_unstable_by(self.per_item - 1, |a, b| b.cmp(a));
            self.floor = *worst;
            self.len = self.per_item;
        }
    }

    /// Hands out the kept items, best first, and starts anew.
    pub(super) fn drain(&mut self) -> impl ExactSizeIterator<Item = (ItemId, f32)> {
        self.cut();
        self.floor = NOTHING;
        let kept = &mut self.kept[..std::mem::take(&mut self.len)];
        kept.sort_unstable_by(|a, b| b.cmp(a));
        kept.iter().map(|&key| (ItemId(!(key as u32)), f32::from_bits((key >> 32) as u32)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sidecart_core::TopK;

    proptest! {
        #[test]
        fn equals_top_k(scores in proptest::collection::vec(0u8..6, 0..80), k in 1usize..10) {
            let mut selection = Selection::new(k);
            let mut top = TopK::new(k);
            for (i, &s) in scores.iter().enumerate() {
                let (item, score) = (ItemId(i as u32), f32::from(s) * 0.25);
                selection.offer(item, score);
                if s > 0 {
                    top.offer(item, score);
                }
            }
            for _ in 0..2 {
                let got: Vec<_> = selection.drain().collect();
                let expected: Vec<_> = top.sorted().iter().map(|s| (s.item, s.score)).collect();
                prop_assert_eq!(got, expected);
                top.reset(k);
            }
        }
    }
}
