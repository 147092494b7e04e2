//! Files that are cut, grown or overwritten in place under a running server.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::Shop;
use crate::support::process::{ServerProcess, role, serve};
use crate::support::running::{Client, post};

const FILES: [&str; 3] = ["model.safetensors", "customers/000.shard", "manifest.json"];

/// Damages a file in place, as no publisher of this project ever does: its inode stays.
fn damage(path: &Path, kind: usize) {
    let length = fs::metadata(path).unwrap().len();
    let mut file = OpenOptions::new().write(true).open(path).unwrap();
    match kind % 4 {
        0 => file.set_len(0).unwrap(),
        1 => file.set_len(length / 2).unwrap(),
        2 => file.set_len(length + (1 << 20)).unwrap(),
        _ => {
            file.seek(SeekFrom::Start(0)).unwrap();
            file.write_all(&vec![0xA5; length as usize]).unwrap();
        }
    }
}

/// The best score of item 3, by version.
fn best_scores(folder: &Path, scores: [f32; 2]) -> BTreeMap<String, f64> {
    let best = |score| {
        let version = Shop::scored(score).publish(folder);
        let scorer = sidecart_serve::Scorer::open(folder).unwrap();
        let basket = [sidecart_core::ItemId(3)];
        let using = sidecart_serve::Source::Neighbours;
        let query = sidecart_serve::Query { basket: &basket, k: 1, using, ..Default::default() };
        let found = scorer.recommend(&query, &mut scorer.scratch()).unwrap().offers[0].score;
        (version, f64::from(found))
    };
    scores.into_iter().map(best).collect()
}

/// Asks without pause, with and without a customer who is stored in a shard.
fn ask_until(server: &ServerProcess, over: &AtomicBool, n_answers: &AtomicU64, best: &BTreeMap<String, f64>) {
    let questions = [
        r#"{"items": ["item-03"], "k": 3, "using": "neighbours"}"#,
        r#"{"items": ["item-03"], "k": 3, "using": "neighbours", "customer_id": "anna"}"#,
    ];
    let mut client = Client::connect(server.address);
    while !over.load(Ordering::Relaxed) {
        for question in questions {
            client.send(&post("/v1/recommend", question));
            let answer = client.answer().expect("no request is lost");
            assert_eq!(answer.status, 200, "{answer:?}");
            let body: Value = serde_json::from_str(&answer.body).unwrap();
            let (score, version) = (body["items"][0]["score"].as_f64().unwrap(), body["version"].as_str().unwrap());
            assert!((score - best[version]).abs() < 1e-6, "{version}: {score}, expected {}", best[version]);
            n_answers.fetch_add(1, Ordering::Relaxed);
        }
    }
}

fn damage_under_load(test: &str, n_rounds: usize) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("shop");
    let scores = [0.3, 0.8];
    let best = best_scores(&folder.path().join(".elsewhere"), scores);
    let mut live = Shop::scored(scores[0]).publish(&model);
    let mut server = ServerProcess::start(test, folder.path());
    let (over, n_answers) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        let clients: Vec<_> = (0..3).map(|_| scope.spawn(|| ask_until(&server, &over, &n_answers, &best))).collect();
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let hear = |n: u64| {
                let (begin, began) = (n_answers.load(Ordering::Relaxed), Instant::now());
                while n_answers.load(Ordering::Relaxed) < begin + n {
                    assert!(began.elapsed() < Duration::from_secs(20), "no answers any more");
                    std::thread::sleep(Duration::from_micros(200));
                }
            };
            for round in 0..n_rounds {
                // The files of the version that answers.
                damage(&model.join(&live).join(FILES[round % FILES.len()]), round);
                hear(20);
                assert!(server.reload().contains("\"unchanged\""), "round {round}");
                // The next version is damaged before the server looks at it.
                let next = Shop::scored(scores[(round + 1) % 2]).publish(&model);
                let victim = model.join(&next).join(FILES[(round / 4) % FILES.len()]);
                let good = fs::read(&victim).unwrap();
                damage(&victim, round / 2);
                let failed = server.metric("sidecart_failed_swaps_total");
                let told = server.reload();
                assert!(told.contains("\"failed\"") && told.contains(&live), "round {round}: {told}");
                assert_eq!(server.metric("sidecart_failed_swaps_total"), failed + 1.0);
                hear(20);
                // A good file in its place, by renaming, is taken at once.
                let sibling = victim.with_extension("next");
                fs::write(&sibling, good).unwrap();
                fs::rename(sibling, &victim).unwrap();
                let told = server.reload();
                assert!(told.contains("\"swapped\"") && told.contains(&next), "round {round}: {told}");
                live = next;
            }
        }));
        over.store(true, Ordering::Relaxed);
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
        clients.into_iter().for_each(|client| client.join().unwrap());
    });
    assert!(server.metric("sidecart_unreadable_customers_total") > 0.0, "a damaged shard is noticed and counted");
    assert_eq!(server.metric("sidecart_panics_total"), 0.0);
    assert!(server.process.is_running());
    n_answers.into_inner()
}

#[test]
fn files_damaged_in_place_fail_no_request() {
    if let Some(folder) = role("serve") {
        serve(&folder, |_| {});
    }
    assert!(damage_under_load("damaged::files_damaged_in_place_fail_no_request", 24) > 24 * 40);
}

/// `cargo test --release -p sidecart-http --test operations -- --ignored --nocapture hundred_damages`
#[test]
#[ignore = "a longer run of the test above"]
fn a_hundred_damages_fail_no_request() {
    if let Some(folder) = role("serve") {
        serve(&folder, |_| {});
    }
    let began = Instant::now();
    let n = damage_under_load("damaged::a_hundred_damages_fail_no_request", 100);
    eprintln!("100 rounds in {:.1?}: 200 files damaged in place, {n} answers, all right", began.elapsed());
}
