use sidecart_core::ErrorClass;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What can go wrong when a model is opened or asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The files of the model are missing, damaged or of another format.
    #[error(transparent)]
    Artifact(#[from] sidecart_artifact::Error),
    /// The tensors of a model contradict each other.
    #[error("{section}: {problem}: expected {expected}, got {got}; train the model again")]
    Model {
        /// The tensor.
        section: &'static str,
        /// What is wrong.
        problem: &'static str,
        /// What the format says.
        expected: String,
        /// What the file says.
        got: String,
    },
    /// The settings stored with a model cannot be read.
    #[error("settings of the model: {problem}; train the model again")]
    Settings {
        /// What is wrong.
        problem: String,
    },
    /// A query asks for more than the limits allow.
    #[error("{field} = {got}: expected {expected}")]
    Query {
        /// The field of the query.
        field: &'static str,
        /// The value given.
        got: String,
        /// The range.
        expected: String,
    },
    /// A part of the model was asked for that it does not have.
    #[error("this model has no {what}; it has: {available}")]
    NoSuchPart {
        /// What was asked for.
        what: String,
        /// The parts there are.
        available: String,
    },
    /// A session token was not made here, or was changed.
    #[error("the session token {problem}; begin a new session")]
    SessionToken {
        /// What is wrong.
        problem: crate::offers::session::TokenProblem,
    },
    /// A kernel refused a stored vector.
    #[error("{section}: {source}; train the model again")]
    Kernel {
        /// The tensor.
        section: &'static str,
        /// The kernel's words.
        source: sidecart_kernels::KernelError,
    },
}

impl Error {
    /// What is wrong with a policy, from words such as `key = got: expected ..`.
    pub(crate) fn policy(problem: &str) -> Self {
        let (key_and_got, expected) = problem.split_once(": ").unwrap_or(("", problem));
        let expected = expected.strip_prefix("expected ").unwrap_or(expected).to_owned();
        Self::Query { field: "policy", got: key_and_got.to_owned(), expected }
    }

    /// Who has to act.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Artifact(error) => error.class(),
            Self::Model { .. } | Self::Settings { .. } | Self::Kernel { .. } => ErrorClass::Data,
            Self::Query { .. } | Self::NoSuchPart { .. } | Self::SessionToken { .. } => ErrorClass::Caller,
        }
    }
}
