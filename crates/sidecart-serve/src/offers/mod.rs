//! Parts of an offer beside its score: filling up to a threshold, the caps of a session, the log of
//! exposures, and the calibration of probabilities.

pub mod calibration;
pub mod exposure;
mod kind;
pub mod session;
mod settings;
pub mod threshold;

pub use kind::{OfferKind, OfferKinds};
pub use settings::OffersSettings;
