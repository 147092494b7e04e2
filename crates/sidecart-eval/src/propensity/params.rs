use serde::{Deserialize, Serialize};

use crate::{EvalError, ranges};

/// Settings of an evaluation of upgrade probabilities; all of them change results.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct UpsellParams {
    /// Seed of the bootstrap. Default 1.
    pub seed: u64,
    /// Bootstrap resamples behind each interval. Default 1,000, at least 100.
    pub resamples: usize,
    /// Points of the reliability curve. Default 10, from 2 to 100.
    pub reliability_bins: usize,
}

impl Default for UpsellParams {
    fn default() -> Self {
        Self { seed: 1, resamples: ranges::RESAMPLES, reliability_bins: 10 }
    }
}

impl UpsellParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`EvalError::Parameter`] for the first value out of range.
    pub fn check(&self) -> Result<(), EvalError> {
        ranges::check([
            ranges::resamples(self.resamples),
            ("reliability_bins", self.reliability_bins, (2..=100).contains(&self.reliability_bins), "2 to 100"),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        assert!(UpsellParams::default().check().is_ok());
        for (params, field) in [
            (UpsellParams { resamples: 99, ..Default::default() }, "resamples"),
            (UpsellParams { reliability_bins: 1, ..Default::default() }, "reliability_bins"),
            (UpsellParams { reliability_bins: 101, ..Default::default() }, "reliability_bins"),
        ] {
            assert!(params.check().unwrap_err().to_string().starts_with(field));
        }
    }
}
