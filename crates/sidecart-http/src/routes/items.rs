use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;

use super::{Access, Content, Method, Route, VERSION};
use crate::app::App;
use crate::call::{Call, json_answer};
use crate::json::{Field, Object, Shape, Writer};
use crate::limits::{DEFAULT_SEARCH_RESULTS, MAX_ID_BYTES, MAX_MODEL_NAME_BYTES, MAX_SEARCH_BYTES, MAX_SEARCH_RESULTS};
use crate::problem::{Code, Problem};

static FOUND_ITEM: Object = Object {
    name: "FoundItem",
    fields: &[
        Field::required("item", Shape::Id, "The item, in the shop's own form."),
        Field::optional("name", Shape::Text(usize::MAX), "Its name, where the shop gave one."),
        Field::required(
            "customers",
            Shape::Integer { min: 0, max: u32::MAX as i64 },
            "Distinct customers who bought it.",
        ),
    ],
};

static FOUND: Object = Object {
    name: "FoundItems",
    fields: &[
        Field::required("request_id", Shape::Text(MAX_ID_BYTES), "Name of the request."),
        Field::required(
            "items",
            Shape::List(&Shape::Object(&FOUND_ITEM), MAX_SEARCH_RESULTS),
            "The items: the id itself first, then ids and names that begin so, then the rest; of equals what most customers bought.",
        ),
    ],
};

pub(super) static ROUTE: Route = Route {
    method: Method::Get,
    path: "/v1/items",
    name: "items",
    about: "Items whose id or name holds a text, in any case.",
    access: Access::Token,
    parameters: &[
        Field::required("query", Shape::Text(MAX_SEARCH_BYTES), "The text."),
        Field::optional(
            "limit",
            Shape::Integer { min: 1, max: MAX_SEARCH_RESULTS as i64 },
            "How many; 12 where it is not given.",
        ),
        Field::optional(
            "model",
            Shape::Text(MAX_MODEL_NAME_BYTES),
            "Which model; the default one where it is not given.",
        ),
    ],
    body: None,
    content: Content::Json(&FOUND),
    errors: &[
        Code::INVALID_QUERY,
        Code::MISSING_FIELD,
        Code::OUT_OF_RANGE,
        Code::TOO_LONG,
        Code::UNKNOWN_MODEL,
        Code::MODEL_REQUIRED,
        Code::NOT_READY,
        Code::OVERLOADED,
    ],
    handle: |app, call| Box::pin(items(app, call)),
};

async fn items(app: Arc<App>, call: Call) -> Result<Response<Body>, Problem> {
    let [query, limit, model] = call.parameters(["query", "limit", "model"])?;
    let query = query.filter(|query| !query.is_empty());
    let query = query.ok_or_else(|| Problem::at(Code::MISSING_FIELD, "query", "say what to look for"))?;
    if query.len() > MAX_SEARCH_BYTES {
        let message = format!("{} bytes, at most {MAX_SEARCH_BYTES} are taken", query.len());
        return Err(Problem::at(Code::TOO_LONG, "query", message));
    }
    let limit = match limit.as_deref().map(str::parse) {
        None => DEFAULT_SEARCH_RESULTS,
        Some(Ok(limit)) if (1..=MAX_SEARCH_RESULTS).contains(&limit) => limit,
        Some(_) => {
            return Err(Problem::at(Code::OUT_OF_RANGE, "limit", format!("expected 1 to {MAX_SEARCH_RESULTS}")));
        }
    };
    let live = app.models.find(model.as_deref())?.live();
    let _turn = app.turns.take().await?;
    let model = live.scorer.model();
    let mut search = live.search.begin(&query, limit);
    while search.advance(&live.search, model) {
        tokio::task::yield_now().await;
    }
    let mut out = Writer::default();
    out.begin_object();
    out.field("request_id").text(&call.id);
    out.field("items").begin_list();
    for item in search.items() {
        out.begin_object();
        out.field("item").id(model.items().get(item.0));
        if let Some(name) = model.name(item) {
            out.field("name").text(name);
        }
        out.field("customers").integer(i64::from(model.item_customers()[item.index()]));
        out.end_object();
    }
    out.end_list();
    out.end_object();
    let mut response = json_answer(out.into_bytes());
    response.headers_mut().insert(VERSION, live.version_header.clone());
    Ok(response)
}
