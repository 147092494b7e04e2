use sidecart_core::{Cancelled, ErrorClass};
use sidecart_eval::EvalError;

use crate::counting::{CountingError, ParameterError};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong in training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting is outside its range.
    #[error("[{section}] {source}")]
    Parameter {
        /// The part of the configuration.
        section: &'static str,
        /// The setting.
        source: ParameterError,
    },
    /// Pairs cannot be counted.
    #[error(transparent)]
    Counting(#[from] CountingError),
    /// The purchases or tables are at fault.
    #[error(transparent)]
    Data(#[from] sidecart_data::Error),
    /// The model cannot be written or read.
    #[error(transparent)]
    Artifact(#[from] sidecart_artifact::Error),
    /// The scorer refuses what was trained.
    #[error(transparent)]
    Serve(#[from] sidecart_serve::Error),
    /// The evaluation inside training failed.
    #[error(transparent)]
    Eval(#[from] EvalError),
    /// Segments cannot be made.
    #[error(transparent)]
    Segments(#[from] crate::segments::SegmentError),
    /// A ranker could not be learned.
    #[error("learning a ranker: {problem}")]
    Learner {
        /// What the learner says, with the remedy.
        problem: String,
    },
    /// Work was stopped on request.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
    /// A defect of this program.
    #[error("internal error: {what}")]
    Bug {
        /// What should not have happened.
        what: String,
    },
}

impl Error {
    /// Who has to act.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Parameter { .. }
            | Self::Cancelled(_)
            | Self::Eval(EvalError::Parameter { .. } | EvalError::Cancelled(_)) => ErrorClass::Caller,
            Self::Counting(CountingError::TooManyLines { .. }) | Self::Learner { .. } => ErrorClass::Environment,
            Self::Counting(_) | Self::Eval(_) | Self::Bug { .. } => ErrorClass::Bug,
            Self::Data(error) => error.class(),
            Self::Segments(error) => error.class(),
            Self::Artifact(error) => error.class(),
            Self::Serve(error) => error.class(),
        }
    }
}
