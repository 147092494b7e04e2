//! The table of concepts in `docs/concepts.md`: every row has a test that exists, and what it says of
//! customers with other habits holds.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use sidecart::core::{Customer, ExternalIdRef, ItemId, MICROS_PER_DAY, NoProgress, Time};
use sidecart::serve::offers::{OfferKind, OffersQuery};
use sidecart::serve::{CustomerReader, Scorer};
use sidecart::{Config, Dataset, SegmentColumns, SegmentsConfig};
use support::Row;

#[allow(dead_code, reason = "each test binary uses its part")]
#[path = "support/parquet_files.rs"]
mod parquet_files;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Names of all functions below a folder.
fn functions(folder: &Path, names: &mut BTreeSet<String>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                functions(&path, names);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            for line in std::fs::read_to_string(&path).unwrap().lines() {
                let Some((_, rest)) = line.split_once("fn ") else { continue };
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
                names.insert(rest[..end].to_owned());
            }
        }
    }
}

#[test]
fn every_concept_names_tests_that_exist() {
    let mut names = BTreeSet::new();
    functions(&root().join("crates"), &mut names);
    functions(&root().join("tests"), &mut names);
    let text = std::fs::read_to_string(root().join("docs/concepts.md")).unwrap();
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"))
        .map(|line| line.split(" | ").collect())
        .filter(|cells: &Vec<&str>| cells[0].parse::<u32>().is_ok())
        .collect();
    assert_eq!(rows.iter().map(|cells| cells[0].parse().unwrap()).collect::<Vec<u32>>(), (1..=32).collect::<Vec<_>>());
    for cells in rows {
        assert_eq!(cells.len(), 4, "{cells:?}");
        let mut n_tests = 0;
        for quoted in cells[3].split('`').skip(1).step_by(2) {
            if quoted.contains('/') || quoted.ends_with(".rs") {
                let found = ["", "tests", "crates/sidecart-eval/src", "crates/sidecart-serve/src"]
                    .iter()
                    .any(|folder| root().join(folder).join(quoted).exists());
                assert!(found, "row {}: there is no file {quoted}", cells[0]);
            } else {
                assert!(names.contains(quoted), "row {}: there is no function {quoted}", cells[0]);
                n_tests += 1;
            }
        }
        assert!(n_tests > 0, "row {} names no test", cells[0]);
    }
}

/// Customers `a..` buy a case with their phones, fewer customers `b..` earphones; both something else
/// too.
fn purchases() -> Vec<Row> {
    let mut rows = Vec::new();
    let mut basket = 0;
    for (group, n_customers, attached) in [("a", 70, "case"), ("b", 50, "earphones")] {
        for customer in 0..n_customers {
            for visit in 0..6 {
                basket += 1;
                let filler = format!("filler-{:02}", (basket * 7 + visit) % 20);
                for item in ["phone", attached, filler.as_str()] {
                    rows.push(Row {
                        basket,
                        item: item.to_owned(),
                        customer: Some(format!("{group}{customer:02}")),
                        time: (20_000 + visit * 10 + customer % 10) * MICROS_PER_DAY,
                        quantity: 1,
                        price: 10.0,
                        paid: 10.0,
                        store: "1".into(),
                    });
                }
            }
        }
    }
    rows
}

#[test]
fn concept_09_what_to_add_follows_the_customers_own_past() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let rows = purchases();
    support::write_rows(&path("purchases.parquet"), &rows);
    let customers: BTreeSet<&str> = rows.iter().filter_map(|row| row.customer.as_deref()).collect();
    let columns: parquet_files::Columns = vec![
        ("customer_id", parquet_files::texts(customers.iter().copied())),
        ("club", parquet_files::texts(customers.iter().map(|id| if id.starts_with('a') { "cases" } else { "music" }))),
    ];
    parquet_files::write(&path("customers.parquet"), &columns, 1_000);
    let mut config = Config::from_paths(path("purchases.parquet"), None, Some(path("customers.parquet")), None);
    config.segments = Some(SegmentsConfig { by: SegmentColumns::One("club".into()) });
    config.models.embeddings.enabled = false;
    config.models.mixture.tune = false;
    let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress).unwrap();
    let trained = sidecart::train(&dataset, &config, &NoProgress).unwrap();
    sidecart::publish(&path("model"), &trained, &dataset, &config).unwrap();
    let scorer = Scorer::open(path("model")).unwrap();

    let phone = scorer.model().items().find_text("phone").map(ItemId).unwrap();
    let ask = |customer: Option<&Customer>, segment: Option<u16>| -> Vec<String> {
        let query = OffersQuery {
            basket: &[phone],
            customer,
            segment,
            kinds: OfferKind::CrossSell.into(),
            time: Time(scorer.trained_through().0 + 1),
            ..OffersQuery::default()
        };
        let mut scratch = scorer.offers_scratch();
        let slate = scorer.offers(&query, &mut scratch).unwrap();
        slate.offers.iter().map(|offer| scorer.model().items().get(offer.item.0).to_string()).collect()
    };
    let known = |id: &str| {
        let (mut reader, mut customer) = (CustomerReader::default(), Customer::default());
        assert!(scorer.load_customer(ExternalIdRef::Text(id), None, &mut reader, &mut customer).unwrap());
        customer
    };
    for at in [0, 17, 42] {
        assert_eq!(ask(Some(&known(&format!("a{at:02}"))), None)[0], "case");
        assert_eq!(ask(Some(&known(&format!("b{at:02}"))), None)[0], "earphones");
    }
    // Whoever has no past is answered as everyone, in whichever segment: cases are bought more.
    let everyone = ask(None, None);
    assert_eq!(everyone[0], "case");
    for segment in [0, 1, 7] {
        assert_eq!(ask(None, Some(segment)), everyone);
        assert_eq!(ask(Some(&Customer { segment: Some(segment), ..Customer::default() }), None), everyone);
    }
}
