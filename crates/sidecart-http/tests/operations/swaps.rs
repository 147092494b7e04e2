use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::resident_mib;
use crate::support::running::{Client, Running, get, question};
use crate::support::{Shop, settings};

/// The score of the best offer, by version: how an answer tells which version made it.
type Scores = RwLock<BTreeMap<String, f64>>;

const N_VERSIONS: usize = 8;

/// Publishes the versions once; their names in order, the last one live.
fn publish_all(folder: &Path, scores: &Scores) -> Vec<String> {
    let mut versions = Vec::new();
    for i in 0..N_VERSIONS {
        let top_score = 0.2 + 0.1 * i as f32;
        let version = Shop::scored(top_score).publish(folder);
        let container = sidecart_serve::Scorer::open(folder).unwrap();
        let mut scratch = container.scratch();
        let basket = [sidecart_core::ItemId(3)];
        // The score of the part alone depends on the version, that of the mixture is a share.
        let query = sidecart_serve::Query {
            basket: &basket,
            k: 1,
            using: sidecart_serve::Source::Neighbours,
            ..sidecart_serve::Query::default()
        };
        let best = container.recommend(&query, &mut scratch).unwrap().offers[0].score;
        scores.write().unwrap().insert(version.clone(), f64::from(best));
        versions.push(version);
    }
    versions
}

/// Makes a published version live, as publishing does.
fn point_at(folder: &Path, version: &str) {
    let next = folder.join(".CURRENT.next");
    std::fs::write(&next, version).unwrap();
    std::fs::rename(next, folder.join("CURRENT")).unwrap();
}

fn ask() -> Vec<u8> {
    crate::support::running::post("/v1/recommend", r#"{"items": ["item-03"], "k": 3, "using": "neighbours"}"#)
}

/// Tells the clients to end, also where the test fails.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Times counted by steps of 20 us up to 0.2 s, so that memory stays what it is however long it takes.
struct Times(Vec<u32>);

impl Times {
    const STEP_MICROS: u128 = 20;

    fn new() -> Self {
        Self(vec![0; 10_000])
    }

    fn add(&mut self, time: Duration) {
        let place = (time.as_micros() / Self::STEP_MICROS) as usize;
        let last = self.0.len() - 1;
        self.0[place.min(last)] += 1;
    }

    fn merge(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine += theirs);
    }

    /// The time below which a share of them lies.
    fn at(&self, share: f64) -> Duration {
        let wanted = (self.0.iter().map(|&n| f64::from(n)).sum::<f64>() * share) as u64;
        let mut n = 0;
        let place = self.0.iter().position(|&count| {
            n += u64::from(count);
            n > wanted
        });
        Duration::from_micros(((place.unwrap_or(self.0.len()) + 1) as u128 * Self::STEP_MICROS) as u64)
    }
}

/// Swaps versions under load; the number of answers, each checked against its version.
fn swap_under_load(n_swaps: usize, pause: Duration) -> (u64, Times) {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("shop");
    let scores = Scores::default();
    let versions = publish_all(&model, &scores);
    let mut settings = settings(folder.path());
    settings.watch_interval = Duration::from_secs(3_600);
    settings.admin_listen = Some(([127, 0, 0, 1], 0).into());
    settings.limits.in_flight = 1_000;
    let server = Running::start(settings);
    let (address, admin) = (server.address, server.admin.unwrap());
    let over = Arc::new(AtomicBool::new(false));
    let n_answers = AtomicU64::new(0);
    let mut times = Times::new();
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut client = Client::connect(address);
                    let (mut times, mut seen) = (Times::new(), std::collections::BTreeSet::new());
                    while !over.load(Ordering::Relaxed) {
                        let began = Instant::now();
                        client.send(&ask());
                        let answer = client.answer().expect("no request is lost");
                        times.add(began.elapsed());
                        assert_eq!(answer.status, 200, "{answer:?}");
                        let body: Value = serde_json::from_str(&answer.body).unwrap();
                        let version = body["version"].as_str().unwrap();
                        assert_eq!(answer.header("x-sidecart-version"), version);
                        let score = body["items"][0]["score"].as_f64().unwrap();
                        let expected = scores.read().unwrap()[version];
                        assert!((score - expected).abs() < 1e-6, "{version}: {score}, expected {expected}");
                        seen.insert(version.to_owned());
                        n_answers.fetch_add(1, Ordering::Relaxed);
                    }
                    assert!(seen.len() > 1, "swaps happened meanwhile");
                    times
                })
            })
            .collect();
        let ending = Over(Arc::clone(&over));
        let began = Instant::now();
        let mut memory = None;
        for swap in 0..n_swaps {
            let version = &versions[swap % (versions.len() - 1)];
            point_at(&model, version);
            let mut client = Client::connect(admin);
            client.send(b"POST /admin/reload HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
            let answer = client.answer().unwrap();
            assert!(answer.body.contains("\"swapped\"") && answer.body.contains(version.as_str()), "{answer:?}");
            if swap == n_swaps / 3 {
                memory = resident_mib();
            }
            std::thread::sleep((pause * (swap as u32 + 1)).saturating_sub(began.elapsed()));
        }
        if let (Some(before), Some(after)) = (memory, resident_mib()) {
            assert!(after - before < 24.0, "memory grew from {before:.1} to {after:.1} MiB");
        }
        drop(ending);
        clients.into_iter().for_each(|client| times.merge(&client.join().unwrap()));
    });
    let text = get(admin, "/metrics").1;
    assert!(text.contains(&format!("sidecart_swaps_total {}", n_swaps + 1)), "{text}");
    assert!(text.contains("sidecart_failed_swaps_total 0"));
    let left: u32 = text.lines().find_map(|l| l.strip_prefix("sidecart_retired_versions ")).unwrap().parse().unwrap();
    assert!(left <= 4, "{left} replaced versions are still held");
    assert_eq!(server.stop().cut_off, 0);
    (n_answers.into_inner(), times)
}

