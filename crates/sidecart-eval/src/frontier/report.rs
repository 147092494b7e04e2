use serde::{Deserialize, Serialize};

use crate::IntervalFacts;
use crate::intervals::Estimate;

/// How much relevance more money costs. Field names are stable; [`FrontierReport::to_json`] writes
/// them as they are. Figures are means over questions, rounded to nine decimals.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FrontierReport {
    /// Number of this layout.
    pub format: u32,
    /// How the questions came to be.
    pub facts: FrontierFacts,
    /// How the intervals came to be.
    pub intervals: IntervalFacts,
    /// Baselines, then the exponents from pure relevance on.
    pub points: Vec<FrontierPoint>,
    /// The way along the frontier of what was counted.
    pub realised_steps: Vec<FrontierStep>,
    /// The same of what the model expects.
    pub expected_steps: Vec<FrontierStep>,
    /// What a reader should know before trusting the numbers.
    pub warnings: Vec<String>,
}

/// How the questions of a frontier came to be.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, Default)]
pub struct FrontierFacts {
    /// What money is: `revenue` or `margin`.
    pub objective: String,
    /// Most offers of a slate.
    pub k: usize,
    /// Seed of the halves and of the sample.
    pub seed: u64,
    /// First time of the test part in readable form, when the split was by time.
    pub split_time: Option<String>,
    /// Fingerprint of the training data, when known.
    pub data_fingerprint: Option<String>,
    /// Baskets of the test part.
    pub n_test_baskets: usize,
    /// Test baskets of a single item, which cannot be cut in two.
    pub n_single_baskets: usize,
    /// Test baskets that could have been a question but are not in the sample.
    pub n_unsampled_baskets: usize,
    /// Questions.
    pub n_questions: usize,
    /// Items of the other halves, all questions together.
    pub n_hidden: usize,
    /// Different customers among the questions.
    pub n_customers: usize,
    /// Questions of anonymous baskets.
    pub n_anonymous: usize,
    /// Questions in which every offer of every exponent has a probability; expected figures are
    /// over these.
    pub n_with_probability: usize,
}

/// The slates of one weight of money, or of a baseline.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct FrontierPoint {
    /// Its name.
    pub name: String,
    /// The exponent of the gain; none for a baseline.
    pub exponent: Option<f64>,
    /// Whether the policy has this exponent.
    pub is_policy: bool,
    /// Offers of a slate.
    pub n_offers: f64,
    /// Share of questions with a hit.
    pub hit_rate: Estimate,
    /// Counted in the other halves.
    pub realised: Figures,
    /// Share of the hits whose gain is an estimate; none without a hit.
    pub estimated_share: Option<f64>,
    /// Expected by the model; none where it gives no probabilities.
    pub expected: Option<Figures>,
}

/// Relevance and value of slates.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Figures {
    /// Hits of a slate.
    pub hits: Estimate,
    /// Their gain, in the currency.
    pub value: Estimate,
    /// Hits more than pure relevance has, on the same questions; none for pure relevance itself.
    pub hits_difference: Option<Estimate>,
    /// Gain more than pure relevance has.
    pub value_difference: Option<Estimate>,
    /// Whether no exponent has more of one and no less of the other.
    pub is_on_frontier: bool,
}

/// From one point of the frontier to the next: less relevance, more value.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct FrontierStep {
    /// Exponent that is left.
    pub from: f64,
    /// Exponent that is reached.
    pub to: f64,
    /// Hits of a slate more, below 0.
    pub hits: Estimate,
    /// Gain of a slate more, above 0.
    pub value: Estimate,
    /// Gain more for each hit less: the price of a unit of relevance. None where the difference of
    /// hits or that of gain is within its noise.
    pub price: Option<Estimate>,
}

impl FrontierReport {
    /// The report as indented JSON; reading it back gives an equal report.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report holds texts and numbers only")
    }
}
