//! Probabilities of offers, corrected by what logged exposures led to.
//!
//! A server logs each offer with its probability, whether it was shown or withheld, and with which
//! probability it would be shown ([`ExposureRecord`](sidecart_serve::offers::exposure::ExposureRecord)).
//! [`calibrate`] joins the log with what was bought, and for each kind of offer
//!
//! - compares offers that were shown with offers that were withheld: what is bought because of an
//!   offer is the difference, and without a hold-out there is none to be had;
//! - corrects the log-odds of the shown ones (slope and intercept), learned on the earlier part of
//!   the log, kept only where it lowers the log loss of the later part, then learned on all of it;
//! - compares touchpoints: what offers brought about at each, and what is to be added there to the
//!   log-odds, moved towards nothing as far as customers say that it may be chance, and kept by the
//!   same test.
//!
//! What is kept is published as a new version of the model: the same files, other settings.
//!
//! | file | concept |
//! |---|---|
//! | `logs.rs` | exposures and outcomes, as JSON lines or Parquet |
//! | `join.rs` | which exposure a purchase follows |
//! | `versions.rs` | what earlier versions had corrected already |
//! | `fit.rs` | rates and correction of one kind |
//! | `timing.rs` | where on the way to a purchase offers convert |
//! | `publish.rs` | the new version |

mod fit;
mod join;
mod logs;
mod publish;
mod timing;
mod versions;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Serialize;
use sidecart_artifact::{read_manifest, resolve};
use sidecart_core::ExternalId;
use sidecart_data::Exposure;
use sidecart_eval::intervals::ArmRates;
use sidecart_serve::offers::calibration::{OfferCalibration, Platt, log_odds};
use sidecart_serve::offers::{OfferKind, Touchpoint};

use crate::error::{Error, Result};
use fit::Row;
use versions::Versions;

pub use fit::{LATER_SHARE, MIN_ACCEPTED, MIN_HELD_OUT_UNITS};
pub use logs::{MAX_EXPOSURES, MAX_LINE_BYTES};
pub use timing::{MIN_TOUCHPOINT_HELD_OUT_UNITS, MIN_TOUCHPOINT_UNITS, TimingReport, TouchpointReport};

/// Days after an exposure in which a purchase counts as its outcome, unless set.
pub const WITHIN_DAYS: f64 = 7.0;

/// What to calibrate with what.
#[derive(Clone, Debug)]
pub struct CalibrateRequest {
    /// A model folder (its live version) or one version folder.
    pub model: PathBuf,
    /// Logs of exposures: JSON lines or Parquet files, or folders of them.
    pub exposures: Vec<PathBuf>,
    /// What was bought, as JSON lines or Parquet; none where the exposures say so themselves.
    pub outcomes: Option<PathBuf>,
    /// Model folder to publish into; that of the model where none is given.
    pub out: Option<PathBuf>,
    /// Days after an exposure in which a customer's purchase counts as its outcome.
    pub within_days: f64,
}

/// What a calibration found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CalibrationReport {
    /// The version that was calibrated.
    pub version: String,
    /// The version that was published; none where no correction was better.
    pub published: Option<String>,
    /// Exposures of versions that this model folder holds.
    pub n_exposures: u64,
    /// Exposures of other versions, left out: what their probabilities meant is not known.
    pub n_unknown_version: u64,
    /// Outcomes given.
    pub n_outcomes: u64,
    /// Outcomes that follow no exposure.
    pub n_unmatched_outcomes: u64,
    /// Exposures at a touchpoint that there is not; they count for their kind alone.
    pub n_unknown_touchpoint: u64,
    /// Kinds of offers with exposures.
    pub kinds: Vec<KindReport>,
}

/// What a calibration found for one kind of offer.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct KindReport {
    /// The kind.
    pub kind: OfferKind,
    /// Exposures that were shown.
    pub n_shown: u64,
    /// Exposures that were withheld.
    pub n_held_out: u64,
    /// Shown offers whose item was bought.
    pub n_accepted: u64,
    /// Shown offers without a probability; they say nothing of one.
    pub n_without_p: u64,
    /// Rates where an offer may be withheld, by customer (by request where unknown).
    pub rates: Option<ArmRates>,
    /// The correction; none where `refused` says why.
    pub fit: Option<FitReport>,
    /// Why there is no correction.
    pub refused: Option<String>,
    /// Where its offers convert.
    pub timing: TimingReport,
}

/// A correction and what it is worth.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct FitReport {
    /// Shown offers it was learned from before it was tested.
    pub n_earlier: u64,
    /// Shown offers it was tested on.
    pub n_later: u64,
    /// Log loss of the later offers with the probabilities of the calibrated version.
    pub log_loss_before: f64,
    /// The same with the correction learned on the earlier ones.
    pub log_loss_after: f64,
    /// The correction of the model's own log-odds, learned on all of them.
    pub calibration: Platt,
    /// Slope of this correction alone, 1 where it is not better.
    #[serde(skip)]
    slope: f64,
    /// Whether it lowers the log loss of the later part, and so was published.
    pub is_better: bool,
}

