//! The admin address: metrics and reloading. It belongs on loopback or a private network.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;
use axum::routing::{MethodFilter, MethodRouter};
use serde_json::json;

use super::{ROUTES, finish};
use crate::app::{App, Retry};
use crate::call::{answer, json_answer};
use crate::metrics::{MetricsText, STATUSES};
use crate::models::{Outcome, Recorded};
use crate::problem::{Code, Problem};

/// Makes the admin address of an app: `GET /metrics` and `POST /admin/reload`.
pub fn admin_router(app: &Arc<App>) -> Router {
    let get = |handler| {
        MethodRouter::new()
            .on(MethodFilter::GET, handler)
            .fallback(|| async { Problem::method_not_allowed("GET, HEAD") })
    };
    Router::new()
        .route("/metrics", get(|State(app): State<Arc<App>>| async move { metrics(&app).await }))
        .route(
            "/admin/reload",
            MethodRouter::new()
                .on(MethodFilter::POST, reload)
                .fallback(|| async { Problem::method_not_allowed("POST") }),
        )
        .fallback(|| async { Problem::new(Code::NOT_FOUND, "there is nothing at this address").into_response() })
        .with_state(Arc::clone(app))
}

/// Looks at the model folders now, also at versions that wait to be tried again.
async fn reload(State(app): State<Arc<App>>) -> Response<Body> {
    let id = app.ids.name(&axum::http::HeaderMap::new());
    let looking = Arc::clone(&app);
    let looked = tokio::task::spawn_blocking(move || looking.look(Retry::Now)).await;
    let mut response = match looked {
        Ok(Ok(outcomes)) => {
            let models: Vec<_> = outcomes
                .iter()
                .map(|(name, outcome)| {
                    let live = app.models.find(Some(name)).ok().map(|model| model.live().version.clone());
                    let result = match outcome {
                        Outcome::Unchanged => "unchanged",
                        Outcome::Swapped { .. } => "swapped",
                        Outcome::Failed { .. } | Outcome::Waiting => "failed",
                    };
                    json!({ "name": **name, "result": result, "version": live })
                })
                .collect();
            json_answer(json!({ "request_id": *id, "models": models }).to_string())
        }
        _ => Problem::new(Code::INTERNAL, "the folder of models cannot be read; the server's log says why")
            .into_response(),
    };
    finish(&mut response, &id, app.is_draining());
    response
}

async fn metrics(app: &App) -> Response<Body> {
    let mut text = MetricsText::default();
    requests(app, &mut text);
    server(app, &mut text);
    models(app, &mut text).await;
    exposures(app, &mut text);
    let mut response = answer("text/plain; version=0.0.4; charset=utf-8", text.into_string());
    finish(&mut response, &app.ids.name(&axum::http::HeaderMap::new()), app.is_draining());
    response
}

fn read(counter: &AtomicU64) -> u64 {
    counter.load(Ordering::Relaxed)
}

fn requests(app: &App, text: &mut MetricsText) {
    let routes = || {
        let names = ROUTES.iter().map(|route| route.path).chain(["unknown"]);
        names.zip(&app.metrics.routes)
    };
    let name = "sidecart_http_requests_total";
    text.metric(name, "counter", "Requests answered, by route and status.");
    for (route, metrics) in routes() {
        for (status, n) in STATUSES.iter().zip(&metrics.by_status).filter(|(_, n)| read(n) > 0) {
            let status = if *status == 0 { "other".to_owned() } else { status.to_string() };
            text.value(name, &[("route", route), ("status", &status)], read(n));
        }
    }
    let name = "sidecart_http_request_duration_seconds";
    text.metric(name, "histogram", "Time from a request's headers to its answer, by route.");
    for (route, metrics) in routes().filter(|(_, metrics)| metrics.by_status.iter().any(|n| read(n) > 0)) {
        text.histogram(name, &[("route", route)], &metrics.latency);
    }
}

