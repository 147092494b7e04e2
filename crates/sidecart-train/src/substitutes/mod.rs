//! Items of one kind that customers buy instead of each other.
//!
//! Over time a customer buys both, but in one basket they are found less often than chance puts
//! them there. [`fit`] finds such pairs and says how sure it is of each.

mod algorithm;
mod params;

#[cfg(test)]
mod tests;

pub use algorithm::fit;
pub use params::SubstituteParams;
