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
    /// A query of a file names a segment that the model does not have.
    #[error("{}: query {query_id} has the segment `{got}`: expected {expected}", path.display())]
    QuerySegment {
        /// The file of queries.
        path: PathBuf,
        /// The query.
        query_id: i64,
        /// The segment it names.
        got: String,
        /// The segments there are.
        expected: String,
    },
    /// All baskets have one time, so that no time lies between training and test.
    #[error(
        "all baskets have one time, so the history cannot be split; map a `timestamp` column with the time of each basket"
    )]
    OneTime,
    /// The time that was given leaves nothing to train or nothing to test on.
    #[error(
        "[evaluate] test_from = {got} leaves no basket to {needed}: the history goes from {first} to {last}; give a time \
         after the first and not after the last, or leave it to test_share"
    )]
    TestFrom {
        /// The time that was given.
        got: String,
        /// What no basket is left for: `train on` or `test on`.
        needed: &'static str,
        /// The oldest time.
        first: String,
        /// The newest time.
        last: String,
    },
    /// Upgrades are tested from the beginning of a period on, and none lies inside the history.
    #[error(
        "the history ({first} to {last}) has no beginning of a period near {at} to split at; upgrades need baskets of \
         several periods: give a longer history, another [evaluate] test_from, or a shorter [upsell] period_days (now \
         {period_days})"
    )]
    NoPeriodToSplitAt {
        /// Where the split was wanted.
        at: String,
        /// The oldest time.
        first: String,
        /// The newest time.
        last: String,
        /// Length of a period.
        period_days: u32,
    },
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
    /// The history gives too few questions to learn a ranker from.
    #[error(
        "no ranker can be learned, so nothing can be left out of one: it needs models.ranker.enabled, \
         models.mixture.tune and {min_cases} held-out questions (models.ranker.min_cases); measure the parts with evaluate instead"
    )]
    NoRanker {
        /// Questions that are needed.
        min_cases: u32,
    },
    /// No item has a price, so that slates have no value in money.
    #[error(
        "no item has a price, so slates have no value in money; map a price column of the item table, or `paid_total` or \
         `unit_price` of the purchases"
    )]
    NoPrices,
    /// Too few test baskets can be cut in two.
    #[error(
        "{n_questions} of {n_test_baskets} test baskets hold two items and can be cut in two, expected at least \
         {needed}; move [evaluate] test_from or test_share"
    )]
    NoHalves {
        /// Baskets that can be cut.
        n_questions: usize,
        /// Number of test baskets.
        n_test_baskets: usize,
        /// Fewest that are needed.
        needed: usize,
    },
    /// No item of the training part stands on a ladder of price tiers.
    #[error(
        "no item of the {n_training_baskets} training baskets stands on a ladder of price tiers, so nothing can be \
         upgraded; map `category` and a price column, or `ladder` and `tier` of the item table"
    )]
    NoLadders {
        /// Number of training baskets.
        n_training_baskets: usize,
    },
    /// No test purchase could have been an upgrade.
    #[error(
        "none of the {n_test_baskets} test baskets can be a question about an upgrade (a purchase on a ladder by a \
         customer whose usual tier there is known from {min_records} earlier ones and is not the top); move [evaluate] \
         test_from or test_share, or lower [upsell] min_records or min_share"
    )]
    NoUpgradeCases {
        /// Number of test baskets.
        n_test_baskets: usize,
        /// Earlier purchases that make a customer established.
        min_records: u32,
    },
    /// A log of exposures or outcomes cannot be read.
    #[error("{}: {source}", path.display())]
    LogFile {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: std::io::Error,
    },
    /// A line of a log is no record.
    #[error("{}: line {line}: {problem}", path.display())]
    LogLine {
        /// The file.
        path: PathBuf,
        /// Number of the line, or of the row of all Parquet files given, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// Exposures allow no calibration of any kind of offer.
    #[error("nothing can be calibrated: {reasons}")]
    NoCalibration {
        /// Why not, by kind.
        reasons: String,
    },
    /// Another version was published while this one was being made.
    #[error("version {expected} was to be calibrated, but {got} has become the live one since; run it again")]
    LiveVersionChanged {
        /// The version that was live.
        expected: String,
        /// The version that is.
        got: String,
    },
    /// The files of a model cannot be read or written.
    #[error(transparent)]
    Artifact(#[from] sidecart_artifact::Error),
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
            Self::ConfigFile { .. }
            | Self::Config { .. }
            | Self::Setting { .. }
            | Self::TestFrom { .. }
            | Self::LogFile { .. } => ErrorClass::Caller,
            Self::OneTime
            | Self::NoPeriodToSplitAt { .. }
            | Self::NoCases { .. }
            | Self::NoRanker { .. }
            | Self::NoPrices
            | Self::NoHalves { .. }
            | Self::NoLadders { .. }
            | Self::NoUpgradeCases { .. }
            | Self::QuerySegment { .. }
            | Self::LogLine { .. }
            | Self::NoCalibration { .. } => ErrorClass::Data,
            Self::Artifact(error) => error.class(),
            Self::Data(error) => error.class(),
            Self::Train(error) => error.class(),
            Self::Serve(error) => error.class(),
            Self::Eval(sidecart_eval::EvalError::Parameter { .. }) => ErrorClass::Caller,
            Self::Eval(_) => ErrorClass::Data,
            Self::EventLog { .. } | Self::Threads { .. } | Self::LiveVersionChanged { .. } => ErrorClass::Environment,
        }
    }
}
