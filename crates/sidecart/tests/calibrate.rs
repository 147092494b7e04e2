//! Logs with a planted truth, from files to a published version.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use sidecart::Error;
use sidecart::artifact::{ContainerWriter, Draft, MODEL_FILE, Mode, ModelFiles, Version, current, publish};
use sidecart::calibrate::{CalibrateRequest, CalibrationReport, calibrate};
use sidecart::core::{ErrorClass, Rng};
use sidecart::serve::offers::calibration::{OfferCalibration, Platt, log_odds, probability};
use sidecart::serve::offers::{OfferKind, Touchpoint};

const DAY: i64 = 86_400_000;

/// A model folder without models: nothing here asks it for an answer.
fn model(folder: &Path) -> (PathBuf, Version) {
    let path = folder.join("shop");
    let mut writer = ContainerWriter::new();
    writer.add("values", &[1u32, 2, 3], &[3]).unwrap();
    let settings = serde_json::json!({ "serving": { "n_baskets": 5 }, "kept": true });
    let version = publish(&path, Draft { seed: 3, settings, ..Draft::default() }, &[(MODEL_FILE, &writer)]).unwrap();
    (path, version)
}

/// One offer of a log.
struct Offer {
    request: usize,
    customer: usize,
    p: f64,
    held_out: bool,
    bought: bool,
}

/// Two offers a customer; shown with 4 in 5; the truth is `0.8 x - 0.7` in log-odds when shown and
/// half of that probability when withheld.
fn offers(n: usize) -> Vec<Offer> {
    let mut rng = Rng::new(5, 0);
    (0..n)
        .map(|request| {
            let p = 0.02 + 0.5 * rng.unit();
            let held_out = rng.chance(0.2);
            let accept = probability(0.8 * log_odds(p) - 0.7);
            let bought = rng.chance(if held_out { 0.5 * accept } else { accept });
            Offer { request, customer: request / 2, p, held_out, bought }
        })
        .collect()
}

fn exposure_line(offer: &Offer, version: Version, kind: &str) -> String {
    format!(
        "{{\"request_id\":\"r{}\",\"time\":{},\"model\":\"shop\",\"version\":\"{version}\",\"customer_id\":{},\
         \"kind\":\"{kind}\",\"item\":\"i{}\",\"position\":1,\"score\":1.0,\"p\":{},\"probability_shown\":0.8,\
         \"held_out\":{}}}\n",
        offer.request,
        offer.request as i64 * 1_000,
        offer.customer,
        offer.request % 7,
        offer.p,
        offer.held_out
    )
}

fn request(model: &Path, exposures: PathBuf, outcomes: Option<PathBuf>) -> CalibrateRequest {
    CalibrateRequest { model: model.to_owned(), exposures: vec![exposures], outcomes, out: None, within_days: 7.0 }
}

fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn check_truth(report: &CalibrationReport) {
    let kind = &report.kinds[0];
    let (fit, rates) = (kind.fit.unwrap(), kind.rates.unwrap());
    assert_eq!((report.kinds.len(), kind.kind), (1, OfferKind::Upsell));
    assert!((fit.calibration.slope - 0.8).abs() < 0.08, "{fit:?}");
    assert!((fit.calibration.intercept + 0.7).abs() < 0.1, "{fit:?}");
    assert!(fit.is_better && fit.log_loss_after < fit.log_loss_before, "{fit:?}");
    let truth = 0.5 * rates.shown.value;
    assert!(rates.incremental.low < truth && truth < rates.incremental.high, "{rates:?}");
}

