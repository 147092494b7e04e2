//! How a customer's own past is used: parameters only, there is nothing to train.

use serde::{Deserialize, Serialize};

use crate::counting::ParameterError;

/// How a customer's own past is stored and weighed. Every setting changes results.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OwnParams {
    /// Newest baskets stored for each customer; what else the older ones held is stored as one
    /// more. Default 300, range 0 (nothing is stored) to 10000.
    pub baskets_per_customer: u32,
    /// Age in days at which a past basket counts 1/e for frequency. Default 120, above 0.
    pub frequency_tau_days: f64,
    /// The same for past baskets that share items with the present one. Default 180, above 0.
    pub together_tau_days: f64,
    /// The first of them in baskets, where times are a bare order. Default 25, above 0.
    pub frequency_tau_baskets: f64,
    /// The second in baskets. Default 40, above 0.
    pub together_tau_baskets: f64,
}

impl Default for OwnParams {
    fn default() -> Self {
        Self {
            baskets_per_customer: 300,
            frequency_tau_days: 120.0,
            together_tau_days: 180.0,
            frequency_tau_baskets: 25.0,
            together_tau_baskets: 40.0,
        }
    }
}

impl OwnParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        ParameterError::require(
            self.baskets_per_customer <= 10_000,
            "baskets_per_customer",
            "a whole number from 0 to 10000",
            self.baskets_per_customer,
        )?;
        for (name, value) in [
            ("frequency_tau_days", self.frequency_tau_days),
            ("together_tau_days", self.together_tau_days),
            ("frequency_tau_baskets", self.frequency_tau_baskets),
            ("together_tau_baskets", self.together_tau_baskets),
        ] {
            ParameterError::require(value > 0.0 && value.is_finite(), name, "a number above 0", value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        assert!(OwnParams::default().check().is_ok());
        for wrong in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            let params = OwnParams { together_tau_days: wrong, ..Default::default() };
            assert_eq!(params.check().unwrap_err().name, "together_tau_days");
        }
        let params = OwnParams { baskets_per_customer: 10_001, ..Default::default() };
        assert_eq!(params.check().unwrap_err().name, "baskets_per_customer");
    }
}
