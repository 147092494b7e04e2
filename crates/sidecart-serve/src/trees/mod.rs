//! Sums of small decision trees.
//!
//! A [`TreeEnsemble`] holds binary trees of at most [`MAX_LEAVES`] leaves each. A row of features
//! falls to one leaf of every tree, and the values of these leaves, added in tree order, are its
//! score. What the score means (log odds, a rank) is the trainer's business.
//!
//! [`TreeParts`] is the plain form, the arrays that an artifact stores; the ensemble also keeps two
//! packed forms of the same trees, one for single rows and one for blocks of them.

mod ensemble;
mod leaf_masks;
mod parts;
mod stored;
mod walk;

#[cfg(test)]
mod tests;

pub use ensemble::TreeEnsemble;
pub use parts::{MAX_LEAVES, TreeParts};
