use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;

use super::{Access, Content, Method, RequestBody, Route, VERSION};
use crate::answer::{ANSWER, answer, answer_writer};
use crate::app::App;
use crate::call::{Call, json_answer};
use crate::json::{Location, Value};
use crate::problem::{Code, Problem};
use crate::query::{QUERY, check_query};

pub(super) static ROUTE: Route = Route {
    method: Method::Post,
    path: "/v1/recommend",
    name: "recommend",
    about: "What goes with a basket.",
    access: Access::Token,
    parameters: &[],
    body: Some(RequestBody {
        object: &QUERY,
        example: r#"{"items": ["phone-s22", "case-s22"], "k": 5, "explain": true}"#,
    }),
    content: Content::Json(&ANSWER),
    errors: &[Code::UNKNOWN_MODEL, Code::MODEL_REQUIRED, Code::NO_SUCH_PART, Code::NOT_READY, Code::OVERLOADED],
    handle: |app, call| Box::pin(recommend(app, call)),
};

async fn recommend(app: Arc<App>, mut call: Call) -> Result<Response<Body>, Problem> {
    let body = call.json_body(app.settings.limits.body_time).await?;
    let _turn = app.turns.take().await?;
    let value = parse(&body)?;
    check_query(&value, &QUERY, &Location::Body)?;
    let live = app.models.find(value.text("model"))?.live();
    let mut out = answer_writer(value.integer("k"));
    answer(&app, &live, &call.id, &value, &Location::Body, &mut out)?;
    let mut response = json_answer(out.into_bytes());
    response.headers_mut().insert(VERSION, live.version_header.clone());
    Ok(response)
}

/// Parses a body.
pub(super) fn parse(body: &[u8]) -> Result<Value<'_>, Problem> {
    Value::parse(body).ok_or_else(|| Problem::new(Code::INVALID_JSON, "the body is not one JSON value in UTF-8"))
}
