use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sidecart_core::{Clock, IdTable};

use super::super::{Objective, OfferItems};
use super::{
    Caps, CompiledPolicy, Exclusions, Filter, PolicyNames, PriceRatios, Promotion, SlowMovers, TouchpointTable,
};
use crate::error::Error;

/// Most offers of one slate.
pub const MAX_OFFERS_PER_REQUEST: u32 = 12;
/// Counts of a session end one above, so that a greater cap could never be reached.
const MAX_SESSION_COUNT: u32 = u8::MAX as u32 - 1;

/// What is offered where the model has no answer of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Fallback {
    /// Nothing.
    Never,
    /// What most people buy, or what the categories say, where the model has no answer at all.
    #[default]
    WhenEmpty,
    /// The same, also to fill up a short answer.
    FillUp,
}

/// The shop's rules for offers, `[policy]` in a configuration. Unknown keys are errors.
///
/// ```
/// use sidecart_serve::offers::Policy;
///
/// let policy: Policy = serde_json::from_str(r#"{"min_relevance": 0.02}"#).unwrap();
/// assert!(policy.check().is_ok() && policy.offers_per_request == 4);
/// ```
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Policy {
    /// What the value of an offer counts. Default `relevance`.
    pub objective: Objective,
    /// Exponent of the gain in the value: 0 the most probable first, 1 the most expected money first.
    /// Default 0.5, range 0 to 2.
    pub gain_exponent: f64,
    /// Share of the price that counts as margin in a shop that says no margin at all. Default 0.3,
    /// range 0 to 1.
    pub margin_rate: f64,
    /// Least probability of an offer; below it nothing brings it back. Default 0, range 0 to 1.
    pub min_relevance: f64,
    /// What is offered where the model has no answer of its own. Default `when-empty`.
    pub fallback: Fallback,
    /// Most offers of a slate. Default 4, range 0 to 12.
    pub offers_per_request: u32,
    /// Most offers that one session sees. Default 24, range 0 to 100000.
    pub offers_per_session: u32,
    /// Days for which a declined item rests, by the clock of its session. Default 7, range 0 to 3650.
    pub cool_down_days: f64,
    /// Declines within these days after which it rests. Default 1, range 1 to 100.
    pub declines_before_cool_down: u32,
    /// Times that one session sees one item. Default without limit, range 1 to 254.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shows_per_item: Option<u32>,
    /// Declined offers of a kind after which this kind stays away for the rest of the session. Default
    /// without limit, range 1 to 254.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub declines_before_silence: Option<u32>,
    /// Share of its value that each further offer of one top category loses. Default 0.1, range 0 to
    /// 1.
    pub diversity: f64,
    /// Strength with which popular items step back: the value is divided by (1 + customers)^this.
    /// Default 0, range 0 to 2.
    pub popularity_penalty: f64,
    /// How dear an offer may be.
    pub max_price_ratio: PriceRatios,
    /// Which kinds of offers are made where.
    pub touchpoints: TouchpointTable,
    /// Most offers that have something in common.
    pub caps: Caps,
    /// What is never offered.
    pub exclude: Exclusions,
    /// Stock that should go.
    pub slow_movers: SlowMovers,
    /// By segment: share of its value that an upgrade loses, because the segment looks at prices; the
    /// floor is held against what is left of the probability. Default none, range 0 to 1.
    pub price_sensitivity: BTreeMap<String, f64>,
    /// Conditions on attributes. Default none.
    pub filters: Vec<Filter>,
    /// Price cuts for a time. Default none.
    pub promotions: Vec<Promotion>,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            objective: Objective::Relevance,
            gain_exponent: 0.5,
            margin_rate: 0.3,
            min_relevance: 0.0,
            fallback: Fallback::WhenEmpty,
            offers_per_request: 4,
            offers_per_session: 24,
            cool_down_days: 7.0,
            declines_before_cool_down: 1,
            shows_per_item: None,
            declines_before_silence: None,
            diversity: 0.1,
            popularity_penalty: 0.0,
            max_price_ratio: PriceRatios::default(),
            touchpoints: TouchpointTable::default(),
            caps: Caps::default(),
            exclude: Exclusions::default(),
            slow_movers: SlowMovers::default(),
            price_sensitivity: BTreeMap::new(),
            filters: Vec::new(),
            promotions: Vec::new(),
        }
    }
}

pub(super) fn number(name: &str, value: f64, low: f64, high: f64) -> Result<(), String> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(format!("{name} = {value}: expected a number from {low} to {high}"))
    }
}

pub(super) fn whole(name: &str, value: u32, low: u32, high: u32) -> Result<(), String> {
    if (low..=high).contains(&value) {
        Ok(())
    } else {
        Err(format!("{name} = {value}: expected a whole number from {low} to {high}"))
    }
}

