use sidecart_core::ItemId;

/// The items that an evaluation asks for, ranked by their number of training baskets.
///
/// An item belongs to it when at least a given number of training baskets held it. Rank 0 is the
/// most popular item; equal counts rank by rising [`ItemId`]. The **head** is the first
/// `min(head_items, n / 10)` ranks of `n`, at least one; everything else is the **tail**.
#[derive(Clone, Debug)]
pub struct Vocabulary {
    /// Rank by item, `u32::MAX` outside the vocabulary.
    ranks: Vec<u32>,
    /// Popularity percentile by rank.
    percentiles: Vec<f64>,
    n_head: usize,
}

const OUTSIDE: u32 = u32::MAX;

impl Vocabulary {
    /// The items with at least `min_item_baskets` (taken as 1 when 0) training baskets;
    /// `item_baskets` holds the number of training baskets by item. O(n log n).
    #[must_use]
    pub fn new(item_baskets: &[u32], min_item_baskets: u32, head_items: usize) -> Self {
        let mut members: Vec<u32> =
            (0..).zip(item_baskets).filter(|&(_, &n)| n >= min_item_baskets.max(1)).map(|(item, _)| item).collect();
        let count = |item: u32| item_baskets[item as usize];
        members.sort_unstable_by_key(|&item| (std::cmp::Reverse(count(item)), item));

        let mut ranks = vec![OUTSIDE; item_baskets.len()];
        for (rank, &item) in (0..).zip(&members) {
            ranks[item as usize] = rank;
        }
        let n = members.len();
        let mut percentiles = Vec::with_capacity(n);
        for equals in members.chunk_by(|&a, &b| count(a) == count(b)) {
            let n_below = n - percentiles.len() - equals.len();
            let percentile = (n_below as f64 + 0.5 * equals.len() as f64) / n as f64;
            percentiles.extend(std::iter::repeat_n(percentile, equals.len()));
        }
        Self { ranks, percentiles, n_head: head_items.min(n / 10).max(1).min(n) }
    }

    /// Number of items in the vocabulary.
    #[must_use]
    pub fn len(&self) -> usize {
        self.percentiles.len()
    }

    /// Whether no item was frequent enough.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.percentiles.is_empty()
    }

    /// Number of items in the head.
    #[must_use]
    pub fn n_head(&self) -> usize {
        self.n_head
    }

    /// The popularity rank of an item from 0; `None` outside the vocabulary.
    #[inline]
    #[must_use]
    pub fn rank(&self, item: ItemId) -> Option<usize> {
        self.ranks.get(item.index()).filter(|&&rank| rank != OUTSIDE).map(|&rank| rank as usize)
    }

    /// Whether the item belongs to the vocabulary.
    #[inline]
    #[must_use]
    pub fn contains(&self, item: ItemId) -> bool {
        self.rank(item).is_some()
    }

    /// Whether the item is outside the head; items outside the vocabulary are tail.
    #[must_use]
    pub fn is_tail(&self, item: ItemId) -> bool {
        self.rank(item).is_none_or(|rank| rank >= self.n_head)
    }

    /// The popularity percentile of an item in (0, 1): the share of the vocabulary with fewer
    /// training baskets plus half of the share with as many, so the vocabulary's mean is 0.5.
    /// `None` outside the vocabulary.
    #[must_use]
    pub fn percentile(&self, item: ItemId) -> Option<f64> {
        self.rank(item).map(|rank| self.percentiles[rank])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranks_and_percentiles_by_hand() {
        let vocabulary = Vocabulary::new(&[5, 9, 2, 5, 3], 3, 1000);
        let ranks: Vec<_> = (0..6).map(|i| vocabulary.rank(ItemId(i))).collect();
        assert_eq!(ranks, [Some(1), Some(0), None, Some(2), Some(3), None]);
        // Of four items: one above three, two equal above one, one at the bottom.
        let percentiles: Vec<_> = [1, 0, 3, 4, 2].iter().map(|&i| vocabulary.percentile(ItemId(i))).collect();
        assert_eq!(percentiles, [Some(0.875), Some(0.5), Some(0.5), Some(0.125), None]);
        assert_eq!((vocabulary.len(), vocabulary.n_head()), (4, 1));
        assert!(!vocabulary.is_tail(ItemId(1)) && vocabulary.is_tail(ItemId(0)) && vocabulary.is_tail(ItemId(2)));
    }

    #[test]
    fn the_head_is_a_tenth_or_the_limit() {
        let heads: Vec<_> =
            [0, 1, 9, 10, 39, 200].iter().map(|&n| Vocabulary::new(&vec![1; n], 0, 15).n_head()).collect();
        assert_eq!(heads, [0, 1, 1, 1, 3, 15]);
    }

    proptest! {
        #[test]
        fn percentiles_average_one_half(counts in proptest::collection::vec(0u32..6, 1..60), min in 0u32..4) {
            let vocabulary = Vocabulary::new(&counts, min, 5);
            let all: Vec<f64> =
                (0..counts.len()).filter_map(|i| vocabulary.percentile(ItemId(i as u32))).collect();
            prop_assert_eq!(all.len(), counts.iter().filter(|&&n| n >= min.max(1)).count());
            if !all.is_empty() {
                prop_assert!((all.iter().sum::<f64>() / all.len() as f64 - 0.5).abs() < 1e-12);
                prop_assert!(all.iter().all(|&p| p > 0.0 && p < 1.0));
            }
        }
    }
}
