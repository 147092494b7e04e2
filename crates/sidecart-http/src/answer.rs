//! From a question to the bytes of its answer.

use std::panic::{AssertUnwindSafe, catch_unwind};

use sidecart_core::{ExternalIdRef, ItemId, Scored};
use sidecart_serve::offers::OfferKind;
use sidecart_serve::offers::exposure::ExposureRecord;
use sidecart_serve::{Query, Reason, Source, StandIn};

use crate::app::App;
use crate::json::{Field, Location, Object, Shape, Value, Writer};
use crate::limits::{MAX_BASKET_ITEMS, MAX_ID_BYTES, MAX_K};
use crate::metrics::add;
use crate::models::{LiveVersion, Work};
use crate::problem::{Code, Problem};
use crate::query::Asked;

/// The kind of an offer to add something.
pub(crate) const CROSS_SELL: &str = "cross-sell";

static EVIDENCE: Object = Object {
    name: "Evidence",
    fields: &[
        Field::required(
            "customers",
            Shape::Integer { min: 0, max: u32::MAX as i64 },
            "Distinct customers who bought both in one basket.",
        ),
        Field::required("baskets", Shape::Integer { min: 0, max: u32::MAX as i64 }, "Baskets that hold both."),
        Field::required("lift", Shape::Number, "How many times more often than by chance."),
    ],
};

static OFFER: Object = Object {
    name: "Offer",
    fields: &[
        Field::required("item", Shape::Id, "The item, in the shop's own form."),
        Field::required("score", Shape::Number, "Greater is better; comparable within one answer only."),
        Field::required("rank", Shape::Integer { min: 1, max: MAX_K as i64 }, "Place in the list, from 1."),
        Field::required("kind", Shape::Choice(&[CROSS_SELL]), "What is offered."),
        Field::optional(
            "p",
            Shape::Number,
            "Probability that the basket ends up with it had nothing been shown, where the model knows it.",
        ),
        Field::optional(
            "fallback",
            Shape::Choice(&["category", "popular"]),
            "What it stands in by, where the model has nothing of its own.",
        ),
        Field::optional("name", Shape::Text(usize::MAX), "With `explain`: the item's name, where the shop gave one."),
        Field::optional("anchor", Shape::Id, "With `explain`: the basket item that speaks for it."),
        Field::optional("reason", Shape::Text(usize::MAX), "With `explain`: why, in words."),
        Field::optional(
            "evidence",
            Shape::Object(&EVIDENCE),
            "With `explain`: the counts behind a pair that is bought together beyond chance.",
        ),
    ],
};

static FALLBACK: Object = Object {
    name: "Fallback",
    fields: &[
        Field::required(
            "from_rank",
            Shape::Integer { min: 1, max: MAX_K as i64 },
            "Offers from this rank on stand in.",
        ),
        Field::required("by", Shape::Choice(&["category", "popular"]), "What the first of them stands in by."),
    ],
};

/// The answer to one question.
pub(crate) static ANSWER: Object = Object {
    name: "Answer",
    fields: &[
        Field::required(
            "request_id",
            Shape::Text(MAX_ID_BYTES),
            "Name of the request, to find it in logs and exposures.",
        ),
        Field::required("model", Shape::Text(MAX_ID_BYTES), "The model that answered."),
        Field::required("version", Shape::Text(16), "Its version."),
        Field::required("items", Shape::List(&Shape::Object(&OFFER), MAX_K), "The offers, best first."),
        Field::required(
            "unknown_items",
            Shape::List(&Shape::Id, MAX_BASKET_ITEMS),
            "Basket items that the model does not know, as they were given.",
        ),
        Field::required(
            "fallback",
            Shape::OrNull(&Shape::Object(&FALLBACK)),
            "Where offers stand in; null where none does.",
        ),
        Field::optional(
            "held_out",
            Shape::Flag,
            "True where nothing is shown so that the effect of showing can be measured.",
        ),
        Field::optional(
            "notes",
            Shape::List(&Shape::Text(usize::MAX), 8),
            "What was not known or is missing, in words.",
        ),
    ],
};

