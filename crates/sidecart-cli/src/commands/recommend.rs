use anyhow::Result;
use serde_json::{Value, json};
use sidecart::core::{Customer, EventLog, ExternalId, ExternalIdRef, ItemId, Time};
use sidecart::data::config::TimeUnit;
use sidecart::serve::{CustomerReader, Query, Reason, Scorer, Source};
use sidecart::{BatchOptions, CROSS_SELL, default_time, expected_time, find_items, parse_time, read_event_log};

use super::{Session, print, recommend_upsell, source};
use crate::args::{KindArg, RecommendArgs, TimeUnitArg};
use crate::format::table;
use sidecart::core::Progress;

pub(crate) fn run(session: &Session, args: &RecommendArgs) -> Result<()> {
    let scorer = Scorer::open(&args.model).map_err(sidecart::Error::from)?;
    let time_unit = match args.time_unit {
        TimeUnitArg::Order => TimeUnit::Order,
        TimeUnitArg::Days => TimeUnit::Days,
    };
    let log = match &args.history {
        None => None,
        Some(path) => {
            let (log, s) = read_event_log(&scorer, path, time_unit, session.read, &session.progress)?;
            session.progress.note(&format!(
                "history: {} baskets since training; left out {} at or before its end, {} anonymous, {} lines of unknown items",
                s.n_baskets, s.n_known_baskets, s.n_anonymous, s.n_unknown_lines
            ));
            Some(log)
        }
    };
    if args.kind == KindArg::Upsell {
        return recommend_upsell::run(session, args, &scorer, log, time_unit);
    }
    match (&args.queries, &args.output) {
        (Some(queries), Some(output)) => {
            let options = BatchOptions {
                k: args.k,
                mode: args.mode.into(),
                using: source(args.using)?,
                exclude: args.exclude.clone(),
                time_unit,
            };
            let done = sidecart::recommend_batch(&scorer, queries, log.as_ref(), output, &options, &session.progress)?;
            let facts = json!({
                "queries": done.n_queries, "offers": done.n_offers, "queries_without_offer": done.n_empty,
                "queries_with_fewer_than_k": done.n_short,
                "unknown_basket_items": done.n_unknown_items, "output": output,
            });
            if args.json {
                return print(&facts.to_string());
            }
            print(&format!(
                "{} offers for {} queries are in {} ({} queries without an offer, {} with fewer than {}, {} basket items unknown to the model)",
                done.n_offers,
                done.n_queries,
                output.display(),
                done.n_empty,
                done.n_short,
                args.k,
                done.n_unknown_items
            ))
        }
        _ => one(session, args, &scorer, log.as_ref()),
    }
}

fn one(session: &Session, args: &RecommendArgs, scorer: &Scorer, log: Option<&EventLog>) -> Result<()> {
    let (basket, unknown) = find_items(scorer, &args.basket);
    let (exclude, unknown_excluded) = find_items(scorer, &args.exclude);
    let mut notes = Vec::new();
    if !unknown.is_empty() {
        notes.push(format!("not in the model, left out of the basket: {}", unknown.join(", ")));
    }
    if !unknown_excluded.is_empty() {
        notes.push(format!("not in the model, nothing to exclude: {}", unknown_excluded.join(", ")));
    }
    let time = asked_at(args, scorer)?;
    let mut customer = Customer::default();
    let known = load(args, scorer, log, &mut customer, &mut notes)?;
    let query = Query {
        basket: &basket,
        history: known.then_some(&customer.history),
        time,
        k: args.k,
        mode: args.mode.into(),
        using: source(args.using)?,
        exclude: &exclude,
    };
    let mut scratch = scorer.scratch();
    let answer = scorer.recommend(&query, &mut scratch).map_err(sidecart::Error::from)?;
    let offers: Vec<Offer> = answer
        .offers
        .iter()
        .enumerate()
        .map(|(at, offer)| {
            let fallback = at >= answer.fallback_from;
            let reason =
                if fallback { scorer.explain_fallback(offer.item) } else { scorer.explain(&query, offer.item) };
            Offer { item: offer.item, score: offer.score, reason, fallback }
        })
        .collect();
    if offers.len() < args.k {
        notes.push(format!("{} of {} answers: nothing else is left to offer", offers.len(), args.k));
    }
    if args.json {
        return print(&as_json(scorer, args, query.using, &offers, &notes).to_string());
    }
    for note in &notes {
        session.progress.note(note);
    }
    let mut header = vec!["rank", "item", "name", "score"];
    if args.explain {
        header.push("why");
    }
    let rows: Vec<Vec<String>> = offers
        .iter()
        .enumerate()
        .map(|(at, offer)| {
            let mut row = vec![
                (at + 1).to_string(),
                scorer.model().items().get(offer.item.0).to_string(),
                scorer.model().name(offer.item).unwrap_or("").to_owned(),
                if offer.fallback { "fallback".to_owned() } else { format!("{:.4}", offer.score) },
            ];
            if args.explain {
                row.push(offer.reason.text(scorer.model()));
            }
            row
        })
        .collect();
    let mut out = Vec::new();
    table(&mut out, &header, &rows)?;
    print(&String::from_utf8_lossy(&out))
}

