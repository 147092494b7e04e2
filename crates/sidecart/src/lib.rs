//! Sidecart as a library: configure, train, recommend, evaluate, publish.
//!
//! ```no_run
//! use sidecart::{Config, Dataset};
//! use sidecart::core::NoProgress;
//!
//! # fn main() -> Result<(), sidecart::Error> {
//! let config = Config::read("shop.toml".as_ref())?;
//! let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress)?;
//! let trained = sidecart::train(&dataset, &config, &NoProgress)?;
//! let version = sidecart::publish("models/shop".as_ref(), &trained, &dataset, &config)?;
//! println!("published {version}");
//! # Ok(())
//! # }
//! ```
//!
//! Nothing here prints or reads the environment; progress goes to a
//! [`Progress`](sidecart_core::Progress) of the caller.

mod associations;
mod batch;
mod config;
mod dataset;
mod error;
mod evaluation;
mod reference;
mod threads;
mod training;
mod upsell_batch;
mod upsell_evaluation;

pub use associations::{AssociationTable, associations};
pub use batch::{
    BatchOptions, BatchSummary, CROSS_SELL, LogSummary, MAX_LOG_LINES, default_time, find_items, read_event_log,
    recommend_batch,
};
pub use config::{Config, EvaluateConfig, SegmentColumns, SegmentsConfig, TimeText, expected_time, parse_time};
pub use dataset::{Dataset, Segments, read_ledger};
pub use error::{Error, Result};
pub use evaluation::{EvaluateRequest, evaluate};
pub use reference::{Key, REFERENCE};
pub use threads::use_threads;
pub use training::{publish, train};
pub use upsell_batch::{UPSELL, UpsellContext, UpsellOptions, find_segment, upsell_batch};
pub use upsell_evaluation::evaluate_upsell;

pub use sidecart_artifact as artifact;
pub use sidecart_core as core;
pub use sidecart_data as data;
pub use sidecart_eval as eval;
pub use sidecart_serve as serve;
pub use sidecart_train as models;

// The README's code is compiled with the tests.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
