//! Where on the way to a purchase offers convert.

use serde::Serialize;
use sidecart_eval::intervals::{ArmRates, Estimate};
use sidecart_serve::offers::Touchpoint;
use sidecart_serve::offers::calibration::{MAX_INTERCEPT, Platt, TouchpointShifts};
use sidecart_train::rates::{ShiftRow, cluster_shifts, shrunk_normal};

use super::fit::{Row, mean_log_loss, rates};

/// Fewest customers (or requests) with a shown offer that a touchpoint is judged by.
pub const MIN_TOUCHPOINT_UNITS: u64 = 100;
/// Fewest customers (or requests) with a withheld offer.
pub const MIN_TOUCHPOINT_HELD_OUT_UNITS: u64 = 30;
/// The 97.5 % point of the standard normal distribution.
const Z: f64 = 1.959_963_984_540_054;
const N_TOUCHPOINTS: usize = Touchpoint::ALL.len();

/// Where offers of one kind convert.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TimingReport {
    /// The touchpoint that the others are compared with: the one with most customers among those
    /// that can be judged.
    pub reference: Option<Touchpoint>,
    /// Touchpoints with exposures, in the order of the journey.
    pub touchpoints: Vec<TouchpointReport>,
    /// Log loss of the later offers with the correction of their kind alone.
    pub log_loss_before: Option<f64>,
    /// The same with the shifts of touchpoints learned on the earlier ones.
    pub log_loss_after: Option<f64>,
    /// Whether the shifts lower the log loss of the later part, and so were published.
    pub is_better: bool,
    /// Why touchpoints have no shifts.
    pub refused: Option<String>,
}

/// How offers of one kind convert at one touchpoint.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct TouchpointReport {
    /// The touchpoint.
    pub touchpoint: Touchpoint,
    /// Exposures that were shown.
    pub n_shown: u64,
    /// Exposures that were withheld.
    pub n_held_out: u64,
    /// Shown offers whose item was bought.
    pub n_accepted: u64,
    /// Rates where an offer may be withheld, by customer; the difference is the conversion: what
    /// offers brought about.
    pub rates: Option<ArmRates>,
    /// The conversion, moved towards that of all touchpoints as far as its interval says that it may
    /// be chance.
    pub conversion: Option<f64>,
    /// Conversion as a multiple of the reference's; none where one of both is within its noise.
    pub times: Option<Estimate>,
    /// What the touchpoint adds to the log-odds of its kind beyond the kind's own correction, in all
    /// versions so far together; none where it has too little support.
    pub shift: Option<f64>,
    /// Why it is not judged.
    pub refused: Option<String>,
}

/// Shown offers with a probability, before and after the time that parts them.
pub(super) struct Seen<'a> {
    pub(super) all: &'a [(&'a Row, f64)],
    pub(super) earlier: &'a [(&'a Row, f64)],
    pub(super) later: &'a [(&'a Row, f64)],
}

/// The corrections of a kind that shifts come on top of.
pub(super) struct Corrections<'a> {
    /// Learned on the earlier offers, or none that is used.
    pub(super) earlier: Platt,
    /// Learned on all of them, or none that is used.
    pub(super) all: Platt,
    /// What the calibrated version adds already.
    pub(super) current: &'a TouchpointShifts,
}