/// Bytes of an answer beside its offers, and of an offer without reasons: a first guess.
const ANSWER_BYTES: usize = 256;
const OFFER_BYTES: usize = 96;

/// A writer with room for an answer of `k` offers.
pub(crate) fn answer_writer(k: Option<i64>) -> Writer {
    let k = k.map_or(crate::limits::DEFAULT_K, |k| k as usize);
    Writer::with_capacity(ANSWER_BYTES + k * OFFER_BYTES)
}

/// Answers a checked question with one version and writes the answer. A panic becomes a problem of
/// this question alone.
///
/// # Errors
/// A [`Problem`]; `out` may then hold a part of an answer.
pub(crate) fn answer(
    app: &App,
    live: &LiveVersion,
    request_id: &str,
    value: &Value<'_>,
    at: &Location<'_>,
    out: &mut Writer,
) -> Result<(), Problem> {
    isolated(app, || live.with_work(|work| write_answer(app, live, work, request_id, value, at, out)))
}

/// Does the work of one question; a panic becomes its problem.
pub(crate) fn isolated(app: &App, work: impl FnOnce() -> Result<(), Problem>) -> Result<(), Problem> {
    // The scratch of a panicked question is not used again, and nothing else is changed by one.
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| {
        add(&app.metrics.panics, 1);
        Err(Problem::new(Code::INTERNAL, "the question could not be answered"))
    })
}

fn write_answer(
    app: &App,
    live: &LiveVersion,
    work: &mut Work,
    request_id: &str,
    value: &Value<'_>,
    at: &Location<'_>,
    out: &mut Writer,
) -> Result<(), Problem> {
    let mut asked = Asked::read(value, live, work, at)?;
    let query = Query {
        basket: &work.basket,
        history: asked.knows_customer.then_some(&work.customer.history),
        time: asked.time,
        k: asked.k,
        mode: asked.mode,
        using: asked.using,
        store: asked.store,
        exclude: &work.exclude,
        promoted: &work.promoted,
    };
    let found = live.scorer.recommend(&query, &mut work.scratch).map_err(|error| refused(error, asked.using, at))?;
    let held_out = app.exposures.is_some() && app.hold_out.holds_out(asked.customer, request_id);
    if found.offers.len() < asked.k {
        asked.notes.push(format!("{} of {} offers: nothing else is left to offer", found.offers.len(), asked.k));
    }
    if let Some(exposures) = &app.exposures {
        let shown = Shown { app, live, asked: &asked, query: &query, request_id, held_out };
        exposures
            .log((0..).zip(found.offers).map(|(at, offer)| shown.record(at, offer, found.probability(at))).collect());
    }
    add(&app.metrics.offers, found.offers.len());
    add(&app.metrics.stand_ins, found.offers.len() - found.fallback_from.min(found.offers.len()));
    add(&app.metrics.held_out, usize::from(held_out));
    add(&app.metrics.unreadable_customers, usize::from(asked.is_unreadable));

    let items = live.scorer.model().items();
    out.begin_object();
    out.field("request_id").text(request_id);
    out.field("model").text(&live.name);
    out.field("version").text(&live.version);
    out.field("items").begin_list();
    for (position, offer) in found.offers.iter().enumerate().filter(|_| !held_out) {
        let stand_in = found.stand_in(position);
        out.begin_object();
        out.field("item").id(items.get(offer.item.0));
        out.field("score").number(offer.score);
        out.field("rank").count(position + 1);
        out.field("kind").text(CROSS_SELL);
        if let Some(p) = found.probabilities.get(position) {
            out.field("p").number(*p);
        }
        if let Some(by) = stand_in {
            out.field("fallback").text(by.name());
        }
        if asked.explain {
            write_reason(live, &query, offer.item, stand_in, out);
        }
        out.end_object();
    }
    out.end_list();
    write_unknown_items(value, &work.unknown, out);
    match found.stand_in(found.fallback_from).filter(|_| found.fallback_from < found.offers.len() && !held_out) {
        Some(by) => {
            out.field("fallback").begin_object();
            out.field("from_rank").count(found.fallback_from + 1);
            out.field("by").text(by.name());
            out.end_object();
        }
        None => out.field("fallback").null(),
    }
    write_end(&asked, held_out, out);
    Ok(())
}

