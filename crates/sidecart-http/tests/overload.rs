//! More requests than the server can answer, offered by callers that do not slow down. Alone in its
//! program, because everything here is measured.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking and tells its figures")]

mod support;

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use support::open_loop::{Phase, Seen, Target, Took, offer, quantile};
use support::running::{Running, THREADS, post};
use support::{Shop, settings};

const N_CONNECTIONS: usize = 300;
const DEADLINE: Duration = Duration::from_millis(100);

/// Longer than any answer takes, so that only the work for answers counts.
const PATIENCE: Duration = Duration::from_secs(60);

/// One measurement at a time.
static ALONE: Mutex<()> = Mutex::new(());

struct Run {
    /// As many callers as are answered at once.
    capacity: Seen,
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
    let target = Target { address: server.address, threads: THREADS };
    let capacity = offer(target, &questions, 4, &[phase(1e9, 0.3), phase(1e9, 1.0)]).remove(1);
    let rate = capacity.goodput(DEADLINE);
    let phases = [phase(rate / 2.0, 1.0), phase(rate * 5.0, 1.5), phase(rate / 2.0, 1.5)];
    let [before, flood, after] = <[Seen; 3]>::try_from(offer(target, &questions, N_CONNECTIONS, &phases))
        .unwrap_or_else(|_| panic!("three phases"));
    assert_eq!(server.stop().cut_off, 0);
    let run = Run { capacity, flood, before, after };
    eprintln!(
        "queue time {queue_time:?}: capacity {:.0}/s ({:.0} a busy second); five times as many: {:.0}/s in time ({:.0}), \
         p99 {:?}, {} of {} sent away after p99 {:?}; before p99 {:?}, after {:?}",
        run.capacity.goodput(DEADLINE),
        run.capacity.efficiency(PATIENCE),
        run.flood.goodput(DEADLINE),
        run.flood.efficiency(PATIENCE),
        quantile(&run.flood.good, 0.99),
        run.flood.shed.len(),
        run.flood.shed.len() + run.flood.good.len(),
        quantile(&run.flood.shed, 0.99),
        quantile(&run.before.good, 0.99),
        quantile(&run.after.good, 0.99),
    );
    run
}

/// The bounds leave room for machines with other work, on which a run that such work spoiled is made
/// again; `examples/overload.rs` measures.
fn check(queue_time: Duration, also: impl Fn(&Run)) {
    let mut wrong = String::new();
    for _ in 0..3 {
        let run = run(queue_time);
        assert_eq!(run.before.n_failed + run.flood.n_failed + run.after.n_failed, 0, "200 or 503, nothing else");
        also(&run);
        let (capacity, flood) = (run.capacity.efficiency(PATIENCE), run.flood.efficiency(PATIENCE));
        let normal = (quantile(&run.before.good, 0.99) * 2).max(Duration::from_millis(20));
        let late = |answer: &Took| answer.due > Duration::from_secs(1);
        let after: Vec<Took> = run.after.good.iter().copied().filter(late).collect();
        let recovered = quantile(&after, 0.5);
        if flood > 0.75 * capacity && !after.is_empty() && recovered <= normal {
            return;
        }
        wrong = format!(
            "{flood:.0} answers a busy second under five times the load, {capacity:.0} before; a second later half of \
             the answers take {recovered:?}, {normal:?} at most before"
        );
        eprintln!("{wrong}");
    }
    panic!("{wrong}");
}

#[test]
fn what_waits_for_a_moment_is_answered() {
    check(Duration::from_secs(3_600), |run| {
        assert!(run.flood.shed.is_empty(), "the line never gets that long");
    });
}

#[test]
fn refusals_take_little_from_answers() {
    check(Duration::from_millis(2), |run| {
        assert!(!run.flood.shed.is_empty(), "a line longer than the queue time is not kept");
    });
}
