use super::shifts::between_variance;

/// Estimates moved towards a mean, each by as much as its own error makes it likely that it is
/// chance.
///
/// An estimate is `(value, variance)`; the true values are taken to be drawn from a normal
/// distribution around `mean`, whose variance is the maximum of the marginal likelihood (Efron and
/// Morris: Data Analysis Using Stein's Estimator and its Generalizations, 1975). Where estimates
/// differ no more than their errors explain, all become the mean. An estimate whose variance is not
/// above 0 and finite becomes the mean too and teaches nothing. O(estimates).
#[must_use]
pub fn shrunk_normal(estimates: &[(f64, f64)], mean: f64) -> Vec<f64> {
    let is_known = |variance: f64| variance > 0.0 && variance.is_finite();
    let centred: Vec<(f64, f64)> = estimates
        .iter()
        .filter(|(_, variance)| is_known(*variance))
        .map(|&(value, variance)| (value - mean, 1.0 / variance))
        .collect();
    let between = between_variance(&centred);
    let shrink = |&(value, variance): &(f64, f64)| {
        if is_known(variance) { mean + (value - mean) * between / (between + variance) } else { mean }
    };
    estimates.iter().map(shrink).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sidecart_core::Rng;

    #[test]
    fn alike_estimates_become_the_mean_and_clear_ones_stay() {
        assert_eq!(shrunk_normal(&[(0.1, 1.0), (-0.1, 1.0), (0.05, 1.0)], 0.0), [0.0; 3]);
        let clear = shrunk_normal(&[(5.0, 1e-6), (-5.0, 1e-6)], 0.0);
        assert!((clear[0] - 5.0).abs() < 1e-5 && (clear[1] + 5.0).abs() < 1e-5, "{clear:?}");
        assert_eq!(shrunk_normal(&[(5.0, f64::INFINITY), (4.0, 0.0)], 1.0), [1.0; 2]);
        assert!(shrunk_normal(&[], 1.0).is_empty());
    }

    #[test]
    fn shrunk_estimates_are_nearer_to_the_truth() {
        let mut rng = Rng::new(2, 0);
        let (mut raw, mut shrunk) = (0.0, 0.0);
        for _ in 0..200 {
            let truth: Vec<f64> = (0..7).map(|_| 1.0 + 0.5 * rng.normal()).collect();
            let seen: Vec<(f64, f64)> = truth.iter().map(|t| (t + 0.7 * rng.normal(), 0.49)).collect();
            for ((found, (value, _)), truth) in shrunk_normal(&seen, 1.0).iter().zip(&seen).zip(&truth) {
                raw += (value - truth).powi(2);
                shrunk += (found - truth).powi(2);
            }
        }
        assert!(shrunk < 0.6 * raw, "{shrunk} {raw}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn nothing_moves_beyond_the_mean(
            seen in prop::collection::vec((-5.0..5.0f64, 0.001..4.0f64), 0..8), mean in -2.0..2.0f64,
        ) {
            for (found, (value, _)) in shrunk_normal(&seen, mean).iter().zip(&seen) {
                let (low, high) = (mean.min(*value), mean.max(*value));
                prop_assert!((low - 1e-12..=high + 1e-12).contains(found), "{} of {} towards {}", found, value, mean);
            }
        }
    }
}
