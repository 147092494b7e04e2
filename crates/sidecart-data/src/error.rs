use std::fmt;
use std::path::{Path, PathBuf};

use sidecart_core::ErrorClass;

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Where in a Parquet file a value stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RowPosition {
    /// The file.
    pub file: PathBuf,
    /// Row group, from 0.
    pub row_group: usize,
    /// Row of the whole file, from 1.
    pub row: u64,
}

impl fmt::Display for RowPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: row {} (row group {})", self.file.display(), self.row, self.row_group)
    }
}

/// What can go wrong between a Parquet file and the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be read or written.
    #[error("{}: {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The cause.
        source: std::io::Error,
    },
    /// A path names nothing.
    #[error("{}: no {what} found; give a Parquet file, a folder with *.parquet files, or a glob", path.display())]
    NoFiles {
        /// The path as given.
        path: PathBuf,
        /// The table that was looked for.
        what: &'static str,
    },
    /// A path pattern cannot be understood.
    #[error("{pattern}: not a path pattern: {problem}")]
    Pattern {
        /// The pattern as given.
        pattern: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file is not Parquet, or is damaged.
    #[error("{}: cannot be read as Parquet: {problem}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        problem: String,
    },
    /// A needed column is not in the file.
    #[error("{}: there is no column `{column}`{}; the file has: {available}; map another one with columns = {{ {name} = \"...\" }}", file.display(), if column == name { String::new() } else { format!(" (mapped to `{name}`)") })]
    MissingColumn {
        /// The file.
        file: PathBuf,
        /// Our name for the column.
        name: String,
        /// The name that was looked for.
        column: String,
        /// The columns of the file.
        available: String,
    },
    /// A column mapping uses a name this table does not have.
    #[error("`{name}` is not a column of {table}; known names: {known}")]
    UnknownMapping {
        /// The table.
        table: &'static str,
        /// The unknown name.
        name: String,
        /// The names of the table.
        known: String,
    },
    /// A column has a type that cannot hold what it should.
    #[error("{}: column `{column}` is {got}; {name} takes {expected}{remedy}", file.display())]
    ColumnType {
        /// The file.
        file: PathBuf,
        /// The column.
        column: Box<str>,
        /// Our name for it.
        name: Box<str>,
        /// The types that are taken.
        expected: &'static str,
        /// The type found.
        got: Box<str>,
        /// What to do, beginning with `; `, or empty.
        remedy: &'static str,
    },
    /// A column stands in some files of a table only.
    #[error("{}: there is no column `{column}`, but {} has one; one table needs one set of columns: add it to every file (nulls are fine) or map `{name}` to a column that all of them have", file.display(), first.display())]
    ColumnInSome {
        /// The file without the column.
        file: PathBuf,
        /// Our name for the column.
        name: &'static str,
        /// The column.
        column: String,
        /// A file that has it.
        first: PathBuf,
    },
    /// Two files of one table disagree about a column.
    #[error("{}: column `{column}` holds {got}, but {} holds {expected}; one table needs one type: cast one of them", file.display(), first.display())]
    MixedTypes {
        /// The second file.
        file: PathBuf,
        /// The column.
        column: Box<str>,
        /// What the first file holds.
        expected: Box<str>,
        /// What the second file holds.
        got: Box<str>,
        /// The first file.
        first: PathBuf,
    },
    /// Ids of two tables have different forms and can never meet.
    #[error("{what} is {got} in {} but {expected} in {}: such ids never match; cast one of them", second.display(), first.display())]
    IdForms {
        /// Which id.
        what: &'static str,
        /// Form in the first table.
        expected: String,
        /// Form in the second table.
        got: String,
        /// First table.
        first: PathBuf,
        /// Second table.
        second: PathBuf,
    },
    /// A row breaks a rule.
    #[error("{position}, column `{column}`, value {value}: {problem}; {remedy}")]
    BadRow {
        /// Where it stands.
        position: Box<RowPosition>,
        /// The column.
        column: String,
        /// The value as text.
        value: String,
        /// Which rule it breaks.
        problem: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// One basket id under two customers.
    #[error(
        "{first}, column `{column}`: basket {basket} belongs to {first_customer}, but {second} gives it to {second_customer}; a basket id must be unique, e.g. store + day + ticket"
    )]
    BasketOfTwo {
        /// First row of the basket.
        first: Box<RowPosition>,
        /// Row with the other customer.
        second: Box<RowPosition>,
        /// The basket column.
        column: Box<str>,
        /// The basket id.
        basket: Box<str>,
        /// Customer of the first row.
        first_customer: Box<str>,
        /// Customer of the second row.
        second_customer: Box<str>,
    },
    /// Nothing is left to learn from.
    #[error("{what}: no usable purchase row is left ({rows} rows read); {hint}")]
    Empty {
        /// The files.
        what: String,
        /// Rows read.
        rows: u64,
        /// The commonest reason.
        hint: String,
    },
    /// The data do not fit the memory cap.
    #[error("{rows} rows need about {needed_mib} MiB, the cap is {cap_mib} MiB; raise --memory")]
    Memory {
        /// Rows read.
        rows: u64,
        /// Estimated need.
        needed_mib: u64,
        /// The cap.
        cap_mib: u64,
    },
    /// Two statistics cannot be united.
    #[error("statistics cannot be merged: {problem}; {remedy}")]
    Merge {
        /// What does not fit.
        problem: String,
        /// What to do.
        remedy: &'static str,
    },
    /// A stored file does not hold what it should.
    #[error(transparent)]
    Artifact(Box<sidecart_artifact::Error>),
    /// The caller stopped the work.
    #[error(transparent)]
    Cancelled(#[from] sidecart_core::Cancelled),
    /// A setting is outside its range.
    #[error("{key} = {got}: expected {expected}")]
    Setting {
        /// The key in the configuration.
        key: &'static str,
        /// The value given.
        got: String,
        /// The range.
        expected: &'static str,
    },
    /// A defect of this program.
    #[error("internal error: {what}")]
    Bug {
        /// What should not have happened.
        what: String,
    },
}

