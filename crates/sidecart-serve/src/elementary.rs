//! The logarithm from IEEE arithmetic alone.
//!
//! Tuned weights are stored in the artifact and depend on what the scorer computes, while the
//! platform's mathematical library differs between machines in the last bit.

use std::f64::consts::{LN_2, SQRT_2};

const MANTISSA: u64 = (1 << 52) - 1;

/// The natural logarithm of a positive, normal number, with a relative error below 1e-15.
pub(crate) fn ln(x: f64) -> f64 {
    let bits = x.to_bits();
    let mut exponent = (bits >> 52) as f64 - 1023.0;
    let mut mantissa = f64::from_bits((bits & MANTISSA) | 1.0f64.to_bits());
    if mantissa > SQRT_2 {
        mantissa *= 0.5;
        exponent += 1.0;
    }
    // ln m = 2 artanh((m - 1) / (m + 1)); the ratio is below 0.172, so eleven terms suffice.
    let ratio = (mantissa - 1.0) / (mantissa + 1.0);
    let square = ratio * ratio;
    let series = (0..11).rev().fold(0.0, |sum, k| sum * square + 1.0 / f64::from(2 * k + 1));
    exponent * LN_2 + 2.0 * ratio * series
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agrees_with_the_platform_library(magnitude in -300.0f64..300.0) {
            let x = 10f64.powf(magnitude);
            prop_assert!((ln(x) - x.ln()).abs() <= 1e-15 * (1.0 + x.ln().abs()));
        }
    }

    #[test]
    fn one_is_exact() {
        assert_eq!(ln(1.0), 0.0);
    }
}
