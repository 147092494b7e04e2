//! Sums of small decision trees.
//!
//! A [`TreeEnsemble`] holds binary trees of at most [`MAX_LEAVES`] leaves each. A row of features
//! falls to one leaf of every tree, and the values of these leaves, added in tree order, are its
//! score. What the score means (log odds, a rank) is the trainer's business.
//!
//! [`TreeParts`] is the plain form, the arrays that an artifact stores; the ensemble also keeps a
//! packed form of the same trees for its fast path.

mod ensemble;
mod packed;
mod parts;

#[cfg(test)]
mod tests;

pub use ensemble::TreeEnsemble;
pub use parts::{MAX_LEAVES, TreeParts};
