//! One history gives one ledger: whatever the order of its rows, their files, threads and memory.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/parquet_files.rs"]
mod parquet_files;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use parquet_files::{Columns, days, floats, ints, texts, write};
use proptest::prelude::*;
use sidecart_core::{Clock, IdTable, ItemId, MICROS_PER_DAY, NoProgress, Rng, Time};
use sidecart_data::config::{ColumnSpec, Paths, PurchasesConfig};
use sidecart_data::{Error, IngestSummary, Ledger, ReadOptions, Rule, read_purchases};
use tempfile::TempDir;

/// One purchase row of a made-up shop.
#[derive(Clone, Debug, PartialEq)]
struct Row {
    basket: i64,
    item: i64,
    customer: Option<i64>,
    day: i64,
    quantity: i64,
    price: Option<f64>,
    store: Option<i64>,
}

/// Baskets of up to five rows; basket ids do not rise with time, items and rows repeat.
fn rows(n_baskets: u64, seed: u64) -> Vec<Row> {
    let mut rng = Rng::new(seed, 0);
    let mut rows = Vec::new();
    for basket in 0..n_baskets {
        let basket_id = (basket * 7919 % 100_003) as i64 - 500;
        let customer = rng.chance(0.8).then(|| rng.below(n_baskets as usize / 8 + 1) as i64 * 3);
        let store = rng.chance(0.7).then(|| rng.below(9) as i64);
        let day = 20_000 + rng.below(300) as i64;
        for _ in 0..=rng.below(5) {
            rows.push(Row {
                basket: basket_id,
                item: rng.below(60) as i64 * 1_000_003,
                customer,
                day: day + i64::from(rng.chance(0.05)),
                quantity: 1 + rng.below(3) as i64,
                price: rng.chance(0.9).then(|| rng.below(2_000) as f64 / 100.0),
                store,
            });
        }
    }
    rows
}

fn shuffled(rows: &[Row], seed: u64) -> Vec<Row> {
    let mut rows = rows.to_vec();
    Rng::new(seed, 1).shuffle(&mut rows);
    rows
}

fn columns(rows: &[Row]) -> Columns {
    vec![
        ("basket_id", ints(rows.iter().map(|r| r.basket))),
        ("item_id", ints(rows.iter().map(|r| r.item))),
        ("customer_id", ints(rows.iter().map(|r| r.customer))),
        ("timestamp", days(rows.iter().map(|r| r.day))),
        ("quantity", ints(rows.iter().map(|r| r.quantity))),
        ("unit_price", floats(rows.iter().map(|r| r.price))),
        ("store_id", ints(rows.iter().map(|r| r.store))),
    ]
}

/// The same rows with text ids.
fn text_columns(rows: &[Row]) -> Columns {
    let mut columns = columns(rows);
    let names = |ids: Vec<Option<i64>>| -> Vec<Option<String>> {
        ids.into_iter().map(|id| id.map(|id| format!("id {id}"))).collect()
    };
    for (name, ids) in [
        ("basket_id", names(rows.iter().map(|r| Some(r.basket)).collect())),
        ("item_id", names(rows.iter().map(|r| Some(r.item)).collect())),
        ("customer_id", names(rows.iter().map(|r| r.customer).collect())),
    ] {
        let place = columns.iter().position(|(n, _)| *n == name).unwrap();
        columns[place].1 = texts(ids.iter().map(Option::as_deref));
    }
    columns
}

fn read_path(path: &Path, memory_bytes: u64) -> (Ledger, IngestSummary) {
    let config = PurchasesConfig { path: Paths::One(path.to_path_buf()), ..PurchasesConfig::default() };
    read_purchases(&config, ReadOptions { memory_bytes }, &NoProgress).unwrap()
}

const MEMORY: u64 = 1 << 30;

fn read(rows: &[Row]) -> Ledger {
    read_columns(&columns(rows))
}