/// When the question is asked.
pub(crate) fn asked_at(args: &RecommendArgs, scorer: &Scorer) -> Result<Time> {
    let Some(text) = &args.at else { return Ok(default_time(scorer)) };
    let clock = scorer.model().clock();
    let time = parse_time(text, clock).ok_or_else(|| sidecart::Error::Setting {
        key: "--at".into(),
        got: text.clone(),
        expected: expected_time(clock).into(),
    })?;
    Ok(time)
}

/// Loads the customer who was named; false where none was or nothing is known, which is noted.
pub(crate) fn load(
    args: &RecommendArgs,
    scorer: &Scorer,
    log: Option<&EventLog>,
    customer: &mut Customer,
    notes: &mut Vec<String>,
) -> Result<bool> {
    let Some(typed) = &args.customer else { return Ok(false) };
    let mut reader = CustomerReader::default();
    // A model's customer ids have one form; a typed number can be meant as either.
    let as_text = ExternalIdRef::Text(typed);
    let mut known = scorer.load_customer(as_text, log, &mut reader, customer).map_err(sidecart::Error::from)?;
    if let (false, Ok(number)) = (known, typed.trim().parse()) {
        let as_number = ExternalId::Int(number);
        known = scorer.load_customer(as_number.as_ref(), log, &mut reader, customer).map_err(sidecart::Error::from)?;
    }
    if !known {
        notes.push(format!("nothing is known of customer {typed}: answered as for anyone"));
    }
    Ok(known)
}

struct Offer {
    item: ItemId,
    score: f32,
    reason: Reason,
    fallback: bool,
}

pub(crate) fn id_json(id: ExternalIdRef<'_>) -> Value {
    match id {
        ExternalIdRef::Int(id) => json!(id),
        ExternalIdRef::Text(id) => json!(id),
    }
}

fn as_json(scorer: &Scorer, args: &RecommendArgs, using: Source, offers: &[Offer], notes: &[String]) -> Value {
    let items = scorer.model().items();
    let offers: Vec<Value> = offers
        .iter()
        .enumerate()
        .map(|(at, offer)| {
            let mut row = json!({
                "rank": at + 1,
                "item_id": id_json(items.get(offer.item.0)),
                "name": scorer.model().name(offer.item),
                "score": offer.score,
                "kind": CROSS_SELL,
                "anchor_id": offer.reason.anchor().map(|a| id_json(items.get(a.0))),
                "fallback": offer.fallback.then_some("popular"),
                "reason": offer.reason.text(scorer.model()),
            });
            if let (true, Reason::BoughtTogether { evidence, .. }) = (args.explain, &offer.reason) {
                row["evidence"] = json!({
                    "customers": evidence.n_customers, "baskets": evidence.n_baskets, "lift": evidence.lift,
                });
            }
            row
        })
        .collect();
    json!({
        "version": scorer.manifest().map(|m| m.version.to_string()),
        "mode": sidecart::serve::Mode::from(args.mode),
        "using": using,
        "offers": offers,
        "notes": notes,
    })
}
