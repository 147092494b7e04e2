//! How numbers look in the table and on the page.

use super::{Measured, SliceFacts};
use crate::intervals::Estimate;

/// A whole number with thousands separators.
pub(crate) fn count(n: usize) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Three decimals without a leading zero: `.125`, `1.000`.
pub(crate) fn share(value: f64) -> String {
    let text = format!("{value:.3}");
    match text.strip_prefix("0.") {
        Some(decimals) => format!(".{decimals}"),
        None => text,
    }
}

/// A share, or `-` when nothing was measured.
pub(super) fn share_or_dash(value: Option<f64>) -> String {
    value.map_or_else(|| "-".into(), share)
}

/// `.125 ±.009`, or `-` with the number of cases when the slice is too small.
pub(super) fn measured(value: Option<&Measured>, slice: &SliceFacts) -> String {
    match value {
        Some(value) => format!("{} ±{}", share(value.value), share(value.estimate().margin())),
        None => format!("- ({})", count(slice.n_cases)),
    }
}

/// `+.060 ±.008`, marked `*` when the interval excludes zero.
pub(super) fn difference(value: Option<&Estimate>) -> String {
    let Some(value) = value else { return "-".into() };
    let rounded = share(value.value.abs());
    let sign = match rounded.as_str() {
        ".000" => " ",
        _ if value.value < 0.0 => "-",
        _ => "+",
    };
    let mark = if value.excludes_zero() { "*" } else { " " };
    format!("{sign}{rounded} ±{}{mark}", share(value.margin()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        assert_eq!([0, 999, 1000, 1_234_567].map(count), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([0.0, 0.1254, 1.0, 0.9999].map(share), [".000", ".125", "1.000", "1.000"]);
        let at = |value, low, high| difference(Some(&Estimate { value, low, high }));
        assert_eq!(at(0.06, 0.05, 0.068), "+.060 ±.010*");
        assert_eq!(at(-0.06, -0.07, 0.01), "-.060 ±.070 ");
        assert_eq!(at(-0.0001, -0.01, 0.01), " .000 ±.010 ");
        assert_eq!(difference(None), "-");
    }
}
