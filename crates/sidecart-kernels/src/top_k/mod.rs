//! Exact top-k over many rows: an int8 scan that bounds its own error, then float scores.

mod bias;
mod index;
pub(crate) mod kernel;
mod query;
mod search;
#[cfg(test)]
mod tests;

pub use bias::RowBias;
pub(crate) use bias::check_finite;
pub use index::ScanIndex;
pub use search::{Hit, Scratch};