fn read_columns(columns: &Columns) -> Ledger {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("p.parquet");
    write(&path, columns, 1_000);
    read_path(&path, MEMORY).0
}

fn with_threads<T: Send>(n: usize, work: impl FnOnce() -> T + Send) -> T {
    rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap().install(work)
}

#[track_caller]
fn assert_same(got: &Ledger, expected: &Ledger) {
    assert_eq!(got.fingerprint(), expected.fingerprint());
    assert!(got == expected, "equal fingerprints, different ledgers");
}

#[test]
fn order_files_threads_and_memory_do_not_matter() {
    let rows = rows(4_000, 1);
    for make in [columns, text_columns] {
        let folder = TempDir::new().unwrap();
        let whole = folder.path().join("whole.parquet");
        write(&whole, &make(&rows), 100_000);
        let (expected, summary) = read_path(&whole, MEMORY);
        let mixed = shuffled(&rows, 2);
        let shuffled_file = folder.path().join("shuffled.parquet");
        write(&shuffled_file, &make(&mixed), 700);
        let parts = folder.path().join("parts");
        std::fs::create_dir(&parts).unwrap();
        for (number, part) in mixed.chunks(mixed.len().div_ceil(20)).enumerate() {
            write(&parts.join(format!("{number}.parquet")), &make(part), 1 + number * 50);
        }
        // Just enough for the ledger: all but a third of the rows go to disk.
        let little = rows.len() as u64 * 48;
        for path in [&whole, &shuffled_file, &parts] {
            for (threads, memory) in [(1, MEMORY), (2, little), (3, MEMORY), (3, little)] {
                let (ledger, got) = with_threads(threads, || read_path(path, memory));
                assert_same(&ledger, &expected);
                let counts = |s: &IngestSummary| s.rules.iter().map(|(r, c)| (*r, c.count)).collect::<Vec<_>>();
                assert_eq!((got.n_rows, counts(&got)), (summary.n_rows, counts(&summary)), "{threads} threads");
            }
        }
        assert!(summary.n(Rule::Duplicate) > 0 && summary.n(Rule::BasketTimes) > 0 && summary.n(Rule::NoPrice) > 0);
    }
}

#[test]
fn row_groups_that_several_threads_share_are_read_once() {
    // More rows than one task takes, in one row group and in several pages.
    let n = 600_000i64;
    let folder = TempDir::new().unwrap();
    let table: Columns = vec![
        ("basket_id", ints((0..n).map(|i| i / 3))),
        ("item_id", ints((0..n).map(|i| i % 3 + i / 3 % 50))),
        ("customer_id", ints((0..n).map(|i| (i / 3 % 7 != 0).then_some(i / 30)))),
    ];
    let (one, many) = (folder.path().join("one.parquet"), folder.path().join("many.parquet"));
    write(&one, &table, n as usize);
    write(&many, &table, 10_000);
    let expected = with_threads(1, || read_path(&many, MEMORY)).0;
    assert_eq!((expected.n_baskets(), expected.n_lines()), (200_000, 600_000));
    for threads in [1, 2, 3] {
        assert_same(&with_threads(threads, || read_path(&one, MEMORY)).0, &expected);
    }
}

