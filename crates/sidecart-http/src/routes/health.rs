use super::{Access, Content, Method, Route};
use crate::call::json_answer;
use crate::json::{Field, Object, Shape};
use crate::problem::{Code, Problem};

static STATUS: Object = Object {
    name: "Status",
    fields: &[Field::required("status", Shape::Choice(&["live", "ready"]), "The good news.")],
};

/// The process runs and answers.
pub(super) static LIVE: Route = Route {
    method: Method::Get,
    path: "/health/live",
    name: "live",
    about: "Whether the process answers at all.",
    access: Access::Open,
    parameters: &[],
    body: None,
    content: Content::Json(&STATUS),
    errors: &[],
    handle: |_, _| Box::pin(async { Ok(json_answer(r#"{"status":"live"}"#)) }),
};

/// Questions can be sent here.
pub(super) static READY: Route = Route {
    method: Method::Get,
    path: "/health/ready",
    name: "ready",
    about: "Whether a model is loaded and warm, and the server is not about to stop.",
    access: Access::Open,
    parameters: &[],
    body: None,
    content: Content::Json(&STATUS),
    errors: &[Code::NOT_READY],
    handle: |app, _| {
        Box::pin(async move {
            if app.is_ready() {
                return Ok(json_answer(r#"{"status":"ready"}"#));
            }
            let why = if app.is_draining() { "the server is about to stop" } else { "no model is loaded yet" };
            Err(Problem::new(Code::NOT_READY, why))
        })
    },
};
