use sidecart_serve::offers::{OffersQuery, OffersScratch, Touchpoint};

use super::exposures::Shown;
use super::read::SlateAsked;
use super::threshold::write_fillings;
use super::write::write_offers;
use crate::answer::isolated;
use crate::app::App;
use crate::json::{Location, Value, Writer};
use crate::metrics::add;
use crate::models::{LiveVersion, Work};
use crate::problem::{Code, Problem};
use crate::query::Asked;

/// Answers a checked question with one version and writes the answer.
///
/// # Errors
/// A [`Problem`]; `out` may then hold a part of an answer.
pub(crate) fn answer_offers(
    app: &App,
    live: &LiveVersion,
    request_id: &str,
    value: &Value<'_>,
    out: &mut Writer,
) -> Result<(), Problem> {
    isolated(app, || live.with_work(|work| write_slate(app, live, work, request_id, value, out)))
}

fn write_slate(
    app: &App,
    live: &LiveVersion,
    work: &mut Work,
    request_id: &str,
    value: &Value<'_>,
    out: &mut Writer,
) -> Result<(), Problem> {
    let mut asked = Asked::read(value, live, work, &Location::Body)?;
    let slate_asked = SlateAsked::read(app, value, live, &mut asked)?;
    let query = OffersQuery {
        basket: &work.basket,
        context: &slate_asked.context,
        customer: asked.knows_customer.then_some(&work.customer),
        segment: slate_asked.segment,
        touchpoint: value.text("touchpoint").and_then(Touchpoint::from_name),
        kinds: slate_asked.kinds,
        time: asked.time,
        store: asked.store,
        k: value.integer("k").map(|k| k as usize),
        mode: asked.mode,
        using: asked.using,
        objective: slate_asked.objective,
        exclude: &work.exclude,
        policy: slate_asked.policy.as_ref(),
        session: Some(slate_asked.session.at()),
        ..OffersQuery::default()
    };
    let slate = live.scorer.offers(&query, work_offers(live, &mut work.offers)).map_err(|error| match error {
        sidecart_serve::Error::NoSuchPart { what, available } => {
            Problem::new(Code::NO_SUCH_PART, format!("this model has no {what}; it has: {available}"))
        }
        _ => Problem::new(Code::INTERNAL, "the question could not be answered"),
    })?;
    let held_out = app.exposures.is_some() && app.hold_out.holds_out(asked.customer, request_id);
    if let Some(exposures) = &app.exposures {
        let shown = Shown { app, live, query: &query, customer: asked.customer, request_id, held_out };
        exposures.log((1..).zip(slate.offers).map(|(position, offer)| shown.record(position, offer)).collect());
    }
    add(&app.metrics.offers, slate.offers.len());
    add(&app.metrics.held_out, usize::from(held_out));
    add(&app.metrics.unreadable_customers, usize::from(asked.is_unreadable));

    out.begin_object();
    out.field("request_id").text(request_id);
    out.field("model").text(&live.name);
    out.field("version").text(&live.version);
    write_offers(live, &slate, &asked, held_out, out);
    if let Some(keys) = &app.settings.session_keys {
        let shown = slate.offers.iter().filter(|_| !held_out).map(|offer| offer.item);
        out.field("session").text(&slate_asked.session.next_token(live, shown, keys));
    }
    if let Some(threshold) = value.get("threshold").filter(|_| !held_out) {
        write_fillings(live, &query, (threshold, asked.explain), work_offers(live, &mut work.offers), out)?;
    }
    out.field("unknown_items").begin_list();
    let basket = value.list("items");
    work.unknown.iter().filter_map(|&position| basket[position].id()).for_each(|id| out.id(id));
    out.end_list();
    if held_out {
        out.field("held_out").flag(true);
    }
    if !asked.notes.is_empty() {
        out.field("notes").begin_list();
        asked.notes.iter().for_each(|note| out.text(note));
        out.end_list();
    }
    out.end_object();
    Ok(())
}

/// The memory for slates, made when it is first needed.
fn work_offers<'w>(live: &LiveVersion, offers: &'w mut Option<OffersScratch>) -> &'w mut OffersScratch {
    offers.get_or_insert_with(|| live.scorer.offers_scratch())
}