#[test]
fn rows_through_temporary_files_are_reported() {
    struct Notes(std::sync::Mutex<Vec<String>>);
    impl sidecart_core::Progress for Notes {
        fn begin(&self, _stage: &str, _total: u64, _unit: &str) {}
        fn advance(&self, _units: u64) {}
        fn end(&self) {}
        fn note(&self, message: &str) {
            self.0.lock().unwrap().push(message.to_owned());
        }
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("p.parquet");
    let rows = rows(3_000, 5);
    write(&path, &columns(&rows), 500);
    let notes = Notes(std::sync::Mutex::new(Vec::new()));
    let config = PurchasesConfig { path: Paths::One(path), ..PurchasesConfig::default() };
    let options = ReadOptions { memory_bytes: rows.len() as u64 * 48 };
    let (ledger, _) = read_purchases(&config, options, &notes).unwrap();
    assert_same(&ledger, &read(&rows));
    let notes = notes.0.into_inner().unwrap();
    assert!(notes.len() == 1 && notes[0].contains("rows went through temporary files"), "{notes:?}");
}

#[test]
fn a_cancelled_reading_stops() {
    struct Stop;
    impl sidecart_core::Progress for Stop {
        fn begin(&self, _stage: &str, _total: u64, _unit: &str) {}
        fn advance(&self, _units: u64) {}
        fn end(&self) {}
        fn note(&self, _message: &str) {}
        fn is_cancelled(&self) -> bool {
            true
        }
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("p.parquet");
    write(&path, &columns(&rows(10, 1)), 10);
    let config = PurchasesConfig { path: Paths::One(path), ..PurchasesConfig::default() };
    assert!(matches!(read_purchases(&config, ReadOptions::default(), &Stop), Err(Error::Cancelled(_))));
}

/// Customer, day, basket id, store, and item with pieces.
type ShownBasket = (Option<i64>, i64, i64, Option<i64>, Vec<(i64, i64)>);

/// What a ledger must be, computed row by row with maps.
fn plain_ledger(rows: &[Row]) -> Vec<ShownBasket> {
    let mut baskets: HashMap<i64, Vec<&Row>> = HashMap::new();
    rows.iter().for_each(|row| baskets.entry(row.basket).or_default().push(row));
    let mut out: Vec<_> = baskets
        .into_iter()
        .map(|(basket, rows)| {
            let mut items: HashMap<i64, i64> = HashMap::new();
            rows.iter().for_each(|row| *items.entry(row.item).or_default() += row.quantity);
            let mut items: Vec<_> = items.into_iter().collect();
            items.sort_unstable();
            let day = rows.iter().map(|row| row.day).max().unwrap();
            let store = rows.iter().filter_map(|row| row.store).min();
            (rows[0].customer, day, basket, store, items)
        })
        .collect();
    out.sort_by_key(|(customer, day, basket, ..)| (customer.is_none(), *customer, *day, *basket));
    out
}

fn shown(ledger: &Ledger) -> Vec<ShownBasket> {
    let id = |table: &IdTable, place: u32| match table.get(place) {
        sidecart_core::ExternalIdRef::Int(id) => id,
        sidecart_core::ExternalIdRef::Text(text) => panic!("{text}"),
    };
    (0..ledger.n_baskets())
        .map(|b| {
            let lines = ledger.lines(b).map(|l| (id(ledger.items(), l.item.0), l.quantity.0 / 1_000));
            (
                ledger.customer_of(b).map(|c| id(ledger.customers(), c.0)),
                ledger.basket_times()[b].0 / MICROS_PER_DAY,
                (ledger.basket_keys()[b] as u64 ^ (1 << 63)) as i64,
                ledger.store_of(b).map(|s| id(ledger.stores(), s)),
                lines.collect(),
            )
        })
        .collect()
}

/// Rows of the baskets for which `keep` holds.
fn some(rows: &[Row], keep: impl Fn(i64) -> bool) -> Vec<Row> {
    rows.iter().filter(|row| keep(row.basket)).cloned().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_ledger_is_what_maps_say(n_baskets in 1u64..60, seed in any::<u64>()) {
        let rows = rows(n_baskets, seed);
        prop_assert_eq!(shown(&read(&shuffled(&rows, seed ^ 1))), plain_ledger(&rows));
    }

    #[test]
    fn merging_is_reading_together(n_baskets in 2u64..80, seed in any::<u64>(), cut in 1i64..5, shared in 0i64..3) {
        // Customers are shared between the halves; with `shared` some whole baskets are, too.
        let rows = rows(n_baskets, seed);
        let (a, b) = (some(&rows, |id| id.rem_euclid(6) < cut), some(&rows, |id| id.rem_euclid(6) >= cut - shared));
        prop_assume!(!a.is_empty() && !b.is_empty());
        let (a, b, whole) = (read(&a), read(&b), read(&rows));
        prop_assert!(a.merge(&b).unwrap() == whole);
        prop_assert!(b.merge(&a).unwrap() == whole);
        prop_assert_eq!(a.merge(&b).unwrap().fingerprint(), whole.fingerprint());
        prop_assert!(whole.merge(&a).unwrap() == whole);
    }

    #[test]
    fn splitting_and_merging_gives_the_whole(n_baskets in 1u64..80, seed in any::<u64>(), day in 19_990i64..20_310) {
        let whole = read(&rows(n_baskets, seed));
        let split = whole.split_at(Time(day * MICROS_PER_DAY));
        prop_assert!(split.before.basket_times().iter().all(|&t| t < split.at));
        prop_assert!(split.after.basket_times().iter().all(|&t| t >= split.at));
        prop_assert!(split.before.merge(&split.after).unwrap() == whole);
        prop_assert_eq!(split.before.items(), whole.items());
    }

    #[test]
    fn the_cut_of_the_last_share_is_the_earliest_that_fits(
        times in proptest::collection::vec(0i64..6, 1..30),
        share in 0.0f64..1.0,
    ) {
        let table: Columns = vec![
            ("basket_id", ints(0..times.len() as i64)),
            ("item_id", ints(times.iter().map(|_| 1))),
            ("timestamp", ints(times.iter().copied())),
        ];
        let ledger = read_columns(&table);
        let behind = |at: i64| times.iter().filter(|&&t| t >= at).count() as f64;
        let (first, last) = (*times.iter().min().unwrap(), *times.iter().max().unwrap());
        let fits = |at: i64| behind(at) <= times.len() as f64 * share + 1e-9 || at == last;
        let expected = times.iter().copied().filter(|&t| fits(t)).min().filter(|&t| t > first);
        prop_assert_eq!(ledger.time_of_last(share), expected.map(Time));
    }

    #[test]
    fn stored_statistics_come_back(n_baskets in 1u64..60, seed in any::<u64>(), as_text in any::<bool>()) {
        let rows = rows(n_baskets, seed);
        let ledger = read_columns(&if as_text { text_columns(&rows) } else { columns(&rows) });
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("s.stats");
        ledger.save(&path).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        prop_assert!(Ledger::load(&path).unwrap() == ledger);
        ledger.save(&path).unwrap();
        prop_assert!(std::fs::read(&path).unwrap() == bytes, "the same ledger gives the same bytes");
    }
}

fn base() -> Columns {
    vec![
        ("basket_id", ints([1, 1, 2])),
        ("item_id", ints([10, 20, 10])),
        ("customer_id", ints([7, 7, 8])),
        ("timestamp", days([20_000, 20_000, 20_001])),
        ("quantity", ints([1, 1, 1])),
        ("unit_price", floats([1.0, 2.0, 1.0])),
        ("store_id", ints([4, 4, 4])),
    ]
}

#[expect(clippy::needless_pass_by_value, reason = "callers make the column in place")]
fn changed(name: &'static str, array: arrow_array::ArrayRef) -> Columns {
    base().into_iter().map(|(n, a)| if n == name { (n, array.clone()) } else { (n, a) }).collect()
}

#[test]
fn conflicting_statistics_cannot_be_merged() {
    let ledger = read_columns(&base());
    let no_price: Columns = base().into_iter().filter(|(n, _)| *n != "unit_price").collect();
    let no_time: Columns = base().into_iter().filter(|(n, _)| *n != "timestamp").collect();
    for (name, other, expected) in [
        ("customer", changed("customer_id", ints([9, 9, 8])), "basket 1 differs between them"),
        ("anonymous", changed("customer_id", ints([Some(7), Some(7), None])), "basket 2 differs between them"),
        ("time", changed("timestamp", days([20_000, 20_000, 20_009])), "basket 2 differs between them"),
        ("item", changed("item_id", ints([10, 30, 10])), "basket 1 differs between them"),
        ("quantity", changed("quantity", ints([1, 2, 1])), "basket 1 differs between them"),
        ("price", changed("unit_price", floats([1.0, 2.5, 1.0])), "basket 1 differs between them"),
        ("store", changed("store_id", ints([5, 5, 5])), "basket 1 differs between them"),
        ("item ids", changed("item_id", texts(["a", "b", "c"])), "item ids are integer in one and text in the other"),
        ("customer ids", changed("customer_id", texts(["a", "a", "c"])), "customer ids are integer in one"),
        (
            "basket ids",
            changed("basket_id", texts(["a", "a", "c"])),
            "basket ids are integer in one and text in the other",
        ),
        ("clock", changed("timestamp", ints([1, 1, 2])), "times are calendar in one and order in the other"),
        ("no clock", no_time, "times are calendar in one and none in the other"),
        ("no price", no_price, "only one of them has prices"),
    ] {
        let error = ledger.merge(&read_columns(&other)).unwrap_err();
        assert!(matches!(error, Error::Merge { .. }), "{name}: {error}");
        let text = error.to_string();
        assert!(text.starts_with("statistics cannot be merged: ") && text.contains(expected), "{name}: {text}");
    }
    assert_same(&ledger.merge(&ledger).unwrap(), &ledger);
}

#[test]
fn an_empty_half_merges_with_anything() {
    let ledger = read_columns(&base());
    let none = ledger.filter(|_| false);
    assert_eq!(none.n_baskets(), 0);
    assert_same(&none.merge(&ledger).unwrap(), &ledger);
    assert_same(&ledger.merge(&none).unwrap(), &ledger);
    assert_eq!((none.last_time(), none.first_time(), none.time_of_last(0.5)), (None, None, None));
}

#[test]
fn a_damaged_statistics_file_is_an_error() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("s.stats");
    read(&rows(40, 3)).save(&path).unwrap();
    let whole = std::fs::read(&path).unwrap();
    for at in (0..whole.len()).step_by(7) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        assert!(Ledger::load(&path).is_err(), "byte {at} of {}", whole.len());
    }
    for length in [0, 1, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..length]).unwrap();
        let error = Ledger::load(&path).unwrap_err().to_string();
        assert!(error.contains("s.stats"), "{error}");
    }
    assert!(Ledger::load(&folder.path().join("missing")).unwrap_err().to_string().contains("missing"));
}