/// The basket items that the model does not know, as they were given.
pub(crate) fn write_unknown_items(value: &Value<'_>, unknown: &[usize], out: &mut Writer) {
    out.field("unknown_items").begin_list();
    let basket = value.list("items");
    unknown.iter().filter_map(|&position| basket[position].id()).for_each(|id| out.id(id));
    out.end_list();
}

/// What every answer ends with.
pub(crate) fn write_end(asked: &Asked<'_>, held_out: bool, out: &mut Writer) {
    if held_out {
        out.field("held_out").flag(true);
    }
    if !asked.notes.is_empty() {
        out.field("notes").begin_list();
        asked.notes.iter().for_each(|note| out.text(note));
        out.end_list();
    }
    out.end_object();
}

/// What the scorer refuses beyond what was checked is a part it lacks, or damage.
pub(crate) fn refused(error: sidecart_serve::Error, using: Source, at: &Location<'_>) -> Problem {
    match error {
        sidecart_serve::Error::NoSuchPart { available, .. } => Location::Field(at, "using")
            .problem(Code::NO_SUCH_PART, format!("this model has no {using}; it has: {available}")),
        _ => Problem::new(Code::INTERNAL, "the question could not be answered"),
    }
}

fn write_reason(live: &LiveVersion, query: &Query<'_>, item: ItemId, stand_in: Option<StandIn>, out: &mut Writer) {
    let model = live.scorer.model();
    let reason = match stand_in {
        Some(by) => live.scorer.explain_stand_in(item, by),
        None => live.scorer.explain(query, item),
    };
    if let Some(name) = model.name(item) {
        out.field("name").text(name);
    }
    if let Some(anchor) = reason.anchor() {
        out.field("anchor").id(model.items().get(anchor.0));
    }
    out.field("reason").text(&reason.text(model));
    if let Reason::BoughtTogether { evidence, .. } = reason {
        out.field("evidence").begin_object();
        out.field("customers").integer(i64::from(evidence.n_customers));
        out.field("baskets").integer(i64::from(evidence.n_baskets));
        out.field("lift").number(evidence.lift);
        out.end_object();
    }
}

/// What the records of one answer share.
struct Shown<'a> {
    app: &'a App,
    live: &'a LiveVersion,
    asked: &'a Asked<'a>,
    query: &'a Query<'a>,
    request_id: &'a str,
    held_out: bool,
}

impl Shown<'_> {
    fn record(&self, at: usize, offer: &Scored, p: Option<f64>) -> ExposureRecord {
        let item = offer.item;
        let items = self.live.scorer.model().items();
        let id = |item: ItemId| -> ExternalIdRef<'_> { items.get(item.0) };
        // The reason is worked out only where it was asked for; without, no anchor is claimed.
        let anchor = self.asked.explain.then(|| self.live.scorer.explain(self.query, item).anchor()).flatten();
        ExposureRecord {
            request_id: self.request_id.to_owned(),
            time: (self.app.settings.now)().0.div_euclid(1_000),
            model: self.live.name.to_string(),
            version: self.live.version.clone(),
            customer_id: self.asked.customer.map(Into::into),
            touchpoint: None,
            kind: OfferKind::CrossSell,
            item: id(item).into(),
            anchor: anchor.map(|anchor| id(anchor).into()),
            position: at as u32 + 1,
            score: f64::from(offer.score),
            p,
            probability_shown: self.app.hold_out.probability_shown(),
            held_out: self.held_out,
            policy: None,
            accepted: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use std::sync::atomic::Ordering;

    #[test]
    fn a_panic_is_the_problem_of_one_question() {
        let folder = tempfile::tempdir().unwrap();
        let app = App::new(Settings::new(folder.path())).unwrap();
        for _ in 0..100 {
            let problem = isolated(&app, || panic!("in the scorer")).unwrap_err();
            assert_eq!(problem.code, Code::INTERNAL);
            assert!(!problem.message.contains("scorer"), "{}", problem.message);
        }
        assert_eq!(app.metrics.panics.load(Ordering::Relaxed), 100);
        assert_eq!(isolated(&app, || Ok(())), Ok(()));
    }
}
