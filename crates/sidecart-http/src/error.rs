use std::net::SocketAddr;
use std::path::PathBuf;

use sidecart_core::ErrorClass;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a server cannot start, or a version of a model cannot be used.
///
/// Requests never see one of these; what they see is the JSON error of the API.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// An address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// The cause.
        source: std::io::Error,
    },
    /// The folder of models cannot be read.
    #[error("{}: {source}; name the folder that holds the model folders", path.display())]
    ModelsFolder {
        /// The folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The folder is one model, not a folder of models.
    #[error("{} is one model; name the folder above it, whose every subfolder with a CURRENT file is a model", path.display())]
    OneModel {
        /// The folder.
        path: PathBuf,
    },
    /// A setting is outside its range or contradicts another.
    #[error("{setting} = {got}: expected {expected}")]
    Setting {
        /// The setting.
        setting: &'static str,
        /// The value given, never a secret.
        got: String,
        /// The range.
        expected: String,
    },
    /// The exposure log cannot be written.
    #[error("{}: {source}", path.display())]
    Exposures {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// The runtime or a thread cannot be started.
    #[error("cannot start {what}: {source}")]
    Start {
        /// What was to be started.
        what: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// A version of a model cannot be opened.
    #[error(transparent)]
    Serve(#[from] sidecart_serve::Error),
    /// A version opened and then gave no usable answer.
    #[error("version {version} of model {model} failed its warm-up: {problem}; train the model again")]
    WarmUp {
        /// The model.
        model: String,
        /// The version.
        version: String,
        /// What is wrong.
        problem: String,
    },
}

impl Error {
    /// Who has to act.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::Setting { .. } | Self::OneModel { .. } => ErrorClass::Caller,
            Self::ModelsFolder { source, .. } if source.kind() == std::io::ErrorKind::NotFound => ErrorClass::Caller,
            Self::Listen { .. } | Self::ModelsFolder { .. } | Self::Exposures { .. } | Self::Start { .. } => {
                ErrorClass::Environment
            }
            Self::Serve(error) => error.class(),
            Self::WarmUp { .. } => ErrorClass::Data,
        }
    }
}

impl From<sidecart_artifact::Error> for Error {
    fn from(error: sidecart_artifact::Error) -> Self {
        Self::Serve(error.into())
    }
}
