use std::sync::Arc;

use axum::body::Body;
use axum::http::Response;
use serde_json::{Value as Json, json};

use super::{Access, Content, Method, Route};
use crate::app::App;
use crate::call::{Call, json_answer};
use crate::json::{Field, Object, Shape};
use crate::limits::{MAX_ID_BYTES, MAX_MODEL_NAME_BYTES, MAX_MODELS};
use crate::models::Model;
use crate::problem::Problem;

static MODEL: Object = Object {
    name: "Model",
    fields: &[
        Field::required("name", Shape::Text(MAX_MODEL_NAME_BYTES), "Its name."),
        Field::required("version", Shape::Text(16), "The version that answers now."),
        Field::required("clock", Shape::Choice(&["none", "calendar", "days", "order"]), "What its times count."),
        Field::required("trained_through", Shape::Text(64), "The newest time it has learned from."),
        Field::required("facts", Shape::Flag, "Whether it holds facts of items, such as prices, for slates."),
        Field::required("parts", Shape::List(&Shape::Text(64), 64), "What `using` may name."),
        Field::required("counts", Shape::Numbers, "Items, baskets, customers and so on that it was learned from."),
        Field::required(
            "events",
            Shape::Numbers,
            "Purchases since training: baskets and lines held, lines dropped to make room.",
        ),
    ],
};

static MODELS: Object = Object {
    name: "Models",
    fields: &[
        Field::required("request_id", Shape::Text(MAX_ID_BYTES), "Name of the request."),
        Field::required(
            "default",
            Shape::OrNull(&Shape::Text(MAX_MODEL_NAME_BYTES)),
            "The model that answers where none is named, or null.",
        ),
        Field::required("models", Shape::List(&Shape::Object(&MODEL), MAX_MODELS), "The models, by name."),
    ],
};

pub(super) static ROUTE: Route = Route {
    method: Method::Get,
    path: "/v1/models",
    name: "models",
    about: "Which models are served, and what each holds.",
    access: Access::Token,
    parameters: &[],
    body: None,
    content: Content::Json(&MODELS),
    errors: &[],
    handle: |app, call| Box::pin(models(app, call)),
};

async fn models(app: Arc<App>, call: Call) -> Result<Response<Body>, Problem> {
    let [] = call.parameters([])?;
    let mut all = Vec::new();
    for model in app.models.all() {
        all.push(describe(&model).await);
    }
    let answer = json!({ "request_id": *call.id, "default": app.models.default_name(), "models": all });
    Ok(json_answer(answer.to_string()))
}

async fn describe(model: &Model) -> Json {
    let events = model.event_counts().await;
    let live = model.live();
    let scorer = &live.scorer;
    let clock = scorer.model().clock();
    json!({
        "name": *model.name,
        "version": live.version,
        "clock": clock.name(),
        "trained_through": clock.show(scorer.trained_through()),
        "facts": scorer.model().offer_items().are_stored(),
        "parts": scorer.parts(),
        "counts": scorer.manifest().map(|manifest| &manifest.counts),
        "events": {
            "baskets": events.n_baskets, "lines": events.n_lines, "dropped_lines": events.n_dropped_lines,
        },
    })
}
