use serde::{Deserialize, Serialize};

use super::calibration::OfferCalibration;

/// What offers need to know beside the tables of the model; stored in the manifest under
/// `serving.offers`.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OffersSettings {
    /// What logged exposures taught about the probabilities.
    pub calibration: OfferCalibration,
}

impl OffersSettings {
    /// Checks every range.
    pub(crate) fn check(&self) -> Result<(), String> {
        self.calibration.check()
    }
}
