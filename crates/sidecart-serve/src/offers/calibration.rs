//! Probabilities of offers, corrected by what logged exposures led to.

use serde::{Deserialize, Serialize};
use sidecart_core::{exp, ln};

use super::OfferKind;

/// How near to 0 or 1 a probability counts at most, so that its log-odds are finite.
const CLIP: f64 = 1e-9;
/// The flattest slope: below it a probability says next to nothing.
pub const MIN_SLOPE: f64 = 0.01;
/// The steepest slope.
pub const MAX_SLOPE: f64 = 100.0;
/// The longest shift of log-odds.
pub const MAX_INTERCEPT: f64 = 50.0;

/// A correction of log-odds, `slope * log_odds + intercept` (Platt: Probabilistic Outputs for
/// Support Vector Machines, 1999).
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Platt {
    /// Below 1 if the model is too sure; [`MIN_SLOPE`]..=[`MAX_SLOPE`], so that order stays.
    pub slope: f64,
    /// Added to the log-odds, at most [`MAX_INTERCEPT`] either way.
    pub intercept: f64,
}

impl Platt {
    /// No correction.
    pub const IDENTITY: Self = Self { slope: 1.0, intercept: 0.0 };

    /// Whether both numbers are in their ranges.
    #[must_use]
    pub fn is_valid(self) -> bool {
        (MIN_SLOPE..=MAX_SLOPE).contains(&self.slope) && self.intercept.abs() <= MAX_INTERCEPT
    }

    /// The corrected log-odds.
    #[must_use]
    pub fn apply_log_odds(self, log_odds: f64) -> f64 {
        self.slope * log_odds + self.intercept
    }

    /// The log-odds before the correction.
    #[must_use]
    pub fn invert_log_odds(self, corrected: f64) -> f64 {
        (corrected - self.intercept) / self.slope
    }

    /// The corrected probability: within 0..=1, and not falling where `p` rises. 0 and 1 count as
    /// 10^-9 from there, unless there is nothing to correct.
    #[must_use]
    pub fn apply(self, p: f64) -> f64 {
        if self == Self::IDENTITY { p } else { probability(self.apply_log_odds(log_odds(p))) }
    }

    /// This correction followed by another one.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        Self { slope: next.slope * self.slope, intercept: next.slope * self.intercept + next.intercept }
    }
}

/// The log-odds of a probability, which counts as within `[1e-9, 1 - 1e-9]`.
#[must_use]
pub fn log_odds(p: f64) -> f64 {
    let p = p.clamp(CLIP, 1.0 - CLIP);
    ln(p / (1.0 - p))
}

/// The probability of log-odds.
#[must_use]
pub fn probability(log_odds: f64) -> f64 {
    let tail = exp(-log_odds.abs());
    if log_odds > 0.0 { 1.0 / (1.0 + tail) } else { tail / (1.0 + tail) }
}

/// A correction for each kind of offer; none where nothing was learned.
///
/// ```
/// use sidecart_serve::offers::OfferKind;
/// use sidecart_serve::offers::calibration::{OfferCalibration, Platt};
///
/// let calibration = OfferCalibration { upsell: Some(Platt { slope: 1.0, intercept: -1.0 }), ..Default::default() };
/// assert!(calibration.apply(OfferKind::Upsell, 0.3) < 0.15);
/// assert_eq!(calibration.apply(OfferKind::CrossSell, 0.3), 0.3);
/// ```
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct OfferCalibration {
    /// For cross-sell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cross_sell: Option<Platt>,
    /// For upsell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub upsell: Option<Platt>,
    /// For add-ons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub add_on: Option<Platt>,
}

impl OfferCalibration {
    /// The correction of a kind.
    #[must_use]
    pub fn of(&self, kind: OfferKind) -> Platt {
        let found = match kind {
            OfferKind::CrossSell => self.cross_sell,
            OfferKind::Upsell => self.upsell,
            OfferKind::AddOn => self.add_on,
        };
        found.unwrap_or(Platt::IDENTITY)
    }

