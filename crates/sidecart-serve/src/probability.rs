//! From the score of an offer to the probability that its item ends up in the basket.

use serde::{Deserialize, Serialize};
use sidecart_core::{exp, ln};

/// Least and greatest probability that is said.
const LEAST: f64 = 1e-6;

/// The probability that a basket ends up with an item, from the item's share among the candidates.
///
/// A ranker's scores only order the candidates of one query. Their softmax (of the mixture: the
/// share of the sum) can be compared between queries, and a logistic regression over baskets that
/// the models had not seen turns it into the share of such offers that were bought in the end
/// (Platt 1999). Among the best few of a hundred offers, which are those that are shown, one line
/// over all of them says too much or too little, so that it may bend there. The event is natural:
/// nothing was shown.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferProbability {
    /// Log odds of a sure candidate in a basket of one item.
    pub intercept: f64,
    /// For each unit of ln share, > 0: a greater score never means a smaller probability.
    pub share: f64,
    /// For each unit of ln items in the basket.
    pub basket: f64,
    /// Where the line bends.
    #[serde(default)]
    pub bends: [Bend; N_BENDS],
}

/// Most bends.
pub const N_BENDS: usize = 3;

/// A bend: from a ln share on, each unit of it counts so much more or less.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bend {
    /// The ln share.
    pub from: f64,
    /// Added to the slope; 0 where there is no bend.
    pub slope: f64,
}

impl Bend {
    /// How far a ln share lies beyond it.
    #[must_use]
    pub fn beyond(&self, log_share: f64) -> f64 {
        (log_share - self.from).max(0.0)
    }
}

impl OfferProbability {
    /// The probability for a share given as its natural logarithm and a basket of so many items.
    ///
    /// ```
    /// use sidecart_serve::OfferProbability;
    ///
    /// let likely = OfferProbability { intercept: 0.0, share: 1.0, basket: 0.0, bends: Default::default() };
    /// assert!((likely.of(-3.0, 1) - 0.0474).abs() < 1e-4);
    /// ```
    #[must_use]
    pub fn of(&self, log_share: f64, n_basket: usize) -> f64 {
        let bends: f64 = self.bends.iter().map(|bend| bend.slope * bend.beyond(log_share)).sum();
        let log_odds = self.intercept + self.share * log_share + bends + self.basket * ln(n_basket.max(1) as f64);
        (1.0 / (1.0 + exp(-log_odds.clamp(-40.0, 40.0)))).clamp(LEAST, 1.0 - LEAST)
    }

    /// Whether a greater share is never less probable: the slope stays above 0 beyond every bend.
    #[must_use]
    pub fn rises(&self) -> bool {
        let slope_at =
            |from: f64| self.bends.iter().filter(|bend| bend.from <= from).map(|bend| bend.slope).sum::<f64>();
        self.share > 0.0 && self.bends.iter().all(|bend| self.share + slope_at(bend.from) > 0.0)
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let bends = self.bends.iter().flat_map(|bend| [bend.from, bend.slope]);
        let is_finite = [self.intercept, self.share, self.basket].into_iter().chain(bends).all(f64::is_finite);
        match is_finite && self.rises() {
            true => Ok(()),
            false => {
                Err(format!("probabilities hold {self:?}: expected numbers, and a rise with the share throughout"))
            }
        }
    }
}

/// How the scores of a query become shares of the candidates.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(crate) enum Shares {
    /// Scores of a source alone: no shares.
    #[default]
    None,
    /// Utilities, with the logarithm of the sum of their exponentials.
    Softmax(f64),
    /// Parts, with the logarithm of their sum.
    Parts(f64),
}

impl Shares {
    /// The natural logarithm of the share of a candidate with a score.
    pub(crate) fn log_share(self, score: f32) -> Option<f64> {
        match self {
            Self::None => None,
            Self::Softmax(total) => Some(f64::from(score) - total),
            Self::Parts(total) => Some(ln(f64::from(score.max(f32::MIN_POSITIVE))) - total),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_greater_share_is_never_less_probable(
            (intercept, share, basket) in (-5.0f64..5.0, 0.01f64..3.0, -1.0f64..1.0),
            bends in [(-8.0f64..0.0, -2.0f64..2.0), (-8.0f64..0.0, -2.0f64..2.0), (-8.0f64..0.0, -2.0f64..2.0)],
            (a, b) in (-80.0f64..0.0, -80.0f64..0.0),
            n in 0usize..200,
        ) {
            let bends = bends.map(|(from, slope)| Bend { from, slope });
            let likely = OfferProbability { intercept, share, basket, bends };
            prop_assert_eq!(likely.check().is_ok(), likely.rises());
            let (low, high) = (likely.of(a.min(b), n), likely.of(a.max(b), n));
            prop_assert!(0.0 < low && high < 1.0);
            prop_assert!(!likely.rises() || low <= high + 1e-15);
        }
    }

    #[test]
    fn shares_of_both_kinds_sum_to_one() {
        let scores = [0.5f32, 1.5, -2.0];
        let total = ln(scores.iter().map(|&s| exp(f64::from(s))).sum());
        let sum: f64 = scores.iter().map(|&s| exp(Shares::Softmax(total).log_share(s).unwrap())).sum();
        assert!((sum - 1.0).abs() < 1e-12);
        let parts = Shares::Parts(ln(4.0));
        assert!((exp(parts.log_share(1.0).unwrap()) - 0.25).abs() < 1e-12);
        assert_eq!(Shares::None.log_share(1.0), None);
    }

    #[test]
    fn a_falling_probability_is_refused() {
        let falling = OfferProbability { intercept: 0.0, share: -1.0, basket: 0.0, bends: Default::default() };
        assert!(falling.check().unwrap_err().contains("a rise"));
        let mut bent = OfferProbability { share: 1.0, ..falling };
        assert!(bent.check().is_ok());
        // Each alone leaves a rise, both do not.
        bent.bends = [Bend { from: -3.0, slope: -0.6 }, Bend { from: -1.0, slope: -0.6 }, Bend::default()];
        assert!(bent.check().is_err());
        assert!(OfferProbability { share: f64::NAN, ..falling }.check().is_err());
    }
}
