use sidecart_core::ItemId;
use sidecart_kernels::prefetch_read;

use super::signal;
use crate::model::Model;
use crate::scratch::Scratch;

/// Baskets asked for ahead of their use.
const PREFETCHED: usize = 8;

/// Finds the `n` past baskets that resemble this one most and lets them vote: vector session kNN (Ludewig
/// and Jannach 2018) over the newest baskets of each item (VMIS-kNN, Kersbergen et al. 2022).
///
/// A past basket's likeness is the sum of the rarity of the shared items over the square root of
/// its size; each of the nearest adds its likeness, times the square root of their rarity, to its
/// items. O(basket x postings + nearest x basket size).
pub(crate) fn similar_baskets(model: &Model, n: usize, scratch: &mut Scratch) {
    let Some(tables) = model.baskets().filter(|_| n > 0) else { return };
    for at in 0..scratch.basket.len() {
        let item = scratch.basket[at];
        let weight = model.rarity[item.index()];
        for &basket in model.postings(tables, item) {
            let score = &mut scratch.basket_scores[basket as usize];
            if *score == 0.0 {
                scratch.touched_baskets.push(basket);
            }
            *score += weight;
        }
    }
    scratch.nearest.reset(n);
    for at in 0..scratch.touched_baskets.len() {
        let basket = scratch.touched_baskets[at];
        if let Some(&later) = scratch.touched_baskets.get(at + 2 * PREFETCHED) {
            prefetch_read(&tables.size_factors, later as usize);
        }
        let score = scratch.basket_scores[basket as usize] * tables.size_factors[basket as usize];
        scratch.basket_scores[basket as usize] = 0.0;
        // Later baskets have greater numbers; of equals the newest should stay.
        scratch.nearest.offer(ItemId(u32::MAX - basket), score);
    }
    scratch.touched_baskets.clear();
    let mut nearest = std::mem::replace(&mut scratch.nearest, sidecart_core::TopK::new(0));
    let voting = nearest.sorted();
    let basket_at = |at: usize| voting.get(at).map(|found| u32::MAX - found.item.0);
    for (at, found) in voting.iter().enumerate() {
        if let Some(later) = basket_at(at + 2 * PREFETCHED) {
            model.prefetch_basket_range(tables, later);
        }
        if let Some(later) = basket_at(at + PREFETCHED) {
            model.prefetch_basket(tables, later);
        }
        for &item in model.kept_basket(tables, u32::MAX - found.item.0) {
            scratch.add(signal::BASKETS, item, found.score);
        }
    }
    scratch.nearest = nearest;
    // The factor of an item is the same in every vote, so it is applied once.
    for candidate in &mut scratch.candidates {
        candidate.signals[signal::BASKETS] *= model.rarity_roots[candidate.item as usize];
    }
}