fn server(app: &App, text: &mut MetricsText) {
    let m = &app.metrics;
    let mut counter = |name, about, n: &AtomicU64| text.single(name, "counter", about, read(n));
    counter("sidecart_shed_total", "Requests sent away because too many were under way.", &m.shed);
    counter("sidecart_unauthorized_total", "Requests without the right token.", &m.unauthorized);
    counter(
        "sidecart_unreadable_customers_total",
        "Questions answered as for anyone because what is stored of the customer cannot be read.",
        &m.unreadable_customers,
    );
    counter("sidecart_panics_total", "Questions that met a defect.", &m.panics);
    counter("sidecart_connections_total", "Connections accepted.", &m.connections);
    counter("sidecart_failed_accepts_total", "Connections that could not be accepted.", &m.failed_accepts);
    counter("sidecart_swaps_total", "Versions that became live.", &m.swaps);
    counter("sidecart_failed_swaps_total", "Tries to load a version that failed.", &m.failed_swaps);
    counter("sidecart_failed_looks_total", "Times that the folder of models could not be read.", &m.failed_looks);
    counter("sidecart_offers_total", "Offers found.", &m.offers);
    counter("sidecart_stand_ins_total", "Offers among them that stand in for learned ones.", &m.stand_ins);
    counter("sidecart_held_out_total", "Questions whose offers were held back for measuring.", &m.held_out);
    let mut gauge = |name, about, n: usize| text.single(name, "gauge", about, n);
    gauge("sidecart_in_flight", "Requests being scored.", app.turns.taken());
    gauge("sidecart_waiting", "Requests in line to be scored.", app.turns.waiting());
    gauge("sidecart_open_connections", "Open connections.", m.open_connections.load(Ordering::Relaxed));
    gauge(
        "sidecart_retired_versions",
        "Replaced versions that still answer a request.",
        m.retired_versions.load(Ordering::Relaxed),
    );
    gauge("sidecart_ready", "1 when questions are answered.", usize::from(app.is_ready()));
}

async fn models(app: &App, text: &mut MetricsText) {
    let mut figures = Vec::new();
    for model in app.models.all() {
        figures.push((Arc::clone(&model.name), model.live().version.clone(), model.event_counts().await));
    }
    let name = "sidecart_model_info";
    text.metric(name, "gauge", "The live version of each model.");
    for (model, version, _) in &figures {
        text.value(name, &[("model", model), ("version", version)], 1);
    }
    let name = "sidecart_event_lines";
    text.metric(name, "gauge", "Lines of purchases since training that are held, by model.");
    for (model, _, events) in &figures {
        text.value(name, &[("model", model)], events.n_lines);
    }
    let name = "sidecart_event_baskets";
    text.metric(name, "gauge", "Purchases since training that are held, by model.");
    for (model, _, events) in &figures {
        text.value(name, &[("model", model)], events.n_baskets);
    }
    let name = "sidecart_event_lines_dropped_total";
    text.metric(name, "counter", "Lines of the oldest purchases dropped to make room, by model.");
    for (model, _, events) in &figures {
        text.value(name, &[("model", model)], events.n_dropped_lines);
    }
    let name = "sidecart_events_total";
    text.metric(name, "counter", "Purchases sent, by model and what became of them.");
    for (model, _, events) in &figures {
        for (outcome, n) in Recorded::NAMES.iter().zip(events.outcomes) {
            text.value(name, &[("model", model), ("outcome", outcome)], n);
        }
    }
}

fn exposures(app: &App, text: &mut MetricsText) {
    let Some(exposures) = &app.exposures else { return };
    let counts = exposures.counts();
    let name = "sidecart_exposures_total";
    text.metric(name, "counter", "Records of the exposure log, by what became of them.");
    for (outcome, n) in [("written", &counts.written), ("dropped", &counts.dropped), ("failed", &counts.failed)] {
        text.value(name, &[("outcome", outcome)], read(n));
    }
}
