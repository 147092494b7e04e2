use serde::{Deserialize, Serialize};

use crate::counting::ParameterError;

/// How past baskets are compared with the present one. Every setting changes results.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BasketParams {
    /// Whether past baskets are kept. Default true.
    pub enabled: bool,
    /// Newest baskets kept for each item. Default 500, range 1 to 10000.
    pub per_item: u32,
    /// Nearest baskets that vote. Default 300, range 1 to 10000.
    pub nearest: u32,
    /// Items in fewer baskets are left out. Default 5, at least 1.
    pub min_item_baskets: u32,
}

impl Default for BasketParams {
    fn default() -> Self {
        Self { enabled: true, per_item: 500, nearest: 300, min_item_baskets: 5 }
    }
}

impl BasketParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        let range = 1..=10_000;
        let expected = "a whole number from 1 to 10000";
        ParameterError::require(range.contains(&self.per_item), "per_item", expected, self.per_item)?;
        ParameterError::require(range.contains(&self.nearest), "nearest", expected, self.nearest)?;
        ParameterError::require(
            self.min_item_baskets >= 1,
            "min_item_baskets",
            "a whole number of at least 1",
            self.min_item_baskets,
        )
    }
}
