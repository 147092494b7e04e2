//! Parquet files to validated rows.

mod columns;
mod customers;
mod exposures;
mod faults;
mod files;
mod ids;
mod interner;
mod items;
mod partitions;
mod promotions;
mod purchase_columns;
mod purchases;
mod queries;
mod row_tasks;
mod rows;
mod shared_baskets;
mod side_table;
mod size;
mod summary;

pub use customers::{CustomerTable, read_customers};
pub use exposures::{Acceptance, Exposure, read_acceptances, read_exposures};
pub use items::{ItemTable, Labels, read_items};
pub use promotions::{Promotion, Promotions, read_promotions};
pub use purchases::{ReadOptions, read_purchases};
pub use queries::{Answer, AnswerWriter, Query, QueryBatch, read_queries};
pub use size::{SizeUnit, WrittenSize, parse_size};
pub use summary::{IngestSummary, Rule, RuleCount};

/// Pieces of the reading phase that the ledger is built from.
pub(crate) mod parts {
    pub(crate) use super::interner::show_basket_key;
    pub(crate) use super::partitions::{N_PARTITIONS, NO_PRICE, Partitions, Run, RunHead, Runs};
    pub(crate) use super::rows::Interners;
}
