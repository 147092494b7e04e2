use crate::propensity::Ranked;

/// Area under the ROC curve: the chance that an upgrade has a higher prediction than a case
/// without one, ties counting half (mid-ranks). From 0 to 1, 0.5 without information.
///
/// Values are 1 for an upgrade and 0 otherwise, weights go by cluster. `None` when one of the two
/// kinds is missing. O(n).
#[must_use]
pub fn auc(ranked: &Ranked, weights: &[f64]) -> Option<f64> {
    let (mut upgrades, mut others, mut won) = (0.0, 0.0, 0.0);
    for (weight, of_upgrades) in ranked.ties(weights) {
        let of_others = weight - of_upgrades;
        won += of_others * (upgrades + 0.5 * of_upgrades);
        upgrades += of_upgrades;
        others += of_others;
    }
    let pairs = upgrades * others;
    (pairs > 0.0).then(|| won / pairs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propensity::metrics::sixty;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        let of = |scores: &[f64], upgraded: &[f64]| {
            let clusters = vec![0; scores.len()];
            auc(&Ranked::new(scores, upgraded, &clusters, 1), &[1.0])
        };
        // Pairs: .9 > .8, .9 > .1, .8 = .8 counts half, .8 > .1.
        assert_eq!(of(&[0.9, 0.8, 0.8, 0.1], &[1.0, 1.0, 0.0, 0.0]), Some(3.5 / 4.0));
        assert_eq!(of(&[0.3; 5], &[1.0, 0.0, 0.0, 1.0, 0.0]), Some(0.5));
        assert_eq!(of(&[0.1, 0.2], &[1.0, 0.0]), Some(0.0));
        assert_eq!((of(&[0.1, 0.2], &[1.0, 1.0]), of(&[], &[])), (None, None));
    }

    #[test]
    fn as_scikit_learn() {
        let (fine, coarse) = (sixty::by_prediction(&sixty::fine()), sixty::by_prediction(&sixty::coarse()));
        for (ranked, weights, expected) in [
            (&fine, sixty::ONES, 0.707_070_707_071),
            (&fine, sixty::WEIGHTS, 0.784_313_725_490),
            (&coarse, sixty::ONES, 0.705_948_372_615),
            (&coarse, sixty::WEIGHTS, 0.771_708_683_473),
        ] {
            sixty::assert_close(auc(ranked, &weights).unwrap(), expected);
        }
    }

    proptest! {
        #[test]
        fn agrees_with_all_pairs(
            cases in proptest::collection::vec((0u8..6, proptest::bool::ANY, 0u32..4), 1..40),
            weights in proptest::collection::vec(0u8..4, 4),
        ) {
            let scores: Vec<f64> = cases.iter().map(|c| f64::from(c.0)).collect();
            let upgraded: Vec<f64> = cases.iter().map(|c| f64::from(u8::from(c.1))).collect();
            let clusters: Vec<u32> = cases.iter().map(|c| c.2).collect();
            let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            let (mut won, mut pairs) = (0.0, 0.0);
            for up in cases.iter().filter(|c| c.1) {
                for other in cases.iter().filter(|c| !c.1) {
                    let weight = weights[up.2 as usize] * weights[other.2 as usize];
                    pairs += weight;
                    won += weight * if up.0 > other.0 { 1.0 } else if up.0 == other.0 { 0.5 } else { 0.0 };
                }
            }
            let expected = (pairs > 0.0).then(|| won / pairs);
            let got = auc(&Ranked::new(&scores, &upgraded, &clusters, 4), &weights);
            prop_assert_eq!(got.is_some(), expected.is_some());
            prop_assert!((got.unwrap_or(0.0) - expected.unwrap_or(0.0)).abs() < 1e-12);
        }
    }
}
