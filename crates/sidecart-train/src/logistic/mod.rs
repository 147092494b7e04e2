//! Logistic regression with standardised columns.
//!
//! [`fit`] finds one L2-penalised model for all rows; [`calibrate`] moves its log-odds towards
//! the outcomes of later rows.
//!
//! ```
//! use sidecart_train::logistic::fit;
//!
//! // Two columns; only the first one matters.
//! let rows: Vec<f32> = (0..400).flat_map(|i| [(i % 20) as f32, (i % 7) as f32]).collect();
//! let labels: Vec<bool> = (0..400).map(|i| i % 20 + i % 3 > 12).collect();
//! let model = fit(&rows, 2, &labels, 1.0);
//! assert!(model.log_odds(&[19.0, 3.0]) > 0.0 && model.log_odds(&[0.0, 3.0]) < 0.0);
//! ```

mod algorithm;
mod calibration;
mod newton;
mod standardise;

#[cfg(test)]
mod tests;

pub use algorithm::{Logistic, fit};
pub use calibration::{Calibration, calibrate, calibrate_weighted};
pub(crate) use newton::{Curvature, inverse_diagonal, minimise};
pub use standardise::MAX_DEVIATIONS;
pub(crate) use standardise::{Standards, standardised};
