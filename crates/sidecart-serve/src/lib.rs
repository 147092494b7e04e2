//! Opens a model and answers "what goes with this basket?" in microseconds.
//!
//! ```no_run
//! use sidecart_serve::{Query, Scorer};
//! use sidecart_core::ItemId;
//!
//! # fn main() -> Result<(), sidecart_serve::Error> {
//! let scorer = Scorer::open("models/shop")?; // every check, once
//! let mut scratch = scorer.scratch(); // one per thread; queries then allocate nothing
//! let basket: Vec<ItemId> = ["phone-s22", "case-s22"]
//!     .iter()
//!     .filter_map(|id| scorer.model().items().find_text(id).map(ItemId))
//!     .collect();
//! let answer = scorer.recommend(&Query { basket: &basket, k: 5, ..Query::default() }, &mut scratch)?;
//! for offer in answer.offers {
//!     println!("{:6.4} {}", offer.score, scorer.model().label(offer.item));
//! }
//! # Ok(())
//! # }
//! ```

mod cold_start;
mod error;
mod explain;
mod model;
pub mod offers;
mod probability;
pub mod ranker;
mod scorer;
mod scratch;
pub mod sections;
mod settings;
mod sources;
pub mod trees;
pub mod upsell;

pub use cold_start::StandIn;
pub use error::{Error, Result};
pub use explain::Reason;
pub use model::{Association, Model};
pub use probability::{Bend, N_BENDS, OfferProbability};
pub use scorer::{Answer, CustomerReader, MAX_BASKET, MAX_K, Query, Scorer};
pub use scratch::Scratch;
pub use settings::{MixtureWeights, Mode, N_SIGNALS, SIGNALS, ServingSettings, Source, Weights};
