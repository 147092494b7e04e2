use std::collections::BTreeMap;
use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, Response};

use super::recommend::parse;
use super::{Access, Content, Method, RequestBody, Route, VERSION};
use crate::answer::{ANSWER, answer, answer_writer};
use crate::app::App;
use crate::call::{Call, json_answer};
use crate::json::{Field, Location, Object, Shape, Value, Writer, check};
use crate::limits::{MAX_BATCH_QUERIES, MAX_ID_BYTES};
use crate::models::LiveVersion;
use crate::problem::{Code, Problem};
use crate::query::{QUERY, check_query};

static BATCH: Object = Object {
    name: "Batch",
    fields: &[Field::required("queries", Shape::List(&Shape::Later(&QUERY), MAX_BATCH_QUERIES), "The questions.")],
};

static ERROR: Object = Object {
    name: "ErrorDetail",
    fields: &[
        Field::required("code", Shape::Text(64), "A stable name of the kind of error."),
        Field::required("message", Shape::Text(usize::MAX), "The error in words."),
        Field::required("field", Shape::OrNull(&Shape::Text(usize::MAX)), "The field it is about, or null."),
    ],
};

static RESULT: Object = Object {
    name: "BatchResult",
    fields: &[
        Field::optional("answer", Shape::Object(&ANSWER), "The answer, as `/v1/recommend` gives it."),
        Field::optional("error", Shape::Object(&ERROR), "Why there is none."),
    ],
};

static RESULTS: Object = Object {
    name: "BatchResults",
    fields: &[
        Field::required(
            "request_id",
            Shape::Text(MAX_ID_BYTES),
            "Name of the request; each answer has it with `/` and its position.",
        ),
        Field::required(
            "results",
            Shape::List(&Shape::Object(&RESULT), MAX_BATCH_QUERIES),
            "One for each question, in its order.",
        ),
    ],
};

pub(super) static ROUTE: Route = Route {
    method: Method::Post,
    path: "/v1/batch",
    name: "batch",
    about: "Answers several questions; each has an answer or an error of its own.",
    access: Access::Token,
    parameters: &[],
    body: Some(RequestBody {
        object: &BATCH,
        example: r#"{"queries": [{"items": ["phone-s22"], "k": 3}, {"items": ["bananas"], "mode": "discovery"}]}"#,
    }),
    content: Content::Json(&RESULTS),
    errors: &[Code::OVERLOADED],
    handle: |app, call| Box::pin(batch(app, call)),
};

/// A batch holds one place among the requests that are scored, and goes to the end of the queue after
/// each question: it takes longer than so many single requests, and no longer from others than one.
async fn batch(app: Arc<App>, mut call: Call) -> Result<Response<Body>, Problem> {
    let body = call.json_body(app.settings.limits.body_time).await?;
    let _turn = app.turns.take().await?;
    let value = parse(&body)?;
    check(&value, &BATCH, &Location::Body)?;
    let mut versions = Versions { app: &app, seen: BTreeMap::new() };
    let mut out = Writer::default();
    out.begin_object();
    out.field("request_id").text(&call.id);
    out.field("results").begin_list();
    for (position, query) in value.list("queries").iter().enumerate() {
        if position > 0 {
            tokio::task::yield_now().await;
        }
        out.begin_object();
        match answer_one(&mut versions, &call.id, query, position) {
            Ok(answer) => out.field("answer").written(&answer),
            Err(problem) => problem.write(out.field("error")),
        }
        out.end_object();
    }
    out.end_list();
    out.end_object();
    let mut response = json_answer(out.into_bytes());
    if let Some(header) = versions.header() {
        response.headers_mut().insert(VERSION, header);
    }
    Ok(response)
}

fn answer_one(
    versions: &mut Versions<'_>,
    request_id: &str,
    query: &Value<'_>,
    position: usize,
) -> Result<Writer, Problem> {
    let queries = Location::Field(&Location::Body, "queries");
    let at = Location::Entry(&queries, position);
    check_query(query, &QUERY, &at)?;
    let live = versions.find(query.text("model"), &at)?;
    let mut out = answer_writer(query.integer("k"));
    answer(versions.app, &live, &format!("{request_id}/{position}"), query, &at, &mut out)?;
    Ok(out)
}

/// The versions that answer this batch: each model's is chosen once, so that a swap in between does
/// not split the batch.
struct Versions<'a> {
    app: &'a App,
    seen: BTreeMap<Option<String>, Arc<LiveVersion>>,
}

impl Versions<'_> {
    fn find(&mut self, name: Option<&str>, at: &Location<'_>) -> Result<Arc<LiveVersion>, Problem> {
        let name = name.map(str::to_owned);
        if let Some(live) = self.seen.get(&name) {
            return Ok(Arc::clone(live));
        }
        let found = self.app.models.find(name.as_deref());
        let live = found
            .map_err(|mut problem| {
                problem.field = Location::Field(at, "model").show();
                problem
            })?
            .live();
        self.seen.insert(name, Arc::clone(&live));
        Ok(live)
    }

    /// The versions, each once, separated by commas.
    fn header(&self) -> Option<HeaderValue> {
        let mut versions: Vec<&str> = self.seen.values().map(|live| live.version.as_str()).collect();
        versions.sort_unstable();
        versions.dedup();
        HeaderValue::from_str(&versions.join(", ")).ok().filter(|_| !versions.is_empty())
    }
}
