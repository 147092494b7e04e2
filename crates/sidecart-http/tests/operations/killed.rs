//! Publishing that is killed at any moment leaves one complete version or the other.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;
use sidecart_artifact::{Mode, ModelFiles, Version, current};
use sidecart_core::{ItemId, Rng};
use sidecart_serve::{Query, Scorer};

use crate::support::process::{Process, begun, role};
use crate::support::running::{Client, Running, post};
use crate::support::{N_ITEMS, Shop, settings};

/// Both versions, told apart by their scores.
const SCORES: [f32; 2] = [0.3, 0.8];

/// Longest time between the beginning of the publishing process and its end.
const LONGEST_LIFE_MICROS: usize = 80_000;

/// Publishes the version that is not live, again and again. The one before is taken away, so that
/// each publication writes every byte.
fn publish_for_ever(folder: &Path) -> ! {
    let model = folder.join("shop");
    begun("");
    loop {
        for score in SCORES {
            let live = Shop::scored(score).publish(&model);
            for entry in std::fs::read_dir(&model).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_name().unwrap().to_str().unwrap().to_owned();
                if Version::parse(&name).is_some() && name != live {
                    // A version that is taken away piece by piece must not have its name any more.
                    let gone = model.join(".staging-gone");
                    std::fs::rename(&path, &gone).unwrap();
                    std::fs::remove_dir_all(gone).unwrap();
                }
            }
        }
    }
}

/// What a version answers for every single item: offers and bits of their scores.
fn answers(scorer: &Scorer) -> Vec<Vec<(u32, u32)>> {
    let mut scratch = scorer.scratch();
    let ask = |item| {
        let basket = [ItemId(item)];
        let query = Query { basket: &basket, k: 10, using: sidecart_serve::Source::Neighbours, ..Query::default() };
        let found = scorer.recommend(&query, &mut scratch).unwrap();
        found.offers.iter().map(|offer| (offer.item.0, offer.score.to_bits())).collect()
    };
    (0..N_ITEMS).map(ask).collect()
}

/// Asks the server until it is over; every answer is that of one whole version.
fn ask_until(server: &Running, over: &AtomicBool, best: &BTreeMap<String, f64>) -> u64 {
    let mut client = Client::connect(server.address);
    let question = post("/v1/recommend", r#"{"items": ["item-03"], "k": 3, "using": "neighbours"}"#);
    let mut n = 0;
    while !over.load(Ordering::Relaxed) {
        client.send(&question);
        let answer = client.answer().expect("no request is lost");
        assert_eq!(answer.status, 200, "{answer:?}");
        let body: Value = serde_json::from_str(&answer.body).unwrap();
        let score = body["items"][0]["score"].as_f64().unwrap();
        let expected = best[body["version"].as_str().unwrap()];
        assert!((score - expected).abs() < 1e-6, "{score}, expected {expected}");
        n += 1;
        std::thread::sleep(Duration::from_micros(500));
    }
    n
}

/// What the kills met.
#[derive(Debug, Default)]
struct Met {
    /// Unfinished work that was lying about.
    leftovers: usize,
    /// Another version than before the process.
    changes: usize,
    /// Answers of a server that watched.
    answers: u64,
}

fn kill_while_publishing(test: &str, n_kills: usize) -> Met {
    let folder = tempfile::tempdir().unwrap();
    let model = folder.path().join("shop");
    let mut expected = BTreeMap::new();
    let elsewhere = folder.path().join(".elsewhere");
    for score in SCORES {
        let version = Shop::scored(score).publish(&elsewhere);
        expected.insert(version, answers(&Scorer::open(&elsewhere).unwrap()));
    }
    let best = expected.iter().map(|(name, all)| (name.clone(), f64::from(f32::from_bits(all[3][0].1)))).collect();
    Shop::scored(SCORES[0]).publish(&model);
    let mut settings = settings(folder.path());
    settings.watch_interval = Duration::from_millis(100);
    let server = Running::start(settings);
    let (over, n_answers) = (AtomicBool::new(false), AtomicU64::new(0));
    let mut rng = Rng::new(9, 9);
    let mut met = Met::default();
    std::thread::scope(|scope| {
        scope.spawn(|| n_answers.fetch_add(ask_until(&server, &over, &best), Ordering::Relaxed));
        // Also where an assertion fails the other thread has to end.
        let ended = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for kill in 0..n_kills {
                let before = current(&model).unwrap();
                let mut process = Process::start(test, "publish", folder.path());
                std::thread::sleep(Duration::from_micros(rng.below(LONGEST_LIFE_MICROS) as u64));
                assert!(process.kill(), "kill {kill}: it publishes until it is killed");
                let files = ModelFiles::open(&model, Mode::Owned).unwrap_or_else(|e| panic!("kill {kill}: {e}"));
                files.verify().unwrap();
                let live = files.manifest().version;
                let scorer = Scorer::open(&model).unwrap();
                assert!(answers(&scorer) == expected[&live.to_string()], "kill {kill}: {live} is a mixture");
                met.changes += usize::from(live != before);
                for entry in std::fs::read_dir(&model).unwrap() {
                    let path = entry.unwrap().path();
                    let name = path.file_name().unwrap().to_str().unwrap();
                    if Version::parse(name).is_some() {
                        // Whatever has the name of a version is one, live or not.
                        ModelFiles::open(&path, Mode::Owned).and_then(|files| files.verify()).unwrap();
                    } else if name != "CURRENT" && name != ".lock" {
                        met.leftovers += 1;
                    }
                }
            }
        }));
        over.store(true, Ordering::Relaxed);
        if let Err(panic) = ended {
            std::panic::resume_unwind(panic);
        }
    });
    met.answers = n_answers.into_inner();
    assert_eq!(server.stop().cut_off, 0);
    // The next publication clears what the dead left behind.
    let last = Shop::scored(SCORES[1]).publish(&model);
    let left: Vec<String> =
        std::fs::read_dir(&model).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|n| !n.starts_with(".staging") && !n.contains("partial")), "{left:?}");
    assert!(left.contains(&last));
    met
}

#[test]
fn a_kill_at_any_moment_leaves_a_whole_version() {
    if let Some(folder) = role("publish") {
        publish_for_ever(&folder);
    }
    let met = kill_while_publishing("killed::a_kill_at_any_moment_leaves_a_whole_version", 60);
    assert!(met.leftovers > 0 && met.changes > 0 && met.answers > 0, "the kills met nothing: {met:?}");
}

/// `cargo test --release -p sidecart-http --test operations -- --ignored --nocapture thousand_kills`
#[test]
#[ignore = "takes a minute"]
fn a_thousand_kills_leave_whole_versions() {
    if let Some(folder) = role("publish") {
        publish_for_ever(&folder);
    }
    let began = Instant::now();
    let met = kill_while_publishing("killed::a_thousand_kills_leave_whole_versions", 1_000);
    assert!(met.leftovers > 100 && met.changes > 50, "the kills met too little: {met:?}");
    eprintln!(
        "1,000 kills in {:.1?}: 1,000 whole versions; {} times the live one had changed, {} pieces of unfinished work \
         were there, none was taken for a version; {} answers meanwhile, all right",
        began.elapsed(),
        met.changes,
        met.leftovers,
        met.answers
    );
}
