use axum::http::HeaderValue;
use axum::http::header::{CONTENT_SECURITY_POLICY, REFERRER_POLICY, X_FRAME_OPTIONS};

use super::{Access, Content, Method, Route};
use crate::call::{answer, json_answer};

/// What the server can do, for programs.
pub(super) static OPENAPI: Route = Route {
    method: Method::Get,
    path: "/openapi.json",
    name: "openapi",
    about: "This document.",
    access: Access::Open,
    parameters: &[],
    body: None,
    content: Content::Other("application/json"),
    errors: &[],
    handle: |app, _| Box::pin(async move { Ok(json_answer(app.openapi.clone())) }),
};

/// What the server can do, for people.
pub(super) static PAGE: Route = Route {
    method: Method::Get,
    path: "/",
    name: "page",
    about: "A page to try baskets on.",
    access: Access::Open,
    parameters: &[],
    body: None,
    content: Content::Other("text/html; charset=utf-8"),
    errors: &[],
    handle: |app, _| {
        Box::pin(async move {
            let mut response = answer("text/html; charset=utf-8", app.page.html());
            let headers = response.headers_mut();
            headers.insert(CONTENT_SECURITY_POLICY, app.page.policy());
            headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
            headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
            Ok(response)
        })
    },
};
