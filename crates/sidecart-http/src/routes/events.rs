use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;
use sidecart_core::{Clock, ExternalId, ExternalIdRef, IdKind, Time};

use super::recommend::parse;
use super::{Access, Content, Method, RequestBody, Route, VERSION};
use crate::app::App;
use crate::call::{Call, json_answer};
use crate::json::{Field, Location, Object, Shape, Value, Writer, check};
use crate::limits::{MAX_BASKET_ITEMS, MAX_EVENT_AHEAD, MAX_EVENTS, MAX_ID_BYTES, MAX_MODEL_NAME_BYTES};
use crate::models::{LiveVersion, Purchase, Recorded};
use crate::problem::{Code, Problem};
use crate::query::read_asked_time;

static LINE: Object = Object {
    name: "EventLine",
    fields: &[
        Field::required("item", Shape::Id, "The item."),
        Field::optional("paid", Shape::Amount, "What was paid for all of it, in units of the currency."),
    ],
};

static EVENT: Object = Object {
    name: "Event",
    fields: &[
        Field::required("basket_id", Shape::Id, "Names the purchase: sent again, it counts once."),
        Field::optional("customer_id", Shape::Id, "Who bought; nobody's past without it."),
        Field::optional("timestamp", Shape::Time, "When; needed where the model's times are dates or days."),
        Field::required("lines", Shape::List(&Shape::Object(&LINE), MAX_BASKET_ITEMS), "What was bought."),
    ],
};

static EVENTS: Object = Object {
    name: "Events",
    fields: &[
        Field::required("events", Shape::List(&Shape::Object(&EVENT), MAX_EVENTS), "The purchases, oldest first."),
        Field::optional(
            "model",
            Shape::Text(MAX_MODEL_NAME_BYTES),
            "Which model; the default one where it is not given.",
        ),
    ],
};

static RECORDED: Object = Object {
    name: "Recorded",
    fields: &[
        Field::required("request_id", Shape::Text(MAX_ID_BYTES), "Name of the request."),
        Field::required("model", Shape::Text(MAX_ID_BYTES), "The model."),
        Field::required("version", Shape::Text(16), "Its version."),
        Field::required(
            "results",
            Shape::List(&Shape::Choice(&Recorded::NAMES), MAX_EVENTS),
            "What became of each: `recorded`, `duplicate` (sent before), `conflict` (another with this basket id was sent before and stands), `too_old` (there is room for newer ones only).",
        ),
    ],
};

pub(super) static ROUTE: Route = Route {
    method: Method::Post,
    path: "/v1/events",
    name: "events",
    about: "Tells of purchases after training. They change what is known of their customers at once.",
    access: Access::Token,
    parameters: &[],
    body: Some(RequestBody { object: &EVENTS, example: r#"{"events": []}"# }),
    content: Content::Json(&RECORDED),
    errors: &[Code::UNKNOWN_MODEL, Code::MODEL_REQUIRED, Code::NOT_READY, Code::OVERLOADED],
    handle: |app, call| Box::pin(events(app, call)),
};

/// All events of a request are checked before the first is taken.
async fn events(app: Arc<App>, mut call: Call) -> Result<Response<Body>, Problem> {
    let body = call.json_body(app.settings.limits.body_time).await?;
    let _turn = app.turns.take().await?;
    let value = parse(&body)?;
    check(&value, &EVENTS, &Location::Body)?;
    let model = app.models.find(value.text("model"))?;
    let live = model.live();
    let latest = latest_time(&app, &live);
    let at = Location::Field(&Location::Body, "events");
    let purchases: Result<Vec<Purchase>, Problem> = value
        .list("events")
        .iter()
        .enumerate()
        .map(|(position, event)| purchase(event, &live, latest, &Location::Entry(&at, position)))
        .collect();
    let recorded = model.record(purchases?).await;
    let mut out = Writer::default();
    out.begin_object();
    out.field("request_id").text(&call.id);
    out.field("model").text(&live.name);
    out.field("version").text(&live.version);
    out.field("results").begin_list();
    recorded.iter().for_each(|recorded| out.text(recorded.name()));
    out.end_list();
    out.end_object();
    let mut response = json_answer(out.into_bytes());
    response.headers_mut().insert(VERSION, live.version_header.clone());
    Ok(response)
}

/// A purchase from the far future would stand behind every question without a time, so dates may
/// lie a day after the present, or after the end of training where that is later.
fn latest_time(app: &App, live: &LiveVersion) -> Option<Time> {
    let ahead = i64::try_from(MAX_EVENT_AHEAD.as_micros()).unwrap_or(i64::MAX);
    let newest = (app.settings.now)().max(live.scorer.trained_through());
    (live.scorer.model().clock() == Clock::Calendar).then(|| Time(newest.0.saturating_add(ahead)))
}

fn purchase(
    event: &Value<'_>,
    live: &LiveVersion,
    latest: Option<Time>,
    at: &Location<'_>,
) -> Result<Purchase, Problem> {
    let time_at = Location::Field(at, "timestamp");
    let time = match event.get("timestamp") {
        Some(time) => read_asked_time(time, live, &time_at)?,
        None if live.scorer.model().clock().has_durations() => {
            let message = "needed, because this model weighs purchases by their age";
            return Err(time_at.problem(Code::MISSING_FIELD, message));
        }
        None => live.default_time(),
    };
    if latest.is_some_and(|latest| time > latest) {
        return Err(time_at.problem(Code::OUT_OF_RANGE, "the time lies in the future"));
    }
    let item_kind = live.scorer.model().items().kind();
    let customer_kind = live.scorer.customer_kind();
    let lines = event.list("lines").iter().filter_map(|line| {
        let id = line.get("item")?.id()?;
        Some((in_form(id, item_kind), line.number("paid").unwrap_or(0.0) as f32))
    });
    let customer = event.get("customer_id").and_then(Value::id);
    let basket = event.get("basket_id").and_then(Value::id);
    Ok(Purchase {
        basket: basket.map_or(ExternalId::Int(0), ExternalIdRef::to_owned),
        customer: customer.map(|id| in_form(id, customer_kind.unwrap_or(id.kind()))),
        time,
        lines: lines.collect(),
    })
}

/// The id in the form that the model's ids have, where it can have it.
fn in_form(id: ExternalIdRef<'_>, kind: IdKind) -> ExternalId {
    match (id, kind) {
        (ExternalIdRef::Text(text), IdKind::Int) => text.trim().parse().map_or_else(|_| id.to_owned(), ExternalId::Int),
        (ExternalIdRef::Int(number), IdKind::Text) => ExternalId::Text(number.to_string().into()),
        _ => id.to_owned(),
    }
}
