use sidecart_core::ItemId;

/// 1 when at least one of the first `k` offers was bought in addition, else 0; its mean over
/// baskets is the attach rate at `k`.
///
/// `basket` is what the offers were made for and `bought` everything that was bought with it. An
/// offered item of the basket itself is no addition: it takes a place and never counts. With one
/// hidden item per basket this is the [hit rate](super::hit_rate).
#[must_use]
pub fn attach_rate(basket: &[ItemId], bought: &[ItemId], offered: &[ItemId], k: usize) -> f64 {
    let is_attached = |item: &ItemId| bought.contains(item) && !basket.contains(item);
    f64::from(u8::from(offered.iter().take(k).any(is_attached)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{hit_rate, mean, position_of};
    use proptest::prelude::*;

    fn items(numbers: &[u32]) -> Vec<ItemId> {
        numbers.iter().copied().map(ItemId).collect()
    }

    #[test]
    fn five_baskets_by_hand() {
        // What is asked with, all that was bought, what is offered.
        let baskets: [(&[u32], &[u32], &[u32]); 5] = [
            (&[1], &[1, 2, 3], &[2, 9, 8]), // first place
            (&[1], &[1, 7], &[9, 8, 7]),    // third place
            (&[4, 5], &[4, 5], &[4, 5, 6]), // only what it holds already
            (&[4], &[4, 5, 6], &[4, 6, 9]), // its own item takes the first place
            (&[1, 2], &[1, 2, 3], &[]),     // no offer
        ];
        let rate = |k| {
            mean(
                baskets
                    .map(|(basket, bought, offered)| attach_rate(&items(basket), &items(bought), &items(offered), k)),
            )
        };
        assert_eq!([rate(1), rate(2), rate(3), rate(0)], [Some(0.2), Some(0.4), Some(0.6), Some(0.0)]);
    }

    proptest! {
        #[test]
        fn one_hidden_item_makes_it_the_hit_rate(target in 0u32..8, offered in prop::collection::vec(0u32..8, 0..6), k in 0usize..8) {
            let offered = items(&offered);
            let basket = items(&[20, 21]);
            let bought = items(&[20, 21, target]);
            let hit = hit_rate(position_of(ItemId(target), &offered), k);
            prop_assert_eq!(attach_rate(&basket, &bought, &offered, k), hit);
        }
    }
}
