//! The newest baskets of every item, for comparison with the present basket.

mod algorithm;
mod params;

#[cfg(test)]
mod tests;

pub use algorithm::{KeptBaskets, fit};
pub use params::BasketParams;
