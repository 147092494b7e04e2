//! Cutting a basket in two, to ask about one part and look into the other.

use sidecart_core::{ItemId, mix64};

/// A basket of at least two distinct items, cut in two by a hash: what is shown and what is to come,
/// both not empty and in an order of chance. Every size of the first part is as likely. The key says
/// how; the order of the items does not matter. O(items log items).
///
/// ```
/// use sidecart_core::ItemId;
/// use sidecart_train::split_basket;
///
/// let (shown, hidden) = split_basket(&[ItemId(1), ItemId(4), ItemId(9)], 7);
/// assert_eq!(shown.len() + hidden.len(), 3);
/// assert!(!shown.is_empty() && !hidden.is_empty());
/// ```
///
/// # Panics
/// On fewer than two items.
#[must_use]
pub fn split_basket(items: &[ItemId], key: u64) -> (Vec<ItemId>, Vec<ItemId>) {
    assert!(items.len() > 1, "a basket of {} items has no two parts", items.len());
    let mut order = items.to_vec();
    order.sort_unstable_by_key(|item| (mix64(key ^ u64::from(item.0)), *item));
    let n_shown = 1 + (mix64(key) % (items.len() as u64 - 1)) as usize;
    let hidden = order.split_off(n_shown);
    (order, hidden)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn both_parts_together_are_the_basket(
            items in prop::collection::btree_set(0u32..500, 2..20), key: u64, turn in 0usize..20,
        ) {
            let basket: Vec<ItemId> = items.into_iter().map(ItemId).collect();
            let (shown, hidden) = split_basket(&basket, key);
            prop_assert!(!shown.is_empty() && !hidden.is_empty());
            let mut joined = [shown.clone(), hidden].concat();
            joined.sort_unstable();
            prop_assert_eq!(&joined, &basket);
            let mut turned = basket.clone();
            turned.rotate_left(turn % basket.len());
            prop_assert_eq!(split_basket(&turned, key).0, shown);
        }
    }

    #[test]
    fn every_size_comes_up() {
        let basket: Vec<ItemId> = (0..5).map(ItemId).collect();
        let mut n = [0; 5];
        (0..4_000u64).for_each(|key| n[split_basket(&basket, mix64(key)).0.len()] += 1);
        assert!(n[0] == 0 && n[1..].iter().all(|n| (850..1_150).contains(n)), "{n:?}");
    }
}