/// Rates of every touchpoint of a kind. O(rows).
pub(super) fn compare(rows: &[Row]) -> TimingReport {
    let mut touchpoints: Vec<TouchpointReport> = Touchpoint::ALL
        .into_iter()
        .filter_map(|touchpoint| {
            let here: Vec<Row> = rows.iter().filter(|row| row.touchpoint == Some(touchpoint)).copied().collect();
            (!here.is_empty()).then(|| of_touchpoint(touchpoint, &here))
        })
        .collect();
    let is_judged = |report: &&TouchpointReport| report.refused.is_none();
    let everywhere = rates(rows).map(|rates| rates.incremental.value);
    let judged: Vec<(Touchpoint, ArmRates)> =
        touchpoints.iter().filter(is_judged).filter_map(|report| Some((report.touchpoint, report.rates?))).collect();
    // Of equal ones the earlier on the way.
    let reference = judged.iter().rev().max_by_key(|(_, rates)| rates.n_units_shown).copied();
    if let Some(mean) = everywhere {
        let seen: Vec<(f64, f64)> =
            judged.iter().map(|(_, rates)| (rates.incremental.value, variance(&rates.incremental))).collect();
        for ((touchpoint, rates), conversion) in judged.iter().zip(shrunk_normal(&seen, mean)) {
            let report = touchpoints.iter_mut().find(|report| report.touchpoint == *touchpoint);
            let report = report.expect("it was judged above");
            report.conversion = Some(conversion);
            report.times = reference.and_then(|(_, reference)| ratio(&rates.incremental, &reference.incremental));
        }
    }
    let n_judged = judged.len();
    let refused = match touchpoints.len() {
        0 => Some("no exposure says at which touchpoint it was".to_owned()),
        _ if n_judged < 2 => Some(format!(
            "{n_judged} touchpoints can be judged, expected at least 2 (each with {MIN_TOUCHPOINT_UNITS} customers who \
             were shown offers and {MIN_TOUCHPOINT_HELD_OUT_UNITS} held out)"
        )),
        _ => None,
    };
    TimingReport {
        reference: reference.map(|(touchpoint, _)| touchpoint),
        touchpoints,
        log_loss_before: None,
        log_loss_after: None,
        is_better: false,
        refused,
    }
}

fn of_touchpoint(touchpoint: Touchpoint, rows: &[Row]) -> TouchpointReport {
    let rates = rates(rows);
    let (shown, held_out) = rates.map_or((0, 0), |rates| (rates.n_units_shown, rates.n_units_held_out));
    let refused = if shown < MIN_TOUCHPOINT_UNITS {
        Some(format!("{shown} customers were shown offers, expected at least {MIN_TOUCHPOINT_UNITS}"))
    } else if held_out < MIN_TOUCHPOINT_HELD_OUT_UNITS {
        Some(format!("{held_out} customers were held out, expected at least {MIN_TOUCHPOINT_HELD_OUT_UNITS}"))
    } else {
        None
    };
    let n_held_out = rows.iter().filter(|row| row.is_held_out).count() as u64;
    TouchpointReport {
        touchpoint,
        n_shown: rows.len() as u64 - n_held_out,
        n_held_out,
        n_accepted: rows.iter().filter(|row| !row.is_held_out && row.is_accepted).count() as u64,
        rates,
        conversion: None,
        times: None,
        shift: None,
        refused,
    }
}

fn variance(estimate: &Estimate) -> f64 {
    ((estimate.high - estimate.low) / (2.0 * Z)).powi(2)
}

/// The ratio of two effects that are both above 0 beyond their noise, with the interval of its
/// logarithm; touchpoints are taken as independent, which makes it too wide where they share
/// customers. The ratio of an effect to itself is 1.
fn ratio(of: &Estimate, to: &Estimate) -> Option<Estimate> {
    if of.low <= 0.0 || to.low <= 0.0 {
        return None;
    }
    let value = of.value / to.value;
    if of == to {
        return Some(Estimate { value, low: value, high: value });
    }
    let error = (variance(of) / (of.value * of.value) + variance(to) / (to.value * to.value)).sqrt();
    let factor = sidecart_core::exp(Z * error);
    Some(Estimate { value, low: value / factor, high: value * factor })
}

