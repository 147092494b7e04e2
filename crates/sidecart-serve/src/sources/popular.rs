use super::signal;
use crate::model::Model;
use crate::scratch::Scratch;

/// Adds the `n` most popular items that are not blocked, scored by their training baskets.
pub(crate) fn popular(model: &Model, n: usize, scratch: &mut Scratch) {
    let counts = model.item_baskets();
    let mut left = n;
    for &item in model.popular() {
        if left == 0 {
            break;
        }
        if let Some(signals) = scratch.signals(item) {
            signals[signal::POPULAR] = counts[item as usize] as f32;
            left -= 1;
        }
    }
}
