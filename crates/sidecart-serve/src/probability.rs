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
/// (Platt 1999). The event is natural: nothing was shown.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OfferProbability {
    /// Log odds of a sure candidate in a basket of one item.
    pub intercept: f64,
    /// For each unit of ln share, > 0: a greater score never means a smaller probability.
    pub share: f64,
    /// For each unit of ln items in the basket.
    pub basket: f64,
}

impl OfferProbability {
    /// The probability for a share given as its natural logarithm and a basket of so many items.
    ///
    /// ```
    /// use sidecart_serve::OfferProbability;
    ///
    /// let likely = OfferProbability { intercept: 0.0, share: 1.0, basket: 0.0 };
    /// assert!((likely.of(-3.0, 1) - 0.0474).abs() < 1e-4);
    /// ```
    #[must_use]
    pub fn of(&self, log_share: f64, n_basket: usize) -> f64 {
        let log_odds = self.intercept + self.share * log_share + self.basket * ln(n_basket.max(1) as f64);
        (1.0 / (1.0 + exp(-log_odds.clamp(-40.0, 40.0)))).clamp(LEAST, 1.0 - LEAST)
    }

    pub(crate) fn check(&self) -> Result<(), String> {
        let all = [self.intercept, self.share, self.basket];
        match all.iter().all(|value| value.is_finite()) && self.share > 0.0 {
            true => Ok(()),
            false => Err(format!("probabilities hold {all:?}: expected numbers, the second above 0")),
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
            (a, b) in (-80.0f64..0.0, -80.0f64..0.0),
            n in 0usize..200,
        ) {
            let likely = OfferProbability { intercept, share, basket };
            prop_assert!(likely.check().is_ok());
            let (low, high) = (likely.of(a.min(b), n), likely.of(a.max(b), n));
            prop_assert!(0.0 < low && low <= high && high < 1.0);
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
        let falling = OfferProbability { intercept: 0.0, share: -1.0, basket: 0.0 };
        assert!(falling.check().unwrap_err().contains("above 0"));
        assert!(OfferProbability { share: f64::NAN, ..falling }.check().is_err());
    }
}
