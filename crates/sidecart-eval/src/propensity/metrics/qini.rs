use crate::propensity::Ranked;

/// Area between the curve of captured value and the diagonal of a random order: from -0.5 to 0.5,
/// 0 at random.
///
/// It looks like the Qini coefficient (Radcliffe: Using Control Groups to Target on Predicted
/// Lift, 2007) but sums natural upgrades; the effect of an offer needs a group without offers.
/// Weights go by cluster. `None` unless the values sum to more than 0. O(n).
#[must_use]
pub fn qini(ranked: &Ranked, weights: &[f64]) -> Option<f64> {
    let total = ranked.total_weight(weights);
    let (mut gained, mut area) = (0.0, 0.0);
    for (weight, value) in ranked.ties(weights) {
        area += weight * (gained + 0.5 * value);
        gained += value;
    }
    (gained > 0.0).then(|| area / (total * gained) - 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propensity::metrics::sixty;

    #[test]
    fn by_hand() {
        // Everything in the first of four cases: a triangle of a quarter's half is missing.
        let best = Ranked::new(&[4.0, 3.0, 2.0, 1.0], &[7.0, 0.0, 0.0, 0.0], &[0; 4], 1);
        assert_eq!(qini(&best, &[1.0]), Some(0.375));
        let constant = Ranked::new(&[1.0; 4], &[7.0, 0.0, 0.0, 0.0], &[0; 4], 1);
        assert_eq!(qini(&constant, &[1.0]), Some(0.0));
        assert_eq!(qini(&constant, &[0.0]), None);
    }

    #[test]
    fn as_numpy() {
        sixty::assert_close(qini(&sixty::by_expected_gain(), &sixty::ONES).unwrap(), 0.067_914_515_204);
        sixty::assert_close(qini(&sixty::by_expected_gain(), &sixty::WEIGHTS).unwrap(), 0.132_983_877_219);
    }
}
