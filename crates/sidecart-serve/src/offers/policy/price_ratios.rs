use serde::{Deserialize, Serialize};

use super::settings::number;

/// How dear an offer may be. A ratio of which a price is unknown is not judged.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PriceRatios {
    /// Shelf price of a dearer version over that of the item it replaces. Default 3, range 1 to 1000.
    pub upsell: f64,
    /// Shelf price of something to add, or of an add-on, over that of the dearest item of
    /// the basket and of `context`. Default 10, range 0.01 to 1000.
    pub cross_sell: f64,
    /// What an offer of any kind adds to the basket over the basket's total. Default none, range 0.01
    /// to 1000.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub basket: Option<f64>,
}

impl Default for PriceRatios {
    fn default() -> Self {
        Self { upsell: 3.0, cross_sell: 10.0, basket: None }
    }
}

impl PriceRatios {
    pub(super) fn check(&self) -> Result<(), String> {
        number("max_price_ratio.upsell", self.upsell, 1.0, 1_000.0)?;
        number("max_price_ratio.cross_sell", self.cross_sell, 0.01, 1_000.0)?;
        self.basket.map_or(Ok(()), |ratio| number("max_price_ratio.basket", ratio, 0.01, 1_000.0))
    }
}
