use std::path::{Path, PathBuf};

use sidecart_core::{ErrorClass, IdTableError};

/// Why an artifact could not be written or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused.
    #[error("{action} {} failed: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The answer of the system.
        source: std::io::Error,
    },
    /// There is no model at the path.
    #[error(
        "{} is neither a model folder (with CURRENT) nor a version folder (with manifest.json); train one with `sidecart train`",
        path.display()
    )]
    NoModel {
        /// The path asked for.
        path: PathBuf,
    },
    /// The path is a folder, a pipe or a device.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A length is above its limit.
    #[error("{}: {section} has {got}, more than the limit of {limit}", path.display())]
    Limit {
        /// The file.
        path: PathBuf,
        /// The part of the file.
        section: &'static str,
        /// The value found.
        got: u64,
        /// The largest value allowed.
        limit: u64,
    },
    /// The memory for a file could not be reserved.
    #[error("{}: no memory for {bytes} bytes; map the file instead or use a larger machine", path.display())]
    OutOfMemory {
        /// The file.
        path: PathBuf,
        /// Bytes asked for.
        bytes: u64,
    },
    /// A file or a part of it is shorter or longer than stated.
    #[error("{}: {section} has {got} bytes, expected {expected}; copy or publish the file again", path.display())]
    Length {
        /// The file.
        path: PathBuf,
        /// The part of the file.
        section: &'static str,
        /// Bytes stated.
        expected: u64,
        /// Bytes found.
        got: u64,
    },
    /// A file does not begin or end with its signature.
    #[error("{}: the signature of {section} is missing, so this is not such a file or it is cut", path.display())]
    Magic {
        /// The file.
        path: PathBuf,
        /// What the file should be.
        section: &'static str,
    },
    /// A checksum does not match: the file is damaged.
    #[error("{}: checksum of {section} is {got}, expected {expected}; the file is damaged, copy or publish it again", path.display())]
    Checksum {
        /// The file.
        path: PathBuf,
        /// The part of the file.
        section: &'static str,
        /// Checksum stated.
        expected: String,
        /// Checksum computed.
        got: String,
    },
    /// A header is malformed.
    #[error("{}: malformed header: {reason}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The place of a tensor contradicts its shape, its neighbours or the file.
    #[error("{}: tensor {section}: {reason}", path.display())]
    Layout {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        section: String,
        /// What is wrong.
        reason: String,
    },
    /// Two tensors or metadata entries share a name.
    #[error("{}: {section} appears twice", path.display())]
    Duplicate {
        /// The file.
        path: PathBuf,
        /// The name.
        section: String,
    },
    /// A tensor is missing.
    #[error("{}: tensor {section} is missing; the file was written by another version or for another purpose", path.display())]
    Missing {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        section: String,
    },
    /// A tensor has another element type.
    #[error("{}: tensor {section} holds {got}, expected {expected}", path.display())]
    Dtype {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        section: String,
        /// Element type asked for.
        expected: String,
        /// Element type found.
        got: String,
    },
    /// A tensor has another shape.
    #[error("{}: tensor {section} has shape {got:?}, expected {expected:?}", path.display())]
    Shape {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        section: String,
        /// Shape asked for.
        expected: Vec<usize>,
        /// Shape found.
        got: Vec<usize>,
    },
    /// A float is NaN or infinite.
    #[error("{}: tensor {section} holds {got} at position {position}, expected finite numbers", path.display())]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// Name of the tensor.
        section: String,
        /// Position of the first such float.
        position: usize,
        /// The float.
        got: f32,
    },
    /// Stored ids or texts are not a table.
    #[error("{}: {section}: {source}", path.display())]
    Ids {
        /// The file.
        path: PathBuf,
        /// The table.
        section: String,
        /// What is wrong with it.
        source: IdTableError,
    },
    /// The manifest is malformed.
    #[error("{}: {reason}", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The file needs another reader.
    #[error("{}: format {got} cannot be read, this program reads format {expected}; update sidecart or train again", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// Format of this reader.
        expected: u32,
        /// Format the file asks for.
        got: u32,
    },
    /// The manifest's version is not the one computed from it, or not the one of its folder.
    #[error("{}: version is {got}, expected {expected}; the manifest was changed or the folder renamed", path.display())]
    VersionMismatch {
        /// The manifest.
        path: PathBuf,
        /// Version computed, or named by the folder.
        expected: String,
        /// Version stated.
        got: String,
    },
    /// `CURRENT` does not hold a version.
    #[error("{} must hold 16 hex digits and nothing else; write the name of one of the version folders into it", path.display())]
    Current {
        /// The file.
        path: PathBuf,
    },
    /// A sealed file holds something else.
    #[error("{} holds {got}, expected {expected}", path.display())]
    Kind {
        /// The file.
        path: PathBuf,
        /// Kind asked for.
        expected: String,
        /// Kind found.
        got: String,
    },
    /// A customer shard or a record in it is malformed.
    #[error("{}: {reason}; the file is damaged, copy or publish it again", path.display())]
    Customers {
        /// The shard.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// What was to be written breaks a rule of the format.
    #[error("{section} cannot be written: {reason}")]
    Unwritable {
        /// Name of the tensor, file or record.
        section: String,
        /// The rule it breaks.
        reason: String,
    },
}

impl Error {
    /// Who has to act.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NoModel { .. } => ErrorClass::Caller,
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::NotFound => ErrorClass::Caller,
            Self::Io { .. } | Self::OutOfMemory { .. } => ErrorClass::Environment,
            Self::NotAFile { .. } | Self::Kind { .. } | Self::Current { .. } => ErrorClass::Caller,
            Self::Limit { .. }
            | Self::Length { .. }
            | Self::Magic { .. }
            | Self::Checksum { .. }
            | Self::Header { .. }
            | Self::Layout { .. }
            | Self::Duplicate { .. }
            | Self::Missing { .. }
            | Self::Dtype { .. }
            | Self::Shape { .. }
            | Self::NotFinite { .. }
            | Self::Ids { .. }
            | Self::Manifest { .. }
            | Self::Format { .. }
            | Self::VersionMismatch { .. }
            | Self::Customers { .. } => ErrorClass::Data,
            Self::Unwritable { .. } => ErrorClass::Bug,
        }
    }

    pub(crate) fn io<'a>(path: &'a Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self + 'a {
        move |source| Self::Io { path: path.to_owned(), action, source }
    }

    pub(crate) fn checksum(path: &Path, section: &'static str, expected: u64, got: u64) -> Self {
        let (expected, got) = (format!("{expected:016x}"), format!("{got:016x}"));
        Self::Checksum { path: path.to_owned(), section, expected, got }
    }

    pub(crate) fn unwritable(section: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Unwritable { section: section.into(), reason: reason.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_who_can_act() {
        let path = PathBuf::from("shop");
        let missing = Error::io(&path, "opening")(std::io::ErrorKind::NotFound.into());
        let full = Error::io(&path, "writing")(std::io::ErrorKind::StorageFull.into());
        assert_eq!(missing.class(), ErrorClass::Caller);
        assert_eq!(full.class(), ErrorClass::Environment);
        assert_eq!(Error::NoModel { path: path.clone() }.class(), ErrorClass::Caller);
        assert_eq!(Error::Duplicate { path, section: "a".into() }.class(), ErrorClass::Data);
        assert_eq!(Error::unwritable("a", "b").class(), ErrorClass::Bug);
    }
}
