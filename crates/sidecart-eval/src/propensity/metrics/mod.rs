//! Metrics of upgrade probabilities, one file each.
//!
//! Ranking metrics take cases sorted once ([`Ranked`](super::Ranked)) and one weight per
//! customer, so that a resample of customers costs one pass; weights of 1 give the plain value.

mod auc;
mod average_precision;
mod bins;
mod brier;
mod calibration_error;
mod captured_gain;
mod log_loss;
mod qini;
mod reliability;

pub use auc::auc;
pub use average_precision::average_precision;
pub use bins::equal_mass_bins;
pub use brier::squared_error;
pub use calibration_error::BinnedResiduals;
pub use captured_gain::captured_gain;
pub use log_loss::log_loss;
pub use qini::qini;
pub use reliability::{ReliabilityBin, reliability};

/// Sixty made-up cases whose metrics were also computed with scikit-learn 1.9.1 and numpy.
#[cfg(test)]
pub(super) mod sixty {
    use crate::propensity::Ranked;

    pub(in crate::propensity) const N_CLUSTERS: usize = 8;
    pub(in crate::propensity) const ONES: [f64; N_CLUSTERS] = [1.0; N_CLUSTERS];
    pub(in crate::propensity) const WEIGHTS: [f64; N_CLUSTERS] = [0.0, 1.0, 2.0, 3.0, 1.0, 0.0, 2.0, 1.0];

    /// Predictions without ties.
    pub(in crate::propensity) fn fine() -> Vec<f64> {
        (0..60).map(|i| f64::from((i * 37 + 11) % 101) / 101.0).collect()
    }

    /// Predictions on eleven values.
    pub(in crate::propensity) fn coarse() -> Vec<f64> {
        (0..60).map(|i| f64::from((i * 37 + 11) % 101 / 10) / 10.0 * 0.8 + 0.05).collect()
    }

    pub(in crate::propensity) fn upgraded() -> Vec<f64> {
        (0..60).zip(fine()).map(|(i, p)| f64::from(u8::from(f64::from((i * 53 + 7) % 97) < 10.0 + 60.0 * p))).collect()
    }

    pub(in crate::propensity) fn gains() -> Vec<f64> {
        (0..60).zip(upgraded()).map(|(i, up)| up * f64::from((i * 29 + 3) % 40 + 1) / 4.0).collect()
    }

    pub(in crate::propensity) fn clusters() -> Vec<u32> {
        (0..60).map(|i| i % 8).collect()
    }

    pub(in crate::propensity) fn by_prediction(p: &[f64]) -> Ranked {
        Ranked::new(p, &upgraded(), &clusters(), N_CLUSTERS)
    }

    pub(in crate::propensity) fn by_expected_gain() -> Ranked {
        let scores: Vec<f64> = (0..60).zip(fine()).map(|(i, p)| p * f64::from((i * 17 + 5) % 31 + 1) / 5.0).collect();
        Ranked::new(&scores, &gains(), &clusters(), N_CLUSTERS)
    }

    pub(in crate::propensity) fn assert_close(got: f64, expected: f64) {
        assert!((got - expected).abs() < 1e-11, "{got} {expected}");
    }
}
