use super::Estimate;

/// The 97.5 % point of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % score interval of the proportion `n_hits / n`; `None` for `n == 0`.
///
/// Unlike the normal approximation it stays within [0, 1] and has a width at 0 and 1 (Wilson:
/// Probable Inference, the Law of Succession, and Statistical Inference, 1927). Hits beyond `n`
/// count as `n`.
#[must_use]
pub fn wilson(n_hits: u64, n: u64) -> Option<Estimate> {
    if n == 0 {
        return None;
    }
    Some(wilson_share(n_hits.min(n) as f64 / n as f64, n as f64))
}

/// The interval of a share in 0..=1 of `n` > 0 independent draws, which need not be a whole number.
pub(super) fn wilson_share(value: f64, n: f64) -> Estimate {
    let centre = value * n + 0.5 * Z * Z;
    let arm = Z * (n * value * (1.0 - value) + 0.25 * Z * Z).sqrt();
    let total = n + Z * Z;
    Estimate {
        value,
        low: ((centre - arm) / total).clamp(0.0, value),
        high: ((centre + arm) / total).clamp(value, 1.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        // (0 + z²/2 ± z²/2) / (10 + z²) with z² = 3.841459.
        let none = wilson(0, 10).unwrap();
        assert_eq!((none.value, none.low), (0.0, 0.0));
        assert!((none.high - 3.841_459 / 13.841_459).abs() < 1e-6);
        // (5 + 1.920729 ± 1.959964 sqrt(2.5 + 0.960365)) / 13.841459.
        let half = wilson(5, 10).unwrap();
        assert!((half.low - 0.236_593).abs() < 1e-5 && (half.high - 0.763_407).abs() < 1e-5);
        assert_eq!(wilson(0, 0), None);
    }

    proptest! {
        #[test]
        fn holds_the_share_within_the_unit_range(n in 1u64..5000, share in 0.0..=1.0f64) {
            let n_hits = (share * n as f64) as u64;
            let e = wilson(n_hits, n).unwrap();
            prop_assert!(0.0 <= e.low && e.low <= e.value && e.value <= e.high && e.high <= 1.0);
            let mirrored = wilson(n - n_hits, n).unwrap();
            prop_assert!((mirrored.high - (1.0 - e.low)).abs() < 1e-12);
        }
    }
}