#[test]
fn json_lines_become_a_new_version_and_a_second_round_finds_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let (path, version) = model(folder.path());
    let offers = offers(24_000);
    let mut log = String::new();
    let mut bought = String::new();
    for offer in &offers {
        log += &exposure_line(offer, version, "upsell");
        if offer.bought {
            let item = offer.request % 7;
            // Half of the shop's purchases know the answer, half the customer and the time.
            if offer.request % 2 == 0 {
                writeln!(bought, "{{\"request_id\":\"r{}\",\"item\":\"i{item}\"}}", offer.request).unwrap();
            } else {
                let time = offer.request as i64 * 1_000 + DAY;
                writeln!(bought, "{{\"customer_id\":{},\"item\":\"i{item}\",\"time\":{time}}}", offer.customer)
                    .unwrap();
            }
        }
    }
    bought += "{\"customer_id\":1,\"item\":\"never\",\"time\":0}\n";
    let before = std::fs::read(path.join(version.to_string()).join("manifest.json")).unwrap();
    let log = write(folder.path(), "log.jsonl", &log);
    let bought = write(folder.path(), "bought.jsonl", &bought);
    let report = calibrate(&request(&path, log.clone(), Some(bought.clone()))).unwrap();
    check_truth(&report);
    assert_eq!(report.n_unmatched_outcomes, 1);
    assert_eq!((report.n_exposures, report.n_unknown_version), (24_000, 0));

    // A new version is live; the old one is untouched.
    let published = current(&path).unwrap();
    assert_eq!(report.published.as_deref(), Some(published.to_string().as_str()));
    assert_ne!(published, version);
    assert_eq!(std::fs::read(path.join(version.to_string()).join("manifest.json")).unwrap(), before);
    let files = ModelFiles::open(&path, Mode::Owned).unwrap();
    files.verify().unwrap();
    let settings = &files.manifest().settings;
    let stored: Platt =
        serde_json::from_value(settings.pointer("/serving/offers/calibration/upsell").unwrap().clone()).unwrap();
    assert_eq!(Some(stored), report.kinds[0].fit.map(|fit| fit.calibration));
    assert_eq!((&settings["kept"], &settings["serving"]["n_baskets"]), (&true.into(), &5.into()));
    assert!(files.manifest().metrics["offers_calibration"]["kinds"][0]["rates"]["incremental"]["low"].is_number());

    // The log is of the version before: its probabilities are corrected first, then looked at.
    let again = calibrate(&request(&path, log, Some(bought))).unwrap();
    let fit = again.kinds[0].fit.unwrap();
    assert!((fit.calibration.slope - stored.slope).abs() < 0.02, "{fit:?} {stored:?}");
    assert!((fit.log_loss_before - report.kinds[0].fit.unwrap().log_loss_after).abs() < 0.001);
}

#[test]
fn touchpoints_that_convert_better_are_published_and_read_by_slates() {
    let folder = tempfile::tempdir().unwrap();
    let (path, version) = model(folder.path());
    let mut rng = Rng::new(10, 0);
    let mut log = String::new();
    for request in 0..40_000 {
        let in_cart = rng.chance(0.4);
        let offer = Offer {
            request,
            customer: request / 3,
            p: 0.02 + 0.04 * rng.unit(),
            held_out: rng.chance(0.2),
            bought: false,
        };
        let rate = offer.p * if in_cart { 3.0 } else { 1.0 } * if offer.held_out { 0.3 } else { 1.0 };
        let touchpoint = if in_cart { "cart" } else { "product" };
        let bought = rng.chance(rate);
        log += &exposure_line(&offer, version, "cross-sell")
            .replace('}', &format!(",\"touchpoint\":\"{touchpoint}\",\"accepted\":{bought}}}"));
    }
    log += &exposure_line(
        &Offer { request: 1, customer: 1, p: 0.1, held_out: false, bought: false },
        version,
        "cross-sell",
    )
    .replace('}', ",\"touchpoint\":\"till\",\"accepted\":false}");
    let report = calibrate(&request(&path, write(folder.path(), "log.jsonl", &log), None)).unwrap();
    let timing = &report.kinds[0].timing;
    assert_eq!((report.n_unknown_touchpoint, timing.touchpoints.len()), (1, 2));
    let times = timing.touchpoints[1].times.unwrap();
    assert!(times.low < 3.0 && 3.0 < times.high && times.low > 1.5, "{times:?}");

    // The new version holds it, and so does what is read from its settings.
    assert!(report.published.is_some() && timing.is_better);
    let files = ModelFiles::open(&path, Mode::Owned).unwrap();
    let stored = files.manifest().settings.pointer("/serving/offers/calibration").unwrap().clone();
    let calibration: OfferCalibration = serde_json::from_value(stored).unwrap();
    let p = |touchpoint| calibration.at(Some(touchpoint)).apply(OfferKind::CrossSell, 0.04);
    assert!((p(Touchpoint::Cart) - 0.12).abs() < 0.02, "{}", p(Touchpoint::Cart));
    assert!((p(Touchpoint::Product) - 0.04).abs() < 0.01, "{}", p(Touchpoint::Product));

    // The log is of the version before: its probabilities are put on the scale of the new one, on
    // which nothing is left to learn.
    let again = calibrate(&request(&path, folder.path().join("log.jsonl"), None)).unwrap();
    for (first, second) in timing.touchpoints.iter().zip(&again.kinds[0].timing.touchpoints) {
        assert_eq!(first.times, second.times);
        assert!(second.shift.is_none_or(|shift| (shift - first.shift.unwrap()).abs() < 0.1), "{first:?} {second:?}");
    }
}

