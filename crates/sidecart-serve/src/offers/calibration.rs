//! Probabilities of offers, corrected by what logged exposures led to.

use serde::{Deserialize, Serialize};
use sidecart_core::{exp, ln};

use super::{OfferKind, Touchpoint};

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

/// What each touchpoint adds to the log-odds of offers that are made there; none where nothing was
/// learned.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TouchpointShifts {
    /// At the door.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub home: Option<f64>,
    /// On a list of items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<f64>,
    /// On the page of an item.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub product: Option<f64>,
    /// In the cart.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cart: Option<f64>,
    /// At the checkout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkout: Option<f64>,
    /// After the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_purchase: Option<f64>,
    /// In a message.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub email: Option<f64>,
}

impl TouchpointShifts {
    /// The shift of a touchpoint, 0 where none was learned.
    #[must_use]
    pub fn of(&self, touchpoint: Touchpoint) -> f64 {
        let shift = match touchpoint {
            Touchpoint::Home => self.home,
            Touchpoint::Category => self.category,
            Touchpoint::Product => self.product,
            Touchpoint::Cart => self.cart,
            Touchpoint::Checkout => self.checkout,
            Touchpoint::PostPurchase => self.post_purchase,
            Touchpoint::Email => self.email,
        };
        shift.unwrap_or(0.0)
    }

    /// Sets the shift of a touchpoint.
    pub fn set(&mut self, touchpoint: Touchpoint, shift: f64) {
        *match touchpoint {
            Touchpoint::Home => &mut self.home,
            Touchpoint::Category => &mut self.category,
            Touchpoint::Product => &mut self.product,
            Touchpoint::Cart => &mut self.cart,
            Touchpoint::Checkout => &mut self.checkout,
            Touchpoint::PostPurchase => &mut self.post_purchase,
            Touchpoint::Email => &mut self.email,
        } = Some(shift);
    }

    /// Whether nothing was learned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// What was learned of touchpoints, for each kind of offer.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Timing {
    /// For cross-sell.
    #[serde(skip_serializing_if = "TouchpointShifts::is_empty")]
    pub cross_sell: TouchpointShifts,
    /// For upsell.
    #[serde(skip_serializing_if = "TouchpointShifts::is_empty")]
    pub upsell: TouchpointShifts,
    /// For add-ons.
    #[serde(skip_serializing_if = "TouchpointShifts::is_empty")]
    pub add_on: TouchpointShifts,
}

impl Timing {
    /// The shifts of a kind.
    #[must_use]
    pub fn of(&self, kind: OfferKind) -> &TouchpointShifts {
        match kind {
            OfferKind::CrossSell => &self.cross_sell,
            OfferKind::Upsell => &self.upsell,
            OfferKind::AddOn => &self.add_on,
        }
    }

    /// The shifts of a kind, to be set.
    pub fn of_mut(&mut self, kind: OfferKind) -> &mut TouchpointShifts {
        match kind {
            OfferKind::CrossSell => &mut self.cross_sell,
            OfferKind::Upsell => &mut self.upsell,
            OfferKind::AddOn => &mut self.add_on,
        }
    }

    /// Whether nothing was learned.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A correction for each kind of offer, and what touchpoints add to it; none where nothing was
/// learned.
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
    /// What the touchpoint of a question adds.
    #[serde(skip_serializing_if = "Timing::is_empty")]
    pub timing: Timing,
}

impl OfferCalibration {
    /// The corrections of questions that are asked at a touchpoint, or at none that is known.
    #[must_use]
    pub fn at(&self, touchpoint: Option<Touchpoint>) -> Self {
        let mut here = Self { timing: Timing::default(), ..*self };
        if let Some(touchpoint) = touchpoint {
            for kind in OfferKind::ALL {
                let shift = self.timing.of(kind).of(touchpoint);
                if shift != 0.0 {
                    let platt = self.of(kind);
                    here.set(kind, Platt { intercept: platt.intercept + shift, ..platt });
                }
            }
        }
        here
    }

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
        for kind in OfferKind::ALL {
            for touchpoint in Touchpoint::ALL {
                let shift = self.timing.of(kind).of(touchpoint);
                if !(-MAX_INTERCEPT..=MAX_INTERCEPT).contains(&shift) {
                    return Err(format!(
                        "offers.calibration.timing of {kind} at {touchpoint} = {shift}: expected at most \
                         {MAX_INTERCEPT} either way"
                    ));
                }
            }
        }
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
    fn touchpoints_add_to_their_kinds() {
        let mut calibration =
            OfferCalibration { upsell: Some(Platt { slope: 0.5, intercept: 1.0 }), ..Default::default() };
        for (at, touchpoint) in Touchpoint::ALL.into_iter().enumerate() {
            calibration.timing.of_mut(OfferKind::Upsell).set(touchpoint, at as f64 - 3.0);
        }
        calibration.timing.of_mut(OfferKind::AddOn).set(Touchpoint::Cart, -2.0);
        for (at, touchpoint) in Touchpoint::ALL.into_iter().enumerate() {
            let here = calibration.at(Some(touchpoint));
            assert_eq!(here.of(OfferKind::Upsell), Platt { slope: 0.5, intercept: at as f64 - 2.0 });
            assert_eq!(here.of(OfferKind::CrossSell), Platt::IDENTITY);
            assert_eq!(here.of(OfferKind::AddOn).intercept, if touchpoint == Touchpoint::Cart { -2.0 } else { 0.0 });
            assert!(here.timing.is_empty());
        }
        assert_eq!(calibration.at(None).of(OfferKind::Upsell), calibration.of(OfferKind::Upsell));
        let json = serde_json::to_string(&calibration).unwrap();
        assert_eq!(serde_json::from_str::<OfferCalibration>(&json).unwrap(), calibration);
        assert!(json.contains("\"timing\":{\"upsell\":{\"home\":-3.0") && !json.contains("cross_sell"), "{json}");

        calibration.timing.of_mut(OfferKind::AddOn).set(Touchpoint::Email, f64::NAN);
        assert!(calibration.check().unwrap_err().contains("add-on at email"));
        // What was written before touchpoints were learned still reads.
        let before: OfferCalibration = serde_json::from_str("{\"upsell\":{\"slope\":0.5,\"intercept\":1.0}}").unwrap();
        assert!(before.timing.is_empty() && before.check().is_ok());
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
