//! Counters and latencies of the server, shown in Prometheus' text form at the admin address.
//!
//! Labels are routes, statuses and names of models, all of them known to the program, so the number
//! of series is bounded whatever is asked.

mod histogram;
mod text;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

pub(crate) use histogram::Histogram;
pub(crate) use text::MetricsText;

/// Statuses that the server answers with; the last place counts any other.
pub(crate) const STATUSES: [u16; 12] = [200, 400, 401, 404, 405, 408, 413, 415, 422, 500, 503, 0];

/// Figures of one route.
#[derive(Default)]
pub(crate) struct RouteMetrics {
    pub(crate) by_status: [AtomicU64; STATUSES.len()],
    pub(crate) latency: Histogram,
}

/// Figures of the whole server. Counters only, so threads never wait for each other here.
pub(crate) struct Metrics {
    /// By route, in the order of the table of routes; the last place counts unknown addresses.
    pub(crate) routes: Vec<RouteMetrics>,
    pub(crate) shed: AtomicU64,
    pub(crate) unauthorized: AtomicU64,
    pub(crate) panics: AtomicU64,
    pub(crate) unreadable_customers: AtomicU64,
    pub(crate) swaps: AtomicU64,
    pub(crate) failed_swaps: AtomicU64,
    pub(crate) failed_looks: AtomicU64,
    pub(crate) retired_versions: AtomicUsize,
    pub(crate) connections: AtomicU64,
    pub(crate) open_connections: AtomicUsize,
    pub(crate) failed_accepts: AtomicU64,
    pub(crate) offers: AtomicU64,
    pub(crate) stand_ins: AtomicU64,
    pub(crate) held_out: AtomicU64,
}

impl Metrics {
    pub(crate) fn new(n_routes: usize) -> Self {
        Self {
            routes: (0..=n_routes).map(|_| RouteMetrics::default()).collect(),
            shed: AtomicU64::default(),
            unauthorized: AtomicU64::default(),
            panics: AtomicU64::default(),
            unreadable_customers: AtomicU64::default(),
            swaps: AtomicU64::default(),
            failed_swaps: AtomicU64::default(),
            failed_looks: AtomicU64::default(),
            retired_versions: AtomicUsize::default(),
            connections: AtomicU64::default(),
            open_connections: AtomicUsize::default(),
            failed_accepts: AtomicU64::default(),
            offers: AtomicU64::default(),
            stand_ins: AtomicU64::default(),
            held_out: AtomicU64::default(),
        }
    }

    /// Counts an answer of a route.
    pub(crate) fn answered(&self, route: usize, status: u16, took: Duration) {
        let metrics = &self.routes[route];
        let place = STATUSES.iter().position(|&s| s == status).unwrap_or(STATUSES.len() - 1);
        add(&metrics.by_status[place], 1);
        metrics.latency.observe(took);
    }
}

pub(crate) fn add(counter: &AtomicU64, n: usize) {
    counter.fetch_add(n as u64, Ordering::Relaxed);
}