#[test]
fn the_fingerprint_is_of_the_rows_alone() {
    let whole = read_columns(&base());
    let wider = IdTable::from_ints(vec![5, 10, 15, 20, 99]);
    let over = whole.clone().over_catalogue(wider.clone()).unwrap();
    assert_eq!((over.items(), over.fingerprint()), (&wider, whole.fingerprint()));
    let kept = whole.filter(|b| b == 1);
    let (first, _): (Columns, Vec<_>) = base().into_iter().map(|(n, a)| ((n, a.slice(2, 1)), ())).unzip();
    assert_eq!(kept.fingerprint(), read_columns(&first).fingerprint());
    for (name, other) in [
        ("quantity", changed("quantity", ints([1, 2, 1]))),
        ("price", changed("unit_price", floats([1.0, 2.0, 1.01]))),
        ("time", changed("timestamp", days([20_000, 20_000, 20_002]))),
        ("store", changed("store_id", ints([Some(4), Some(4), None]))),
        ("customer", changed("customer_id", ints([7, 7, 7]))),
        ("item", changed("item_id", ints([10, 21, 10]))),
        ("basket", changed("basket_id", ints([1, 1, 3]))),
    ] {
        assert_ne!(read_columns(&other).fingerprint(), whole.fingerprint(), "{name}");
    }
}

