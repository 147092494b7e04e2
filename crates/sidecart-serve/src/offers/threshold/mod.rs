//! The threshold filler: which few items lift a basket to an amount ("4.20 to free shipping") and
//! exceed it least.
//!
//! The answer is exact. Prices decide first, so candidates are grouped by price; sums of two
//! prices are sorted once, and sums of three and four are found as a pair below one or two dearer
//! items. [`ThresholdFiller::fill`] states the cost.
//!
//! | file | concept |
//! |---|---|
//! | `fill.rs` | the request, the answer, and the order of sets |
//! | `price_groups.rs` | candidates of one price, and the slots they give |
//! | `pair_sums.rs` | all sums of two slots, and the least one from an amount on |
//! | `best_sets.rs` | the best sets of one sum and size |

mod best_sets;
mod fill;
mod pair_sums;
mod price_groups;

#[cfg(test)]
mod tests;

pub use fill::{
    Filler, Filling, Fillings, MAX_FILLERS, MAX_FILLINGS, MAX_THRESHOLD_CANDIDATES, NoFilling, ThresholdFiller,
    ThresholdGap,
};
