use crate::propensity::Ranked;

/// Average precision: the share of upgrades among the cases down to a prediction, averaged over
/// the upgrades; tied cases share one threshold. From 0 to 1; a constant gives the upgrade rate.
///
/// Values are 1 for an upgrade and 0 otherwise, weights go by cluster. `None` without an upgrade.
/// O(n).
#[must_use]
pub fn average_precision(ranked: &Ranked, weights: &[f64]) -> Option<f64> {
    let (mut upgrades, mut cases, mut sum) = (0.0, 0.0, 0.0);
    for (weight, of_upgrades) in ranked.ties(weights) {
        upgrades += of_upgrades;
        cases += weight;
        if of_upgrades > 0.0 {
            sum += of_upgrades * upgrades / cases;
        }
    }
    (upgrades > 0.0).then(|| sum / upgrades)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propensity::metrics::sixty;

    #[test]
    fn by_hand() {
        let ranked = Ranked::new(&[0.9, 0.8, 0.7, 0.6], &[1.0, 0.0, 1.0, 0.0], &[0; 4], 1);
        assert_eq!(average_precision(&ranked, &[1.0]), Some((1.0 + 2.0 / 3.0) / 2.0));
        let constant = Ranked::new(&[0.5; 4], &[1.0, 0.0, 0.0, 0.0], &[0; 4], 1);
        assert_eq!(average_precision(&constant, &[1.0]), Some(0.25));
        assert_eq!(average_precision(&constant, &[0.0]), None);
    }

    #[test]
    fn as_scikit_learn() {
        let (fine, coarse) = (sixty::by_prediction(&sixty::fine()), sixty::by_prediction(&sixty::coarse()));
        for (ranked, weights, expected) in [
            (&fine, sixty::ONES, 0.662_854_217_264),
            (&fine, sixty::WEIGHTS, 0.803_646_303_225),
            (&coarse, sixty::ONES, 0.651_551_411_949),
            (&coarse, sixty::WEIGHTS, 0.756_827_352_535),
        ] {
            sixty::assert_close(average_precision(ranked, &weights).unwrap(), expected);
        }
    }
}
