//! Parts of an offer beside its score: filling up to a threshold, the caps of a session, the log of
//! exposures, and the calibration of probabilities.

mod threshold;

pub use threshold::{
    Filler, Filling, Fillings, MAX_FILLERS, MAX_FILLINGS, MAX_THRESHOLD_CANDIDATES, NoFilling, ThresholdFiller,
    ThresholdGap,
};
