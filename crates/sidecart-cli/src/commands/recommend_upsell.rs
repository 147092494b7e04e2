use anyhow::Result;
use serde_json::{Value, json};
use sidecart::core::{Customer, EventLog, ExternalId, ItemId, Money, Progress};
use sidecart::data::config::TimeUnit;
use sidecart::serve::Scorer;
use sidecart::serve::upsell::{Gain, NoUpgrade, UpsellAnswer, UpsellModel, UpsellQuery, UpsellScratch};
use sidecart::{UPSELL, UpsellContext, UpsellOptions, find_items, find_segment};

use super::recommend::{asked_at, id_json, load};
use super::{Session, print, propensity_model};
use crate::args::RecommendArgs;
use crate::format::table;

pub(crate) fn run(
    session: &Session,
    args: &RecommendArgs,
    scorer: &Scorer,
    log: Option<EventLog>,
    time_unit: TimeUnit,
) -> Result<()> {
    let plan = args.promotions.as_deref().map(|path| (path, time_unit));
    let context = UpsellContext::new(scorer, log, plan, &session.progress)?;
    let (Some(queries), Some(output)) = (&args.queries, &args.output) else {
        return one(session, args, scorer, &context);
    };
    let options = UpsellOptions {
        k: args.k,
        mode: args.mode.into(),
        using: propensity_model(args.using)?,
        exclude: args.exclude.clone(),
        time_unit,
    };
    let done = sidecart::upsell_batch(scorer, queries, &context, output, &options, &session.progress)?;
    if args.json {
        let facts = json!({
            "queries": done.n_queries, "offers": done.n_offers, "queries_without_offer": done.n_empty,
            "queries_with_fewer_than_k": done.n_short,
            "unknown_basket_items": done.n_unknown_items, "output": output,
        });
        return print(&facts.to_string());
    }
    print(&format!(
        "{} upgrades for {} queries are in {} ({} queries without one, {} with fewer than {}, {} basket items unknown to the model)",
        done.n_offers,
        done.n_queries,
        output.display(),
        done.n_empty,
        done.n_short,
        args.k,
        done.n_unknown_items
    ))
}

fn one(session: &Session, args: &RecommendArgs, scorer: &Scorer, context: &UpsellContext) -> Result<()> {
    let model = scorer.upsell().map_err(sidecart::Error::from)?;
    let (basket, unknown) = find_items(scorer, &args.basket);
    let (exclude, unknown_excluded) = find_items(scorer, &args.exclude);
    let mut notes = Vec::new();
    if !unknown.is_empty() {
        notes.push(format!("not in the model, left out of the basket: {}", unknown.join(", ")));
    }
    if !unknown_excluded.is_empty() {
        notes.push(format!("not in the model, nothing to exclude: {}", unknown_excluded.join(", ")));
    }
    let mut customer = Customer::default();
    let known = load(args, scorer, context.log(), &mut customer, &mut notes)?;
    let store = args.store.as_ref().map(|typed| find_store(model, context, typed));
    if let (Some(typed), Some(None)) = (&args.store, store) {
        notes.push(format!("no plan of promotions names store {typed}: answered as without a store"));
    }
    let segment = match &args.segment {
        Some(name) => Some(find_segment(model, name)?),
        None => None,
    };
    let query = UpsellQuery {
        basket: &basket,
        customer: known.then_some(&customer),
        segment,
        time: asked_at(args, scorer)?,
        store: store.flatten(),
        k: args.k,
        mode: args.mode.into(),
        using: propensity_model(args.using)?,
        exclude: &exclude,
        market: context.market(),
        promotions: context.promotions(),
    };
    let mut scratch = UpsellScratch::default();
    let answer = model.recommend(&query, &mut scratch).map_err(sidecart::Error::from)?;
    if args.json {
        return print(&as_json(scorer, model, args, &answer, &notes).to_string());
    }
    for note in &notes {
        session.progress.note(note);
    }
    let mut text = String::new();
    if let Some(upgrade) = &answer.upgrade {
        text.push_str(&format!("{}: {}\n", scorer.model().label(upgrade.anchor), upgrade.text(model)));
    }
    if let Some(reason) = answer.reason {
        text.push_str(&format!("no upgrade: {}\n", reason.text()));
        return print(&text);
    }
    let mut header = vec!["rank", "item", "name", "price_delta", "share", "score"];
    if args.explain {
        header.push("why");
    }
    let rows: Vec<Vec<String>> = answer
        .offers
        .iter()
        .zip(1..)
        .map(|(offer, rank)| {
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
        })
        .collect();
    let mut out = Vec::new();
    table(&mut out, &header, &rows)?;
    text.push_str(&String::from_utf8_lossy(&out));
    print(&text)
}

/// Finds a typed store; a typed number can be meant as a number or as a text.
fn find_store(model: &UpsellModel, context: &UpsellContext, typed: &str) -> Option<u32> {
    let as_text = context.store(model, &ExternalId::Text(typed.into()));
    as_text.or_else(|| context.store(model, &ExternalId::Int(typed.trim().parse().ok()?)))
}

fn as_json(
    scorer: &Scorer,
    model: &UpsellModel,
    args: &RecommendArgs,
    answer: &UpsellAnswer<'_>,
    notes: &[String],
) -> Value {
    let id = |item: ItemId| id_json(scorer.model().items().get(item.0));
    let upgrade = answer.upgrade.map(|u| {
        let rate = u.rate(model);
        json!({
            "anchor_id": id(u.anchor),
            "ladder": model.ladders.ladder(u.ladder).name,
            "tier": u.level + 1,
            "tiers": u.n_levels,
            "label": u.label.name(),
            "propensity": u.propensity,
            "using": u.using.name(),
            "promotions_known": u.knows_promotions,
            "rate": {
                "rate": rate.rate, "low": rate.low, "high": rate.high,
                "events": rate.events, "upgrades": rate.upgrades, "customers": rate.customers,
            },
            "segment": u.segment_rate(model).map(|(name, rate)| json!({
                "name": name, "rate": rate.rate, "low": rate.low, "high": rate.high, "events": rate.events,
            })),
            "customer": { "records": u.n_records, "above": u.n_above },
            "reason": u.text(model),
        })
    });
    let offers: Vec<Value> = answer
        .offers
        .iter()
        .zip(1..)
        .map(|(offer, rank)| {
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
                "anchor_id": answer.upgrade.map(|u| id(u.anchor)),
                "propensity": answer.upgrade.map(|u| u.propensity),
                "share": offer.share,
                "price_delta": offer.price_delta.map(Money::to_f64),
                "gain": gain,
                "gain_of": of,
                "bought_before": offer.n_bought,
                "switches": offer.n_switches,
                "reason": offer.text(),
            })
        })
        .collect();
    json!({
        "version": scorer.manifest().map(|m| m.version.to_string()),
        "mode": sidecart::serve::Mode::from(args.mode),
        "upgrade": upgrade,
        "offers": offers,
        "reason": answer.reason.map(NoUpgrade::text),
        "notes": notes,
    })
}
