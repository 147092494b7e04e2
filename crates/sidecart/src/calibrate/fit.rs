use sidecart_eval::intervals::{Arm, ArmRates, ArmTable};
use sidecart_eval::propensity::metrics::log_loss;
use sidecart_serve::offers::calibration::{OfferCalibration, Platt, probability};
use sidecart_serve::offers::{OfferKind, Touchpoint};
use sidecart_train::logistic::calibrate_weighted;

use super::timing::{self, Corrections, Seen};
use super::{FitReport, KindReport};

/// Fewest accepted offers that a correction is learned from.
pub const MIN_ACCEPTED: u64 = 50;
/// Fewest customers (or requests) with a withheld offer.
pub const MIN_HELD_OUT_UNITS: u64 = 100;
/// Share of the shown offers, the newest ones, that a correction is tested on.
pub const LATER_SHARE: f64 = 0.3;

/// An exposure, as a correction sees it.
#[derive(Clone, Copy)]
pub(super) struct Row {
    /// Number of the customer or request; rows of one stand together.
    pub(super) unit: usize,
    pub(super) time: i64,
    pub(super) touchpoint: Option<Touchpoint>,
    /// Log-odds as the version to be calibrated would give them.
    pub(super) log_odds: Option<f64>,
    pub(super) probability_shown: f64,
    pub(super) is_held_out: bool,
    pub(super) is_accepted: bool,
}

impl Row {
    fn weight_shown(&self) -> f64 {
        1.0 / self.probability_shown
    }
}

/// Rates and corrections of one kind.
pub(super) fn of_kind(kind: OfferKind, rows: &[Row], current: &OfferCalibration) -> KindReport {
    let shown = || rows.iter().filter(|row| !row.is_held_out);
    let rates = rates(rows);
    let mut report = KindReport {
        kind,
        n_shown: shown().count() as u64,
        n_held_out: rows.iter().filter(|row| row.is_held_out).count() as u64,
        n_accepted: shown().filter(|row| row.is_accepted).count() as u64,
        n_without_p: shown().filter(|row| row.log_odds.is_none()).count() as u64,
        rates,
        fit: None,
        refused: None,
        timing: timing::compare(rows),
    };
    match fit(&mut report, rows, current) {
        Ok(fit) => report.fit = Some(fit),
        Err(reason) => report.refused = Some(reason),
    }
    report
}

/// Rates of offers that may have been withheld: others have nothing to be compared with.
pub(super) fn rates(rows: &[Row]) -> Option<ArmRates> {
    let mut table = ArmTable::new();
    for unit in rows.chunk_by(|a, b| a.unit == b.unit) {
        table.begin_unit();
        for row in unit.iter().filter(|row| row.probability_shown < 1.0) {
            let (arm, weight) = if row.is_held_out {
                (Arm::HeldOut, 1.0 / (1.0 - row.probability_shown))
            } else {
                (Arm::Shown, row.weight_shown())
            };
            table.add(arm, row.is_accepted, weight);
        }
    }
    table.rates()
}

