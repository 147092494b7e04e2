//! Counting pairs of items that share a basket.
//!
//! [`CappedBaskets`] cuts over-long baskets and weighs each basket by its size; [`PairCounter`]
//! sums any [`Accumulator`] for every pair.

mod accumulator;
mod algorithm;
mod capped;
mod index;
mod params;

#[cfg(test)]
mod tests;

pub use accumulator::{
    Accumulator, BasketCount, CustomerCount, NarrowWeight, PackedSum, PairSum, WeightSum, WideSum, WideWeight,
};
pub use algorithm::{PairCell, PairCounter, PairTotals, Row};
pub use capped::{CappedBaskets, WEIGHT_ONE, line_hash};
pub use index::Columns;
pub use params::{CountingParams, ParameterError};

/// Why pairs cannot be counted.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CountingError {
    /// A setting is outside its range.
    #[error(transparent)]
    Parameter(#[from] ParameterError),
    /// More lines and baskets than 32-bit positions can name.
    #[error(
        "{got} lines and baskets together, at most {limit} can be counted at once; count parts of the history and merge them"
    )]
    TooManyLines {
        /// Lines plus baskets.
        got: usize,
        /// The largest number.
        limit: usize,
    },
    /// A table with one value per basket has another length.
    #[error("{got} values for {expected} baskets, expected one each")]
    LabelCount {
        /// Number of baskets.
        expected: usize,
        /// Number of values.
        got: usize,
    },
}
