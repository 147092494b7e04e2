use std::collections::BTreeMap;
use std::path::Path;

use sidecart_artifact::{MANIFEST_FILE, Manifest, Version, read_manifest};
use sidecart_serve::offers::calibration::OfferCalibration;

use super::model_folder;
use crate::error::Result;

/// What each version of a model folder had corrected when it gave its probabilities.
pub(super) struct Versions<'a> {
    folder: &'a Path,
    current: OfferCalibration,
    known: BTreeMap<String, Option<OfferCalibration>>,
}

impl<'a> Versions<'a> {
    /// The versions beside one that is to be calibrated.
    pub(super) fn new(base_folder: &'a Path, base: &Manifest) -> Result<Self> {
        let current = calibration(base)?;
        let known = BTreeMap::from([(base.version.to_string(), Some(current))]);
        Ok(Self { folder: model_folder(base_folder), current, known })
    }

    /// The corrections of the version that is to be calibrated.
    pub(super) fn current(&self) -> OfferCalibration {
        self.current
    }

    /// The corrections of a version; none where the folder does not hold it.
    pub(super) fn of(&mut self, version: &str) -> Result<Option<OfferCalibration>> {
        if let Some(known) = self.known.get(version) {
            return Ok(*known);
        }
        // Only what reads as a version becomes part of a path.
        let folder = Version::parse(version).map(|version| self.folder.join(version.to_string()));
        let found = match folder.filter(|folder| folder.join(MANIFEST_FILE).is_file()) {
            Some(folder) => Some(calibration(&read_manifest(&folder)?)?),
            None => None,
        };
        self.known.insert(version.to_owned(), found);
        Ok(found)
    }
}

/// The corrections that a version's settings hold.
fn calibration(manifest: &Manifest) -> Result<OfferCalibration> {
    match manifest.settings.pointer("/serving/offers/calibration") {
        None => Ok(OfferCalibration::default()),
        Some(value) => serde_json::from_value(value.clone())
            .map_err(|e| sidecart_serve::Error::Settings { problem: e.to_string() }.into()),
    }
}
