use serde::{Deserialize, Serialize};

use crate::counting::ParameterError;

/// Which pairs count as bought together. Every setting changes results.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AssociationParams {
    /// Whether pairs are tested for a trained model; without it no pair is shown. Default true.
    pub enabled: bool,
    /// Expected share of chance pairs among those shown. Default 0.05, range 0.0001 to 0.5.
    pub false_discovery_rate: f64,
    /// Fewest customers with both items in one basket. Default 5, at least 1.
    pub min_customers: u32,
    /// Fewest times as many such customers as chance explains. Default 1.2, range 1 to 1000.
    ///
    /// In a long history a difference of a few percent is beyond doubt, and useless.
    pub min_lift: f64,
    /// Associations kept per item. Default 50, range 1 to 10000.
    pub per_item: u32,
    /// Items of fewer customers are not tested. Default 5, at least 1.
    pub min_item_customers: u32,
}

impl Default for AssociationParams {
    fn default() -> Self {
        Self {
            enabled: true,
            false_discovery_rate: 0.05,
            min_customers: 5,
            min_lift: 1.2,
            per_item: 50,
            min_item_customers: 5,
        }
    }
}

impl AssociationParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        ParameterError::require(
            (1e-4..=0.5).contains(&self.false_discovery_rate),
            "false_discovery_rate",
            "a number from 0.0001 to 0.5",
            self.false_discovery_rate,
        )?;
        ParameterError::require(
            (1.0..=1000.0).contains(&self.min_lift),
            "min_lift",
            "a number from 1 to 1000",
            self.min_lift,
        )?;
        ParameterError::require(
            (1..=10_000).contains(&self.per_item),
            "per_item",
            "a whole number from 1 to 10000",
            self.per_item,
        )?;
        for (name, value) in [("min_customers", self.min_customers), ("min_item_customers", self.min_item_customers)] {
            ParameterError::require(value >= 1, name, "a whole number of at least 1", value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        let good = AssociationParams::default();
        assert!(good.check().is_ok());
        let wrong = [
            ("false_discovery_rate", AssociationParams { false_discovery_rate: 0.0, ..good.clone() }),
            ("min_lift", AssociationParams { min_lift: f64::NAN, ..good.clone() }),
            ("per_item", AssociationParams { per_item: 0, ..good.clone() }),
            ("min_customers", AssociationParams { min_customers: 0, ..good.clone() }),
            ("min_item_customers", AssociationParams { min_item_customers: 0, ..good }),
        ];
        for (name, params) in wrong {
            assert_eq!(params.check().unwrap_err().name, name);
        }
    }
}
