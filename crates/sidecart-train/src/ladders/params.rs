use serde::{Deserialize, Serialize};

use crate::counting::ParameterError;

/// How items are put into ladders. Every setting changes results.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LadderParams {
    /// Centre prices of adjacent tiers are at least this ratio apart. Default 1.25, range 1.01 to 10.
    pub tier_step: f64,
    /// The sizes of one size band are at most this ratio apart. Default 1.35, range 1 to 100.
    pub size_step: f64,
    /// Purchases (item in a basket) that an item needs to shape tiers and size bands. Default 10,
    /// at least 1.
    pub min_item_lines: u32,
    /// A computed ladder is not used when this many times as many baskets as chance explains hold
    /// two of its tiers: such items are bought side by side. Default 1.1, at least 1.
    pub max_side_by_side: f64,
    /// Baskets with two tiers that chance must explain before anything is said about a ladder.
    /// Default 10, above 0.
    pub min_side_by_side: f64,
    /// Where a greater share of a computed ladder's baskets holds several different items of it, such
    /// as flavours, another one may be added to a basket. Default 0.1, range 0 to 1.
    pub max_several: f64,
}

impl Default for LadderParams {
    fn default() -> Self {
        Self {
            tier_step: 1.25,
            size_step: 1.35,
            min_item_lines: 10,
            max_side_by_side: 1.1,
            min_side_by_side: 10.0,
            max_several: 0.1,
        }
    }
}

impl LadderParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        let step = (1.01..=10.0).contains(&self.tier_step);
        ParameterError::require(step, "tier_step", "a number from 1.01 to 10", self.tier_step)?;
        let step = (1.0..=100.0).contains(&self.size_step);
        ParameterError::require(step, "size_step", "a number from 1 to 100", self.size_step)?;
        let least = "a whole number of at least 1";
        ParameterError::require(self.min_item_lines >= 1, "min_item_lines", least, self.min_item_lines)?;
        let ratio = self.max_side_by_side;
        ParameterError::require(
            ratio >= 1.0 && ratio.is_finite(),
            "max_side_by_side",
            "a number of at least 1",
            ratio,
        )?;
        let least = self.min_side_by_side;
        ParameterError::require(least > 0.0 && least.is_finite(), "min_side_by_side", "a number above 0", least)?;
        let share = self.max_several;
        ParameterError::require((0.0..=1.0).contains(&share), "max_several", "a share from 0 to 1", share)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        let good = LadderParams::default();
        assert!(good.check().is_ok());
        for (wrong, name) in [
            (LadderParams { tier_step: 1.0, ..good.clone() }, "tier_step"),
            (LadderParams { tier_step: f64::NAN, ..good.clone() }, "tier_step"),
            (LadderParams { size_step: 0.9, ..good.clone() }, "size_step"),
            (LadderParams { min_item_lines: 0, ..good.clone() }, "min_item_lines"),
            (LadderParams { max_side_by_side: 0.5, ..good.clone() }, "max_side_by_side"),
            (LadderParams { min_side_by_side: 0.0, ..good.clone() }, "min_side_by_side"),
            (LadderParams { max_several: 1.5, ..good.clone() }, "max_several"),
        ] {
            assert_eq!(wrong.check().unwrap_err().name, name);
        }
    }
}
