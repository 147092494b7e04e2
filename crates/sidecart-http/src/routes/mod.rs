//! The addresses of the API: one file each, listed in [`ROUTES`].
//!
//! A route is a table of what it takes and gives, and a function. The server, the checks and the
//! OpenAPI document all read the table, so an address that is added to the list is served, limited,
//! measured and documented.
//!
//! | file | address |
//! |---|---|
//! | `recommend.rs` | `POST /v1/recommend` |
//! | `offers.rs` | `POST /v1/offers` |
//! | `batch.rs` | `POST /v1/batch` |
//! | `events.rs` | `POST /v1/events` |
//! | `models.rs` | `GET /v1/models` |
//! | `items.rs` | `GET /v1/items` |
//! | `health.rs` | `GET /health/live`, `GET /health/ready` |
//! | `documents.rs` | `GET /openapi.json`, `GET /` |
//! | `admin.rs` | `GET /metrics`, `POST /admin/reload`, at the admin address |

mod admin;
mod batch;
mod documents;
mod events;
mod health;
mod items;
mod models;
mod offers;
mod recommend;

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONNECTION, TRANSFER_ENCODING, X_CONTENT_TYPE_OPTIONS};
use axum::http::{HeaderName, HeaderValue, Response};
use axum::routing::{MethodFilter, MethodRouter};

pub use admin::admin_router;

use crate::app::App;
use crate::call::Call;
use crate::json::{Field, Object};
use crate::metrics::add;
use crate::problem::{Code, Problem};
use crate::request_id::REQUEST_ID;

/// The header that names the version that answered.
pub(crate) const VERSION: HeaderName = HeaderName::from_static("x-sidecart-version");

/// What becomes of a request, later.
pub(crate) type Reply = Pin<Box<dyn Future<Output = Result<Response<Body>, Problem>> + Send>>;

/// The method of a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Method {
    /// Asks; `HEAD` is answered too.
    Get,
    /// Brings a body.
    Post,
}

/// Who may call a route.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Access {
    /// Everyone who reaches the address.
    Open,
    /// Who has the token, where the server asks for one.
    Token,
}

/// What a route answers with.
pub(crate) enum Content {
    /// A JSON object of this table.
    Json(&'static Object),
    /// Another media type.
    Other(&'static str),
}

/// The body of a request.
pub(crate) struct RequestBody {
    pub(crate) object: &'static Object,
    /// A body that every model answers with 200.
    pub(crate) example: &'static str,
}

/// An address with what it takes and gives.
pub(crate) struct Route {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    /// The name of the operation in clients made from the document.
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) access: Access,
    /// Parameters of the query string.
    pub(crate) parameters: &'static [Field],
    pub(crate) body: Option<RequestBody>,
    pub(crate) content: Content,
    /// Errors of its own, beside those of every route with a body.
    pub(crate) errors: &'static [Code],
    pub(crate) handle: fn(Arc<App>, Call) -> Reply,
}

/// Every address of the scoring port.
pub(crate) static ROUTES: &[&Route] = &[
    &recommend::ROUTE,
    &offers::ROUTE,
    &batch::ROUTE,
    &events::ROUTE,
    &models::ROUTE,
    &items::ROUTE,
    &health::LIVE,
    &health::READY,
    &documents::OPENAPI,
    &documents::PAGE,
];

/// Makes the scoring address of an app: every request goes through here, from a socket or from a
/// test.
pub fn router(app: &Arc<App>) -> Router {
    let mut by_path: BTreeMap<&'static str, Vec<(usize, &'static Route)>> = BTreeMap::new();
    for (at, route) in ROUTES.iter().enumerate() {
        by_path.entry(route.path).or_default().push((at, route));
    }
    let mut router = Router::new();
    for (path, routes) in by_path {
        let mut methods = MethodRouter::new();
        let mut allowed = Vec::new();
        for (at, route) in routes {
            let filter = match route.method {
                Method::Get => MethodFilter::GET,
                Method::Post => MethodFilter::POST,
            };
            allowed.push(if route.method == Method::Get { "GET, HEAD" } else { "POST" });
            let handler = move |State(app): State<Arc<App>>, request: Request| serve(app, at, route, request);
            methods = methods.on(filter, handler);
        }
        let allowed: &'static str = match allowed.as_slice() {
            ["POST"] => "POST",
            ["GET, HEAD"] => "GET, HEAD",
            _ => "GET, HEAD, POST",
        };
        methods = methods.fallback(move |State(app): State<Arc<App>>, request: Request| async move {
            refuse(&app, &request, || Problem::method_not_allowed(allowed))
        });
        router = router.route(path, methods);
    }
    router
        .fallback(|State(app): State<Arc<App>>, request: Request| async move {
            refuse(&app, &request, || Problem::new(Code::NOT_FOUND, "there is nothing at this address").into_response())
        })
        .with_state(Arc::clone(app))
}

/// Answers one request of a route.
async fn serve(app: Arc<App>, at: usize, route: &'static Route, request: Request) -> Response<Body> {
    let started = Instant::now();
    let id = app.ids.name(request.headers());
    let closes = closes_connection(&app, &request);
    let outcome = if route.access == Access::Token && !is_authorized(&app, &request) {
        add(&app.metrics.unauthorized, 1);
        Err(Problem::new(Code::UNAUTHORIZED, "bring the header authorization: Bearer with the token of this server"))
    } else {
        let call = Call { id, request };
        let reply = (route.handle)(Arc::clone(&app), call);
        tokio::time::timeout(app.settings.limits.request_time, reply)
            .await
            .unwrap_or_else(|_| Err(Problem::new(Code::REQUEST_TIMEOUT, "the request took too long")))
    };
    let mut response = outcome.unwrap_or_else(|problem| {
        if problem.code == Code::OVERLOADED {
            add(&app.metrics.shed, 1);
        }
        problem.into_response()
    });
    finish(&mut response, &id, closes);
    app.metrics.answered(at, response.status().as_u16(), started.elapsed());
    response
}

/// Answers a request that has no route.
fn refuse(app: &App, request: &Request, problem: impl FnOnce() -> Response<Body>) -> Response<Body> {
    let started = Instant::now();
    let mut response = problem();
    finish(&mut response, &app.ids.name(request.headers()), closes_connection(app, request));
    app.metrics.answered(ROUTES.len(), response.status().as_u16(), started.elapsed());
    response
}

fn is_authorized(app: &App, request: &Request) -> bool {
    app.settings.token.as_ref().is_none_or(|token| token.is_in(request.headers()))
}

/// After a request in pieces the connection ends: should a proxy in front have seen another end of
/// it, what it took for the next request is never read as one. So it does when the server stops.
fn closes_connection(app: &App, request: &Request) -> bool {
    app.is_draining() || request.headers().contains_key(TRANSFER_ENCODING)
}

fn finish(response: &mut Response<Body>, id: &str, closes: bool) {
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if closes {
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
    }
}
