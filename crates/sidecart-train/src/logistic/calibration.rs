use sidecart_core::{exp, ln};

use super::{Curvature, minimise};

/// How many events that agree with the model are added to those seen.
const AGREEING_EVENTS: f64 = 200.0;

/// A correction of log-odds: `slope * log_odds + intercept`.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Calibration {
    /// Below 1 if the model is too sure.
    pub slope: f64,
    /// Added to the log-odds.
    pub intercept: f64,
}

impl Default for Calibration {
    /// No correction.
    fn default() -> Self {
        Self { slope: 1.0, intercept: 0.0 }
    }
}

impl Calibration {
    /// The corrected log-odds.
    #[must_use]
    pub fn apply(&self, log_odds: f64) -> f64 {
        self.slope * log_odds + self.intercept
    }
}

/// Fits slope and intercept to outcomes (Platt, 1999), drawn towards no correction.
///
/// Every row also counts, with a weight that adds up to 200 events, as one whose outcome is just
/// as likely as the model says, so few rows correct little; no row corrects nothing. The log-odds
/// should come from rows that the model was not fitted on.
///
/// # Panics
/// If the lengths differ.
///
/// ```
/// use sidecart_train::logistic::calibrate;
///
/// // Half of the events happen where the model says 1 in 8.
/// let log_odds = vec![(1.0f64 / 7.0).ln(); 2_000];
/// let labels: Vec<bool> = (0..2_000).map(|i| i % 2 == 0).collect();
/// let corrected = calibrate(&log_odds, &labels).apply(log_odds[0]);
/// assert!(corrected > -0.25 && corrected < 0.0);
/// ```
#[must_use]
pub fn calibrate(log_odds: &[f64], labels: &[bool]) -> Calibration {
    assert_eq!(log_odds.len(), labels.len(), "one label per row");
    let rows = log_odds.iter().zip(labels).map(|(&x, &label)| (x, label, 1.0));
    calibrate_rows(&rows, labels.len(), labels.len() as f64)
}

/// As [`calibrate`], with a weight above 0 for each row: an inverse probability of being seen, for
/// example. Only the ratios of the weights count, so they do not change how many events there are.
///
/// # Panics
/// If the lengths differ.
#[must_use]
pub fn calibrate_weighted(log_odds: &[f64], labels: &[bool], weights: &[f64]) -> Calibration {
    assert!(log_odds.len() == labels.len() && labels.len() == weights.len(), "one label and weight per row");
    let total: f64 = weights.iter().sum();
    let rows = log_odds.iter().zip(labels).zip(weights).map(|((&x, &label), &weight)| (x, label, weight));
    calibrate_rows(&rows, labels.len(), total)
}

fn calibrate_rows<R: Iterator<Item = (f64, bool, f64)> + Clone>(rows: &R, n: usize, total: f64) -> Calibration {
    if n == 0 {
        return Calibration::default();
    }
    let agreeing = AGREEING_EVENTS / n as f64;
    let unit = n as f64 / total;
    let (found, _) = minimise(vec![1.0, 0.0], |at| {
        let mut sum = Curvature::zero(2);
        for (x, label, row_weight) in rows.clone() {
            let corrected = at[0] * x + at[1];
            let tail = exp(-corrected.abs());
            let p = if corrected > 0.0 { 1.0 / (1.0 + tail) } else { tail / (1.0 + tail) };
            // Seen outcome and agreeing pseudo-outcome in one weighted target.
            let seen = row_weight * unit;
            let wanted = seen * f64::from(u8::from(label)) + agreeing / (1.0 + exp(-x));
            sum.loss += (seen + agreeing) * (corrected.max(0.0) + ln(1.0 + tail)) - wanted * corrected;
            let slope = (seen + agreeing) * p - wanted;
            let curve = (seen + agreeing) * p * (1.0 - p);
            sum.gradient[0] += slope * x;
            sum.gradient[1] += slope;
            sum.hessian[0] += curve * x * x;
            sum.hessian[2] += curve * x;
            sum.hessian[3] += curve;
        }
        sum
    });
    Calibration { slope: found[0], intercept: found[1] }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidecart_core::Rng;

    fn rows(n: usize, slope: f64, intercept: f64) -> (Vec<f64>, Vec<bool>) {
        let mut rng = Rng::new(5, n as u64);
        let log_odds: Vec<f64> = (0..n).map(|_| 1.5 * rng.normal() - 1.5).collect();
        let labels = log_odds.iter().map(|x| rng.chance(1.0 / (1.0 + exp(-(slope * x + intercept))))).collect();
        (log_odds, labels)
    }

    #[test]
    fn finds_a_planted_correction() {
        let (log_odds, labels) = rows(60_000, 0.6, 0.4);
        let found = calibrate(&log_odds, &labels);
        assert!((found.slope - 0.6).abs() < 0.04 && (found.intercept - 0.4).abs() < 0.05, "{found:?}");
        assert_eq!(found.apply(2.0), found.slope * 2.0 + found.intercept);
    }

    #[test]
    fn weights_stand_for_rows_that_were_not_seen() {
        // Where the model is sure, three of four rows are missing; weights of four make up for it.
        let (log_odds, labels) = rows(80_000, 0.6, 0.4);
        let kept = |at: &usize| log_odds[*at] < 0.0 || at.is_multiple_of(4);
        let seen: Vec<usize> = (0..log_odds.len()).filter(kept).collect();
        let x: Vec<f64> = seen.iter().map(|&at| log_odds[at]).collect();
        let y: Vec<bool> = seen.iter().map(|&at| labels[at]).collect();
        let weights: Vec<f64> = x.iter().map(|&x| if x < 0.0 { 7.0 } else { 28.0 }).collect();
        let found = calibrate_weighted(&x, &y, &weights);
        assert!((found.slope - 0.6).abs() < 0.05 && (found.intercept - 0.4).abs() < 0.06, "{found:?}");
        let equal = calibrate_weighted(&x, &y, &vec![1.0; x.len()]);
        assert_eq!(equal, calibrate(&x, &y));
        assert_eq!(calibrate_weighted(&[], &[], &[]), Calibration::default());
    }

    #[test]
    fn few_rows_correct_little() {
        assert_eq!(calibrate(&[], &[]), Calibration::default());
        let (log_odds, labels) = rows(20, 0.6, 2.0);
        let few = calibrate(&log_odds, &labels);
        let (log_odds, labels) = rows(2_000, 0.6, 2.0);
        let many = calibrate(&log_odds, &labels);
        assert!(few.intercept.abs() < 0.6 && many.intercept > 1.5, "{few:?} {many:?}");
    }

    #[test]
    fn a_right_model_stays_as_it_is() {
        let (log_odds, labels) = rows(50_000, 1.0, 0.0);
        let found = calibrate(&log_odds, &labels);
        assert!((found.slope - 1.0).abs() < 0.05 && found.intercept.abs() < 0.06, "{found:?}");
    }

    #[test]
    fn survives_extreme_log_odds() {
        let found = calibrate(&[900.0, -900.0, 3.0, -3.0], &[true, false, true, false]);
        assert!(found.slope.is_finite() && found.intercept.is_finite() && found.slope > 0.5, "{found:?}");
    }
}
