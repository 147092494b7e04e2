//! Parts of an offer beside its score: filling up to a threshold, the caps of a session, the log of
//! exposures, and the calibration of probabilities.

mod kind;
mod session;
mod threshold;

pub use kind::OfferKind;
pub use session::{
    Declined, ItemKey, MAX_DECLINED, MAX_LIFETIME_S, MAX_SHOWN, MAX_TOKEN_CHARS, MIN_KEY_BYTES, Refusal, SessionKey,
    SessionLimits, SessionState, Shown, TokenProblem, decode, encode,
};
pub use threshold::{
    Filler, Filling, Fillings, MAX_FILLERS, MAX_FILLINGS, MAX_THRESHOLD_CANDIDATES, NoFilling, ThresholdFiller,
    ThresholdGap,
};
