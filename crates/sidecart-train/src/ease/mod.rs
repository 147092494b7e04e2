//! The linear item model in closed form: EASE (Steck, "Embarrassingly Shallow Autoencoders for
//! Sparse Data", WWW 2019).
//!
//! Where item neighbours look at pairs alone, this model predicts an item from all others of the
//! basket together, so that what a second item explains already is not counted twice. [`fit`]
//! inverts the weighted Gram matrix of the most popular items and keeps the strongest positive
//! entries of every row.

mod algorithm;
mod gram;
mod inverse;
mod params;

#[cfg(test)]
mod tests;

pub use algorithm::fit;
pub use params::EaseParams;
