use super::signal;
use crate::model::Model;
use crate::scratch::Scratch;

/// Sums the scores of the linear item model over the basket (EASE: Steck 2019), of each basket
/// item's row the `n` strongest positive entries. O(basket x list length).
pub(crate) fn ease(model: &Model, n: usize, scratch: &mut Scratch) {
    for at in 0..scratch.basket.len() {
        let (items, scores) = model.ease(scratch.basket[at]);
        for (&item, &score) in items.iter().zip(scores).take(n) {
            scratch.add(signal::EASE, item, score);
        }
    }
}