/// The correction of a kind; shifts of touchpoints on top of it are noted in the report.
fn fit(report: &mut KindReport, rows: &[Row], current: &OfferCalibration) -> Result<FitReport, String> {
    let KindReport { kind, n_shown, n_held_out, .. } = *report;
    let n_held_out_units = report.rates.map_or(0, |rates| rates.n_units_held_out);
    if n_held_out == 0 {
        return Err(format!(
            "none of {n_shown} exposures was held out, so what was bought is attributed to the offers and not shown to \
             come from them; withhold a random share and log it with held_out = true"
        ));
    }
    if n_held_out_units < MIN_HELD_OUT_UNITS {
        return Err(format!(
            "offers to {n_held_out_units} customers (or requests) were held out, expected at least \
             {MIN_HELD_OUT_UNITS}; log longer or withhold more"
        ));
    }
    let mut seen: Vec<(&Row, f64)> =
        rows.iter().filter(|row| !row.is_held_out).filter_map(|row| Some((row, row.log_odds?))).collect();
    let n_accepted = seen.iter().filter(|(row, _)| row.is_accepted).count() as u64;
    if n_accepted < MIN_ACCEPTED {
        return Err(format!(
            "{n_accepted} shown offers with a probability were accepted, expected at least {MIN_ACCEPTED}; log longer"
        ));
    }
    seen.sort_by_key(|(row, _)| row.time);
    let first_later = seen[((seen.len() as f64 * (1.0 - LATER_SHARE)) as usize).min(seen.len() - 1)].0.time;
    let (earlier, later) = seen.split_at(seen.partition_point(|(row, _)| row.time < first_later));
    let is_mixed = |part: &[(&Row, f64)]| {
        part.iter().any(|(row, _)| row.is_accepted) && part.iter().any(|(row, _)| !row.is_accepted)
    };
    if !is_mixed(earlier) || !is_mixed(later) {
        return Err("no time lies between offers to learn from and offers to test on, both with accepted and other \
                    ones; log longer"
            .into());
    }
    let learned = learn(earlier)?;
    let final_correction = learn(&seen)?;
    let log_loss_before = mean_log_loss(later, |_, x| x);
    let log_loss_after = mean_log_loss(later, |_, x| learned.apply_log_odds(x));
    let calibration = current.of(kind).then(final_correction);
    if !calibration.is_valid() {
        return Err(format!("the correction {calibration:?} is beyond its range; look at the logged probabilities"));
    }
    let is_better = log_loss_after < log_loss_before;
    let used = |correction: Platt| if is_better { correction } else { Platt::IDENTITY };
    let corrections =
        Corrections { earlier: used(learned), all: used(final_correction), current: current.timing.of(kind) };
    timing::learn(&mut report.timing, &Seen { all: &seen, earlier, later }, &corrections);
    Ok(FitReport {
        n_earlier: earlier.len() as u64,
        n_later: later.len() as u64,
        log_loss_before,
        log_loss_after,
        calibration,
        slope: used(final_correction).slope,
        is_better,
    })
}

/// Slope and intercept of shown offers, each standing for those that were not.
fn learn(seen: &[(&Row, f64)]) -> Result<Platt, String> {
    let log_odds: Vec<f64> = seen.iter().map(|(_, x)| *x).collect();
    let labels: Vec<bool> = seen.iter().map(|(row, _)| row.is_accepted).collect();
    let weights: Vec<f64> = seen.iter().map(|(row, _)| row.weight_shown()).collect();
    let found = calibrate_weighted(&log_odds, &labels, &weights);
    let platt = Platt { slope: found.slope, intercept: found.intercept };
    if platt.is_valid() {
        return Ok(platt);
    }
    Err(format!(
        "greater probabilities do not go with more acceptances (slope {:.3}); train the model again before it is \
         calibrated",
        found.slope
    ))
}

/// Mean log loss with the log-odds that a correction gives to a row.
pub(super) fn mean_log_loss(seen: &[(&Row, f64)], corrected: impl Fn(&Row, f64) -> f64) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (row, x) in seen {
        let p = probability(corrected(row, *x));
        sum += row.weight_shown() * log_loss(p, f64::from(u8::from(row.is_accepted)));
        total += row.weight_shown();
    }
    sum / total
}

#[cfg(test)]
mod tests {
    use sidecart_core::Rng;

    use super::*;

    /// A log with a planted truth: an offer with log-odds x is accepted with the probability of
    /// `slope * x + intercept` when shown, and `share` of that when withheld.
    struct Planted {
        slope: f64,
        intercept: f64,
        natural_share: f64,
        probability_shown: f64,
        n: usize,
    }

    impl Planted {
        fn rows(&self, seed: u64) -> Vec<Row> {
            let mut rng = Rng::new(seed, 9);
            (0..self.n)
                .map(|at| {
                    let x = rng.normal() - 1.0;
                    let is_held_out = !rng.chance(self.probability_shown);
                    let accept = probability(self.slope * x + self.intercept);
                    Row {
                        unit: at / 2,
                        time: at as i64,
                        touchpoint: None,
                        log_odds: Some(x),
                        probability_shown: self.probability_shown,
                        is_held_out,
                        is_accepted: rng.chance(if is_held_out { self.natural_share * accept } else { accept }),
                    }
                })
                .collect()
        }
    }

    const PLANTED: Planted =
        Planted { slope: 0.7, intercept: -0.8, natural_share: 0.6, probability_shown: 0.8, n: 30_000 };

