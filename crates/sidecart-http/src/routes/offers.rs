use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;

use super::recommend::parse;
use super::{Access, Content, Method, RequestBody, Route, VERSION};
use crate::answer::answer_writer;
use crate::app::App;
use crate::call::{Call, json_answer};
use crate::offers::{OFFERS_QUERY, SLATE, answer_offers, check_offers_query};
use crate::problem::{Code, Problem};

pub(super) static ROUTE: Route = Route {
    method: Method::Post,
    path: "/v1/offers",
    name: "offers",
    about: "A slate under the shop's policy: what to add, what to go up to, what belongs to a basket item.",
    access: Access::Token,
    parameters: &[],
    body: Some(RequestBody {
        object: &OFFERS_QUERY,
        example: r#"{"items": ["phone-s22"], "touchpoint": "cart", "k": 3, "explain": true}"#,
    }),
    content: Content::Json(&SLATE),
    errors: &[
        Code::UNKNOWN_MODEL,
        Code::MODEL_REQUIRED,
        Code::NO_SUCH_PART,
        Code::INVALID_SESSION,
        Code::NO_SESSIONS,
        Code::NOT_READY,
        Code::OVERLOADED,
    ],
    handle: |app, call| Box::pin(offers(app, call)),
};

async fn offers(app: Arc<App>, mut call: Call) -> Result<Response<Body>, Problem> {
    let body = call.json_body(app.settings.limits.body_time).await?;
    let _turn = app.turns.take().await?;
    let value = parse(&body)?;
    check_offers_query(&value)?;
    let live = app.models.find(value.text("model"))?.live();
    let mut out = answer_writer(value.integer("k"));
    answer_offers(&app, &live, &call.id, &value, &mut out)?;
    let mut response = json_answer(out.into_bytes());
    response.headers_mut().insert(VERSION, live.version_header.clone());
    Ok(response)
}
