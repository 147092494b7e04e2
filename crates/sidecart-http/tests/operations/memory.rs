//! Memory and open files of a server process, under load and across swaps.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use crate::support::Shop;
use crate::support::process::{ServerProcess, role, serve};
use crate::support::running::{Client, post};

/// Bytes of a version. One that were kept after its time would be seen at once.
const BALLAST: usize = 24 << 20;

/// How much memory may differ, as a part of the whole.
const PART: f64 = 0.02;

const N_CLIENTS: usize = 3;

fn shop(top_score: f32) -> Shop {
    Shop { ballast: BALLAST, ..Shop::scored(top_score) }
}

/// Makes a published version live, as publishing does.
fn point_at(model: &std::path::Path, version: &str) {
    let next = model.join(".CURRENT.next");
    std::fs::write(&next, version).unwrap();
    std::fs::rename(next, model.join("CURRENT")).unwrap();
}

/// Runs `watched` while clients ask for offers and slates, and now and then connect anew.
fn under_load<R>(server: &ServerProcess, watched: impl FnOnce() -> R) -> (R, u64) {
    let questions = [
        post("/v1/recommend", r#"{"items": ["item-03"], "k": 20, "explain": true, "customer_id": "anna"}"#),
        post("/v1/offers", r#"{"items": ["item-07", "item-20"], "k": 3}"#),
        post("/v1/batch", r#"{"queries": [{"items": ["item-01"]}, {"items": ["item-02"], "k": 40}]}"#),
    ];
    let (over, n_answers) = (AtomicBool::new(false), AtomicU64::new(0));
    let result = std::thread::scope(|scope| {
        for _ in 0..N_CLIENTS {
            scope.spawn(|| {
                while !over.load(Ordering::Relaxed) {
                    let mut client = Client::connect(server.address);
                    for question in questions.iter().cycle().take(300) {
                        client.send(question);
                        assert_eq!(client.answer().expect("no request is lost").status, 200);
                        n_answers.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(watched));
        over.store(true, Ordering::Relaxed);
        ended.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    (result, n_answers.into_inner())
}

/// What was seen over time.
struct Seen {
    resident_mib: Vec<f64>,
    n_files: Vec<usize>,
}

impl Seen {
    fn extremes(&self) -> (f64, f64) {
        let fold = |pick: fn(f64, f64) -> f64| self.resident_mib.iter().copied().reduce(pick).unwrap();
        (fold(f64::min), fold(f64::max))
    }

    /// MiB that memory grew from one look to the next, by least squares.
    fn slope(&self) -> f64 {
        let n = self.resident_mib.len() as f64;
        let (mean_x, mean_y) = ((n - 1.0) / 2.0, self.resident_mib.iter().sum::<f64>() / n);
        let covariance: f64 = (0..).zip(&self.resident_mib).map(|(x, y)| (f64::from(x) - mean_x) * (y - mean_y)).sum();
        let variance: f64 = (0..self.resident_mib.len()).map(|x| (x as f64 - mean_x).powi(2)).sum();
        covariance / variance
    }
}

/// Looks `n_looks` times, each after `between`. `None` where the system does not tell.
fn look(server: &ServerProcess, n_looks: usize, mut between: impl FnMut(usize)) -> Option<Seen> {
    let mut seen = Seen { resident_mib: Vec::new(), n_files: Vec::new() };
    for at in 0..n_looks {
        between(at);
        seen.resident_mib.push(server.resident_mib()?);
        seen.n_files.push(server.n_files()?);
    }
    Some(seen)
}

/// Clients come and go between two looks, so so many connections more or fewer say nothing.
fn check_files(seen: &Seen) {
    let (least, most) = (seen.n_files.iter().min().unwrap(), seen.n_files.iter().max().unwrap());
    assert!(most - least <= 2 * N_CLIENTS, "{least} to {most} open files");
}

fn steady_load(test: &str, warm_up: Duration, n_looks: usize, pause: Duration) {
    let folder = tempfile::tempdir().unwrap();
    shop(0.5).publish(&folder.path().join("shop"));
    let server = ServerProcess::start(test, folder.path());
    let (seen, n_answers) = under_load(&server, || {
        std::thread::sleep(warm_up);
        look(&server, n_looks, |_| std::thread::sleep(pause))
    });
    let Some(seen) = seen else { return };
    let (least, most) = seen.extremes();
    eprintln!(
        "{n_looks} looks in {:.0?}, {n_answers} answers: {least:.2} to {most:.2} MiB, slope {:+.4} MiB a second; {} to \
         {} open files",
        pause * n_looks as u32,
        seen.slope() / pause.as_secs_f64(),
        seen.n_files.iter().min().unwrap(),
        seen.n_files.iter().max().unwrap()
    );
    assert!(most - least <= most * PART, "memory went from {least:.2} to {most:.2} MiB");
    check_files(&seen);
}

fn swaps(test: &str, n_looks: usize, swaps_per_look: usize) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("shop");
    let versions = [0.3, 0.5, 0.7].map(|score| shop(score).publish(&model));
    let server = ServerProcess::start(test, folder.path());
    let swap = |at: usize| {
        point_at(&model, &versions[at % versions.len()]);
        let told = server.reload();
        assert!(told.contains("\"swapped\""), "{told}");
    };
    let (seen, _) = under_load(&server, || {
        // The allocator has seen the traffic of swaps before the first look.
        (0..swaps_per_look).for_each(swap);
        let mut at = swaps_per_look;
        look(&server, n_looks, |_| {
            (0..swaps_per_look).for_each(|_| {
                swap(at);
                at += 1;
            });
            // One look at the folder frees what nobody uses any more.
            std::thread::sleep(Duration::from_millis(50));
            assert!(server.reload().contains("\"unchanged\""));
        })
    });
    let Some(seen) = seen else { return };
    let (least, most) = seen.extremes();
    eprintln!(
        "{n_looks} times {swaps_per_look} swaps of {} MiB: {least:.2} to {most:.2} MiB, {:?} open files",
        BALLAST >> 20,
        seen.n_files
    );
    assert!(most - least <= least * PART, "memory after each {swaps_per_look} swaps: {:.2?} MiB", seen.resident_mib);
    assert!(most < 3.0 * f64::from(BALLAST as u32 >> 20), "{most:.1} MiB hold more than two versions");
    assert_eq!(server.metric("sidecart_retired_versions"), 0.0);
    check_files(&seen);
}

#[test]
fn memory_and_files_stay_the_same_under_load() {
    if let Some(folder) = role("serve") {
        serve(&folder, |_| {});
    }
    let test = "memory::memory_and_files_stay_the_same_under_load";
    steady_load(test, Duration::from_secs(1), 10, Duration::from_millis(200));
}

#[test]
fn memory_comes_back_after_swaps() {
    if let Some(folder) = role("serve") {
        serve(&folder, |_| {});
    }
    swaps("memory::memory_comes_back_after_swaps", 3, 10);
}

/// `cargo test --release -p sidecart-http --test operations -- --ignored --nocapture a_minute_of_load`
#[test]
#[ignore = "takes more than a minute"]
fn a_minute_of_load_leaves_memory_flat() {
    if let Some(folder) = role("serve") {
        serve(&folder, |_| {});
    }
    let test = "memory::a_minute_of_load_leaves_memory_flat";
    steady_load(test, Duration::from_secs(10), 60, Duration::from_secs(1));
}

/// `cargo test --release -p sidecart-http --test operations -- --ignored --nocapture five_hundred_swaps`
#[test]
#[ignore = "takes a minute"]
fn five_hundred_swaps_leave_memory_flat() {
    if let Some(folder) = role("serve") {
        serve(&folder, |_| {});
    }
    swaps("memory::five_hundred_swaps_leave_memory_flat", 5, 100);
}
