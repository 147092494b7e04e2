use sidecart_serve::offers::{OffersQuery, OffersScratch, Touchpoint};

use super::exposures::Shown;
use super::read::SlateAsked;
use super::threshold::{read_threshold, write_fillings};
use super::write::write_offers;
use crate::answer::{isolated, refused, write_end, write_unknown_items};
use crate::app::App;
use crate::json::{Location, Value, Writer};
use crate::metrics::add;
use crate::models::{LiveVersion, Work};
use crate::problem::Problem;
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
    let threshold = value.get("threshold").map(read_threshold).transpose()?;
    let slate = live.scorer.offers(&query, work_offers(live, &mut work.offers));
    let slate = slate.map_err(|error| refused(error, asked.using, &Location::Body))?;
    let held_out = app.exposures.is_some() && app.hold_out.holds_out(asked.customer, request_id);
    let exposures = app.exposures.as_ref().map(|log| {
        let shown = Shown { app, live, query: &query, customer: asked.customer, request_id, held_out };
        (log, (1..).zip(slate.offers).map(|(position, offer)| shown.record(position, offer)).collect())
    });
    let n_offers = slate.offers.len();

    out.begin_object();
    out.field("request_id").text(request_id);
    out.field("model").text(&live.name);
    out.field("version").text(&live.version);
    write_offers(live, &slate, &asked, held_out, out);
    if let Some(keys) = &app.settings.session_keys {
        let shown = slate.offers.iter().filter(|_| !held_out).map(|offer| offer.item);
        out.field("session").text(&slate_asked.session.next_token(live, shown, keys));
    }
    if let Some(threshold) = threshold.filter(|_| !held_out) {
        write_fillings(live, &query, (threshold, asked.explain), work_offers(live, &mut work.offers), out)?;
    }
    write_unknown_items(value, &work.unknown, out);
    write_end(&asked, held_out, out);
    // Only what is answered was shown.
    if let Some((log, records)) = exposures {
        log.log(records);
    }
    add(&app.metrics.offers, n_offers);
    add(&app.metrics.held_out, usize::from(held_out));
    add(&app.metrics.unreadable_customers, usize::from(asked.is_unreadable));
    Ok(())
}

/// The memory for slates, made when it is first needed.
fn work_offers<'w>(live: &LiveVersion, offers: &'w mut Option<OffersScratch>) -> &'w mut OffersScratch {
    offers.get_or_insert_with(|| live.scorer.offers_scratch())
}
