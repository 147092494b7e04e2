use anyhow::{Context, Result};
use sidecart::calibrate::{CalibrateRequest, CalibrationReport, KindReport, TouchpointReport, calibrate};
use sidecart::eval::intervals::Estimate;

use super::{print, table_text};
use crate::args::CalibrateArgs;
use crate::format::count;

pub(crate) fn run(args: &CalibrateArgs) -> Result<()> {
    let report = calibrate(&CalibrateRequest {
        model: args.model.clone(),
        exposures: args.exposures.clone(),
        outcomes: args.outcomes.clone(),
        out: args.out.clone(),
        within_days: args.within_days,
    })?;
    if args.json {
        return print(&serde_json::to_string(&report).context("writing the report")?);
    }
    print(&text(&report)?)
}

fn text(report: &CalibrationReport) -> Result<String> {
    let kinds = &report.kinds;
    let rates: Vec<Vec<String>> = kinds.iter().flat_map(rate_rows).collect();
    let fits: Vec<Vec<String>> = kinds.iter().filter_map(fit_row).collect();
    let mut out = table_text(&["kind", "offers", "n", "customers", "bought", "95 %"], &rates)?;
    out.push('\n');
    out.push_str(&table_text(
        &["kind", "learned from", "tested on", "log loss", "corrected", "slope", "intercept", ""],
        &fits,
    )?);
    if kinds.iter().any(|kind| !kind.timing.touchpoints.is_empty()) {
        let touchpoints: Vec<Vec<String>> = kinds.iter().flat_map(touchpoint_rows).collect();
        out.push('\n');
        out.push_str(&table_text(
            &[
                "kind",
                "touchpoint",
                "shown",
                "customers",
                "bought",
                "withheld",
                "conversion",
                "95 %",
                "shrunk",
                "times",
                "shift",
            ],
            &touchpoints,
        )?);
    }
    for kind in kinds {
        if let Some(reason) = &kind.refused {
            out.push_str(&format!("\n{}: no correction: {reason}", kind.kind));
        }
        out.push_str(&timing_text(kind));
        if kind.n_without_p > 0 {
            out.push_str(&format!("\n{}: {} shown offers have no probability", kind.kind, count(kind.n_without_p)));
        }
    }
    if report.n_unknown_version > 0 {
        let n = count(report.n_unknown_version);
        out.push_str(&format!("\n{n} exposures are of versions that are not in the folder of this model, left out"));
    }
    if report.n_unknown_touchpoint > 0 {
        let n = count(report.n_unknown_touchpoint);
        out.push_str(&format!("\n{n} exposures name a touchpoint that there is not; they count for their kind alone"));
    }
    if report.n_unmatched_outcomes > 0 {
        let (n, all) = (count(report.n_unmatched_outcomes), count(report.n_outcomes));
        out.push_str(&format!("\n{n} of {all} outcomes follow no exposure"));
    }
    out.push_str("\nbought: share of offers whose item was bought; the difference is what the offers brought about\n");
    out.push_str(&match &report.published {
        Some(version) => format!("published {version}, the files of {} with corrected probabilities", report.version),
        None => format!("no correction is better on later offers; {} stays as it is", report.version),
    });
    Ok(out)
}

fn rate_rows(kind: &KindReport) -> Vec<Vec<String>> {
    let Some(rates) = &kind.rates else { return Vec::new() };
    let row = |offers: &str, n: Option<u64>, units: Option<u64>, rate: &Estimate| {
        let optional = |n: Option<u64>| n.map_or_else(String::new, count);
        let range = format!("{} - {}", percent(rate.low), percent(rate.high));
        vec![kind.kind.to_string(), offers.into(), optional(n), optional(units), percent(rate.value) + " %", range]
    };
    vec![
        row("shown", Some(kind.n_shown), Some(rates.n_units_shown), &rates.shown),
        row("withheld", Some(kind.n_held_out), Some(rates.n_units_held_out), &rates.held_out),
        row("difference", None, None, &rates.incremental),
    ]
}

fn touchpoint_rows(kind: &KindReport) -> Vec<Vec<String>> {
    let row = |report: &TouchpointReport| {
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".into());
        let of_rates =
            |text: fn(&sidecart::eval::intervals::ArmRates) -> String| or_dash(report.rates.as_ref().map(text));
        let is_reference = kind.timing.reference == Some(report.touchpoint);
        let times = report.times.map(|times| match is_reference {
            true => "1".into(),
            false => format!("{:.2} ({:.2} - {:.2})", times.value, times.low, times.high),
        });
        vec![
            kind.kind.to_string(),
            report.touchpoint.to_string(),
            count(report.n_shown),
            of_rates(|rates| count(rates.n_units_shown)),
            of_rates(|rates| percent(rates.shown.value) + " %"),
            of_rates(|rates| percent(rates.held_out.value) + " %"),
            of_rates(|rates| percent(rates.incremental.value) + " %"),
            of_rates(|rates| format!("{} - {}", percent(rates.incremental.low), percent(rates.incremental.high))),
            or_dash(report.conversion.map(|conversion| percent(conversion) + " %")),
            or_dash(times),
            or_dash(report.shift.map(|shift| format!("{shift:+.3}"))),
        ]
    };
    kind.timing.touchpoints.iter().map(row).collect()
}

/// What is to be said of the touchpoints of a kind.
fn timing_text(kind: &KindReport) -> String {
    let timing = &kind.timing;
    if timing.touchpoints.is_empty() {
        return String::new();
    }
    let mut out = String::new();
    for report in &timing.touchpoints {
        if let Some(reason) = &report.refused {
            out.push_str(&format!("\n{} at {}: not judged: {reason}", kind.kind, report.touchpoint));
        }
    }
    if let Some(reason) = &timing.refused {
        out.push_str(&format!("\n{}: touchpoints have no shifts: {reason}", kind.kind));
    }
    if let Some(reference) = timing.reference {
        out.push_str(&format!("\n{}: times = conversion against that at {reference}, - within its noise; shift = added to the log-odds there", kind.kind));
    }
    if let (Some(before), Some(after)) = (timing.log_loss_before, timing.log_loss_after) {
        let verdict = if timing.is_better { "used" } else { "not better, not used" };
        out.push_str(&format!(
            "\n{}: log loss of later offers {before:.4}, {after:.4} with shifts: {verdict}",
            kind.kind
        ));
    }
    out
}

/// Rates of acceptance are small: two places.
fn percent(share: f64) -> String {
    format!("{:.2}", 100.0 * share)
}

fn fit_row(kind: &KindReport) -> Option<Vec<String>> {
    let fit = kind.fit.as_ref()?;
    Some(vec![
        kind.kind.to_string(),
        count(fit.n_earlier),
        count(fit.n_later),
        format!("{:.4}", fit.log_loss_before),
        format!("{:.4}", fit.log_loss_after),
        format!("{:.3}", fit.calibration.slope),
        format!("{:.3}", fit.calibration.intercept),
        if fit.is_better { "used" } else { "not better, not used" }.into(),
    ])
}
