//! One typed question, answered with a slate under the model's policy.

use anyhow::Result;
use serde_json::{Value, json};
use sidecart::core::{Clock, ExternalId, ItemId, Money, Time};
use sidecart::serve::offers::{
    EmptySlate, Evidence, Offer, OfferKinds, OfferReason, OffersQuery, OffersScratch, Removed, Rule, Touchpoint,
};
use sidecart::serve::{Scorer, StandIn};
use sidecart::{UpsellContext, find_segment};

use super::super::{id_json, table_text};
use super::asked::Asked;
use crate::args::RecommendArgs;

/// The offers to one question.
pub(super) struct TypedSlate {
    offers: Vec<Offer>,
    removed: Vec<Removed>,
    reason: Option<EmptySlate>,
    facts: Value,
}

impl TypedSlate {
    /// Asks; names of the policy that the model does not know are noted.
    pub(super) fn ask(
        args: &RecommendArgs,
        scorer: &Scorer,
        context: &UpsellContext,
        asked: &mut Asked,
        kinds: OfferKinds,
    ) -> Result<Self> {
        let model = scorer.model();
        let segment = match (&args.segment, model.upsell()) {
            (Some(name), Some(upsell)) => Some(find_segment(upsell, name)?),
            (Some(_), None) => {
                asked.notes.push("--segment acts on upsell only, which the model does not have".into());
                None
            }
            (None, _) => None,
        };
        let store = args.store.as_deref().and_then(|typed| scorer.typed_store(typed));
        let plan_store = args.store.as_deref().and_then(|typed| {
            let of = |id| context.store(model.upsell()?, &id);
            of(ExternalId::Text(typed.into())).or_else(|| of(ExternalId::Int(typed.trim().parse().ok()?)))
        });
        if let (Some(typed), None, None) = (&args.store, store, plan_store) {
            asked.notes.push(format!("the model does not know store {typed}, answered as without a store"));
        }
        let unknown = model.policy().unknown();
        if !unknown.is_empty() {
            asked.notes.push(format!("the policy names what the model does not know: {}", unknown.join(", ")));
        }
        let touchpoint: Option<Touchpoint> = args.touchpoint.map(Into::into);
        let query = OffersQuery {
            basket: &asked.basket,
            customer: asked.customer(),
            segment,
            touchpoint,
            kinds,
            time: asked.time,
            store,
            plan_store,
            k: Some(args.k),
            mode: args.mode.into(),
            exclude: &asked.exclude,
            market: context.market(),
            plan: context.promotions(),
            ..OffersQuery::default()
        };
        let mut scratch: OffersScratch = scorer.offers_scratch();
        let slate = scorer.offers(&query, &mut scratch).map_err(sidecart::Error::from)?;
        let facts = json!({
            "touchpoint": touchpoint,
            "kinds": slate.kinds.iter().collect::<Vec<_>>(),
            "objective": slate.objective,
            "value": slate.value,
            "basket_total": slate.basket_total.map(Money::to_f64),
            "projected_total": slate.projected_total.map(Money::to_f64),
        });
        Ok(Self { offers: slate.offers.to_vec(), removed: slate.removed.to_vec(), reason: slate.reason, facts })
    }

