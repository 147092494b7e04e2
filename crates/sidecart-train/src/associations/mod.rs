//! Pairs that are bought together more often than chance explains.
//!
//! [`find`] tests every pair of items against a model in which items fall into baskets by
//! popularity and basket size alone, and lets pass what holds at a stated false discovery rate.

mod algorithm;
mod conditional_bernoulli;
mod customers;
mod null_model;
mod params;
mod poisson;

#[cfg(test)]
mod tests;

pub use algorithm::{Association, Associations, find};
pub use params::AssociationParams;
