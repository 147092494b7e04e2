/// Squared distance of the prediction from what happened (1 or 0); its mean is the Brier score,
/// from 0 (certain and right) to 1 (certain and wrong). (Brier: Verification of Forecasts
/// Expressed in Terms of Probability, 1950.)
#[must_use]
pub fn squared_error(p: f64, upgraded: f64) -> f64 {
    (upgraded - p) * (upgraded - p)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::mean;
    use crate::propensity::metrics::sixty;

    #[test]
    fn by_hand() {
        assert_eq!([(1.0, 1.0), (0.0, 1.0), (0.25, 0.0)].map(|(p, up)| squared_error(p, up)), [0.0, 1.0, 0.0625]);
    }

    #[test]
    fn as_numpy() {
        let of = |p: Vec<f64>| mean(p.into_iter().zip(sixty::upgraded()).map(|(p, up)| squared_error(p, up))).unwrap();
        sixty::assert_close(of(sixty::fine()), 0.230_255_203_738);
        sixty::assert_close(of(sixty::coarse()), 0.219_233_333_333);
    }
}
