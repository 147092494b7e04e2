use std::path::PathBuf;

use sidecart_core::ErrorClass;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong, whichever part it comes from.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The configuration file cannot be read.
    #[error("{}: {source}", path.display())]
    ConfigFile {
        /// The file.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The configuration cannot be understood.
    #[error("{}: {problem}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong, with line and valid names.
        problem: String,
    },
    /// A setting is outside its range or contradicts another.
    #[error("{key} = {got}: expected {expected}")]
    Setting {
        /// The key.
        key: String,
        /// The value given.
        got: String,
        /// The range.
        expected: String,
    },
    /// Evaluation needs a time to split at.
    #[error(
        "all baskets have one time, so the history cannot be split; map a `timestamp` column or set [evaluate] test_from"
    )]
    NoSplit,
    /// No item can be hidden in a test basket.
    #[error(
        "none of the {n_test_baskets} test baskets can be a question ({needed}); move [evaluate] test_from or test_share, or lower [evaluate] min_item_baskets"
    )]
    NoCases {
        /// Number of test baskets.
        n_test_baskets: usize,
        /// What a basket would have to hold.
        needed: &'static str,
    },
    /// Reading tables failed.
    #[error(transparent)]
    Data(#[from] sidecart_data::Error),
    /// Training failed.
    #[error(transparent)]
    Train(#[from] sidecart_train::Error),
    /// The scorer failed.
    #[error(transparent)]
    Serve(#[from] sidecart_serve::Error),
    /// Evaluation failed.
    #[error(transparent)]
    Eval(#[from] sidecart_eval::EvalError),
    /// The event log is full.
    #[error("{}: {source}", path.display())]
    EventLog {
        /// The history file.
        path: PathBuf,
        /// The cause.
        source: sidecart_core::EventLogError,
    },
    /// Threads cannot be started.
    #[error("cannot start {threads} threads: {problem}")]
    Threads {
        /// How many were asked for.
        threads: usize,
        /// The cause.
        problem: String,
    },
}

impl Error {
    /// Who has to act: the caller (2), the data (3), the environment (4) or the makers (70); the
    /// numbers are the program's exit codes.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::ConfigFile { .. } | Self::Config { .. } | Self::Setting { .. } => ErrorClass::Caller,
            Self::NoSplit | Self::NoCases { .. } => ErrorClass::Data,
            Self::Data(error) => error.class(),
            Self::Train(error) => error.class(),
            Self::Serve(error) => error.class(),
            Self::Eval(sidecart_eval::EvalError::Parameter { .. }) => ErrorClass::Caller,
            Self::Eval(_) => ErrorClass::Data,
            Self::EventLog { .. } | Self::Threads { .. } => ErrorClass::Environment,
        }
    }
}
