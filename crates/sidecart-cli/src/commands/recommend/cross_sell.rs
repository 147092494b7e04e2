//! One typed question, answered with something to add.

use anyhow::Result;
use serde_json::{Value, json};
use sidecart::CROSS_SELL;
use sidecart::core::ItemId;
use sidecart::serve::{Query, Reason, Scorer, Source, StandIn};

use super::super::{id_json, table_text};
use super::asked::Asked;
use crate::args::RecommendArgs;
use crate::format::percent;

/// The offers to one question.
pub(super) struct CrossSell {
    using: Source,
    offers: Vec<Offer>,
}

struct Offer {
    item: ItemId,
    score: f32,
    reason: Reason,
    /// That the basket ends up with it.
    probability: Option<f64>,
    stand_in: Option<StandIn>,
}

impl CrossSell {
    /// Asks; a short answer is noted.
    pub(super) fn ask(args: &RecommendArgs, scorer: &Scorer, asked: &mut Asked, using: Source) -> Result<Self> {
        let store = args.store.as_deref().and_then(|typed| scorer.typed_store(typed));
        if let (Some(typed), None) = (&args.store, store) {
            asked.notes.push(format!("cross-sell: the model does not know store {typed}, answered as without a store"));
        }
        let query = Query {
            basket: &asked.basket,
            history: asked.customer().map(|customer| &customer.history),
            time: asked.time,
            k: args.k,
            mode: args.mode.into(),
            using,
            store,
            exclude: &asked.exclude,
            promoted: &[],
        };
        let mut scratch = scorer.scratch();
        let answer = scorer.recommend(&query, &mut scratch).map_err(sidecart::Error::from)?;
        let offers: Vec<Offer> = (0..)
            .zip(answer.offers)
            .map(|(at, offer)| {
                let stand_in = answer.stand_in(at);
                let reason = match stand_in {
                    Some(by) => scorer.explain_stand_in(offer.item, by),
                    None => scorer.explain(&query, offer.item),
                };
                Offer { item: offer.item, score: offer.score, reason, probability: answer.probability(at), stand_in }
            })
            .collect();
        if offers.len() < args.k {
            asked.notes.push(format!("{} of {} answers: nothing else is left to offer", offers.len(), args.k));
        }
        Ok(Self { using, offers })
    }

    pub(super) fn to_text(&self, scorer: &Scorer, args: &RecommendArgs) -> Result<String> {
        let mut header = vec!["rank", "item", "name", "score"];
        let says_how_probable = self.offers.iter().any(|offer| offer.probability.is_some());
        if says_how_probable {
            header.push("probability");
        }
        if args.explain {
            header.push("why");
        }
        let row = |(rank, offer): (usize, &Offer)| {
            let mut row = vec![
                rank.to_string(),
                scorer.model().items().get(offer.item.0).to_string(),
                scorer.model().name(offer.item).unwrap_or("").to_owned(),
                if offer.stand_in.is_some() { "fallback".to_owned() } else { format!("{:.4}", offer.score) },
            ];
            if says_how_probable {
                row.push(offer.probability.map_or_else(String::new, percent));
            }
            if args.explain {
                row.push(offer.reason.text(scorer.model()));
            }
            row
        };
        table_text(&header, &(1..).zip(&self.offers).map(row).collect::<Vec<_>>())
    }

    /// Adds the part that answered and the offers to an answer.
    pub(super) fn add_json(&self, scorer: &Scorer, args: &RecommendArgs, answer: &mut Value, offers: &mut Vec<Value>) {
        let items = scorer.model().items();
        answer["using"] = json!(self.using);
        offers.extend((1..).zip(&self.offers).map(|(rank, offer): (usize, &Offer)| {
            let mut row = json!({
                "rank": rank,
                "item_id": id_json(items.get(offer.item.0)),
                "name": scorer.model().name(offer.item),
                "score": offer.score,
                "kind": CROSS_SELL,
                "anchor_id": offer.reason.anchor().map(|a| id_json(items.get(a.0))),
                "propensity": offer.probability,
                "fallback": offer.stand_in.map(StandIn::name),
                "reason": offer.reason.text(scorer.model()),
            });
            if let (true, Reason::BoughtTogether { evidence, .. }) = (args.explain, &offer.reason) {
                row["evidence"] = json!({
                    "customers": evidence.n_customers, "baskets": evidence.n_baskets, "lift": evidence.lift,
                });
            }
            row
        }));
    }
}
