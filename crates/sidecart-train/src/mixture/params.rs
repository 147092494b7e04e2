use serde::{Deserialize, Serialize};
use sidecart_serve::MixtureWeights;

use crate::counting::ParameterError;

/// How the mixture's weights are found. Every setting changes results.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MixtureParams {
    /// Whether weights are tuned; otherwise `weights` are used as they are. Default true.
    pub tune: bool,
    /// Share of the newest baskets that tuning hides items in. Default 0.1, range 0.01 to 0.5.
    pub inner_share: f64,
    /// Most baskets used for tuning. Default 3000, at least 100.
    pub max_cases: u32,
    /// With fewer baskets the weights stay as given. Default 200, at least 1.
    pub min_cases: u32,
    /// Rounds over all weights. Default 3, range 1 to 20.
    pub rounds: u32,
    /// Weights to start from.
    pub weights: MixtureWeights,
}

impl Default for MixtureParams {
    fn default() -> Self {
        Self {
            tune: true,
            inner_share: 0.1,
            max_cases: 3_000,
            min_cases: 200,
            rounds: 3,
            weights: MixtureWeights::default(),
        }
    }
}

impl MixtureParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        let share = self.inner_share;
        ParameterError::require((0.01..=0.5).contains(&share), "inner_share", "a number from 0.01 to 0.5", share)?;
        ParameterError::require(self.max_cases >= 100, "max_cases", "a whole number of at least 100", self.max_cases)?;
        ParameterError::require(self.min_cases >= 1, "min_cases", "a whole number of at least 1", self.min_cases)?;
        ParameterError::require((1..=20).contains(&self.rounds), "rounds", "a whole number from 1 to 20", self.rounds)?;
        let w = &self.weights;
        let all = [&w.completion_known, &w.completion_anonymous, &w.discovery_known, &w.discovery_anonymous];
        for weights in all {
            let sum: f32 = weights.iter().sum();
            let good = weights.iter().all(|w| *w >= 0.0) && sum > 0.0 && sum.is_finite();
            ParameterError::require(good, "weights", "finite numbers >= 0, not all of them 0", format!("{weights:?}"))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        assert!(MixtureParams::default().check().is_ok());
        for wrong in [0.0, -1.0, f32::NAN, f32::INFINITY, f32::MAX] {
            let mut params = MixtureParams::default();
            params.weights.discovery_known = [wrong; sidecart_serve::N_SIGNALS];
            assert_eq!(params.check().unwrap_err().name, "weights", "{wrong}");
        }
        for wrong in [0.0, 0.6, f64::NAN] {
            let params = MixtureParams { inner_share: wrong, ..Default::default() };
            assert_eq!(params.check().unwrap_err().name, "inner_share");
        }
    }
}
