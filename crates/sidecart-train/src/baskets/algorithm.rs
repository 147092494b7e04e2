use sidecart_core::{Baskets, Clock, ItemId, mix64};
use sidecart_data::Ledger;

use super::BasketParams;

/// Past baskets kept for comparison, numbered by age: greater = newer.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct KeptBaskets {
    /// Items of the kept baskets, rising within a basket.
    pub baskets: Baskets,
    /// Offsets into `posting_baskets`, one more than items.
    pub posting_offsets: Vec<u32>,
    /// Newest kept baskets of each item, rising.
    pub posting_baskets: Vec<u32>,
}

/// Keeps the newest baskets of each item: the index of VMIS-kNN (Kersbergen, Sprangers, Schelter:
/// Serenade, SIGMOD 2022).
///
/// Only baskets with two eligible items can say something. Where there is no time, baskets stand
/// in the order of a hash of their ids. O(baskets log baskets + lines).
#[must_use]
pub fn fit(ledger: &Ledger, item_baskets: &[u32], params: &BasketParams) -> KeptBaskets {
    let n_items = ledger.n_items();
    let eligible = |item: &ItemId| item_baskets[item.index()] >= params.min_item_baskets;
    let mut order: Vec<u32> = (0..ledger.n_baskets() as u32)
        .filter(|&b| ledger.baskets().get(b as usize).iter().filter(|i| eligible(i)).count() >= 2)
        .collect();
    let (times, keys) = (ledger.basket_times(), ledger.basket_keys());
    let age = |b: u32| {
        let key = keys[b as usize];
        let rank = if ledger.clock() == Clock::None { u128::from(mix64(key as u64)) } else { key };
        (times[b as usize], rank)
    };
    order.sort_unstable_by_key(|&b| std::cmp::Reverse(age(b)));

    let mut left = vec![params.per_item; n_items];
    let mut keep = Vec::new();
    for &basket in &order {
        let mut wanted = false;
        for item in ledger.baskets().get(basket as usize).iter().filter(|i| eligible(i)) {
            let left = &mut left[item.index()];
            if *left > 0 {
                *left -= 1;
                wanted = true;
            }
        }
        if wanted {
            keep.push(basket);
        }
    }
    keep.reverse();

    // Counting from the newest, an item's first `per_item` kept baskets are its postings.
    let mut posting_offsets = vec![0u32; n_items + 1];
    let used: Vec<u32> = left.iter().map(|left| params.per_item - left).collect();
    for item in 0..n_items {
        posting_offsets[item + 1] = posting_offsets[item] + used[item];
    }
    let mut posting_baskets = vec![0u32; posting_offsets[n_items] as usize];
    let mut ends: Vec<u32> = posting_offsets[1..].to_vec();
    for (number, &basket) in keep.iter().enumerate().rev() {
        for item in ledger.baskets().get(basket as usize).iter().filter(|i| eligible(i)) {
            let end = &mut ends[item.index()];
            if *end > posting_offsets[item.index()] {
                *end -= 1;
                posting_baskets[*end as usize] = number as u32;
            }
        }
    }
    let baskets = keep
        .iter()
        .map(|&b| ledger.baskets().get(b as usize).iter().copied().filter(|i| eligible(i)).collect::<Vec<_>>())
        .collect();
    KeptBaskets { baskets, posting_offsets, posting_baskets }
}