impl Policy {
    /// Looks every name up in what a model will know, before there is one. Gives those that it does
    /// not know and that have no effect: items, segments and values of filters, which come and go.
    ///
    /// # Errors
    /// [`Error::Query`] for a value out of range or a category, brand or attribute that there is not.
    pub fn unknown_names(
        &self,
        ids: &IdTable,
        items: &OfferItems,
        segments: &[String],
        clock: Clock,
    ) -> crate::Result<Vec<String>> {
        let names = PolicyNames { ids, items, segments, clock };
        match CompiledPolicy::new(self.clone(), names) {
            Ok(compiled) => Ok(compiled.unknown().to_vec()),
            Err(problem) => Err(Error::policy(&problem)),
        }
    }

    /// Checks every range, and that filters and promotions are whole.
    ///
    /// # Errors
    /// `key = got: expected ..` of the first key that is wrong, without the prefix `policy.`.
    pub fn check(&self) -> Result<(), String> {
        number("gain_exponent", self.gain_exponent, 0.0, 2.0)?;
        number("margin_rate", self.margin_rate, 0.0, 1.0)?;
        number("min_relevance", self.min_relevance, 0.0, 1.0)?;
        whole("offers_per_request", self.offers_per_request, 0, MAX_OFFERS_PER_REQUEST)?;
        whole("offers_per_session", self.offers_per_session, 0, 100_000)?;
        number("cool_down_days", self.cool_down_days, 0.0, 3_650.0)?;
        whole("declines_before_cool_down", self.declines_before_cool_down, 1, 100)?;
        whole("shows_per_item", self.shows_per_item.unwrap_or(1), 1, MAX_SESSION_COUNT)?;
        whole("declines_before_silence", self.declines_before_silence.unwrap_or(1), 1, MAX_SESSION_COUNT)?;
        number("diversity", self.diversity, 0.0, 1.0)?;
        number("popularity_penalty", self.popularity_penalty, 0.0, 2.0)?;
        self.max_price_ratio.check()?;
        self.caps.check()?;
        self.slow_movers.check()?;
        for (segment, &share) in &self.price_sensitivity {
            number(&format!("price_sensitivity.{segment}"), share, 0.0, 1.0)?;
        }
        self.filters.iter().try_for_each(Filter::check)?;
        self.promotions.iter().try_for_each(Promotion::check)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ends_of_every_range_are_refused_beyond() {
        assert_eq!(Policy::default().check(), Ok(()));
        type Change = fn(&mut Policy, f64);
        type Count = fn(&mut Policy, u32);
        let ranges: [(&str, Change, f64, f64); 13] = [
            ("gain_exponent", |p, x| p.gain_exponent = x, 0.0, 2.0),
            ("margin_rate", |p, x| p.margin_rate = x, 0.0, 1.0),
            ("min_relevance", |p, x| p.min_relevance = x, 0.0, 1.0),
            ("cool_down_days", |p, x| p.cool_down_days = x, 0.0, 3_650.0),
            ("diversity", |p, x| p.diversity = x, 0.0, 1.0),
            ("popularity_penalty", |p, x| p.popularity_penalty = x, 0.0, 2.0),
            ("max_price_ratio.upsell", |p, x| p.max_price_ratio.upsell = x, 1.0, 1_000.0),
            ("max_price_ratio.cross_sell", |p, x| p.max_price_ratio.cross_sell = x, 0.01, 1_000.0),
            ("max_price_ratio.basket", |p, x| p.max_price_ratio.basket = Some(x), 0.01, 1_000.0),
            ("slow_movers.boost", |p, x| p.slow_movers.boost = x, 0.0, 10.0),
            ("slow_movers.days_of_cover", |p, x| p.slow_movers.days_of_cover = x, 1.0, 36_500.0),
            ("slow_movers.min_age_days", |p, x| p.slow_movers.min_age_days = x, 0.0, 36_500.0),
            ("price_sensitivity.a", |p, x| *p.price_sensitivity.entry("a".into()).or_default() = x, 0.0, 1.0),
        ];
        for (name, change, low, high) in ranges {
            for (value, is_good) in
                [(low, true), (high, true), (low - 0.005, false), (high + 0.005, false), (f64::NAN, false)]
            {
                let mut policy = Policy::default();
                change(&mut policy, value);
                match policy.check() {
                    Ok(()) => assert!(is_good, "{name} = {value}"),
                    Err(said) => assert!(!is_good && said.starts_with(name), "{name} = {value}: {said}"),
                }
            }
        }
        let wholes: [(&str, Count, u32, u32); 6] = [
            ("offers_per_request", |p, n| p.offers_per_request = n, 0, 12),
            ("declines_before_cool_down", |p, n| p.declines_before_cool_down = n, 1, 100),
            ("shows_per_item", |p, n| p.shows_per_item = Some(n), 1, 254),
            ("declines_before_silence", |p, n| p.declines_before_silence = Some(n), 1, 254),
            ("caps.upsell", |p, n| p.caps.upsell = n, 0, 12),
            ("caps.per_category", |p, n| p.caps.per_category = n, 1, 12),
        ];
        for (name, change, low, high) in wholes {
            for (value, is_good) in [(low, true), (high, true), (low.wrapping_sub(1), false), (high + 1, false)] {
                let mut policy = Policy::default();
                change(&mut policy, value);
                assert_eq!(policy.check().is_ok(), is_good, "{name} = {value}");
            }
        }
    }
}
