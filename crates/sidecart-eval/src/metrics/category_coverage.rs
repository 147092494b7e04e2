use sidecart_core::ItemId;

use crate::Vocabulary;

/// How much of a category was offered.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct CategoryCoverage {
    /// Items of the vocabulary in it.
    pub n_items: u64,
    /// Those of them that were offered at least once.
    pub n_offered: u64,
}

impl CategoryCoverage {
    /// The share offered, in [0, 1]; `None` for a category without items.
    #[must_use]
    pub fn share(&self) -> Option<f64> {
        (self.n_items > 0).then(|| self.n_offered as f64 / self.n_items as f64)
    }
}

/// [Coverage](super::coverage) by category: row = category. `category_of` holds the category by
/// item; items without one (or beyond `n_categories`) and items outside the vocabulary do not count.
/// O(items + shown).
#[must_use]
pub fn category_coverage(
    shown: impl IntoIterator<Item = ItemId>,
    vocabulary: &Vocabulary,
    category_of: &[Option<u32>],
    n_categories: usize,
) -> Vec<CategoryCoverage> {
    let mut rows = vec![CategoryCoverage::default(); n_categories];
    let category = |item: ItemId| {
        let category = category_of.get(item.index()).copied().flatten()? as usize;
        (category < n_categories && vocabulary.contains(item)).then_some(category)
    };
    for item in (0..category_of.len() as u32).map(ItemId) {
        if let Some(category) = category(item) {
            rows[category].n_items += 1;
        }
    }
    let mut seen = vec![false; category_of.len()];
    for item in shown {
        if let Some(category) = category(item)
            && !std::mem::replace(&mut seen[item.index()], true)
        {
            rows[category].n_offered += 1;
        }
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_hand() {
        // Items 0..=4 are known; 5 was never sold. Categories 0, 0, 1, none, 7 (beyond), 1.
        let vocabulary = Vocabulary::new(&[3, 3, 3, 3, 3, 0], 1, 10);
        let category_of = [Some(0), Some(0), Some(1), None, Some(7), Some(1)];
        let shown = [0, 0, 3, 4, 5, 9].map(ItemId);
        let rows = category_coverage(shown, &vocabulary, &category_of, 3);
        assert_eq!(rows.iter().map(CategoryCoverage::share).collect::<Vec<_>>(), [Some(0.5), Some(0.0), None]);
        assert_eq!(rows[0], CategoryCoverage { n_items: 2, n_offered: 1 });
    }
}