/// Learns shifts, tests them on later offers, and notes those that the next version has.
pub(super) fn learn(report: &mut TimingReport, seen: &Seen<'_>, corrections: &Corrections<'_>) {
    // What earlier versions learned is on the scale of the log-odds before this correction.
    let kept = |touchpoint: Touchpoint| corrections.all.slope * corrections.current.of(touchpoint);
    if report.refused.is_none() {
        let judged: Vec<bool> = Touchpoint::ALL
            .into_iter()
            .map(|at| report.touchpoints.iter().any(|report| report.touchpoint == at && report.refused.is_none()))
            .collect();
        let tested = shifts(seen.earlier, corrections.earlier, &judged);
        let before = mean_log_loss(seen.later, |_, x| corrections.earlier.apply_log_odds(x));
        let after = mean_log_loss(seen.later, |row, x| {
            corrections.earlier.apply_log_odds(x) + row.touchpoint.map_or(0.0, |at| tested[at as usize])
        });
        (report.log_loss_before, report.log_loss_after) = (Some(before), Some(after));
        report.is_better = after < before;
        if report.is_better {
            let learned = shifts(seen.all, corrections.all, &judged);
            for report in report.touchpoints.iter_mut().filter(|report| report.refused.is_none()) {
                let shift = kept(report.touchpoint) + learned[report.touchpoint as usize];
                report.shift = Some(shift.clamp(-MAX_INTERCEPT, MAX_INTERCEPT));
            }
        }
    }
}

/// The shifts of the next version: those learned, and what the version before has elsewhere.
pub(super) fn next(report: &TimingReport, current: &TouchpointShifts, slope: f64) -> TouchpointShifts {
    let mut next = TouchpointShifts::default();
    for touchpoint in Touchpoint::ALL {
        let learned = report.touchpoints.iter().find(|report| report.touchpoint == touchpoint);
        let before = slope * current.of(touchpoint);
        let shift = learned.and_then(|report| report.shift).unwrap_or(before);
        if shift != 0.0 {
            next.set(touchpoint, shift);
        }
    }
    next
}

/// The shrunk shift of every touchpoint, 0 of those that are not judged.
fn shifts(seen: &[(&Row, f64)], correction: Platt, judged: &[bool]) -> [f64; N_TOUCHPOINTS] {
    let mut rows: Vec<ShiftRow> = seen
        .iter()
        .filter_map(|(row, x)| {
            let touchpoint = row.touchpoint.filter(|&at| judged[at as usize])?;
            Some(ShiftRow {
                offset: correction.apply_log_odds(*x),
                label: row.is_accepted,
                weight: 1.0 / row.probability_shown,
                group: touchpoint as u16,
                cluster: row.unit,
            })
        })
        .collect();
    rows.sort_by_key(|row| row.cluster);
    let mut shifts = [0.0; N_TOUCHPOINTS];
    for (shift, found) in shifts.iter_mut().zip(cluster_shifts(&rows, N_TOUCHPOINTS)) {
        *shift = found.shrunk;
    }
    shifts
}

#[cfg(test)]
mod tests {
    use sidecart_core::Rng;
    use sidecart_serve::offers::OfferKind;
    use sidecart_serve::offers::calibration::{OfferCalibration, log_odds, probability};

    use super::super::KindReport;
    use super::super::fit::of_kind;
    use super::*;

    /// Customers who meet offers on product pages and in the cart: what offers bring about is
    /// `times` as much in the cart, of the same probabilities.
    fn rows(seed: u64, n_customers: usize, times: f64) -> Vec<Row> {
        let mut rng = Rng::new(seed, 4);
        let mut rows = Vec::new();
        for unit in 0..n_customers {
            for step in 0..2 + rng.below(3) {
                let p = 0.02 + 0.04 * rng.unit();
                let touchpoint = if rng.chance(0.6) { Touchpoint::Product } else { Touchpoint::Cart };
                let is_held_out = rng.chance(0.3);
                let factor = if touchpoint == Touchpoint::Cart { times } else { 1.0 };
                let rate = p * factor * if is_held_out { 0.3 } else { 1.0 };
                rows.push(Row {
                    unit,
                    time: rng.below(1_000_000) as i64 + step as i64,
                    touchpoint: Some(touchpoint),
                    log_odds: Some(log_odds(p)),
                    probability_shown: 0.7,
                    is_held_out,
                    is_accepted: rng.chance(rate),
                });
            }
        }
        rows
    }

    fn report(rows: &[Row]) -> KindReport {
        of_kind(OfferKind::CrossSell, rows, &OfferCalibration::default())
    }

    fn at(report: &KindReport, touchpoint: Touchpoint) -> &TouchpointReport {
        report.timing.touchpoints.iter().find(|report| report.touchpoint == touchpoint).unwrap()
    }

