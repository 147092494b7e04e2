//! Protocols, metrics, intervals and the report; scores anything behind a trait.
//!
//! A protocol ([`hide_one`]) turns test baskets into [`Case`]s, each with one hidden item. An
//! [`Evaluation`] asks every [`Ranker`] for its best items, counts how often and how high the
//! hidden item comes back, and returns a [`Report`] with 95 % intervals, groups of cases and
//! paired differences against a baseline. Nothing here knows which scorer it measures, reads a
//! file or prints; thread counts never change a result.
//!
//! ```
//! use sidecart_core::{CustomerId, ItemId, NoProgress, Time};
//! use sidecart_eval::{
//!     EvaluateParams, Evaluation, HideOneParams, RankFn, TestBasket, TrainingFacts, hide_one,
//! };
//!
//! // Item 0 was in 90 training baskets, item 1 in 60, item 2 in 30.
//! let training = TrainingFacts {
//!     item_baskets: &[90, 60, 30],
//!     n_baskets: 100,
//!     bought: &|_customer, item| item == ItemId(0),
//!     has_past: &|_customer| true,
//!     split_time: Some("2025-06-01".into()),
//!     fingerprint: None,
//! };
//! let lines = [[ItemId(0), ItemId(1)], [ItemId(1), ItemId(2)]];
//! let test: Vec<TestBasket> = (0..60)
//!     .map(|b| TestBasket {
//!         key: b,
//!         customer: Some(CustomerId(b as u32 % 30)),
//!         time: Time(b as i64),
//!         items: &lines[b as usize % 2],
//!         segment: None, store: None,
//!     })
//!     .collect();
//! let cases = hide_one(&HideOneParams::default(), &training, &test)?;
//!
//! // Bestsellers first, without what is in the basket.
//! let popular = RankFn::new("popular", |query, k, out| {
//!     out.extend((0..3).map(ItemId).filter(|item| !query.basket.contains(item)).take(k));
//! });
//! let report = Evaluation::new(&cases).baseline(&popular).run(&EvaluateParams::default(), &NoProgress)?;
//! let hit_rate = report.rankers[0].slices[0].hr_10.as_ref().unwrap();
//! assert_eq!(hit_rate.value, 1.0); // only two other items exist
//! assert!(report.to_table().contains("HR@10"));
//! # Ok::<(), sidecart_eval::EvalError>(())
//! ```

mod case;
pub mod customers;
mod error;
mod evaluation;
pub mod frontier;
pub mod intervals;
pub mod metrics;
pub mod propensity;
mod protocol;
mod ranges;
mod ranker;
mod report;
mod vocabulary;

pub use case::{Case, CaseSet, Query};
pub use error::EvalError;
pub use evaluation::{Answers, EvaluateParams, Evaluation};
pub use protocol::{HideOneParams, ProtocolFacts, TestBasket, TrainingFacts, hide_one};
pub use ranker::{RankError, RankFn, RankSession, Ranker};
pub use report::{IntervalFacts, Measured, RankerRow, RankerSlice, Report, Role, SliceFacts, SliceKind, SliceState};
pub use vocabulary::Vocabulary;
