//! The rules, applied to one candidate after another.

use sidecart_core::{ItemId, Money, power};

use super::collect::{Candidate, Collected};
use super::needs::Need;
use super::objective::{Deltas, Objective};
use super::session::{ItemKey, Refusal, SessionAt, SessionLimits};
use super::{CompiledPolicy, OfferKind, OfferKinds, OffersQuery, Relations, Rule};
use crate::model::Model;

/// What the rules need to know of a question.
pub(crate) struct Screen<'a> {
    pub(crate) model: &'a Model,
    pub(crate) policy: &'a CompiledPolicy,
    pub(crate) query: &'a OffersQuery<'a>,
    pub(crate) kinds: OfferKinds,
    pub(crate) objective: Objective,
    /// Sum of the basket's prices, where all are known.
    pub(crate) basket_total: Option<Money>,
    /// Of the basket and of what is said to be needed.
    dearest: Option<Money>,
    pub(crate) session_limits: SessionLimits,
    /// The session, where it can forbid an item.
    session: Option<SessionAt<'a>>,
    /// Share of an upgrade's probability that the segment leaves.
    damping: f64,
}

/// A candidate that passed.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Passed {
    pub(crate) value: f64,
    pub(crate) deltas: Deltas,
    pub(crate) discount: Money,
    pub(crate) valid_until: Option<sidecart_core::Time>,
}

impl<'a> Screen<'a> {
    pub(crate) fn new(
        model: &'a Model,
        policy: &'a CompiledPolicy,
        query: &'a OffersQuery<'a>,
        kinds: OfferKinds,
    ) -> Self {
        let price = |item| model.offer_items().get(item).price;
        let prices = || query.basket.iter().map(|&item| price(item));
        let segment = query.segment.or(query.customer.and_then(|customer| customer.segment));
        let session_limits = SessionLimits::of(policy.policy());
        Self {
            model,
            policy,
            query,
            kinds,
            objective: query.objective.unwrap_or(policy.policy().objective),
            basket_total: prices().try_fold(Money(0), |sum, price| Some(Money(sum.0 + price?.0))),
            dearest: prices().chain(query.context.iter().map(|&item| price(item))).flatten().max(),
            session_limits,
            session: query.session.filter(|session| session.state.forbids_items(&session_limits)),
            damping: 1.0 - policy.sensitivity(segment),
        }
    }

    /// What the offer of a candidate is worth, or the first rule that takes it out.
    pub(crate) fn apply(&self, number: usize, collected: &Collected) -> Result<Passed, Rule> {
        let items = self.model.offer_items();
        let settings = self.policy.policy();
        let candidate = &collected.candidates[number];
        let &Candidate { item, kind, anchor, relevance, .. } = candidate;
        let damping = if kind == OfferKind::Upsell { self.damping } else { 1.0 };
        // Relevance first: nothing below asks whether an offer should be lifted over the floor.
        if settings.min_relevance > 0.0 {
            match relevance.p {
                Some(p) if p * damping >= settings.min_relevance => {}
                Some(_) => return Err(Rule::MinRelevance),
                None => return Err(Rule::UnknownRelevance),
            }
        }
        if let Some(rule) = self.policy.exclusion(items, item) {
            return Err(rule);
        }
        if items.get(item).stock.is_some_and(|stock| stock.0 <= 0) {
            return Err(Rule::OutOfStock);
        }
        self.session(item, kind)?;
        if !self.policy.passes(items, item, anchor, kind) {
            return Err(Rule::Filter);
        }
        self.relations(candidate, &collected.known[number].need, collected)?;

        let promotion = items
            .get(item)
            .price
            .and_then(|price| self.policy.promotion(item, price, self.query.time, self.query.basket));
        let discount = promotion.map_or(Money(0), |promotion| promotion.discount);
        let replaced = anchor.filter(|_| kind == OfferKind::Upsell);
        let deltas = Deltas::of(items, item, replaced, discount, settings.margin_rate);
        self.price_ratios(candidate, deltas.value)?;

        let mut value = relevance.weight * damping * deltas.factor(self.objective, kind, settings.gain_exponent);
        if settings.popularity_penalty > 0.0 {
            let n_customers = f64::from(self.model.item_customers()[item.index()]);
            value /= power(1.0 + n_customers, settings.popularity_penalty);
        }
        if settings.slow_movers.boost > 0.0 && self.is_slow(item) {
            value *= 1.0 + settings.slow_movers.boost;
        }
        if !(value > 0.0 && value.is_finite()) {
            return Err(Rule::NoGain);
        }
        Ok(Passed { value, deltas, discount, valid_until: promotion.map(|promotion| promotion.ends_at) })
    }