#[test]
fn swaps_under_load_lose_nothing_and_mix_nothing() {
    let (n_answers, _) = swap_under_load(40, Duration::from_millis(50));
    assert!(n_answers > 200, "{n_answers}");
}

/// `cargo test --release -p sidecart-http --test operations -- --ignored --nocapture thousand_swaps`
#[test]
#[ignore = "takes a minute"]
fn a_thousand_swaps_in_a_minute() {
    let began = Instant::now();
    let (n_answers, times) = swap_under_load(1_000, Duration::from_millis(60));
    let took = began.elapsed();
    assert!(took < Duration::from_secs(75), "{took:?}");
    eprintln!(
        "1,000 swaps in {took:.1?}, {n_answers} answers, none lost; p50 {:?}, p99 {:?}, p99.9 {:?}",
        times.at(0.5),
        times.at(0.99),
        times.at(0.999)
    );
}

#[test]
fn purchases_outlive_a_swap() {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("shop");
    Shop::scored(0.5).publish(&model);
    let mut settings = settings(folder.path());
    settings.watch_interval = Duration::from_millis(100);
    let server = Running::start(settings);
    let mut client = Client::connect(server.address);
    let mut send = |path: &str, body: &str| -> Value {
        client.send(&crate::support::running::post(path, body));
        let answer = client.answer().unwrap();
        assert_eq!(answer.status, 200, "{answer:?}");
        serde_json::from_str(&answer.body).unwrap()
    };
    let event = r#"{"events": [{"basket_id": 1, "customer_id": "carl", "timestamp": "2025-07-01", "lines": [{"item": "item-20"}]}]}"#;
    assert_eq!(send("/v1/events", event)["results"][0], "recorded");
    let own = r#"{"customer_id": "carl", "using": "own-frequency"}"#;
    let before = send("/v1/recommend", own);
    assert_eq!(before["items"][0]["item"], "item-20");
    let next = Shop::scored(0.7).publish(&model);
    let began = Instant::now();
    let after = loop {
        let answer = send("/v1/recommend", own);
        if answer["version"] == next.as_str() {
            break answer;
        }
        assert!(began.elapsed() < Duration::from_secs(10), "the watcher sees the new version by itself");
        std::thread::sleep(Duration::from_millis(20));
    };
    assert_eq!(after["items"], before["items"]);
    assert_eq!(send("/v1/events", event)["results"][0], "duplicate");
    assert_eq!(server.stop().cut_off, 0);
}

#[test]
fn it_starts_without_a_model_and_takes_the_first_one_published() {
    let folder = tempfile::tempdir().unwrap();
    let mut settings = settings(folder.path());
    settings.watch_interval = Duration::from_millis(100);
    let server = Running::start_cold(settings);
    assert_eq!(get(server.address, "/health/live").0, 200);
    assert_eq!(get(server.address, "/health/ready").0, 503);
    Shop::default().publish(&folder.path().join("shop"));
    let began = Instant::now();
    while get(server.address, "/health/ready").0 != 200 {
        assert!(began.elapsed() < Duration::from_secs(10));
        std::thread::sleep(Duration::from_millis(20));
    }
    let mut client = Client::connect(server.address);
    client.send(&question());
    assert_eq!(client.answer().unwrap().status, 200);
    assert_eq!(server.stop().cut_off, 0);
}
