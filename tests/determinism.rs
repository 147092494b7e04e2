//! The same validated rows, configuration and seed give the same artifact, byte for byte.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::path::{Path, PathBuf};

use sidecart::core::NoProgress;
use sidecart::data::config::Paths;
use sidecart::serve::Scorer;
use sidecart::serve::ranker::Situation;
use sidecart::{Config, read_ledger};

/// Every file of a version with its bytes, in order of names.
fn contents(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push((path.strip_prefix(folder).unwrap().to_path_buf(), std::fs::read(&path).unwrap()));
            }
        }
    }
    found.sort();
    found
}

fn with_threads<R: Send>(n: usize, work: impl FnOnce() -> R + Send) -> R {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(work)
}

#[test]
fn threads_row_order_files_and_merges_do_not_show() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let shop = support::small_shop(3);
    shop.write_to(folder.path()).unwrap();
    let mut rows = support::rows(&shop);
    let base: Config = support::config(folder.path());
    let over = |purchases: PathBuf| {
        let mut config = base.clone();
        config.purchases.path = Paths::One(purchases);
        config
    };

    support::write_rows(&path("ordered.parquet"), &rows);
    let ordered = over(path("ordered.parquet"));
    let reference_folder = with_threads(1, || support::train_to(&ordered, &[], &path("one-thread")));
    let reference = contents(&reference_folder);
    assert!(reference.iter().any(|(name, _)| name.ends_with("model.safetensors")));
    let scorer = Scorer::open(&reference_folder).unwrap();
    let ranker = scorer.model().ranker().unwrap();
    let has_all = |situation| ranker.of(situation).is_some_and(|r| r.trees.is_some() && r.neural.is_some());
    assert!(Situation::ALL.into_iter().all(has_all), "the shop is large enough for every ranker");
    let check = |what: &str, other: &Path| {
        assert_eq!(other.file_name(), reference_folder.file_name(), "{what}: another version");
        assert!(contents(other) == reference, "{what}: other bytes");
    };

    check("two threads", &with_threads(2, || support::train_to(&ordered, &[], &path("two-threads"))));
    check("three threads", &with_threads(3, || support::train_to(&ordered, &[], &path("three-threads"))));

    support::shuffle(&mut rows, 5);
    support::write_rows(&path("shuffled.parquet"), &rows);
    check("shuffled rows", &support::train_to(&over(path("shuffled.parquet")), &[], &path("shuffled")));

    std::fs::create_dir(path("twenty")).unwrap();
    for (part, rows) in rows.chunks(rows.len().div_ceil(20)).enumerate() {
        support::write_rows(&path("twenty").join(format!("{part:02}.parquet")), rows);
    }
    check("twenty files", &support::train_to(&over(path("twenty")), &[], &path("from-twenty")));

    // Two Statistics that share customers: baskets with even and odd ids.
    let statistics: Vec<PathBuf> = [0, 1]
        .into_iter()
        .map(|parity| {
            let part: Vec<_> = rows.iter().filter(|r| r.basket % 2 == parity).cloned().collect();
            let file = path(&format!("part-{parity}.parquet"));
            support::write_rows(&file, &part);
            let (ledger, _) = read_ledger(&over(file), &[], Default::default(), &NoProgress).unwrap();
            let out = path(&format!("part-{parity}.stats"));
            ledger.save(&out).unwrap();
            out
        })
        .collect();
    check("merged statistics", &support::train_to(&ordered, &statistics, &path("merged")));
}

#[test]
fn another_seed_is_another_model() {
    let folder = tempfile::tempdir().unwrap();
    support::small_shop(3).write_to(folder.path()).unwrap();
    let first = support::config(folder.path());
    let second = Config { seed: first.seed + 1, ..first.clone() };
    let a = support::train_to(&first, &[], &folder.path().join("a"));
    let b = support::train_to(&second, &[], &folder.path().join("b"));
    assert_ne!(a.file_name(), b.file_name());
}
