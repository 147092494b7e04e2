use serde::{Deserialize, Serialize};

use super::super::OfferKind;
use super::settings::{MAX_OFFERS_PER_REQUEST, whole};

/// Most offers of a slate that have something in common.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Caps {
    /// Of things to add. Default 3, range 0 to 12 offers.
    pub cross_sell: u32,
    /// Of dearer versions. Default 1, range 0 to 12 offers.
    pub upsell: u32,
    /// Of add-ons. Default 1, range 0 to 12 offers.
    pub add_on: u32,
    /// Of one finest category, whatever the kind; items without category are not counted.
    /// Default 2, range 1 to 12 offers.
    pub per_category: u32,
}

impl Default for Caps {
    fn default() -> Self {
        Self { cross_sell: 3, upsell: 1, add_on: 1, per_category: 2 }
    }
}

impl Caps {
    /// The cap of a kind.
    #[must_use]
    pub fn of(&self, kind: OfferKind) -> u32 {
        match kind {
            OfferKind::CrossSell => self.cross_sell,
            OfferKind::Upsell => self.upsell,
            OfferKind::AddOn => self.add_on,
        }
    }

    pub(super) fn check(&self) -> Result<(), String> {
        whole("caps.cross_sell", self.cross_sell, 0, MAX_OFFERS_PER_REQUEST)?;
        whole("caps.upsell", self.upsell, 0, MAX_OFFERS_PER_REQUEST)?;
        whole("caps.add_on", self.add_on, 0, MAX_OFFERS_PER_REQUEST)?;
        whole("caps.per_category", self.per_category, 1, MAX_OFFERS_PER_REQUEST)
    }
}
