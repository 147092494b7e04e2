use crate::ItemId;

/// Baskets as compressed sparse rows: row = basket, column = item.
///
/// `offsets` has one value more than there are baskets; basket `b` holds
/// `items[offsets[b]..offsets[b + 1]]`, each item at most once.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Baskets {
    offsets: Vec<usize>,
    items: Vec<ItemId>,
}

impl Default for Baskets {
    fn default() -> Self {
        Self { offsets: vec![0], items: Vec::new() }
    }
}

impl Baskets {
    /// An empty table with room for `n_baskets` baskets of `n_lines` items together.
    #[must_use]
    pub fn with_capacity(n_baskets: usize, n_lines: usize) -> Self {
        let mut offsets = Vec::with_capacity(n_baskets + 1);
        offsets.push(0);
        Self { offsets, items: Vec::with_capacity(n_lines) }
    }

    /// Appends a basket. The items must be distinct.
    pub fn push(&mut self, items: impl IntoIterator<Item = ItemId>) {
        self.items.extend(items);
        self.offsets.push(self.items.len());
    }

    /// Number of baskets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Whether there is no basket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Items of all baskets together.
    #[must_use]
    pub fn n_lines(&self) -> usize {
        self.items.len()
    }

    /// The items of one basket.
    #[inline]
    #[must_use]
    pub fn get(&self, basket_idx: usize) -> &[ItemId] {
        &self.items[self.offsets[basket_idx]..self.offsets[basket_idx + 1]]
    }

    /// All baskets in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[ItemId]> {
        self.offsets.windows(2).map(|w| &self.items[w[0]..w[1]])
    }

    /// Row offsets, one more than baskets.
    #[must_use]
    pub fn offsets(&self) -> &[usize] {
        &self.offsets
    }

    /// The items of all baskets, basket after basket.
    #[must_use]
    pub fn items(&self) -> &[ItemId] {
        &self.items
    }
}

impl<I: IntoIterator<Item = ItemId>> FromIterator<I> for Baskets {
    fn from_iter<T: IntoIterator<Item = I>>(baskets: T) -> Self {
        let mut table = Self::default();
        for basket in baskets {
            table.push(basket);
        }
        table
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn rows_come_back_as_they_went_in(rows in proptest::collection::vec(proptest::collection::vec(0u32..50, 0..8), 0..20)) {
            let table: Baskets = rows.iter().map(|r| r.iter().map(|&i| ItemId(i))).collect();
            prop_assert_eq!(table.len(), rows.len());
            prop_assert_eq!(table.n_lines(), rows.iter().map(Vec::len).sum::<usize>());
            for (basket, row) in table.iter().zip(&rows) {
                prop_assert!(basket.iter().map(|i| i.0).eq(row.iter().copied()));
            }
        }
    }
}
