use sidecart_core::Money;
use sidecart_serve::offers::{Evidence, Offer, OfferKind, Slate};

use crate::json::Writer;
use crate::limits::MAX_SHOWN_REMOVED;
use crate::models::LiveVersion;
use crate::query::Asked;

/// Writes the fields of a slate.
pub(super) fn write_offers(live: &LiveVersion, slate: &Slate<'_>, asked: &Asked<'_>, held_out: bool, out: &mut Writer) {
    let items = live.scorer.model().items();
    out.field("offers").begin_list();
    for offer in slate.offers.iter().filter(|_| !held_out) {
        write_offer(live, offer, asked.explain, out);
    }
    out.end_list();
    match slate.reason {
        Some(reason) => out.field("reason").text(reason.name()),
        None => out.field("reason").null(),
    }
    out.field("objective").text(slate.objective.name());
    out.field("kinds").begin_list();
    OfferKind::ALL.into_iter().filter(|&kind| slate.kinds.contains(kind)).for_each(|kind| out.text(kind.name()));
    out.end_list();
    out.field("value").number(slate.value as f32);
    write_money("basket_total", slate.basket_total, out);
    write_money("projected_total", slate.projected_total.filter(|_| !held_out), out);
    out.field("removed").begin_list();
    for removed in slate.removed.iter().take(MAX_SHOWN_REMOVED) {
        out.begin_object();
        out.field("item").id(items.get(removed.item.0));
        out.field("kind").text(removed.kind.name());
        if let Some(name) = live.scorer.model().name(removed.item).filter(|_| asked.explain) {
            out.field("name").text(name);
        }
        out.field("rule").text(removed.rule.name());
        out.end_object();
    }
    out.end_list();
    out.field("n_removed").count(slate.removed.len());
}

pub(super) fn write_money(name: &'static str, amount: Option<Money>, out: &mut Writer) {
    match amount {
        Some(amount) => out.field(name).money(amount),
        None => out.field(name).null(),
    }
}

fn write_offer(live: &LiveVersion, offer: &Offer, explain: bool, out: &mut Writer) {
    let model = live.scorer.model();
    let items = model.items();
    out.begin_object();
    out.field("item").id(items.get(offer.item.0));
    out.field("kind").text(offer.kind.name());
    match offer.anchor {
        Some(anchor) => out.field("anchor").id(items.get(anchor.0)),
        None => out.field("anchor").null(),
    }
    match offer.p {
        Some(p) => out.field("p").number(p as f32),
        None => out.field("p").null(),
    }
    out.field("value").number(offer.value as f32);
    write_money("price", offer.price, out);
    out.field("discount").money(offer.discount);
    write_money("delta_value", offer.delta_value, out);
    write_money("delta_margin", offer.delta_margin, out);
    out.field("estimated").flag(offer.estimated);
    if let Some(until) = offer.valid_until {
        out.field("valid_until").text(&model.clock().show(until));
    }
    if let Some(by) = offer.stand_in {
        out.field("fallback").text(by.name());
    }
    if explain {
        if let Some(name) = model.name(offer.item) {
            out.field("name").text(name);
        }
        if let Some(name) = offer.anchor.and_then(|anchor| model.name(anchor)) {
            out.field("anchor_name").text(name);
        }
        out.field("reason").text(&offer.reason.text(&live.scorer));
        if let Some(evidence) = offer.reason.evidence(&live.scorer) {
            write_evidence(evidence, out);
        }
    }
    out.end_object();
}

fn write_evidence(evidence: Evidence, out: &mut Writer) {
    out.field("evidence").begin_object();
    match evidence {
        Evidence::Pair { n_customers, n_baskets, lift, .. } => {
            out.field("customers").integer(n_customers.into());
            out.field("baskets").integer(n_baskets.into());
            out.field("lift").number(lift);
        }
        Evidence::Ladder { n_switches, n_events, n_upgrades, rate, .. } => {
            out.field("events").integer(n_events.into());
            out.field("upgrades").integer(n_upgrades.into());
            out.field("rate").number(rate);
            out.field("switches").integer(n_switches.into());
        }
        Evidence::OwnPast { n_baskets } => out.field("baskets").integer(n_baskets.into()),
    }
    out.end_object();
}
