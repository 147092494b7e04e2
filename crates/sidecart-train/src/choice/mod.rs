//! Conditional logit: which of several items is taken.
//!
//! ```
//! use sidecart_train::choice::{Cases, fit};
//!
//! // Two cases of three candidates each; the column is the candidate's popularity.
//! let rows = [1.0, 5.0, 2.0, 4.0, 0.0, 1.0];
//! let cases = Cases { rows: &rows, n_columns: 1, offsets: &[0, 3, 6], chosen: &[1, 0] };
//! let model = fit(&cases, 1.0);
//! assert!(model.utility(&[5.0]) > model.utility(&[1.0]));
//! ```

mod algorithm;

#[cfg(test)]
mod tests;

pub use algorithm::{Cases, ChoiceModel, fit};
