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
///
/// To be called before any other source, while all candidates are neighbours.
pub(crate) fn neighbours_and_max(model: &Model, scratch: &mut Scratch) {
    for at in 0..scratch.basket.len() {
        let (items, scores) = model.neighbours(scratch.basket[at]);
        for (&item, &score) in items.iter().zip(scores) {
            if let Some(signals) = scratch.signals(item) {
                let square = score * score;
                signals[signal::NEIGHBOURS] += score;
                signals[signal::NEIGHBOURS_MAX] += square * square;
            }
        }
    }
    for candidate in &mut scratch.candidates {
        let value = &mut candidate.signals[signal::NEIGHBOURS_MAX];
        *value = value.sqrt().sqrt();
    }
}
