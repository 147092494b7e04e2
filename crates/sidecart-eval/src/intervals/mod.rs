//! Intervals: the cluster bootstrap for means, Wilson's interval for proportions, and the difference
//! of two arms.

mod arms;
mod bootstrap;
mod percentile;
mod wilson;

use serde::{Deserialize, Serialize};

pub use arms::{Arm, ArmRates, ArmTable};
pub use bootstrap::{Bootstrap, ClusterTable};
pub(crate) use percentile::{percentile_interval, resample_rng};
pub use wilson::wilson;

/// A value with its 95 % interval; `low <= value <= high`.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Lower end of the interval.
    pub low: f64,
    /// Upper end of the interval.
    pub high: f64,
}

impl Estimate {
    /// The longer of the two arms, for `value ± margin`.
    #[must_use]
    pub fn margin(&self) -> f64 {
        (self.value - self.low).max(self.high - self.value)
    }

    /// Whether the interval lies on one side of zero.
    #[must_use]
    pub fn excludes_zero(&self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }
}
