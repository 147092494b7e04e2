use serde::{Deserialize, Serialize};
use sidecart_serve::ranker::Quotas;

use super::network::NetworkParams;
use crate::counting::ParameterError;
use crate::trees::TreeParams;

/// How the ranker is learned. Every setting changes results.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RankerParams {
    /// Whether a ranker is learned. Default true.
    pub enabled: bool,
    /// Whether trees are grown beside the linear stage. Default true.
    pub grow_trees: bool,
    /// Whether a neural network is learned beside it. Default true.
    pub learn_network: bool,
    /// Most held-out baskets that cases come from. Default 9000, at least 100.
    pub max_baskets: u32,
    /// With fewer cases in a situation it has no ranker. Default 500, at least 50.
    pub min_cases: u32,
    /// With fewer cases to learn from, more are made of an older part of the history, with base
    /// models of what was before it. Default 6000; 0 makes none.
    pub second_fold_below: u32,
    /// Items hidden in every basket, one at a time. Default 2, range 1 to 5.
    pub targets_per_basket: u32,
    /// Share of the held-out time, its newest part, that rankers are stopped and compared on.
    /// Default 0.15, range 0.1 to 0.5.
    pub validation_share: f64,
    /// Candidates that the first stage keeps. Default 150, range 10 to 1000.
    pub kept: u32,
    /// Candidates of a case that rankers learn from. Default 60, range 10 to 1000.
    pub candidates_per_case: u32,
    /// How many candidates come from where.
    pub quotas: Quotas,
    /// How trees are grown.
    pub trees: TreeParams,
    /// How the network is learned.
    pub network: NetworkParams,
}

impl Default for RankerParams {
    fn default() -> Self {
        Self {
            enabled: true,
            grow_trees: true,
            learn_network: true,
            max_baskets: 9_000,
            min_cases: 500,
            second_fold_below: 6_000,
            targets_per_basket: 2,
            validation_share: 0.15,
            kept: 150,
            candidates_per_case: 60,
            quotas: Quotas::default(),
            trees: TreeParams {
                max_trees: 150,
                max_leaves: 31,
                max_bins: 127,
                min_leaf_rows: 50,
                learning_rate: 0.1,
                row_fraction: 1.0,
                patience: 25,
                ..TreeParams::default()
            },
            network: NetworkParams::default(),
        }
    }
}

impl RankerParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        let whole = |name, value: u32, low: u32, high: u32, expected| {
            ParameterError::require((low..=high).contains(&value), name, expected, value)
        };
        whole("max_baskets", self.max_baskets, 100, u32::MAX, "a whole number of at least 100")?;
        whole("min_cases", self.min_cases, 50, u32::MAX, "a whole number of at least 50")?;
        whole("targets_per_basket", self.targets_per_basket, 1, 5, "a whole number from 1 to 5")?;
        whole("kept", self.kept, 10, 1_000, "a whole number from 10 to 1000")?;
        whole("candidates_per_case", self.candidates_per_case, 10, 1_000, "a whole number from 10 to 1000")?;
        if let Some((name, value, expected)) = self.quotas.out_of_range() {
            ParameterError::require(false, name, expected, value)?;
        }
        let share = self.validation_share;
        ParameterError::require((0.1..=0.5).contains(&share), "validation_share", "a number from 0.1 to 0.5", share)?;
        self.trees.check()?;
        self.network.check()
    }
}
