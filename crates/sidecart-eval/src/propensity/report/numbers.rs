//! How numbers look in the upsell table and page, beside those of the ranking report.

use crate::intervals::Estimate;
use crate::report::numbers::share;

/// `.851 ±.007`.
pub(super) fn measured(estimate: &Estimate) -> String {
    format!("{} ±{}", share(estimate.value), share(estimate.margin()))
}

/// A measured share, or `-`.
pub(super) fn measured_or_dash(estimate: Option<&Estimate>) -> String {
    estimate.map_or_else(|| "-".into(), measured)
}

/// Four decimals without a leading zero: `.2624`.
pub(super) fn fine(value: f64) -> String {
    let text = format!("{value:.4}");
    text.strip_prefix("0.").map_or_else(|| text.clone(), |decimals| format!(".{decimals}"))
}

/// `.2624 ±.0031`.
pub(super) fn fine_measured(estimate: &Estimate) -> String {
    format!("{} ±{}", fine(estimate.value), fine(estimate.margin()))
}

/// `+.0020 (+.0004 to +.0034)*`, the star where the interval excludes zero.
pub(super) fn fine_difference(estimate: &Estimate) -> String {
    let mark = if estimate.excludes_zero() { "*" } else { " " };
    format!("{} ({} to {}){mark}", signed(estimate.value), signed(estimate.low), signed(estimate.high))
}

/// Four decimals with a sign, without one for zero.
fn signed(value: f64) -> String {
    let digits = fine(value.abs());
    match digits.as_str() {
        ".0000" => digits,
        _ if value < 0.0 => format!("-{digits}"),
        _ => format!("+{digits}"),
    }
}

/// A relative change in percent: `-14.9 (-20.1 to -10.0)*`.
pub(super) fn change(estimate: Option<&Estimate>) -> String {
    let Some(estimate) = estimate else { return "-".into() };
    // Adding zero turns -0.0 into 0.0.
    let percent = |value: f64| format!("{:+.1}", (value * 1_000.0).round() / 10.0 + 0.0);
    let mark = if estimate.excludes_zero() { "*" } else { " " };
    format!("{} ({} to {}){mark}", percent(estimate.value), percent(estimate.low), percent(estimate.high))
}

/// Money per case with its interval: `0.118 ±0.012`.
pub(super) fn money(estimate: Option<&Estimate>) -> String {
    estimate.map_or_else(|| "-".into(), |e| format!("{:.3} ±{:.3}", e.value, e.margin()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let at = |value, low, high| Estimate { value, low, high };
        assert_eq!(measured(&at(0.8508, 0.844, 0.857)), ".851 ±.007");
        assert_eq!(fine_measured(&at(0.26235, 0.25, 0.2654)), ".2624 ±.0124");
        assert_eq!(fine_difference(&at(0.002, 0.0004, 0.0034)), "+.0020 (+.0004 to +.0034)*");
        assert_eq!(fine_difference(&at(-0.00001, -0.01, 0.01)), ".0000 (-.0100 to +.0100) ");
        assert_eq!(change(Some(&at(-0.149, -0.201, -0.1))), "-14.9 (-20.1 to -10.0)*");
        assert_eq!(change(Some(&at(-0.0, -0.0001, 0.0))), "+0.0 (+0.0 to +0.0) ");
        assert_eq!(money(Some(&at(0.118, 0.1, 0.13))), "0.118 ±0.018");
        assert_eq!((change(None), money(None), measured_or_dash(None)), ("-".into(), "-".into(), "-".into()));
    }
}
