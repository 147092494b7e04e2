use sidecart_core::ErrorClass;

use crate::counting::ParameterError;

/// Why customers cannot be segmented.
#[derive(Clone, PartialEq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SegmentError {
    /// A setting is outside its range.
    #[error("[segments] {0}")]
    Parameter(#[from] ParameterError),
    /// No column to segment by has this name.
    #[error("segments.by = {name}: expected a column of the customer table: {known}")]
    UnknownColumn {
        /// The name given.
        name: String,
        /// The columns there are.
        known: String,
    },
    /// More segments than can be named.
    #[error("segments.by gives {got} segments, at most {limit} are possible; choose coarser columns")]
    TooMany {
        /// Number of different values.
        got: usize,
        /// The largest number.
        limit: usize,
    },
    /// Too few customers to learn segments from.
    #[error(
        "{got} customers have at least {min_baskets} baskets, {k} segments need at least {k}; lower segments.by k or min_baskets"
    )]
    TooFewCustomers {
        /// Customers with enough baskets.
        got: usize,
        /// Baskets a customer must have.
        min_baskets: u32,
        /// Segments asked for.
        k: u32,
    },
    /// The method finds no segments in this history.
    #[error("{method} finds no {k} segments ({problem}); {remedy}")]
    NoFit {
        /// The method.
        method: &'static str,
        /// Segments asked for.
        k: u32,
        /// What it says.
        problem: String,
        /// What helps.
        remedy: &'static str,
    },
}

impl SegmentError {
    /// Who has to act.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Parameter(_) | Self::UnknownColumn { .. } | Self::TooMany { .. } => ErrorClass::Caller,
            Self::TooFewCustomers { .. } | Self::NoFit { .. } => ErrorClass::Data,
        }
    }
}
