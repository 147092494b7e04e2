//! Logarithm, exponential and power from IEEE arithmetic alone.
//!
//! The platform's mathematical library differs between machines in the last bit; addition,
//! multiplication, division and square root do not. What a model stores therefore goes through
//! these.

use std::f64::consts::{LN_2, SQRT_2};

const MANTISSA: u64 = (1 << 52) - 1;
/// The leading 32 bits of ln 2, so that a small integer times it is exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_FEE0_0000);
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// Binary digits of an exponent that [`power`] uses.
const EXPONENT_BITS: u32 = 24;

/// The natural logarithm of a positive, normal number, with a relative error below 1e-15.
#[must_use]
pub fn ln(x: f64) -> f64 {
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

/// The exponential, with a relative error below 1e-15; 0 below -708 and infinite above 709.
#[must_use]
pub fn exp(x: f64) -> f64 {
    if x < -708.0 {
        return 0.0;
    }
    if x > 709.0 {
        return f64::INFINITY;
    }
    let halvings = (x / LN_2).round();
    let rest = (x - halvings * LN_2_HIGH) - halvings * LN_2_LOW;
    let series = (1..=14).rev().fold(1.0, |sum, k| 1.0 + sum * rest / f64::from(k));
    series * f64::from_bits(((halvings as i64 + 1023) as u64) << 52)
}

/// `base` to the power of `exponent`, for `base >= 0`, by repeated square roots.
///
/// The exponent is rounded to a multiple of 2^-24, which changes the result by a factor of at
/// most `1 + 3e-8 |ln base|`. Costs at most 24 square roots.
#[must_use]
pub fn power(base: f64, exponent: f64) -> f64 {
    let steps = (exponent.abs() * f64::from(1u32 << EXPONENT_BITS)).round() as u64;
    let mut result = 1.0;
    let (mut square, mut whole) = (base, steps >> EXPONENT_BITS);
    while whole > 0 {
        if whole & 1 == 1 {
            result *= square;
        }
        square *= square;
        whole >>= 1;
    }
    let mut fraction = steps & ((1 << EXPONENT_BITS) - 1);
    let mut root = base;
    while fraction > 0 {
        root = root.sqrt();
        fraction <<= 1;
        if fraction >> EXPONENT_BITS == 1 {
            result *= root;
            fraction &= (1 << EXPONENT_BITS) - 1;
        }
    }
    if exponent < 0.0 { 1.0 / result } else { result }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn agree_with_the_platform_library(magnitude in -300.0f64..300.0, base in 0.5f64..1e6, exponent in -3.0f64..3.0) {
            let x = 10f64.powf(magnitude);
            prop_assert!((ln(x) - x.ln()).abs() <= 1e-15 * (1.0 + x.ln().abs()));
            prop_assert!((exp(magnitude) / magnitude.exp() - 1.0).abs() < 2e-15);
            prop_assert!((power(base, exponent) / base.powf(exponent) - 1.0).abs() < 1e-6);
        }
    }

    #[test]
    fn exact_cases() {
        assert_eq!(ln(1.0), 0.0);
        assert_eq!(exp(0.0), 1.0);
        assert_eq!(power(9.0, 0.5), 3.0);
        assert_eq!(power(3.0, -2.0), 1.0 / 9.0);
        assert_eq!(power(7.0, 0.0), 1.0);
        assert_eq!(power(0.0, 0.7), 0.0);
        assert_eq!((exp(-800.0), exp(800.0)), (0.0, f64::INFINITY));
    }
}