    /// Sets the correction of a kind.
    pub fn set(&mut self, kind: OfferKind, platt: Platt) {
        *match kind {
            OfferKind::CrossSell => &mut self.cross_sell,
            OfferKind::Upsell => &mut self.upsell,
            OfferKind::AddOn => &mut self.add_on,
        } = Some(platt);
    }

    /// The corrected probability of an offer.
    #[inline]
    #[must_use]
    pub fn apply(&self, kind: OfferKind, p: f64) -> f64 {
        self.of(kind).apply(p)
    }

    /// Checks every range.
    pub(crate) fn check(&self) -> Result<(), String> {
        match OfferKind::ALL.into_iter().find(|kind| !self.of(*kind).is_valid()) {
            Some(kind) => Err(format!(
                "offers.calibration of {kind} = {:?}: expected a slope from {MIN_SLOPE} to {MAX_SLOPE} and an \
                 intercept of at most {MAX_INTERCEPT} either way",
                self.of(kind)
            )),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn platt() -> impl Strategy<Value = Platt> {
        (MIN_SLOPE..5.0, -10.0..10.0).prop_map(|(slope, intercept)| Platt { slope, intercept })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn corrections_keep_the_order_and_the_range(platt in platt(), a in 0.0..=1.0f64, b in 0.0..=1.0f64) {
            let (low, high) = (a.min(b), a.max(b));
            let (corrected_low, corrected_high) = (platt.apply(low), platt.apply(high));
            prop_assert!(corrected_low <= corrected_high);
            prop_assert!((0.0..=1.0).contains(&corrected_low) && (0.0..=1.0).contains(&corrected_high));
        }

        #[test]
        fn corrections_join_and_turn_back(first in platt(), next in platt(), x in -20.0..20.0f64) {
            let joined = first.then(next).apply_log_odds(x);
            prop_assert!((joined - next.apply_log_odds(first.apply_log_odds(x))).abs() < 1e-9 * (1.0 + joined.abs()));
            prop_assert!((first.invert_log_odds(first.apply_log_odds(x)) - x).abs() < 1e-9 / MIN_SLOPE);
            prop_assert!((log_odds(probability(x)) - x).abs() < 1e-6);
        }

        #[test]
        fn nothing_learned_changes_nothing(p in 0.0..=1.0f64, kind in prop::sample::select(OfferKind::ALL.to_vec())) {
            prop_assert_eq!(OfferCalibration::default().apply(kind, p).to_bits(), p.to_bits());
        }
    }

    #[test]
    fn the_ends_stay_finite() {
        let steep = Platt { slope: MAX_SLOPE, intercept: MAX_INTERCEPT };
        for p in [0.0, 1e-300, 0.5, 1.0 - f64::EPSILON, 1.0] {
            assert!((0.0..=1.0).contains(&steep.apply(p)));
        }
        assert_eq!(Platt { slope: 1.0, intercept: 1.0 }.apply(0.5), probability(1.0));
    }

    #[test]
    fn each_kind_has_its_own() {
        let mut calibration = OfferCalibration::default();
        for (kind, slope) in OfferKind::ALL.into_iter().zip([0.5, 2.0, 3.0]) {
            calibration.set(kind, Platt { slope, intercept: 0.0 });
        }
        assert_eq!(OfferKind::ALL.map(|kind| calibration.of(kind).slope), [0.5, 2.0, 3.0]);
        let json = serde_json::to_string(&calibration).unwrap();
        assert_eq!(serde_json::from_str::<OfferCalibration>(&json).unwrap(), calibration);
        assert_eq!(serde_json::to_string(&OfferCalibration::default()).unwrap(), "{}");
    }

    #[test]
    fn what_is_out_of_range_is_refused() {
        for (slope, intercept) in
            [(0.0, 0.0), (-1.0, 0.0), (f64::NAN, 0.0), (101.0, 0.0), (1.0, f64::INFINITY), (1.0, f64::NAN)]
        {
            let calibration = OfferCalibration { upsell: Some(Platt { slope, intercept }), ..Default::default() };
            assert!(calibration.check().unwrap_err().contains("upsell"), "{slope} {intercept}");
        }
        assert!(serde_json::from_str::<OfferCalibration>("{\"cross-sell\": null}").is_err());
    }
}
