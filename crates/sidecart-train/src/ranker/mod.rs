//! The learned ranker: cases out of time, a linear stage, trees, and the gate that lets them answer.
//!
//! Base models are learned from what was before a date; items are hidden in baskets after it, and
//! the scorer's own code turns them into candidates with features. So a source's score means in
//! training what it will mean in a query: on baskets a base model has seen, its scores know the
//! answer, and a ranker learned there trusts them far too much.

mod cases;
mod fit;
pub mod objective;
mod params;
mod tables;
#[cfg(test)]
mod tests;

pub use cases::{RankingCase, RankingCases};
pub use fit::{RankerTuning, Results, SituationTuning, fit};
pub use params::RankerParams;
pub use tables::tables;
