use sidecart_core::exp;

use super::{N_FEATURES, PROMOTION_FEATURES};
use crate::trees::TreeEnsemble;

/// How much of a past there is to go by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Regime {
    /// Enough records, mostly of one tier.
    Established,
    /// Enough records, of several tiers.
    Mixed,
    /// Few records.
    Few,
}

impl Regime {
    /// All, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Established, Self::Mixed, Self::Few];

    /// The regime of a customer with so many records, of which the usual tier has a share.
    #[must_use]
    pub fn of(n_records: usize, usual_share: f64, min_records: u32, min_share: f64) -> Self {
        if n_records < min_records as usize {
            Self::Few
        } else if usual_share >= min_share {
            Self::Established
        } else {
            Self::Mixed
        }
    }

    /// The name in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Established => "established",
            Self::Mixed => "mixed",
            Self::Few => "few",
        }
    }
}

/// Something that turns features into the log odds of an upgrade.
pub trait Propensity {
    /// Log odds of an upgrade; `features` are in the order of [`FEATURES`](super::FEATURES).
    fn log_odds(&self, features: &[f32; N_FEATURES]) -> f64;
}

/// Logistic regression over standardised features.
#[derive(Clone, PartialEq, Debug)]
pub struct LogisticModel {
    /// Mean of each feature; as many as the model uses, from the first on.
    pub means: Vec<f32>,
    /// One over the standard deviation of each feature; 0 where it is constant.
    pub inverse_scales: Vec<f32>,
    /// Log odds for each standard deviation.
    pub coefficients: Vec<f32>,
    /// Log odds at the means.
    pub intercept: f32,
}

/// Standard deviations beyond which a feature counts no further.
pub const CLIP: f32 = 6.0;

impl Propensity for LogisticModel {
    #[inline]
    fn log_odds(&self, features: &[f32; N_FEATURES]) -> f64 {
        let columns = self.means.iter().zip(&self.inverse_scales).zip(&self.coefficients);
        let terms = features.iter().zip(columns).map(|(&feature, ((&mean, &scale), &coefficient))| {
            f64::from(((feature - mean) * scale).clamp(-CLIP, CLIP)) * f64::from(coefficient)
        });
        f64::from(self.intercept) + terms.sum::<f64>()
    }
}

impl Propensity for TreeEnsemble {
    #[inline]
    fn log_odds(&self, features: &[f32; N_FEATURES]) -> f64 {
        f64::from(self.score(&features[..self.n_features()]))
    }
}

/// Puts a model's log odds right: on the newest events, and for each segment.
#[derive(Clone, PartialEq, Debug)]
pub struct Calibration {
    /// Factor on the log odds, above 0.
    pub slope: f32,
    /// What is added.
    pub intercept: f32,
    /// What is added for each segment, shrunk towards 0.
    pub shifts: Vec<f32>,
}

impl Calibration {
    /// The probability, strictly between 0 and 1.
    #[must_use]
    pub fn probability(&self, log_odds: f64, segment: Option<u16>) -> f64 {
        let shift = segment.and_then(|s| self.shifts.get(usize::from(s))).copied().unwrap_or(0.0);
        let calibrated = log_odds * f64::from(self.slope) + f64::from(self.intercept) + f64::from(shift);
        let p = 1.0 / (1.0 + exp(-calibrated.clamp(-30.0, 30.0)));
        p.clamp(1e-6, 1.0 - 1e-6)
    }
}

/// A model with its calibration.
#[derive(Clone, PartialEq, Debug)]
pub struct Calibrated<M> {
    /// The model.
    pub model: M,
    /// The calibration.
    pub calibration: Calibration,
}

impl<M: Propensity> Calibrated<M> {
    /// Probability of an upgrade.
    #[must_use]
    pub fn probability(&self, features: &[f32; N_FEATURES], segment: Option<u16>) -> f64 {
        self.calibration.probability(self.model.log_odds(features), segment)
    }
}

