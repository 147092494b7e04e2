//! What the scorer needs to know beside the tensors; stored in the manifest under `serving`.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::probability::OfferProbability;

/// What the list is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// What completes this basket, things bought before included; only the basket is left out.
    #[default]
    Completion,
    /// What is new to this customer: everything ever bought is left out too.
    Discovery,
}

/// The part of the model that answers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// What ranked best on held-out baskets in the query's situation (the cheapest of equals):
    /// neural network, trees, linear or fast ranker, or the mixture.
    #[default]
    Default,
    /// The parts, weighted.
    Mixture,
    /// Nearest items of the basket's items.
    Neighbours,
    /// Vectors of items and basket.
    Embeddings,
    /// The linear item model over the basket's items.
    Ease,
    /// Past baskets that resemble this one.
    Baskets,
    /// The customer's own past: how often and how lately, and what went with such a basket.
    Own,
    /// How often and how lately the customer bought the item, without the basket.
    OwnFrequency,
    /// Number of training baskets.
    Popular,
    /// A linear ranker over few features of few candidates: for the tightest time limits.
    Fast,
    /// The linear ranker over the features of all candidates.
    Linear,
    /// Boosted trees over the candidates that the linear ranker keeps.
    Trees,
    /// A neural network over the same.
    Neural,
}

impl Source {
    /// All sources with the names used on command lines.
    pub const NAMES: [(&'static str, Self); 13] = [
        ("default", Self::Default),
        ("mixture", Self::Mixture),
        ("neighbours", Self::Neighbours),
        ("embeddings", Self::Embeddings),
        ("ease", Self::Ease),
        ("baskets", Self::Baskets),
        ("own", Self::Own),
        ("own-frequency", Self::OwnFrequency),
        ("popular", Self::Popular),
        ("fast", Self::Fast),
        ("linear", Self::Linear),
        ("trees", Self::Trees),
        ("neural", Self::Neural),
    ];

    /// The name used on command lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, source)| *source == self).map_or("default", |(name, _)| name)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Number of signals in the mixture.
pub const N_SIGNALS: usize = 8;

/// What is mixed, in the order of the weights.
pub const SIGNALS: [&str; N_SIGNALS] =
    ["neighbours", "neighbours_max", "baskets", "embeddings", "own_frequency", "own_together", "popular", "ease"];

/// Weights of the signals, each >= 0, in the order of [`SIGNALS`].
pub type Weights = [f32; N_SIGNALS];

/// Weights for every situation; each signal is first normalised to sum to one over the candidates.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MixtureWeights {
    /// Completion, customer with a past.
    pub completion_known: Weights,
    /// Completion, nothing known of the customer.
    pub completion_anonymous: Weights,
    /// Discovery, customer with a past.
    pub discovery_known: Weights,
    /// Discovery, nothing known of the customer.
    pub discovery_anonymous: Weights,
}

impl Default for MixtureWeights {
    /// Weights before tuning: neighbours and similar baskets carry an anonymous basket, the
    /// customer's own past half of a known one; the linear item model waits for tuning.
    fn default() -> Self {
        let context = [1.0, 0.25, 1.0, 0.25, 0.0, 0.0, 0.02, 0.0];
        Self {
            completion_known: [0.5, 0.0, 0.5, 0.0, 0.5, 0.5, 0.01, 0.0],
            completion_anonymous: context,
            discovery_known: [0.5, 0.5, 0.5, 0.5, 0.0, 0.0, 0.02, 0.0],
            discovery_anonymous: context,
        }
    }
}

impl MixtureWeights {
    /// The weights of a ranker's situation.
    #[must_use]
    pub fn of_situation(&self, situation: crate::ranker::Situation) -> &Weights {
        use crate::ranker::Situation;
        match situation {
            Situation::CompletionKnown => &self.completion_known,
            Situation::Anonymous => &self.completion_anonymous,
            Situation::DiscoveryKnown => &self.discovery_known,
        }
    }

    /// The weights of a situation.
    #[must_use]
    pub fn of(&self, mode: Mode, knows_customer: bool) -> &Weights {
        match (mode, knows_customer) {
            (Mode::Completion, true) => &self.completion_known,
            (Mode::Completion, false) => &self.completion_anonymous,
            (Mode::Discovery, true) => &self.discovery_known,
            (Mode::Discovery, false) => &self.discovery_anonymous,
        }
    }
}

/// How the parts are used at query time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServingSettings {
    /// Training baskets behind the counts.
    pub n_baskets: u64,
    /// Nearest baskets that vote.
    pub nearest_baskets: u32,
    /// Age at which a past basket counts 1/e for frequency: days, or baskets where times are a
    /// bare order.
    pub own_frequency_tau: f64,
    /// The same for baskets that resemble the present one.
    pub own_together_tau: f64,
    /// Exponent of the number of basket items by which the sum of their vectors is divided.
    pub embedding_pooling: f32,
    /// Embedding candidates that enter the mixture.
    pub embedding_candidates: u32,
    /// Weights of the mixture.
    pub weights: MixtureWeights,
    /// How scores become probabilities, by [`Situation`](crate::ranker::Situation); `None` where it
    /// is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probabilities: Option<[Option<OfferProbability>; 3]>,
    /// The upsell part; `None` where the model has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upsell: Option<crate::upsell::UpsellSettings>,
    /// The learned ranker; `None` where the model has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ranker: Option<crate::ranker::RankerSettings>,
    /// The shop's rules for offers.
    #[serde(default)]
    pub policy: crate::offers::Policy,
    /// What offers need; `None` where nothing was set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub offers: Option<crate::offers::OffersSettings>,
}

impl ServingSettings {
    /// Checks what a scorer relies on: decays above 0, weights and exponents that are finite and
    /// not negative.
    pub(crate) fn check(&self) -> Result<(), String> {
        for (name, tau) in [("own_frequency_tau", self.own_frequency_tau), ("own_together_tau", self.own_together_tau)]
        {
            if !(tau > 0.0 && tau.is_finite()) {
                return Err(format!("{name} = {tau}: expected a number above 0"));
            }
        }
        let pooling = self.embedding_pooling;
        if !(pooling >= 0.0 && pooling.is_finite()) {
            return Err(format!("embedding_pooling = {pooling}: expected a number of at least 0"));
        }
        for probability in self.probabilities.iter().flatten().flatten() {
            probability.check()?;
        }
        if let Some(offers) = &self.offers {
            offers.check()?;
        }
        let w = &self.weights;
        let all = [w.completion_known, w.completion_anonymous, w.discovery_known, w.discovery_anonymous];
        match all.iter().flatten().find(|w| !(**w >= 0.0 && w.is_finite())) {
            Some(weight) => Err(format!("weights hold {weight}: expected numbers of at least 0")),
            None => Ok(()),
        }
    }
}

impl Default for ServingSettings {
    fn default() -> Self {
        Self {
            n_baskets: 0,
            nearest_baskets: 300,
            own_frequency_tau: 120.0,
            own_together_tau: 180.0,
            embedding_pooling: 0.5,
            embedding_candidates: 200,
            weights: MixtureWeights::default(),
            probabilities: None,
            upsell: None,
            ranker: None,
            policy: crate::offers::Policy::default(),
            offers: None,
        }
    }
}
