//! The weights of the mixture, tuned on an inner time split.

mod algorithm;
mod params;

pub use algorithm::{Tuning, tune};
pub use params::MixtureParams;