impl From<sidecart_artifact::Error> for Error {
    fn from(error: sidecart_artifact::Error) -> Self {
        Self::Artifact(Box::new(error))
    }
}

impl Error {
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_path_buf();
        move |source| Self::Io { path, action, source }
    }

    pub(crate) fn parquet(path: &Path) -> impl Fn(parquet::errors::ParquetError) -> Self + use<> {
        let path = path.to_path_buf();
        move |error| Self::Parquet { path: path.clone(), problem: error.to_string() }
    }

    /// Who has to act.
    #[must_use]
    pub fn class(&self) -> ErrorClass {
        match self {
            Self::NoFiles { .. }
            | Self::Pattern { .. }
            | Self::UnknownMapping { .. }
            | Self::Setting { .. }
            | Self::Cancelled(_) => ErrorClass::Caller,
            Self::Parquet { .. }
            | Self::MissingColumn { .. }
            | Self::ColumnType { .. }
            | Self::ColumnInSome { .. }
            | Self::MixedTypes { .. }
            | Self::IdForms { .. }
            | Self::BadRow { .. }
            | Self::BasketOfTwo { .. }
            | Self::Empty { .. }
            | Self::Merge { .. } => ErrorClass::Data,
            Self::Io { .. } | Self::Memory { .. } => ErrorClass::Environment,
            Self::Artifact(error) => error.class(),
            Self::Bug { .. } => ErrorClass::Bug,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_small_enough_to_be_returned_by_value() {
        assert!(size_of::<Error>() <= 120, "{}", size_of::<Error>());
    }

    #[test]
    fn classes_say_who_has_to_act() {
        let bug = Error::Bug { what: "x".into() };
        let memory = Error::Memory { rows: 1, needed_mib: 2, cap_mib: 1 };
        let setting = Error::Setting { key: "path", got: "nothing".into(), expected: "a file" };
        let empty = Error::Empty { what: "a".into(), rows: 0, hint: "b".into() };
        assert_eq!(
            [bug, memory, setting, empty].map(|e| e.class()),
            [ErrorClass::Bug, ErrorClass::Environment, ErrorClass::Caller, ErrorClass::Data]
        );
        let missing = sidecart_artifact::Error::NoModel { path: "m".into() };
        assert_eq!(Error::from(missing).class(), ErrorClass::Caller);
    }
}
