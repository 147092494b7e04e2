use sidecart_core::ItemId;

/// One value per item, or none: a category, a brand, a size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// Dense codes from 0; [`Self::NONE`] where an item has no value.
    codes: Vec<u32>,
    n_values: usize,
}

impl Attribute {
    const NONE: u32 = u32::MAX;

    /// The values of items 0, 1, 2 .. in any form that sorts. Equal values get equal codes; codes
    /// follow the sorted values. O(n log n).
    pub fn new<V: Ord>(values: impl IntoIterator<Item = Option<V>>) -> Self {
        let values: Vec<Option<V>> = values.into_iter().collect();
        let mut order: Vec<usize> = (0..values.len()).filter(|&i| values[i].is_some()).collect();
        order.sort_by(|&a, &b| values[a].cmp(&values[b]));
        let mut codes = vec![Self::NONE; values.len()];
        let mut n_values = 0;
        for (at, &item) in order.iter().enumerate() {
            if at > 0 && values[item] != values[order[at - 1]] {
                n_values += 1;
            }
            codes[item] = n_values;
        }
        Self { codes, n_values: order.len().min(n_values as usize + 1) }
    }

    /// The pairs of two attributes' values; an item without one of them has no pair.
    ///
    /// # Panics
    /// When the two describe different numbers of items.
    #[must_use]
    pub fn cross(&self, other: &Self) -> Self {
        assert_eq!(self.codes.len(), other.codes.len(), "attributes of the same items");
        let pair = |(&a, &b): (&u32, &u32)| (a != Self::NONE && b != Self::NONE).then_some((a, b));
        Self::new(self.codes.iter().zip(&other.codes).map(pair))
    }

    /// Dense codes from 0 by item; `u32::MAX` where an item has no value.
    #[must_use]
    pub fn codes(&self) -> &[u32] {
        &self.codes
    }

    /// Number of items described.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.codes.len()
    }

    /// Number of distinct values.
    #[must_use]
    pub fn n_values(&self) -> usize {
        self.n_values
    }
}

/// The attributes that items' vectors are built from: every category level, every brand column, and
/// within the finest category each brand (a product line) and each size.
///
/// `categories` go from coarse to fine; finer levels should tell apart equal names under different
/// coarser ones ([`Attribute::cross`]). Without a category, brands and sizes stand alone.
#[must_use]
pub fn standard_attributes(categories: &[Attribute], brands: &[Attribute], sizes: &[Attribute]) -> Vec<Attribute> {
    let mut attributes = categories.to_vec();
    attributes.extend_from_slice(brands);
    match categories.last() {
        Some(finest) => attributes.extend(brands.iter().chain(sizes).map(|a| a.cross(finest))),
        None => attributes.extend_from_slice(sizes),
    }
    attributes
}

/// Which features make up each item: itself, then its attributes' values (compressed sparse rows,
/// row = item).
///
/// Feature `i` below the number of items is item `i`'s own; the others are values that at least two
/// items share (a value of one item alone would only double its own vector).
///
/// ```
/// use sidecart_core::ItemId;
/// use sidecart_train::embeddings::{Attribute, ItemFeatures};
///
/// let brand = Attribute::new([Some("acme"), Some("acme"), Some("zeta"), None]);
/// let features = ItemFeatures::new(4, &[brand]);
/// assert_eq!(features.of(ItemId(1)), [1, 4]); // itself and "acme"
/// assert_eq!(features.of(ItemId(2)), [2]); // nobody else is of "zeta"
/// assert_eq!(features.n_features(), 5);
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ItemFeatures {
    offsets: Vec<usize>,
    ids: Vec<u32>,
    n_features: usize,
}

impl ItemFeatures {
    /// The features of `n_items` items.
    ///
    /// # Panics
    /// When an attribute describes another number of items, or there are 2^32 features.
    #[must_use]
    pub fn new(n_items: usize, attributes: &[Attribute]) -> Self {
        let mut n_features = n_items;
        let mut feature_of: Vec<Vec<u32>> = Vec::with_capacity(attributes.len());
        for attribute in attributes {
            assert_eq!(attribute.n_items(), n_items, "an attribute has one value per item");
            let mut shared_by = vec![0u32; attribute.n_values];
            for &code in attribute.codes.iter().filter(|&&c| c != Attribute::NONE) {
                shared_by[code as usize] += 1;
            }
            let number = |n: u32| {
                if n < 2 {
                    return Attribute::NONE;
                }
                n_features += 1;
                n_features as u32 - 1
            };
            feature_of.push(shared_by.into_iter().map(number).collect());
        }
        assert!(u32::try_from(n_features).is_ok(), "features are numbered with 32 bits");
        let (mut offsets, mut ids) = (Vec::with_capacity(n_items + 1), Vec::new());
        offsets.push(0);
        for item in 0..n_items {
            ids.push(item as u32);
            let value = |(a, features): (&Attribute, &Vec<u32>)| features.get(a.codes[item] as usize).copied();
            ids.extend(attributes.iter().zip(&feature_of).filter_map(value).filter(|&f| f != Attribute::NONE));
            offsets.push(ids.len());
        }
        Self { offsets, ids, n_features }
    }

    /// Number of items.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Number of features, the items' own included.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// An item's features, its own first.
    #[inline]
    #[must_use]
    pub fn of(&self, item: ItemId) -> &[u32] {
        &self.ids[self.offsets[item.index()]..self.offsets[item.index() + 1]]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_follow_sorted_values() {
        let attribute = Attribute::new([Some("b"), None, Some("a"), Some("b")]);
        assert_eq!(attribute.codes, [1, Attribute::NONE, 0, 1]);
        assert_eq!(attribute.n_values(), 2);
        assert_eq!(Attribute::new(std::iter::empty::<Option<u8>>()).n_values(), 0);
        assert_eq!(Attribute::new([None::<u8>]).n_values(), 0);
    }

    #[test]
    fn a_cross_needs_both() {
        let a = Attribute::new([Some(1), Some(1), None, Some(2)]);
        let b = Attribute::new([Some('x'), Some('x'), Some('x'), Some('x')]);
        assert_eq!(a.cross(&b).codes, [0, 0, Attribute::NONE, 1]);
    }

    #[test]
    fn the_standard_set_is_levels_brands_lines_and_sizes() {
        let level = |n: u32| Attribute::new((0..8).map(move |i| Some(i % n)));
        let all = standard_attributes(&[level(1), level(2)], &[level(4)], &[level(8)]);
        let values: Vec<usize> = all.iter().map(Attribute::n_values).collect();
        assert_eq!(values, [1, 2, 4, 4, 8]);
        assert_eq!(standard_attributes(&[], &[level(4)], &[level(8)]).len(), 2);
    }
}