    #[test]
    fn a_planted_correction_and_effect_are_recovered() {
        let report = of_kind(OfferKind::Upsell, &PLANTED.rows(1), &OfferCalibration::default());
        let fit = report.fit.unwrap();
        assert!((fit.calibration.slope - 0.7).abs() < 0.05, "{fit:?}");
        assert!((fit.calibration.intercept + 0.8).abs() < 0.06, "{fit:?}");
        assert!(fit.is_better && fit.log_loss_after < fit.log_loss_before - 0.01, "{fit:?}");
        assert_eq!(fit.n_earlier + fit.n_later, report.n_shown);
        let rates = report.rates.unwrap();
        let truth = rates.shown.value * 0.4;
        assert!(rates.incremental.low < truth && truth < rates.incremental.high, "{rates:?}");
        assert!(rates.incremental.excludes_zero());
        assert_eq!((report.n_shown + report.n_held_out) as usize, PLANTED.n);
    }

    #[test]
    fn intervals_of_the_increment_cover_the_planted_one() {
        let planted = Planted { n: 3_000, ..PLANTED };
        let truth = {
            let mut rng = Rng::new(77, 0);
            let n = 400_000;
            let rate = (0..n).map(|_| probability(0.7 * (rng.normal() - 1.0) - 0.8)).sum::<f64>() / f64::from(n);
            0.4 * rate
        };
        let n_trials = 400;
        let covered = (0..n_trials).filter(|&seed| {
            let found = rates(&planted.rows(seed)).unwrap().incremental;
            found.low <= truth && truth <= found.high
        });
        let share = covered.count() as f64 / n_trials as f64;
        assert!((0.925..=0.985).contains(&share), "{share}");
    }

    #[test]
    fn corrections_follow_earlier_ones() {
        let current = Platt { slope: 0.5, intercept: 0.3 };
        let report = of_kind(
            OfferKind::Upsell,
            &PLANTED.rows(1),
            &OfferCalibration { upsell: Some(current), ..Default::default() },
        );
        let alone = of_kind(OfferKind::Upsell, &PLANTED.rows(1), &OfferCalibration::default()).fit.unwrap().calibration;
        assert_eq!(report.fit.unwrap().calibration, current.then(alone));
    }

    #[test]
    fn right_probabilities_stay_as_they_are() {
        let right = Planted { slope: 1.0, intercept: 0.0, ..PLANTED };
        let fit = of_kind(OfferKind::CrossSell, &right.rows(3), &OfferCalibration::default()).fit.unwrap();
        assert!((fit.calibration.slope - 1.0).abs() < 0.05 && fit.calibration.intercept.abs() < 0.06, "{fit:?}");
        assert!((fit.log_loss_after - fit.log_loss_before).abs() < 0.001, "{fit:?}");
    }

    #[test]
    fn refusals_say_what_is_missing() {
        let refused = |rows: &[Row]| of_kind(OfferKind::AddOn, rows, &OfferCalibration::default()).refused.unwrap();
        let mut all_shown = PLANTED.rows(1);
        all_shown.retain(|row| !row.is_held_out);
        assert!(refused(&all_shown).contains("attributed"), "{}", refused(&all_shown));
        assert!(rates(&all_shown).is_none());

        assert!(refused(&Planted { n: 300, ..PLANTED }.rows(1)).contains("were held out, expected at least 100"));

        let mut never = PLANTED.rows(1);
        never.iter_mut().for_each(|row| row.is_accepted = false);
        assert!(refused(&never).starts_with("0 shown offers"));

        let mut without_p = PLANTED.rows(1);
        without_p.iter_mut().for_each(|row| row.log_odds = None);
        assert!(refused(&without_p).starts_with("0 shown offers with a probability"));

        let mut at_once = PLANTED.rows(1);
        at_once.iter_mut().for_each(|row| row.time = 5);
        assert!(refused(&at_once).starts_with("no time lies between"));

        let upside_down = Planted { slope: -0.7, ..PLANTED };
        assert!(refused(&upside_down.rows(1)).contains("do not go with more acceptances"));
    }

    #[test]
    fn offers_that_are_always_shown_are_not_compared() {
        let mut rows = PLANTED.rows(1);
        let before = rates(&rows).unwrap();
        let n = rows.len();
        rows.extend(PLANTED.rows(2).into_iter().filter(|row| !row.is_held_out).map(|row| Row {
            unit: n + row.unit,
            probability_shown: 1.0,
            is_accepted: true,
            ..row
        }));
        assert_eq!(rates(&rows).unwrap(), before);
    }
}
