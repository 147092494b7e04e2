use std::f64::consts::PI;

use sidecart_core::{exp, ln};

/// The probability that a Poisson variable of mean `mean` is at least `observed`.
///
/// Summed from the largest term outwards in units of that term, whose logarithm is known, so
/// small probabilities keep their relative precision (about 1e-12 per unit of their logarithm);
/// below 1e-307 the result is 0. Takes about `sqrt(observed)` steps.
pub(super) fn upper_tail(observed: u32, mean: f64) -> f64 {
    if observed == 0 {
        return 1.0;
    }
    if mean <= 0.0 {
        return 0.0;
    }
    let k = f64::from(observed);
    if k <= mean {
        // The lower tail is the smaller one: P(X < k), from k - 1 downwards.
        let (mut term, mut sum, mut i) = (1.0, 1.0, k - 1.0);
        while i > 0.0 && term > sum * 1e-17 {
            term *= i / mean;
            sum += term;
            i -= 1.0;
        }
        return (1.0 - exp(ln_probability(k - 1.0, mean)) * sum).max(0.0);
    }
    let (mut term, mut sum, mut i) = (1.0, 1.0, k + 1.0);
    while term > sum * 1e-17 {
        term *= mean / i;
        sum += term;
        i += 1.0;
    }
    (exp(ln_probability(k, mean)) * sum).min(1.0)
}

fn ln_probability(k: f64, mean: f64) -> f64 {
    k * ln(mean) - mean - ln_factorial(k)
}

/// `ln k!`, exactly summed below 20 and by Stirling's series above (error below 1e-13).
fn ln_factorial(k: f64) -> f64 {
    if k < 20.0 {
        let (mut product, mut i) = (1.0, 2.0);
        while i <= k {
            product *= i;
            i += 1.0;
        }
        return ln(product);
    }
    let inverse = 1.0 / k;
    let square = inverse * inverse;
    let series = inverse * (1.0 / 12.0 - square * (1.0 / 360.0 - square * (1.0 / 1260.0 - square / 1680.0)));
    (k + 0.5) * ln(k) - k + 0.5 * ln(2.0 * PI) + series
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_values() {
        // 1 - e^-1, 1 - 2 e^-1, and values of an independent implementation.
        for (observed, mean, expected) in [
            (0, 3.0, 1.0),
            (1, 1.0, 0.632_120_558_828_557_7),
            (2, 1.0, 0.264_241_117_657_115_4),
            (5, 1e-3, 8.326_391_864_211_505e-18),
            (10, 2.5, 2.773_520_946_208_362e-4),
            (100, 50.0, 3.200_065_324_585_149_5e-10),
            (1000, 1000.0, 0.504_205_244_180_215_5),
        ] {
            let got = upper_tail(observed, mean);
            assert!((got / expected - 1.0).abs() < 1e-9, "{observed} {mean}: {got} {expected}");
        }
    }

    proptest! {
        #[test]
        fn equals_the_plain_sum(observed in 0u32..60, mean in 0.01f64..60.0) {
            let mut term = (-mean).exp();
            let mut below = 0.0;
            for i in 0..observed {
                below += term;
                term *= mean / f64::from(i + 1);
            }
            let tail = upper_tail(observed, mean);
            prop_assert!((tail - (1.0 - below)).abs() < 1e-12);
            prop_assert!(upper_tail(observed + 1, mean) <= tail);
        }
    }
}
