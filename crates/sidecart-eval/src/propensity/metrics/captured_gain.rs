use crate::propensity::Ranked;

/// Share of all value in the best-scored part of the cases, for each of the rising `shares` in
/// [0, 1]: `gain@q`. At random it is `q`, at most it is 1.
///
/// A cut inside tied cases takes the part of their value that a random order would give on
/// average, and a cut inside a case takes that part of it. Weights go by cluster. `None` unless
/// the values sum to more than 0. O(n + shares).
#[must_use]
pub fn captured_gain(ranked: &Ranked, weights: &[f64], shares: &[f64]) -> Option<Vec<f64>> {
    let total = ranked.total_weight(weights);
    let mut captured = Vec::with_capacity(shares.len());
    let (mut passed, mut gained) = (0.0, 0.0);
    for (weight, value) in ranked.ties(weights) {
        while let Some(share) = shares.get(captured.len()).filter(|&&share| share * total <= passed + weight) {
            let part = if weight > 0.0 { ((share * total - passed) / weight).clamp(0.0, 1.0) } else { 0.0 };
            captured.push(gained + part * value);
        }
        passed += weight;
        gained += value;
    }
    captured.resize(shares.len(), gained);
    (gained > 0.0).then(|| captured.into_iter().map(|value| value / gained).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propensity::metrics::sixty;

    #[test]
    fn by_hand() {
        let ranked = Ranked::new(&[5.0, 4.0, 4.0, 1.0], &[2.0, 6.0, 0.0, 2.0], &[0, 0, 1, 1], 2);
        let at = |weights: [f64; 2]| captured_gain(&ranked, &weights, &[0.0, 0.25, 0.5, 0.75, 1.0]).unwrap();
        // Half of the tied pair holds half of its value.
        assert_eq!(at([1.0, 1.0]), [0.0, 0.2, 0.5, 0.8, 1.0]);
        assert_eq!(at([1.0, 0.0]), [0.0, 0.125, 0.25, 0.625, 1.0]);
        assert_eq!(captured_gain(&ranked, &[0.0, 0.0], &[0.5]), None);
    }

    #[test]
    fn as_numpy() {
        for (weights, expected) in [
            (sixty::ONES, [0.017_211_703_959, 0.079_173_838_210, 0.132_530_120_482]),
            (sixty::WEIGHTS, [0.058_615_611_193, 0.119_293_078_056, 0.310_751_104_566]),
        ] {
            let got = captured_gain(&sixty::by_expected_gain(), &weights, &[0.05, 0.1, 0.2]).unwrap();
            got.iter().zip(expected).for_each(|(&got, expected)| sixty::assert_close(got, expected));
        }
    }
}
