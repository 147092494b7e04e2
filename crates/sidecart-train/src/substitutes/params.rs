use serde::{Deserialize, Serialize};

use crate::counting::ParameterError;

/// When two items of a kind count as substitutes. Every setting changes results.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SubstituteParams {
    /// Whether they are learned. Default true.
    pub enabled: bool,
    /// Substitutes kept per item. Default 20, range 1 to 1000.
    pub per_item: u32,
    /// Fewest customers who bought both. Default 5, at least 1.
    pub min_customers: u32,
    /// Baskets with both, over those that chance explains, must be surely below it: 0.8 asks for a
    /// fifth fewer. Default 0.8, range 0.01 to 1.
    pub max_ratio: f64,
}

impl Default for SubstituteParams {
    fn default() -> Self {
        Self { enabled: true, per_item: 20, min_customers: 5, max_ratio: 0.8 }
    }
}

impl SubstituteParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        let per_item = (1..=1_000).contains(&self.per_item);
        ParameterError::require(per_item, "per_item", "a whole number from 1 to 1000", self.per_item)?;
        let n = self.min_customers;
        ParameterError::require(n >= 1, "min_customers", "a whole number of at least 1", n)?;
        let ratio = self.max_ratio;
        ParameterError::require((0.01..=1.0).contains(&ratio), "max_ratio", "a number from 0.01 to 1", ratio)
    }
}
