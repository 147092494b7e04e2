use std::fmt;
use std::path::{Path, PathBuf};

/// Result of this crate.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who has to act on an error.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorClass {
    /// The caller's arguments or configuration.
    Caller,
    /// The content of a file.
    Data,
    /// Disk, memory, permissions.
    Environment,
    /// A defect of this program.
    Bug,
}

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
        column: String,
        /// Our name for it.
        name: String,
        /// The types that are taken.
        expected: &'static str,
        /// The type found.
        got: String,
        /// What to do, beginning with `; `, or empty.
        remedy: String,
    },
    /// Two files of one table disagree about a column.
    #[error("{}: column `{column}` holds {got}, but {} holds {expected}; one table needs one type: cast one of them", file.display(), first.display())]
    MixedTypes {
        /// The second file.
        file: PathBuf,
        /// The column.
        column: String,
        /// What the first file holds.
        expected: String,
        /// What the second file holds.
        got: String,
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
    #[error("{first}, column `{column}`: basket {basket} belongs to {first_customer}, but {second} gives it to {second_customer}; a basket id must be unique, e.g. store + day + ticket")]
    BasketOfTwo {
        /// First row of the basket.
        first: Box<RowPosition>,
        /// Row with the other customer.
        second: Box<RowPosition>,
        /// The basket column.
        column: String,
        /// The basket id.
        basket: String,
        /// Customer of the first row.
        first_customer: String,
        /// Customer of the second row.
        second_customer: String,
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
    Artifact(#[from] sidecart_artifact::Error),
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
            Self::NoFiles { .. } | Self::Pattern { .. } | Self::UnknownMapping { .. } | Self::Setting { .. } => {
                ErrorClass::Caller
            }
            Self::Parquet { .. }
            | Self::MissingColumn { .. }
            | Self::ColumnType { .. }
            | Self::MixedTypes { .. }
            | Self::IdForms { .. }
            | Self::BadRow { .. }
            | Self::BasketOfTwo { .. }
            | Self::Empty { .. }
            | Self::Merge { .. } => ErrorClass::Data,
            Self::Io { .. } | Self::Memory { .. } => ErrorClass::Environment,
            Self::Artifact(_) => ErrorClass::Data,
            Self::Bug { .. } => ErrorClass::Bug,
        }
    }
}