    pub(super) fn to_text(&self, scorer: &Scorer, args: &RecommendArgs) -> Result<String> {
        let mut text = String::new();
        if let Some(reason) = self.reason {
            text.push_str(&format!("no offer: {}\n", reason.name()));
        } else {
            let mut header = vec!["rank", "kind", "item", "name", "p", "value", "delta"];
            if args.explain {
                header.push("why");
            }
            let row = |(rank, offer): (usize, &Offer)| {
                let money = |money: Option<Money>| money.map_or_else(String::new, |m| format!("{:+.2}", m.to_f64()));
                let p = match offer.stand_in {
                    Some(_) => "fallback".to_owned(),
                    None => offer.p.map_or_else(String::new, |p| format!("{p:.4}")),
                };
                let mut row = vec![
                    rank.to_string(),
                    offer.kind.to_string(),
                    scorer.model().items().get(offer.item.0).to_string(),
                    scorer.model().name(offer.item).unwrap_or("").to_owned(),
                    p,
                    format!("{:.4}", offer.value),
                    money(offer.delta_value),
                ];
                if args.explain {
                    row.push(offer.reason.text(scorer));
                }
                row
            };
            text.push_str(&table_text(&header, &(1..).zip(&self.offers).map(row).collect::<Vec<_>>())?);
        }
        let told: Vec<&Removed> = self.removed.iter().filter(|removed| removed.rule != Rule::Outranked).collect();
        if args.explain && !told.is_empty() {
            let row = |removed: &&Removed| {
                let item = removed.item;
                vec![
                    scorer.model().items().get(item.0).to_string(),
                    removed.kind.to_string(),
                    removed.rule.name().to_owned(),
                ]
            };
            text.push_str("\nnot offered, beside what is outranked\n");
            text.push_str(&table_text(&["item", "kind", "rule"], &told.iter().map(row).collect::<Vec<_>>())?);
        }
        Ok(text)
    }

    /// Adds what was counted, the reason for having none, what was taken out, and the offers.
    pub(super) fn add_json(&self, scorer: &Scorer, answer: &mut Value, offers: &mut Vec<Value>) {
        let id = |item: ItemId| id_json(scorer.model().items().get(item.0));
        let clock = scorer.model().clock();
        if let (Value::Object(answer), Value::Object(facts)) = (&mut *answer, &self.facts) {
            answer.extend(facts.clone());
        }
        answer["reason"] = json!(self.reason.map(EmptySlate::name));
        let removed = |removed: &Removed| {
            json!({
                "item_id": id(removed.item), "kind": removed.kind, "anchor_id": removed.anchor.map(id),
                "reason": removed.rule.name(),
            })
        };
        answer["removed"] = self.removed.iter().map(removed).collect();
        offers.extend((1..).zip(&self.offers).map(|(rank, offer): (usize, &Offer)| {
            let propensity = match &offer.reason {
                OfferReason::Upsell { upgrade, .. } => Some(upgrade.propensity),
                OfferReason::CrossSell(_) | OfferReason::AddOn { .. } => None,
            };
            json!({
                "rank": rank,
                "item_id": id(offer.item),
                "name": scorer.model().name(offer.item),
                "score": offer.value,
                "kind": offer.kind,
                "anchor_id": offer.anchor.map(id),
                "p": offer.p,
                "propensity": propensity,
                "price_delta": propensity.and(offer.delta_value).map(Money::to_f64),
                "price": offer.price.map(Money::to_f64),
                "discount": offer.discount.to_f64(),
                "delta_value": offer.delta_value.map(Money::to_f64),
                "delta_margin": offer.delta_margin.map(Money::to_f64),
                "estimated": offer.estimated,
                "valid_until": offer.valid_until.map(|time| time_json(clock, time)),
                "fallback": offer.stand_in.map(StandIn::name),
                "reason": offer.reason.text(scorer),
                "evidence": offer.reason.evidence(scorer).map(|evidence| evidence_json(&evidence, &id)),
            })
        }));
    }
}

fn time_json(clock: Clock, time: Time) -> Value {
    json!(clock.show(time))
}

fn evidence_json(evidence: &Evidence, id: &dyn Fn(ItemId) -> Value) -> Value {
    match *evidence {
        Evidence::Pair { anchor, n_customers, n_baskets, lift } => {
            json!({ "anchor_id": id(anchor), "customers": n_customers, "baskets": n_baskets, "lift": lift })
        }
        Evidence::Ladder { n_switches, n_bought, n_events, n_upgrades, rate } => json!({
            "switches": n_switches, "bought_before": n_bought, "events": n_events, "upgrades": n_upgrades, "rate": rate,
        }),
        Evidence::OwnPast { n_baskets } => json!({ "bought_before": n_baskets }),
    }
}
