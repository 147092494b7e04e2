/// Why a kernel refused its input.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum KernelError {
    /// The values do not make whole rows.
    RowLength {
        /// Number of values.
        got: usize,
        /// Values of one row.
        dim: usize,
    },
    /// A row has no dimension, or more than the scan can sum without overflow.
    Dimension {
        /// Number of dimensions.
        got: usize,
        /// Largest number of dimensions.
        limit: usize,
    },
    /// More rows than a `u32` can number.
    TooManyRows {
        /// Number of rows.
        got: usize,
        /// Largest number of rows.
        limit: usize,
    },
    /// A slice has another length than the index needs.
    Length {
        /// What the slice holds.
        what: &'static str,
        /// Length the index needs.
        expected: usize,
        /// Length of the slice.
        got: usize,
    },
    /// A value is infinite or not a number.
    NotFinite {
        /// What the slice holds.
        what: &'static str,
        /// Position of the first such value.
        position: usize,
        /// The value.
        value: f32,
    },
}

impl std::fmt::Display for KernelError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::RowLength { got, dim } => {
                write!(f, "{got} values are no whole number of rows of {dim}; check the dimension")
            }
            Self::Dimension { got, limit } => write!(f, "rows have {got} dimensions, expected 1 to {limit}"),
            Self::TooManyRows { got, limit } => write!(f, "{got} rows are more than {limit}"),
            Self::Length { what, expected, got } => write!(f, "{what}: expected {expected} values, got {got}"),
            Self::NotFinite { what, position, value } => {
                write!(f, "{what}: value {position} is {value}; only finite values can be ranked")
            }
        }
    }
}

impl std::error::Error for KernelError {}
