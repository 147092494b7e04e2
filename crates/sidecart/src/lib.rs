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

mod ablation;
mod associations;
mod batch;
pub mod calibrate;
mod checked_queries;
mod config;
mod cross_sell_batch;
mod dataset;
mod error;
mod evaluation;
mod event_log;
mod frontier;
mod reference;
mod slate_batch;
mod threads;
mod training;
mod upsell_batch;
mod upsell_context;
mod upsell_evaluation;

pub use ablation::evaluate_ablation;
pub use associations::{AssociationTable, associations};
pub use batch::{BatchSummary, any_batch};
pub use calibrate::calibrate;
pub use checked_queries::find_items;
pub use config::{Config, EvaluateConfig, SegmentColumns, SegmentsConfig, TimeText, expected_time, parse_time};
pub use cross_sell_batch::{BatchOptions, CROSS_SELL, default_time, recommend_batch};
pub use dataset::{Dataset, Segments, read_ledger};
pub use error::{Error, Result};
pub use evaluation::{EvaluateRequest, evaluate, evaluate_with, segment_report};
pub use event_log::{LogSummary, MAX_LOG_LINES, read_event_log};
pub use frontier::{EXPONENTS, FrontierRequest, evaluate_frontier};
pub use reference::{Key, REFERENCE};
pub use slate_batch::{ADD_ON, add_on_batch};
pub use threads::use_threads;
pub use training::{publish, train, train_with};
pub use upsell_batch::{UPSELL, UpsellOptions, upsell_batch};
pub use upsell_context::{UpsellContext, find_segment};
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