#[test]
fn a_larger_catalogue_keeps_order_and_lines() {
    let whole = read(&rows(200, 9));
    let IdTable::Int(ids) = whole.items().clone() else { panic!("integer ids") };
    let wider = IdTable::from_ints(ids.iter().flat_map(|&id| [id - 1, id, id + 1]).collect());
    let over = whole.clone().over_catalogue(wider).unwrap();
    assert_eq!((over.basket_keys(), over.basket_times()), (whole.basket_keys(), whole.basket_times()));
    assert_eq!(shown(&over), shown(&whole));
    assert!(over.baskets().iter().all(<[ItemId]>::is_sorted));
    assert_same(&whole.merge(&whole.filter(|b| b % 2 == 0)).unwrap(), &whole);
    assert_eq!(over.merge(&whole).unwrap(), over);
    let smaller = IdTable::from_ints(ids[1..].to_vec());
    assert!(matches!(whole.over_catalogue(smaller), Err(Error::Bug { .. })));
}

#[test]
fn a_cut_needs_two_times() {
    let at = |times: &[i64]| {
        let table: Columns = vec![
            ("basket_id", ints(0..times.len() as i64)),
            ("item_id", ints(times.iter().map(|_| 1))),
            ("timestamp", ints(times.iter().copied())),
        ];
        read_columns(&table)
    };
    assert_eq!(at(&[5, 5, 5]).time_of_last(0.3), None);
    assert_eq!(at(&[5]).time_of_last(0.3), None);
    assert_eq!(at(&[1, 2, 2, 2]).time_of_last(0.25), Some(Time(2)), "ties at the end stay together");
    assert_eq!(at(&[1, 2, 2, 3]).time_of_last(0.5), Some(Time(3)), "ties at the cut stay before it");
    assert_eq!(at(&[1, 2, 3, 4]).time_of_last(0.5), Some(Time(3)));
    assert_eq!(at(&[1, 2, 3, 4]).time_of_last(1.0), None, "nothing would be left before the cut");
    assert_eq!(at(&[1, 2, 3, 4]).time_of_last(0.0), Some(Time(4)));
    assert_eq!(at(&[1, 2]).time_of_last(f64::NAN), Some(Time(2)));
    let split = at(&[5, 5, 5]).split_at(Time(5));
    assert_eq!((split.before.n_baskets(), split.after.n_baskets()), (0, 3));
    assert_eq!(at(&[3, 1, 2]).clock(), Clock::Order);
}

