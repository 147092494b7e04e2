//! The nearest items of every item.
//!
//! [`fit`] counts the baskets that two items share, weighs the count by a [`Measure`] and keeps
//! the best candidates of every context item.

mod algorithm;
mod measure;
mod params;
mod selection;

#[cfg(test)]
mod tests;

pub use algorithm::{Neighbours, fit};
pub use params::{Measure, NeighbourParams};
