//! The learned ranker: candidates from many sources, features, a linear stage that keeps the best
//! and trees that rank them.
//!
//! | file | holds |
//! |---|---|
//! | `tables.rs` | what is known of items, kinds and product lines; stored in the artifact |
//! | `quotas.rs` | how many candidates come from where |
//! | `memory.rs` | what a query knows of them, per thread |
//! | `collect.rs` | one pass over basket and past; candidates by kind, line and freshness |
//! | `features.rs` | the features of a candidate, by group |
//! | `model.rs` | the rankers of every situation, reading and writing |
//! | `neural.rs` | the neural ranker: evaluating, reading and writing |
//! | `rank.rs` | a query from candidates to a ranked list |
//!
//! Training calls the same code for its cases, so that a feature means the same in both.

mod collect;
mod features;
mod memory;
mod model;
mod neural;
mod quotas;
mod rank;
mod tables;
#[cfg(test)]
mod tests;

pub use features::{FEATURES, FeatureGroup, GROUPS, LIGHT, N_FEATURES, N_LIGHT};
pub(crate) use memory::RankerMemory;
pub use model::{CLIP, LinearRanker, RankerModel, RankerSettings, Situation, SituationRanker, Stage};
pub use neural::{DenseLayer, MAX_LAYERS, MAX_WIDTH, NeuralRanker};
pub use quotas::Quotas;
pub(crate) use rank::{gather, rank, visit_features, visit_light};
pub use tables::{ItemFacts, KindFacts, KindPair, NO_GROUP, RankerTables, Rows};
