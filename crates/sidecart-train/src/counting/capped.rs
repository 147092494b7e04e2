use std::borrow::Cow;

use sidecart_core::{Baskets, ItemId, mix64};

use sidecart_core::power;

/// The fixed-point one of basket weights.
pub const WEIGHT_ONE: u32 = 1 << 16;

/// Baskets ready for counting: over-long ones are cut, true sizes are kept.
///
/// An over-long basket keeps the items with the smallest hash, so which ones stay depends on
/// neither the order of the rows nor on other baskets. [`sizes`](Self::sizes) still counts all
/// its distinct items.
///
/// ```
/// use sidecart_core::{Baskets, ItemId};
/// use sidecart_train::counting::{CappedBaskets, line_hash};
///
/// let baskets: Baskets = [vec![ItemId(0), ItemId(1)], (0..9).map(ItemId).collect()].into_iter().collect();
/// let capped = CappedBaskets::new(&baskets, 9, 4, |basket_idx, item| line_hash(basket_idx as u128, u64::from(item.0)));
/// assert_eq!((capped.baskets().get(1).len(), capped.sizes()[1], capped.n_capped()), (4, 9, 1));
/// ```
#[derive(Clone, Debug)]
pub struct CappedBaskets<'a> {
    baskets: Cow<'a, Baskets>,
    sizes: Vec<u32>,
    n_items: usize,
    n_capped: usize,
}

impl<'a> CappedBaskets<'a> {
    /// Cuts baskets with more than `max_items` items. O(lines); copies nothing when no basket is
    /// over-long.
    ///
    /// `hash` gets a basket's position and an item; it is called for over-long baskets only and
    /// should depend on outside ids alone (see [`line_hash`]). Equal hashes go by the smaller
    /// item. Every item must be below `n_items`.
    pub fn new(baskets: &'a Baskets, n_items: usize, max_items: usize, hash: impl Fn(usize, ItemId) -> u64) -> Self {
        let sizes: Vec<u32> = baskets.iter().map(|basket| basket.len() as u32).collect();
        let n_capped = sizes.iter().filter(|&&size| size as usize > max_items).count();
        if n_capped == 0 {
            return Self { baskets: Cow::Borrowed(baskets), sizes, n_items, n_capped };
        }
        let mut cut = Baskets::with_capacity(baskets.len(), baskets.n_lines());
        for (basket_idx, basket) in baskets.iter().enumerate() {
            if basket.len() <= max_items {
                cut.push(basket.iter().copied());
                continue;
            }
            let mut by_hash: Vec<(u64, ItemId)> = basket.iter().map(|&item| (hash(basket_idx, item), item)).collect();
            by_hash.sort_unstable();
            let mut kept: Vec<ItemId> = by_hash[..max_items].iter().map(|&(_, item)| item).collect();
            kept.sort_unstable();
            cut.push(kept);
        }
        Self { baskets: Cow::Owned(cut), sizes, n_items, n_capped }
    }

    /// The baskets after the cut.
    #[must_use]
    pub fn baskets(&self) -> &Baskets {
        &self.baskets
    }

    /// Distinct items of each basket before the cut.
    #[must_use]
    pub fn sizes(&self) -> &[u32] {
        &self.sizes
    }

    /// Every item is below this.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.n_items
    }

    /// How many baskets were cut; worth a warning when it is not 0.
    #[must_use]
    pub fn n_capped(&self) -> usize {
        self.n_capped
    }

    /// The weight of each basket: the nearest integer to `2^16 n^-exponent`, at least 1.
    ///
    /// Square roots and multiplications only, so the integers are the same on every machine.
    #[must_use]
    pub fn weights(&self, exponent: f64) -> Vec<u32> {
        self.weights_by_size(|size| power(size, -exponent) * f64::from(WEIGHT_ONE))
    }

    /// A weight for each basket from its size; `weight` is called once for each size that occurs
    /// and its value is rounded to an integer from 1 to [`WEIGHT_ONE`].
    pub(crate) fn weights_by_size(&self, weight: impl Fn(f64) -> f64) -> Vec<u32> {
        let largest = self.sizes.iter().copied().max().unwrap_or(0) as usize;
        let mut table = vec![0u32; largest + 1];
        self.sizes
            .iter()
            .map(|&size| {
                let entry = &mut table[size as usize];
                if *entry == 0 {
                    *entry = weight(f64::from(size.max(1))).round().clamp(1.0, f64::from(WEIGHT_ONE)) as u32;
                }
                *entry
            })
            .collect()
    }
}

/// The hash by which an over-long basket chooses its items, from keys that outlive a run: a
/// 128-bit key of the basket's outside id and a 64-bit key of the item's.
#[must_use]
pub fn line_hash(basket_key: u128, item_key: u64) -> u64 {
    mix64(mix64(mix64(basket_key as u64) ^ (basket_key >> 64) as u64) ^ item_key)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn baskets(sizes: &[u32]) -> Baskets {
        sizes.iter().map(|&n| (0..n).map(ItemId)).collect()
    }

    #[test]
    fn weights_are_the_rounded_power() {
        let baskets = baskets(&[0, 1, 2, 10, 500]);
        let capped = CappedBaskets::new(&baskets, 500, 500, |_, _| 0);
        assert_eq!(capped.weights(0.7), [65_536, 65_536, 40_342, 13_076, 846]);
        assert_eq!(capped.weights(0.0), [65_536; 5]);
        assert_eq!(capped.weights(1.0), [65_536, 65_536, 32_768, 6_554, 131]);
    }

    #[test]
    fn a_long_basket_keeps_the_smallest_hashes_and_its_size() {
        let baskets = baskets(&[3, 40]);
        let hash = |_: usize, item: ItemId| line_hash(77, u64::from(item.0));
        let capped = CappedBaskets::new(&baskets, 40, 5, hash);
        let kept = capped.baskets().get(1);
        let worst = kept.iter().map(|&item| hash(1, item)).max().unwrap();
        let better = (0..40).map(ItemId).filter(|&item| hash(1, item) <= worst).count();
        assert_eq!((kept.len(), better, capped.n_capped()), (5, 5, 1));
        assert_eq!(capped.sizes(), [3, 40]);
        assert_eq!(capped.baskets().get(0), baskets.get(0));
    }

    #[test]
    fn nothing_is_copied_without_long_baskets() {
        let baskets = baskets(&[3, 4]);
        let capped = CappedBaskets::new(&baskets, 4, 4, |_, _| 0);
        assert!(matches!(capped.baskets, Cow::Borrowed(_)));
    }
}