#[test]
fn customers_stand_together_and_anonymous_baskets_alone() {
    let ledger = read(&rows(300, 4));
    let runs: Vec<_> = ledger.customer_runs().collect();
    assert_eq!(runs.iter().map(ExactSizeIterator::len).sum::<usize>(), ledger.n_baskets());
    let n_anonymous = (0..ledger.n_baskets()).filter(|&b| ledger.customer_of(b).is_none()).count();
    assert!(n_anonymous > 0);
    assert_eq!(runs.len(), ledger.customers().len() + n_anonymous);
    for run in runs {
        assert!(ledger.basket_times()[run.clone()].is_sorted());
        assert!(run.clone().all(|b| ledger.customer_of(b) == ledger.customer_of(run.start)));
    }
}

#[test]
fn callers_names_give_the_same_ledger() {
    let folder = TempDir::new().unwrap();
    let path: PathBuf = folder.path().join("p.parquet");
    let renamed: Columns =
        base().into_iter().map(|(n, a)| if n == "basket_id" { ("ticket", a) } else { (n, a) }).collect();
    write(&path, &renamed, 2);
    let mut config = PurchasesConfig { path: path.into(), ..PurchasesConfig::default() };
    config.columns.insert("basket_id".into(), ColumnSpec::One("ticket".into()));
    let (ledger, _) = read_purchases(&config, ReadOptions::default(), &NoProgress).unwrap();
    assert_same(&ledger, &read_columns(&base()));
}
