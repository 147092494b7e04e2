use super::signal;
use crate::model::Model;
use crate::scratch::Scratch;

/// Sums the neighbour scores over the basket: item-based nearest neighbours (Sarwar et al. 2001;
/// asymmetric cosine: Aiolli 2013). O(basket x list length).
pub(crate) fn neighbours(model: &Model, scratch: &mut Scratch) {
    for at in 0..scratch.basket.len() {
        let (items, scores) = model.neighbours(scratch.basket[at]);
        for (&item, &score) in items.iter().zip(scores) {
            scratch.add(signal::NEIGHBOURS, item, score);
        }
    }
}

/// The same, and beside the sum the 4-norm, which follows the strongest single neighbour: one good
/// reason beats many weak ones when the customer looks for something new.
pub(crate) fn neighbours_and_max(model: &Model, scratch: &mut Scratch) {
    for at in 0..scratch.basket.len() {
        let (items, scores) = model.neighbours(scratch.basket[at]);
        for (&item, &score) in items.iter().zip(scores) {
            scratch.add(signal::NEIGHBOURS, item, score);
            let square = score * score;
            scratch.signals[signal::NEIGHBOURS_MAX][item as usize] += square * square;
        }
    }
    for at in 0..scratch.touched.len() {
        let value = &mut scratch.signals[signal::NEIGHBOURS_MAX][scratch.touched[at] as usize];
        *value = value.sqrt().sqrt();
    }
}