    #[test]
    fn concept_19_where_decisions_are_made_is_recovered() {
        let report = report(&rows(1, 20_000, 3.0));
        let (product, cart) = (at(&report, Touchpoint::Product), at(&report, Touchpoint::Cart));
        assert_eq!(report.timing.reference, Some(Touchpoint::Product), "most customers");
        assert_eq!(product.times.map(|times| times.value), Some(1.0));
        let times = cart.times.unwrap();
        assert!(times.low < 3.0 && 3.0 < times.high && times.low > 2.0 && times.high < 4.5, "{times:?}");
        let rates = cart.rates.unwrap();
        // 0.04 x 3, of which 3 in 10 would come without the offer.
        assert!(rates.incremental.low < 0.084 && 0.084 < rates.incremental.high, "{rates:?}");
        assert!((cart.conversion.unwrap() - rates.incremental.value).abs() < 0.01, "hardly moved: it is clear");

        // What a probability of 0.04 becomes: about 0.12 in the cart and 0.04 on the product page.
        assert!(report.timing.is_better, "{:?}", report.timing);
        let platt = report.fit.filter(|fit| fit.is_better).map_or(Platt::IDENTITY, |fit| fit.calibration);
        let said =
            |report: &TouchpointReport| probability(platt.apply_log_odds(log_odds(0.04)) + report.shift.unwrap());
        assert!(
            (0.1..0.14).contains(&said(cart)) && (0.032..0.048).contains(&said(product)),
            "{} {}",
            said(cart),
            said(product)
        );
    }

    #[test]
    fn intervals_of_the_multiple_cover_it() {
        let n_trials = 200;
        let covered = (0..n_trials).filter(|&seed| {
            let timing = compare(&rows(seed, 4_000, 3.0));
            let cart = timing.touchpoints.iter().find(|report| report.touchpoint == Touchpoint::Cart).unwrap();
            cart.times.is_some_and(|times| times.low <= 3.0 && 3.0 <= times.high)
        });
        let share = covered.count() as f64 / f64::from(n_trials as u32);
        assert!((0.92..=0.995).contains(&share), "{share}");
    }

    #[test]
    fn where_all_convert_alike_nothing_moves() {
        let mut n_better = 0;
        for seed in 0..8 {
            let report = report(&rows(seed, 5_000, 1.0));
            n_better += usize::from(report.timing.is_better);
            for touchpoint in &report.timing.touchpoints {
                assert!(touchpoint.shift.is_none_or(|shift| shift.abs() < 0.2), "{touchpoint:?}");
            }
        }
        assert!(n_better <= 4, "{n_better} of 8");
    }

    #[test]
    fn little_support_is_refused() {
        let mut few = rows(2, 6_000, 3.0);
        few.iter_mut().filter(|row| row.unit < 60).for_each(|row| row.touchpoint = Some(Touchpoint::Email));
        let report = report(&few);
        let email = at(&report, Touchpoint::Email);
        assert!(email.refused.as_deref().unwrap().contains("expected at least 100"), "{email:?}");
        assert_eq!((email.shift, email.conversion, email.times), (None, None, None));
        assert!(at(&report, Touchpoint::Cart).shift.is_some());

        let mut one = rows(2, 2_000, 1.0);
        one.iter_mut().for_each(|row| row.touchpoint = Some(Touchpoint::Cart));
        assert!(compare(&one).refused.unwrap().contains("1 touchpoints can be judged"));
        one.iter_mut().for_each(|row| row.touchpoint = None);
        assert!(compare(&one).refused.unwrap().contains("no exposure says"));
    }

    #[test]
    fn earlier_shifts_are_carried_on() {
        let mut current = TouchpointShifts::default();
        current.set(Touchpoint::Email, -1.0);
        current.set(Touchpoint::Cart, 0.5);
        let mut timing = compare(&rows(3, 3_000, 3.0));
        timing.touchpoints.iter_mut().for_each(|report| report.shift = Some(0.25));
        let next = next(&timing, &current, 2.0);
        assert_eq!((next.email, next.cart, next.home), (Some(-2.0), Some(0.25), None));
    }
}
