use serde::{Deserialize, Serialize};
use sidecart_serve::trees::MAX_LEAVES;

use crate::counting::ParameterError;

/// How boosted trees are grown. Every setting changes results.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TreeParams {
    /// Trees at most. Default 500, range 1 to 10000.
    pub max_trees: u32,
    /// Leaves of a tree at most. Default 31, range 2 to 32.
    pub max_leaves: u32,
    /// Bins at most that the values of a feature are put into; splits lie between bins. Default
    /// 255, range 2 to 255.
    pub max_bins: u32,
    /// Rows of the sample that a leaf has at least. Default 200, at least 1.
    pub min_leaf_rows: u32,
    /// Sum of second derivatives that a leaf has at least. Default 0.001, range 0 to 1e9.
    pub min_leaf_hessian: f64,
    /// Factor on every leaf's value: smaller steps need more trees and generalise better. Default
    /// 0.04, range above 0 to 1.
    pub learning_rate: f64,
    /// Pulls leaf values to zero, in units of second derivatives. Default 5, range 0 to 1e9.
    pub lambda_l2: f64,
    /// Share of the features, drawn anew, that a tree may use. Default 0.6, range above 0 to 1.
    pub feature_fraction: f64,
    /// Probability that a row, or a cluster of rows, takes part in a tree. Default 0.8, range above
    /// 0 to 1.
    pub row_fraction: f64,
    /// Trees without a smaller validation loss after which growth stops; without validation rows it
    /// has no effect. Default 40, at least 1.
    pub patience: u32,
}

impl Default for TreeParams {
    fn default() -> Self {
        Self {
            max_trees: 500,
            max_leaves: 31,
            max_bins: 255,
            min_leaf_rows: 200,
            min_leaf_hessian: 1e-3,
            learning_rate: 0.04,
            lambda_l2: 5.0,
            feature_fraction: 0.6,
            row_fraction: 0.8,
            patience: 40,
        }
    }
}

impl TreeParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        const _: () = assert!(MAX_LEAVES == 32, "the texts below name the limit");
        let whole = |name, value: u32, low: u32, high: u32, expected| {
            ParameterError::require((low..=high).contains(&value), name, expected, value)
        };
        whole("max_trees", self.max_trees, 1, 10_000, "a whole number from 1 to 10000")?;
        whole("max_leaves", self.max_leaves, 2, MAX_LEAVES as u32, "a whole number from 2 to 32")?;
        whole("max_bins", self.max_bins, 2, 255, "a whole number from 2 to 255")?;
        whole("min_leaf_rows", self.min_leaf_rows, 1, u32::MAX, "a whole number of at least 1")?;
        whole("patience", self.patience, 1, u32::MAX, "a whole number of at least 1")?;
        let amount = |name, value: f64| {
            ParameterError::require((0.0..=1e9).contains(&value), name, "a number from 0 to 1e9", value)
        };
        amount("min_leaf_hessian", self.min_leaf_hessian)?;
        amount("lambda_l2", self.lambda_l2)?;
        let share = |name, value: f64| {
            ParameterError::require(value > 0.0 && value <= 1.0, name, "a number above 0, at most 1", value)
        };
        share("learning_rate", self.learning_rate)?;
        share("feature_fraction", self.feature_fraction)?;
        share("row_fraction", self.row_fraction)
    }
}