/// Learns corrections of the probabilities of offers and publishes them as a new version; see the
/// [module](self).
///
/// # Errors
/// [`Error::NoCalibration`] where no kind has enough exposures, acceptances or a hold-out, with
/// the reason for each; [`Error::LogFile`] and [`Error::LogLine`]; errors of reading Parquet and of
/// the files of the model.
pub fn calibrate(request: &CalibrateRequest) -> Result<CalibrationReport> {
    if !(request.within_days > 0.0 && request.within_days <= 366.0) {
        return Err(Error::Setting {
            key: "within_days".into(),
            got: request.within_days.to_string(),
            expected: "a number of days above 0 and at most 366".into(),
        });
    }
    let base_folder = resolve(&request.model)?;
    let base = read_manifest(&base_folder)?;
    let mut versions = Versions::new(&base_folder, &base)?;
    let mut exposures = logs::read_exposures(&request.exposures)?;
    let outcomes = request.outcomes.as_deref().map(logs::read_acceptances).transpose()?;
    let n_outcomes = outcomes.as_ref().map_or(0, Vec::len) as u64;
    let n_unmatched_outcomes = join::accept(&mut exposures, outcomes.as_deref(), request.within_days)?;

    let n_all = exposures.len() as u64;
    let current = versions.current();
    let rows = rows(&exposures, &mut versions)?;
    let kinds: Vec<KindReport> = OfferKind::ALL
        .into_iter()
        .filter_map(|kind| Some((kind, rows.get(&kind)?)))
        .map(|(kind, rows)| fit::of_kind(kind, rows, &current))
        .collect();
    let n_exposures = rows.values().map(Vec::len).sum::<usize>() as u64;
    if kinds.iter().all(|kind| kind.fit.is_none()) {
        return Err(Error::NoCalibration { reasons: reasons(&kinds, n_all) });
    }
    let mut report = CalibrationReport {
        version: base.version.to_string(),
        published: None,
        n_exposures,
        n_unknown_version: n_all - n_exposures,
        n_outcomes,
        n_unmatched_outcomes,
        n_unknown_touchpoint: exposures
            .iter()
            .filter(|exposure| exposure.touchpoint.as_deref().is_some_and(|name| Touchpoint::from_name(name).is_none()))
            .count() as u64,
        kinds,
    };
    if let Some(calibration) = improved(current, &report.kinds) {
        let version = publish::publish(request, &base_folder, &base, &calibration, &report)?;
        report.published = Some(version.to_string());
    }
    Ok(report)
}

/// The corrections with those that are better; none where no kind has one.
fn improved(mut calibration: OfferCalibration, kinds: &[KindReport]) -> Option<OfferCalibration> {
    let mut is_better = false;
    for kind in kinds {
        let Some(fit) = &kind.fit else { continue };
        if fit.is_better {
            calibration.set(kind.kind, fit.calibration);
        }
        if fit.is_better || kind.timing.is_better {
            let shifts = calibration.timing.of_mut(kind.kind);
            *shifts = timing::next(&kind.timing, shifts, fit.slope);
            is_better = true;
        }
    }
    is_better.then_some(calibration)
}

fn reasons(kinds: &[KindReport], n_exposures: u64) -> String {
    if kinds.is_empty() {
        return format!(
            "none of the {n_exposures} exposures is of a version in the folder of this model; give the model that \
             served them"
        );
    }
    let reason = |kind: &KindReport| format!("{}: {}", kind.kind, kind.refused.as_deref().unwrap_or("no correction"));
    kinds.iter().map(reason).collect::<Vec<_>>().join("; ")
}

/// Who varies: customers, and requests where no customer is known.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Unit<'a> {
    Customer(&'a ExternalId),
    Request(&'a str),
}

/// Exposures of known versions by kind, in the order of their units.
fn rows(exposures: &[Exposure], versions: &mut Versions<'_>) -> Result<BTreeMap<OfferKind, Vec<Row>>> {
    let unit = |exposure| -> Unit<'_> {
        let exposure: &Exposure = exposure;
        exposure.customer_id.as_ref().map_or(Unit::Request(&exposure.request_id), Unit::Customer)
    };
    let mut order: Vec<usize> = (0..exposures.len()).collect();
    order.sort_by(|&a, &b| unit(&exposures[a]).cmp(&unit(&exposures[b])).then(a.cmp(&b)));
    let mut rows: BTreeMap<OfferKind, Vec<Row>> = BTreeMap::new();
    let mut n_units = 0;
    let mut before: Option<usize> = None;
    for at in order {
        let exposure = &exposures[at];
        if before.is_none_or(|before| unit(&exposures[before]) != unit(exposure)) {
            n_units += 1;
        }
        before = Some(at);
        let kind = logs::kind_of(&exposure.kind).expect("kinds were checked when the log was read");
        let Some(logged) = versions.of(&exposure.version)? else { continue };
        let touchpoint = exposure.touchpoint.as_deref().and_then(Touchpoint::from_name);
        let current = versions.current().at(touchpoint).of(kind);
        let corrected = |p: f64| {
            let logged = logged.at(touchpoint).of(kind);
            // The same correction leaves the log-odds to the last digit as they were logged.
            let x = log_odds(p);
            if logged == current { x } else { current.apply_log_odds(logged.invert_log_odds(x)) }
        };
        rows.entry(kind).or_default().push(Row {
            unit: n_units,
            time: exposure.time,
            touchpoint,
            log_odds: exposure.p.map(corrected),
            probability_shown: exposure.probability_shown,
            is_held_out: exposure.held_out,
            is_accepted: exposure.accepted.unwrap_or(false),
        });
    }
    Ok(rows)
}

/// The folder that holds the versions of a model.
fn model_folder(version_folder: &Path) -> &Path {
    match version_folder.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