/// The models of one kind: for each regime, without and with promotion context.
#[derive(Clone, PartialEq, Debug)]
pub struct Family<M> {
    models: [Option<Calibrated<M>>; 2 * Regime::ALL.len()],
}

impl<M> Default for Family<M> {
    fn default() -> Self {
        Self { models: [const { None }; 2 * Regime::ALL.len()] }
    }
}

impl<M> Family<M> {
    /// Number of variants.
    pub const N: usize = 2 * Regime::ALL.len();

    /// Position of a variant.
    fn at(regime: Regime, promotions: bool) -> usize {
        2 * regime as usize + usize::from(promotions)
    }

    /// Name of a variant in files.
    #[must_use]
    pub fn name(regime: Regime, promotions: bool) -> String {
        format!("{}{}", regime.name(), if promotions { "_promotions" } else { "" })
    }

    /// Puts a model in its place.
    pub fn set(&mut self, regime: Regime, promotions: bool, model: Calibrated<M>) {
        self.models[Self::at(regime, promotions)] = Some(model);
    }

    /// The model for a regime; where the plan of promotions is known and a model for it is there,
    /// that one.
    #[must_use]
    pub fn get(&self, regime: Regime, promotions: bool) -> Option<&Calibrated<M>> {
        let with = promotions.then(|| self.models[Self::at(regime, true)].as_ref()).flatten();
        with.or(self.models[Self::at(regime, false)].as_ref())
    }

    /// All variants that are there.
    pub fn iter(&self) -> impl Iterator<Item = (Regime, bool, &Calibrated<M>)> {
        Regime::ALL.into_iter().flat_map(move |regime| {
            [false, true].into_iter().filter_map(move |promotions| {
                Some((regime, promotions, self.models[Self::at(regime, promotions)].as_ref()?))
            })
        })
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.models.iter().all(Option::is_none)
    }
}

/// Features that a model with or without promotion context uses.
#[must_use]
pub fn n_used_features(promotions: bool) -> usize {
    if promotions { N_FEATURES } else { PROMOTION_FEATURES }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn model(intercept: f32) -> Calibrated<LogisticModel> {
        let model = LogisticModel {
            means: vec![1.0, 0.0],
            inverse_scales: vec![2.0, 0.0],
            coefficients: vec![0.5, 9.0],
            intercept,
        };
        let calibration = Calibration { slope: 1.0, intercept: 0.0, shifts: vec![0.0, 0.7] };
        Calibrated { model, calibration }
    }

    #[test]
    fn odds_are_those_of_the_formula() {
        let mut features = [0.0; N_FEATURES];
        (features[0], features[1], features[2]) = (2.0, 5.0, 100.0);
        let m = model(-2.0);
        assert!((m.model.log_odds(&features) + 1.0).abs() < 1e-6);
        features[0] = 1e6;
        assert!((m.model.log_odds(&features) - 1.0).abs() < 1e-6, "clipped at six deviations");
        let p = |segment| m.calibration.probability(0.3, segment);
        assert!((p(Some(0)) - 1.0 / (1.0 + (-0.3f64).exp())).abs() < 1e-9);
        assert!(p(Some(1)) > p(None) && p(Some(9)) == p(None), "unknown segments fall to the global rate");
        assert!(m.calibration.probability(1e9, None) < 1.0);
    }

    #[test]
    fn without_a_plan_the_model_without_promotions_answers() {
        let mut family = Family::default();
        assert!(family.is_empty() && family.get(Regime::Few, true).is_none());
        family.set(Regime::Few, false, model(1.0));
        assert_eq!(family.get(Regime::Few, true), family.get(Regime::Few, false));
        family.set(Regime::Few, true, model(2.0));
        assert_ne!(family.get(Regime::Few, true), family.get(Regime::Few, false));
        assert_eq!(family.iter().count(), 2);
        assert!(family.get(Regime::Established, true).is_none());
    }
}
