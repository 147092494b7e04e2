//! Gradient-boosted trees over histograms.
//!
//! [`fit`] learns a [`TreeEnsemble`](sidecart_serve::trees::TreeEnsemble) from rows of numbers and an
//! [`Objective`], the loss of the scores: [`Logistic`] gives log odds of a yes; a ranking loss over
//! query groups fits the same trait.
//!
//! The features are binned once, into at most 255 bins each. A tree grows leaf by leaf: the leaf whose
//! best split lowers the loss most is split next. Histograms of derivatives are integer sums, only
//! the smaller of two siblings is summed, and each histogram belongs to one task; so the model is
//! the same bits at any number of threads.

mod algorithm;
mod bins;
mod grower;
mod histogram;
mod logistic;
mod objective;
mod params;
mod rows;
mod sampling;
mod split;

#[cfg(test)]
mod tests;

pub use algorithm::{BoostedTrees, Sample, fit, fit_section};
pub use logistic::Logistic;
pub use objective::Objective;
pub use params::TreeParams;
pub use rows::FeatureRows;
