use sidecart_core::ItemId;

/// The best columns of one row.
///
/// Positive floats sort like their bits, so a score and an id fit one integer: the greater
/// integer is the greater score or, for equal scores, the smaller id. That order is total, so
/// the result does not depend on the order of the offers.
#[derive(Debug)]
pub(super) struct Selection {
    per_item: usize,
    floor: u64,
    kept: Vec<u64>,
}

impl Selection {
    pub(super) fn new(per_item: usize) -> Self {
        Self { per_item, floor: 0, kept: Vec::with_capacity(2 * per_item) }
    }

    /// Offers an item; only positive, finite scores are kept. `item` is asked for only when the
    /// score may suffice.
    #[inline]
    pub(super) fn offer(&mut self, score: f32, item: impl FnOnce() -> ItemId) {
        let high = u64::from(score.to_bits()) << 32;
        if score > 0.0 && high | u64::from(u32::MAX) > self.floor {
            let key = high | u64::from(!item().0);
            if key > self.floor {
                self.kept.push(key);
                if self.kept.len() == 2 * self.per_item {
                    self.cut();
                }
            }
        }
    }

    fn cut(&mut self) {
        if self.kept.len() > self.per_item {
            let (_, worst, _) = self.kept.select_nth_unstable_by(self.per_item - 1, |a, b| b.cmp(a));
            self.floor = *worst;
            self.kept.truncate(self.per_item);
        }
    }

    /// Hands out the kept items, best first, and starts anew. Returns how many there were.
    pub(super) fn drain(&mut self, mut take: impl FnMut(ItemId, f32)) -> usize {
        self.cut();
        self.kept.sort_unstable_by(|a, b| b.cmp(a));
        for &key in &self.kept {
            take(ItemId(!(key as u32)), f32::from_bits((key >> 32) as u32));
        }
        let n = self.kept.len();
        self.kept.clear();
        self.floor = 0;
        n
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
                selection.offer(score, || item);
                if s > 0 {
                    top.offer(item, score);
                }
            }
            for _ in 0..2 {
                let mut got = Vec::new();
                let n = selection.drain(|item, score| got.push((item, score)));
                let expected: Vec<_> = top.sorted().iter().map(|s| (s.item, s.score)).collect();
                prop_assert_eq!(n, got.len());
                prop_assert_eq!(got, expected);
                top.reset(k);
            }
        }
    }
}
