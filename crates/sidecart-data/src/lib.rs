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
    Answer, AnswerWriter, CustomerTable, IngestSummary, ItemTable, Labels, Promotion, Promotions, Query, QueryBatch,
    ReadOptions, Rule, RuleCount, SizeUnit, WrittenSize, parse_size, read_customers, read_items, read_promotions,
    read_purchases, read_queries,
};
pub use ledger::{Ledger, Line, Split};
