//! The learned ranker: cases out of time, a linear stage, what learns to rank, and the gate that
//! lets it answer.
//!
//! Base models are learned from what was before a date; items are hidden in baskets after it, and
//! the scorer's own code turns them into candidates with features. So a source's score means in
//! training what it will mean in a query: on baskets a base model has seen, its scores know the
//! answer, and a ranker learned there trusts them far too much.

mod boosted;
mod cases;
mod compare;
mod examples;
mod fit;
mod fold;
mod learner;
mod left_out;
mod linear;
mod network;
pub mod objective;
mod params;
mod tables;
#[cfg(test)]
mod tests;

pub use boosted::TreesLearner;
pub use cases::{RankingCase, RankingCases};
pub use compare::Results;
pub use examples::Recall;
pub use fit::{RankerTuning, SituationTuning, fit, fit_without};
pub use fold::Fold;
pub use learner::{Learned, LearnedRanker, RankerLearner, RankingLists};
pub use left_out::LeftOut;
pub use linear::LinearLearner;
pub use network::{NetworkLearner, NetworkParams};
pub use params::RankerParams;
pub use tables::tables;
