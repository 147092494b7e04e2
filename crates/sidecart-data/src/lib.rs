//! Parquet to validated rows, row-level errors, the ledger, time splits and the demo shop.
//!
//! Nothing here knows a model. [`read_purchases`] turns Parquet files into a [`Ledger`], the one
//! form in which every model sees a shop's history.

pub mod config;
pub mod demo;
mod error;
mod input;
mod ledger;

pub use error::{Error, Result, RowPosition};
pub use input::{
    Acceptance, Answer, AnswerWriter, CustomerTable, Exposure, IngestSummary, ItemTable, Labels, Promotion, Promotions,
    Query, QueryBatch, ReadOptions, Rule, RuleCount, SizeUnit, WrittenSize, parse_size, read_acceptances,
    read_customers, read_exposures, read_items, read_promotions, read_purchases, read_queries,
};
pub use ledger::{Ledger, Line, Split};
