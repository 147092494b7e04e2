use sidecart_core::CustomerId;

use super::FrontierFacts;

/// What a model says of a slate.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct ExpectedOutcome {
    /// Sum of the probabilities.
    pub hits: f64,
    /// Sum of probability times gain, in the currency.
    pub value: f64,
}

/// What a slate said and what came of it.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct SlateOutcome {
    /// Offers.
    pub n_offers: u32,
    /// Offers whose gain is an estimate, because the shop does not say it.
    pub n_estimated: u32,
    /// Offers that the other half of the basket holds.
    pub n_hits: u32,
    /// Hits whose gain is an estimate.
    pub n_estimated_hits: u32,
    /// Gain of the hits, in the currency.
    pub value: f64,
    /// What the model expected; `None` where an offer has no probability.
    pub expected: Option<ExpectedOutcome>,
}

/// The answers of one weight of money, or of a baseline.
#[derive(Clone, Copy, Debug)]
pub struct FrontierEntry<'a> {
    /// Its name.
    pub name: &'a str,
    /// The exponent of the gain; `None` for a baseline.
    pub exponent: Option<f64>,
    /// One outcome a question.
    pub outcomes: &'a [SlateOutcome],
}

/// What a [`FrontierReport`](super::FrontierReport) is built from.
#[derive(Clone, Debug)]
pub struct FrontierInputs<'a> {
    /// Who asks, one a question; `None` for an anonymous basket.
    pub customers: &'a [Option<CustomerId>],
    /// Baselines and exponents, these by rising exponent; the smallest is what the others are
    /// compared with.
    pub entries: &'a [FrontierEntry<'a>],
    /// The exponent that the policy has.
    pub policy_exponent: Option<f64>,
    /// How the questions came to be.
    pub facts: FrontierFacts,
}