    /// What the session forbids; how many offers it may still see is asked once for the slate.
    fn session(&self, item: ItemId, kind: OfferKind) -> Result<(), Rule> {
        let Some(SessionAt { state, now }) = self.session else { return Ok(()) };
        let limits = &self.session_limits;
        let verdict = state.may_show_kind(kind, limits).and_then(|()| {
            let key = ItemKey::of(self.model.items().get(item.0));
            state.may_show_item(key, now, limits)
        });
        verdict.map_err(|refusal| match refusal {
            Refusal::Silence { .. } => Rule::Silence,
            Refusal::ShowsPerItem { .. } => Rule::ShowsPerItem,
            _ => Rule::CoolDown,
        })
    }

    /// What a candidate may be to the basket.
    fn relations(&self, candidate: &Candidate, need: &Need, collected: &Collected) -> Result<(), Rule> {
        let relations = Relations::of(self.model);
        let &Candidate { item, kind, anchor, .. } = candidate;
        match kind {
            OfferKind::CrossSell if self.model.offer_items().hosts().is_add_on(item) => {
                let has_host = collected.basket.iter().any(|&host| relations.is_add_on(item, host));
                Err(if has_host { Rule::Kind } else { Rule::NeedsHost })
            }
            OfferKind::CrossSell if collected.basket_needs.serve(self.model, need) => Err(Rule::Substitute),
            OfferKind::AddOn => {
                let is_served = anchor.is_some_and(|host| {
                    collected.basket.iter().any(|&other| other != host && relations.is_add_on(other, host))
                });
                if is_served { Err(Rule::HostServed) } else { Ok(()) }
            }
            OfferKind::Upsell if !anchor.is_some_and(|anchor| relations.is_upgrade(item, anchor)) => {
                Err(Rule::NotDearer)
            }
            _ if !self.kinds.contains(kind) => Err(Rule::Kind),
            _ => Ok(()),
        }
    }

    fn price_ratios(&self, candidate: &Candidate, delta: Option<Money>) -> Result<(), Rule> {
        let ratios = self.policy.policy().max_price_ratio;
        let items = self.model.offer_items();
        let price = items.get(candidate.item).price;
        let (limit, reference) = match candidate.kind {
            OfferKind::Upsell => (Some(ratios.upsell), candidate.anchor.and_then(|anchor| items.get(anchor).price)),
            OfferKind::CrossSell | OfferKind::AddOn => (Some(ratios.cross_sell), self.dearest),
        };
        let too_dear = |money: Option<Money>, limit: Option<f64>, reference: Option<Money>| {
            let Some(((money, limit), reference)) = money.zip(limit).zip(reference) else { return false };
            money.0 as f64 > limit * reference.0 as f64
        };
        let basket = self.basket_total.filter(|_| !self.query.basket.is_empty());
        if too_dear(price, limit, reference) || too_dear(delta, ratios.basket, basket) {
            return Err(Rule::PriceRatio);
        }
        Ok(())
    }

    /// Whether stock of an item lasts too long, and the item is not new.
    fn is_slow(&self, item: ItemId) -> bool {
        let slow = &self.policy.policy().slow_movers;
        let facts = self.model.offer_items();
        let age = facts.get(item).first_sold.filter(|_| self.model.clock().has_durations());
        let is_new = age.is_some_and(|first| self.query.time.days_since(first) < slow.min_age_days);
        !is_new && facts.days_of_cover(item).is_some_and(|days| days > slow.days_of_cover)
    }
}
