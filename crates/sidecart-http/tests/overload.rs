//! More requests than the server can answer, offered by callers that do not slow down. Alone in its
//! program, because everything here is measured.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking and tells its figures")]

mod support;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use support::open_loop::{Phase, Seen, offer, quantile, recovery};
use support::running::{Running, post};
use support::{Shop, settings};

const N_CONNECTIONS: usize = 300;
const DEADLINE: Duration = Duration::from_millis(100);

/// One measurement at a time.
static ALONE: Mutex<()> = Mutex::new(());

struct Run {
    capacity: f64,
    /// Five times the capacity.
    flood: Seen,
    /// Half of it, before and after.
    before: Seen,
    after: Seen,
}

fn run(queue_time: Duration) -> Run {
    let _alone = ALONE.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = tempfile::tempdir().unwrap();
    Shop::default().publish(&folder.path().join("shop"));
    let mut settings = settings(folder.path());
    settings.limits.in_flight = 4;
    settings.limits.queue_time = queue_time;
    let server = Running::start_on(settings, 1);
    server.wait_until_ready();
    let questions: Vec<Vec<u8>> =
        (0..40).map(|item| post("/v1/recommend", &format!(r#"{{"items": ["item-{item:02}"], "k": 20}}"#))).collect();
    let phase = |per_second, seconds| Phase { per_second, time: Duration::from_secs_f64(seconds) };
    // As many as a few callers can ask without pause: the first time to warm up.
    let capacity = offer(server.address, &questions, 16, &[phase(1e9, 0.3), phase(1e9, 1.0)])[1].goodput(DEADLINE);
    let phases = [phase(capacity / 2.0, 1.0), phase(capacity * 5.0, 1.5), phase(capacity / 2.0, 1.5)];
    let [before, flood, after] = <[Seen; 3]>::try_from(offer(server.address, &questions, N_CONNECTIONS, &phases))
        .unwrap_or_else(|_| panic!("three phases"));
    assert_eq!(server.stop().cut_off, 0);
    let run = Run { capacity, flood, before, after };
    eprintln!(
        "queue time {queue_time:?}: capacity {:.0}/s; five times as many: {:.0}/s in time, p99 {:?}, {} of {} sent away \
         after p99 {:?}; before p99 {:?}, after {:?}",
        run.capacity,
        run.flood.goodput(DEADLINE),
        quantile(&run.flood.good, 0.99),
        run.flood.shed.len(),
        run.flood.shed.len() + run.flood.good.len(),
        quantile(&run.flood.shed, 0.99),
        quantile(&run.before.good, 0.99),
        quantile(&run.after.good, 0.99),
    );
    run
}

/// The bounds leave room for machines with other work; `examples/overload.rs` measures.
fn check(run: &Run) {
    assert_eq!(run.before.n_failed + run.flood.n_failed + run.after.n_failed, 0, "200 or 503, nothing else");
    let goodput = run.flood.goodput(DEADLINE);
    assert!(goodput > 0.6 * run.capacity, "{goodput:.0} a second in time of a capacity of {:.0}", run.capacity);
    let normal = quantile(&run.before.good, 0.99).max(Duration::from_millis(20));
    assert!(recovery(&run.after, normal) <= Duration::from_secs(1), "back to normal within a second");
    assert_eq!(run.after.good.len() as u64 + run.after.shed.len() as u64 + run.after.n_unsent, run.after.n_due);
}

#[test]
fn what_waits_for_a_moment_is_answered() {
    let run = run(Duration::from_secs(3_600));
    check(&run);
    assert!(run.flood.shed.is_empty(), "the line never gets that long");
}

#[test]
fn refusals_take_little_from_answers() {
    let run = run(Duration::from_micros(500));
    check(&run);
    let (good, shed) = (run.flood.good.len(), run.flood.shed.len());
    assert!(shed > 0, "a line longer than the queue time is not kept");
    assert!(shed <= good / 4, "{shed} refusals beside {good} answers");
}
