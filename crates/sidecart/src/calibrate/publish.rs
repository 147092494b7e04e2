use std::path::Path;

use serde_json::{Map, Value, json};
use sidecart_artifact::{Manifest, Staging, Version, current};
use sidecart_serve::offers::calibration::OfferCalibration;

use super::{CalibrateRequest, CalibrationReport, model_folder};
use crate::error::{Error, Result};

/// Publishes the files of a version again with other corrections.
pub(super) fn publish(
    request: &CalibrateRequest,
    base_folder: &Path,
    base: &Manifest,
    calibration: &OfferCalibration,
    report: &CalibrationReport,
) -> Result<Version> {
    let home = model_folder(base_folder);
    let mut staging = Staging::begin(request.out.as_deref().unwrap_or(home))?;
    // While the folder is locked: what became live since may not be replaced by what was before.
    let was_live = request.out.is_none() && request.model.as_path() != base_folder;
    if was_live && current(home)? != base.version {
        return Err(Error::LiveVersionChanged { expected: base.version.to_string(), got: current(home)?.to_string() });
    }
    for entry in &base.files {
        staging.copy_file(base_folder, entry)?;
    }
    let mut draft = base.to_draft();
    let serving = object(&mut draft.settings).entry("serving").or_insert(Value::Null);
    let offers = object(serving).entry("offers").or_insert(Value::Null);
    object(offers).insert("calibration".into(), to_value(calibration)?);
    object(&mut draft.metrics).insert(
        "offers_calibration".into(),
        json!({ "calibrated_version": report.version, "kinds": to_value(&report.kinds)? }),
    );
    Ok(staging.publish(draft)?)
}

/// A value as an object; one that is none becomes empty.
fn object(value: &mut Value) -> &mut Map<String, Value> {
    if !value.is_object() {
        *value = Value::Object(Map::new());
    }
    value.as_object_mut().expect("it was made an object above")
}

fn to_value(value: impl serde::Serialize) -> Result<Value> {
    serde_json::to_value(value).map_err(|e| sidecart_serve::Error::Settings { problem: e.to_string() }.into())
}
