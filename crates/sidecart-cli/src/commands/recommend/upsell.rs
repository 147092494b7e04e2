//! One typed question, answered with dearer versions.

use anyhow::Result;
use serde_json::{Value, json};
use sidecart::core::{ExternalId, ItemId, Money};
use sidecart::serve::Scorer;
use sidecart::serve::upsell::{
    Gain, NoUpgrade, PropensityModel, Upgrade, UpsellModel, UpsellOffer, UpsellQuery, UpsellScratch,
};
use sidecart::{UPSELL, UpsellContext, find_segment};

use super::super::{id_json, table_text};
use super::asked::Asked;
use crate::args::RecommendArgs;

/// The upgrades that answer one question.
pub(super) struct Upsell<'a> {
    model: &'a UpsellModel,
    upgrade: Option<Upgrade>,
    offers: Vec<UpsellOffer>,
    reason: Option<NoUpgrade>,
}

impl<'a> Upsell<'a> {
    /// Asks; a store without a plan is noted.
    pub(super) fn ask(
        args: &RecommendArgs,
        scorer: &'a Scorer,
        context: &UpsellContext,
        asked: &mut Asked,
        using: PropensityModel,
    ) -> Result<Self> {
        let model = scorer.upsell().map_err(sidecart::Error::from)?;
        let store = args.store.as_deref().and_then(|typed| find_store(model, context, typed));
        if let (Some(typed), None) = (&args.store, store) {
            asked.notes.push(format!("no plan of promotions names store {typed}: answered as without a store"));
        }
        let segment = match &args.segment {
            Some(name) => Some(find_segment(model, name)?),
            None => None,
        };
        let query = UpsellQuery {
            basket: &asked.basket,
            customer: asked.customer(),
            segment,
            time: asked.time,
            store,
            k: args.k,
            mode: args.mode.into(),
            using,
            exclude: &asked.exclude,
            market: context.market(),
            promotions: context.promotions(),
        };
        let mut scratch = UpsellScratch::default();
        let answer = model.recommend(&query, &mut scratch).map_err(sidecart::Error::from)?;
        Ok(Self { model, upgrade: answer.upgrade, offers: answer.offers.to_vec(), reason: answer.reason })
    }

    pub(super) fn to_text(&self, scorer: &Scorer, args: &RecommendArgs) -> Result<String> {
        let mut text = String::new();
        if let Some(upgrade) = &self.upgrade {
            text.push_str(&format!("{}: {}\n", scorer.model().label(upgrade.anchor), upgrade.text(self.model)));
        }
        if let Some(reason) = self.reason {
            text.push_str(&format!("no upgrade: {}\n", reason.text()));
            return Ok(text);
        }
        let mut header = vec!["rank", "item", "name", "price_delta", "share", "score"];
        if args.explain {
            header.push("why");
        }
        let row = |(rank, offer): (usize, &UpsellOffer)| {
            let mut row = vec![
                rank.to_string(),
                scorer.model().items().get(offer.item.0).to_string(),
                scorer.model().name(offer.item).unwrap_or("").to_owned(),
                offer.price_delta.map_or_else(String::new, |delta| format!("{:+.2}", delta.to_f64())),
                format!("{:.3}", offer.share),
                format!("{:.4}", offer.score),
            ];
            if args.explain {
                row.push(offer.text());
            }
            row
        };
        text.push_str(&table_text(&header, &(1..).zip(&self.offers).map(row).collect::<Vec<_>>())?);
        Ok(text)
    }

    /// Adds the upgrade, the reason for having none, and the offers to an answer.
    pub(super) fn add_json(&self, scorer: &Scorer, answer: &mut Value, offers: &mut Vec<Value>) {
        let id = |item: ItemId| id_json(scorer.model().items().get(item.0));
        answer["upgrade"] = json!(self.upgrade.as_ref().map(|upgrade| self.upgrade_json(upgrade, &id)));
        answer["reason"] = json!(self.reason.map(NoUpgrade::text));
        offers.extend((1..).zip(&self.offers).map(|(rank, offer): (usize, &UpsellOffer)| {
            let (gain, of) = match offer.gain {
                Gain::Margin(gain) => (Some(gain.to_f64()), "margin"),
                Gain::Price(gain) => (Some(gain.to_f64()), "shelf_price"),
                Gain::Unknown => (None, "unknown"),
            };
            json!({
                "rank": rank,
                "item_id": id(offer.item),
                "name": scorer.model().name(offer.item),
                "score": offer.score,
                "kind": UPSELL,
                "anchor_id": self.upgrade.map(|u| id(u.anchor)),
                "propensity": self.upgrade.map(|u| u.propensity),
                "share": offer.share,
                "price_delta": offer.price_delta.map(Money::to_f64),
                "gain": gain,
                "gain_of": of,
                "bought_before": offer.n_bought,
                "switches": offer.n_switches,
                "reason": offer.text(),
            })
        }));
    }

    fn upgrade_json(&self, upgrade: &Upgrade, id: &dyn Fn(ItemId) -> Value) -> Value {
        let rate = upgrade.rate(self.model);
        json!({
            "anchor_id": id(upgrade.anchor),
            "ladder": self.model.ladders.ladder(upgrade.ladder).name,
            "tier": upgrade.level + 1,
            "tiers": upgrade.n_levels,
            "label": upgrade.label.name(),
            "propensity": upgrade.propensity,
            "using": upgrade.using.name(),
            "promotions_known": upgrade.knows_promotions,
            "rate": {
                "rate": rate.rate, "low": rate.low, "high": rate.high,
                "events": rate.events, "upgrades": rate.upgrades, "customers": rate.customers,
            },
            "segment": upgrade.segment_rate(self.model).map(|(name, rate)| json!({
                "name": name, "rate": rate.rate, "low": rate.low, "high": rate.high, "events": rate.events,
            })),
            "customer": { "records": upgrade.n_records, "above": upgrade.n_above },
            "reason": upgrade.text(self.model),
        })
    }
}

/// Finds a typed store; a typed number can be meant as a number or as a text.
fn find_store(model: &UpsellModel, context: &UpsellContext, typed: &str) -> Option<u32> {
    let as_text = context.store(model, &ExternalId::Text(typed.into()));
    as_text.or_else(|| context.store(model, &ExternalId::Int(typed.trim().parse().ok()?)))
}