#[test]
fn parquet_gives_the_same_numbers() {
    let folder = tempfile::tempdir().unwrap();
    let (path, version) = model(folder.path());
    let offers = offers(12_000);
    let column = |f: &dyn Fn(&Offer) -> String| -> ArrayRef {
        Arc::new(StringArray::from(offers.iter().map(f).collect::<Vec<_>>()))
    };
    let batch = RecordBatch::try_from_iter(vec![
        ("request_id", column(&|o| format!("r{}", o.request))),
        ("time", Arc::new(offers.iter().map(|o| Some(o.request as i64 * 1_000)).collect::<Int64Array>()) as ArrayRef),
        ("version", column(&|_| version.to_string())),
        ("customer_id", Arc::new(offers.iter().map(|o| Some(o.customer as i64)).collect::<Int64Array>())),
        ("kind", column(&|_| "upsell".into())),
        ("item", column(&|o| format!("i{}", o.request % 7))),
        ("p", Arc::new(offers.iter().map(|o| Some(o.p)).collect::<Float64Array>())),
        ("probability_shown", Arc::new(offers.iter().map(|_| Some(0.8)).collect::<Float64Array>())),
        ("held_out", Arc::new(offers.iter().map(|o| Some(o.held_out)).collect::<BooleanArray>())),
        ("accepted", Arc::new(offers.iter().map(|o| Some(o.bought)).collect::<BooleanArray>())),
    ])
    .unwrap();
    let parquet = folder.path().join("log.parquet");
    let mut writer = ArrowWriter::try_new(File::create(&parquet).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    let of_parquet = calibrate(&request(&path.join(version.to_string()), parquet, None)).unwrap();
    check_truth(&of_parquet);

    let lines: String = offers
        .iter()
        .map(|offer| exposure_line(offer, version, "upsell").replace('}', &format!(",\"accepted\":{}}}", offer.bought)))
        .collect();
    let lines = write(folder.path(), "log.jsonl", &lines);
    let of_lines = calibrate(&request(&path.join(version.to_string()), lines, None)).unwrap();
    assert_eq!(of_lines, of_parquet);
}

#[test]
fn another_folder_can_take_the_version() {
    let folder = tempfile::tempdir().unwrap();
    let (path, version) = model(folder.path());
    let offers = offers(12_000);
    let lines: String = offers.iter().map(|offer| exposure_line(offer, version, "add-on")).collect();
    let bought: String = offers
        .iter()
        .filter(|offer| offer.bought)
        .map(|offer| format!("{{\"request_id\":\"r{}\",\"item\":\"i{}\"}}\n", offer.request, offer.request % 7))
        .collect();
    let out = folder.path().join("tried");
    let request = CalibrateRequest {
        out: Some(out.clone()),
        ..request(&path, write(folder.path(), "l.jsonl", &lines), Some(write(folder.path(), "b.jsonl", &bought)))
    };
    let report = calibrate(&request).unwrap();
    assert_eq!(report.published, Some(current(&out).unwrap().to_string()));
    assert_eq!(current(&path).unwrap(), version);
}

#[test]
fn logs_without_a_hold_out_or_of_other_versions_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (path, version) = model(folder.path());
    let refused = |name: &str, lines: String| {
        calibrate(&request(&path, write(folder.path(), name, &lines), None)).map_err(Box::new)
    };
    let line = |offer: &Offer, version: Version| {
        exposure_line(offer, version, "upsell").replace('}', &format!(",\"accepted\":{}}}", offer.bought))
    };
    let offers = offers(2_000);
    let shown: String = offers.iter().filter(|o| !o.held_out).map(|o| line(o, version)).collect();
    let error = refused("shown.jsonl", shown).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("upsell: none of") && text.contains("attributed"), "{text}");
    assert_eq!(error.class(), ErrorClass::Data);

    let other = Version::parse("00ff00ff00ff00ff").unwrap();
    let error = refused("other.jsonl", offers.iter().map(|o| line(o, other)).collect()).unwrap_err();
    assert!(error.to_string().contains("none of the 2000 exposures is of a version"), "{error}");

    // A version's name never becomes a path.
    let climbing: String = offers.iter().map(|o| line(o, other).replace("00ff00ff00ff00ff", "../shop")).collect();
    assert!(matches!(refused("path.jsonl", climbing), Err(error) if matches!(*error, Error::NoCalibration { .. })));

    let silent: String = offers.iter().map(|o| exposure_line(o, version, "upsell")).collect();
    assert!(matches!(refused("silent.jsonl", silent), Err(error) if matches!(*error, Error::Setting { .. })));
    assert_eq!(current(&path).unwrap(), version);
}
