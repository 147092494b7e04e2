//! Files of queries answered with upgrades, alone and beside cross-sell, on a demo shop.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock};

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sidecart::core::{ErrorClass, NoProgress, Progress};
use sidecart::data::config::TimeUnit;
use sidecart::data::demo::{DemoParams, DemoShop};
use sidecart::serve::upsell::PropensityModel;
use sidecart::serve::{Mode, Scorer, Source};
use sidecart::{
    BatchOptions, Config, Dataset, Error, UpsellContext, UpsellOptions, add_on_batch, any_batch, recommend_batch,
    upsell_batch,
};

const K: usize = 4;

struct Shop {
    folder: tempfile::TempDir,
    config: Config,
    dataset: Dataset,
    scorer: Scorer,
}

impl Shop {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

fn shop() -> &'static Shop {
    static SHOP: OnceLock<Shop> = OnceLock::new();
    SHOP.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let params = DemoParams { n_customers: 300, n_weeks: 30, ..DemoParams::default() };
        DemoShop::generate(&params).write_to(folder.path()).unwrap();
        let mut config = Config::read(&folder.path().join("sidecart.toml")).unwrap();
        config.models.embeddings.enabled = false;
        config.models.mixture.tune = false;
        let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress).unwrap();
        let trained = sidecart::train(&dataset, &config, &NoProgress).unwrap();
        sidecart::publish(&folder.path().join("models"), &trained, &dataset, &config).unwrap();
        let scorer = Scorer::open(folder.path().join("models")).unwrap();
        Shop { folder, config, dataset, scorer }
    })
}

/// Basket, segment, store; query ids count up from 1.
type Question<'a> = (&'a [&'a str], Option<&'a str>, Option<&'a str>);

fn write_queries(path: &Path, queries: &[Question<'_>]) {
    let mut items = ListBuilder::new(StringBuilder::new());
    for query in queries {
        query.0.iter().for_each(|item| items.values().append_value(item));
        items.append(true);
    }
    let columns: [(&str, ArrayRef); 4] = [
        ("query_id", Arc::new(Int64Array::from_iter_values(1..=queries.len() as i64))),
        ("items", Arc::new(items.finish())),
        ("segment", Arc::new(queries.iter().map(|q| q.1).collect::<StringArray>())),
        ("store_id", Arc::new(queries.iter().map(|q| q.2).collect::<StringArray>())),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

/// A row of an answer file.
#[derive(Clone, PartialEq, Debug)]
struct Row {
    query: i64,
    kind: String,
    rank: i32,
    item: Option<String>,
    anchor: Option<String>,
    score: Option<f64>,
    propensity: Option<f64>,
    reason: String,
}

fn read_rows(path: &Path) -> Vec<Row> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        let column = |name: &str| batch.column_by_name(name).unwrap();
        let text = |name: &str, row: usize| {
            let column = column(name).as_string::<i32>();
            column.is_valid(row).then(|| column.value(row).to_owned())
        };
        let number = |name: &str, row: usize| {
            let column = column(name).as_primitive::<Float64Type>();
            column.is_valid(row).then(|| column.value(row))
        };
        rows.extend((0..batch.num_rows()).map(|row| Row {
            query: column("query_id").as_primitive::<Int64Type>().value(row),
            kind: text("kind", row).unwrap(),
            rank: column("rank").as_primitive::<Int32Type>().value(row),
            item: text("item_id", row),
            anchor: text("anchor_id", row),
            score: number("score", row),
            propensity: number("propensity", row),
            reason: text("reason", row).unwrap(),
        }));
    }
    rows
}

fn options() -> BatchOptions {
    BatchOptions {
        k: K,
        mode: Mode::Completion,
        using: Source::Default,
        exclude: Vec::new(),
        time_unit: TimeUnit::Order,
        touchpoint: None,
    }
}

fn upsell_options() -> UpsellOptions {
    let using = PropensityModel::Default;
    UpsellOptions {
        k: K,
        mode: Mode::Completion,
        using,
        exclude: Vec::new(),
        time_unit: TimeUnit::Order,
        touchpoint: None,
    }
}

/// Keeps what is said to people.
#[derive(Default)]
struct Notes(Mutex<Vec<String>>);

impl Progress for Notes {
    fn begin(&self, _stage: &str, _total: u64, _unit: &str) {}

    fn advance(&self, _by: u64) {}

    fn end(&self) {}

    fn note(&self, text: &str) {
        self.0.lock().unwrap().push(text.to_owned());
    }
}

#[test]
fn any_is_cross_sell_then_upsell_for_each_query() {
    let shop = shop();
    let (queries, out) = (shop.path("any.parquet"), shop.path("any-answers.parquet"));
    write_queries(&queries, &[(&["phone-s22"], None, None), (&["unheard of"], None, None), (&[], None, None)]);
    let context = UpsellContext::new(&shop.scorer, None, None, &NoProgress).unwrap();
    let default = PropensityModel::Default;
    let [add, upgrade, add_on] =
        any_batch(&shop.scorer, &queries, &context, &out, &options(), default, &NoProgress).unwrap();
    let rows = read_rows(&out);
    let order = |row: &Row| (row.query, row.kind.clone(), row.rank);
    assert!(rows.is_sorted_by(|a, b| order(a) < order(b)), "query, then kind, then rank: {rows:?}");

    // The rows of a kind are those of the batch that asks for it alone.
    recommend_batch(&shop.scorer, &queries, None, &out, &options(), &NoProgress).unwrap();
    let of = |kind: &str| rows.iter().filter(|row| row.kind == kind).cloned().collect::<Vec<_>>();
    assert_eq!(read_rows(&out), of("cross-sell"));
    let alone = upsell_batch(&shop.scorer, &queries, &context, &out, &upsell_options(), &NoProgress).unwrap();
    assert_eq!(read_rows(&out), of("upsell"));
    assert_eq!(alone, upgrade);

    assert_eq!((add.n_queries, upgrade.n_queries, add_on.n_queries), (3, 3, 0), "add-ons need a touchpoint");
    assert_eq!((add.n_unknown_items, upgrade.n_unknown_items), (1, 1));
    assert_eq!((add.n_empty, upgrade.n_empty), (0, 2), "popular items stand in for cross-sell alone");
    let first = rows.iter().find(|row| row.kind == "upsell").unwrap();
    assert_eq!((first.query, first.rank, first.anchor.as_deref()), (1, 1, Some("phone-s22")), "{first:?}");
    assert!(first.propensity.is_some_and(|p| p > 0.0 && p < 1.0));
    let reasons: Vec<&str> =
        rows.iter().filter(|row| row.kind == "upsell" && row.rank == 0).map(|row| row.reason.as_str()).collect();
    assert_eq!((reasons.len(), reasons[0]), (2, "no item of the basket is known to the model"));
}

/// Writes queries of one basket each, asked at touchpoints.
fn write_touchpoints(path: &Path, queries: &[(&str, Option<&str>)]) {
    let mut items = ListBuilder::new(StringBuilder::new());
    for query in queries {
        items.values().append_value(query.0);
        items.append(true);
    }
    let columns: [(&str, ArrayRef); 3] = [
        ("query_id", Arc::new(Int64Array::from_iter_values(1..=queries.len() as i64))),
        ("items", Arc::new(items.finish())),
        ("touchpoint", Arc::new(queries.iter().map(|q| q.1).collect::<StringArray>())),
    ];
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

#[test]
fn concept_17_the_touchpoint_column_is_held_against_the_policy() {
    let shop = shop();
    let (queries, out) = (shop.path("touchpoint.parquet"), shop.path("touchpoint-answers.parquet"));
    let asked = [
        ("phone-s22-ultra", Some("checkout")),
        ("phone-s22", Some("home")),
        ("car-suv", Some("post-purchase")),
        ("phone-s22", None),
        ("car-suv", Some("cart")),
    ];
    write_touchpoints(&queries, &asked);
    let context = UpsellContext::new(&shop.scorer, None, None, &NoProgress).unwrap();
    let offered = |kind: &str| -> Vec<bool> {
        let rows = read_rows(&out);
        let of = |query: i64| rows.iter().filter(move |row| row.query == query && row.kind == kind);
        (1..=asked.len() as i64).map(|query| of(query).any(|row| row.rank > 0)).collect()
    };
    let reasons = || read_rows(&out).into_iter().filter(|row| row.rank == 0).map(|row| (row.query, row.reason));

    recommend_batch(&shop.scorer, &queries, None, &out, &options(), &NoProgress).unwrap();
    assert_eq!(offered("cross-sell"), [true, false, true, true, true], "too early at the door");
    assert_eq!(reasons().collect::<Vec<_>>(), [(2, "touchpoint".to_owned())]);
    upsell_batch(&shop.scorer, &queries, &context, &out, &upsell_options(), &NoProgress).unwrap();
    assert_eq!(offered("upsell")[..4], [false, true, false, true], "too late at the checkout");
    let late: Vec<_> = reasons().filter(|(_, reason)| reason == "touchpoint").map(|(query, _)| query).collect();
    assert_eq!(late, [1, 3]);
    let done = add_on_batch(&shop.scorer, &queries, &context, &out, &options(), &NoProgress).unwrap();
    assert_eq!(offered("add-on"), [true, false, false, false, true], "not after the order, and never without a host");
    assert_eq!((done.n_queries, done.n_offers, done.n_empty), (5, 2, 3));

    let default = PropensityModel::Default;
    let many = BatchOptions { k: 10, ..options() };
    let done = any_batch(&shop.scorer, &queries, &context, &out, &many, default, &NoProgress).unwrap();
    assert_eq!(done.map(|done| done.n_queries), [5, 5, 4], "add-ons where a touchpoint is named");
    assert_eq!(offered("cross-sell"), [true, false, true, true, true]);
    assert!(!offered("upsell")[0] && offered("upsell")[1] && !offered("upsell")[2]);
    // With four offers in all, an add-on without evidence may be outranked in the cart.
    assert_eq!(offered("add-on")[..4], [true, false, false, false]);
    for row in read_rows(&out).iter().filter(|row| row.kind == "add-on" && row.rank > 0) {
        assert!(row.anchor.is_some() && row.propensity.is_none() && row.reason.starts_with("belongs to"), "{row:?}");
    }

    write_touchpoints(&queries, &[("phone-s22", Some("till"))]);
    let error = recommend_batch(&shop.scorer, &queries, None, &out, &options(), &NoProgress).unwrap_err();
    let said = error.to_string();
    assert!(said.contains("touchpoint of query 1") && said.contains("home, category, product, cart"), "{said}");
}

#[test]
fn an_unknown_segment_names_the_query_and_the_segments_there_are() {
    let shop = shop();
    let names = &shop.scorer.upsell().unwrap().settings.segments;
    assert!(names.len() > 1);
    let (queries, out) = (shop.path("segment.parquet"), shop.path("segment-answers.parquet"));
    let context = UpsellContext::new(&shop.scorer, None, None, &NoProgress).unwrap();
    write_queries(&queries, &[(&["phone-s22"], Some(&names[0]), None), (&["phone-s22"], Some("cats"), None)]);
    let results = [
        upsell_batch(&shop.scorer, &queries, &context, &out, &upsell_options(), &NoProgress).map(drop),
        any_batch(&shop.scorer, &queries, &context, &out, &options(), PropensityModel::Rates, &NoProgress).map(drop),
    ];
    for result in results {
        let error = result.unwrap_err();
        assert_eq!(error.class(), ErrorClass::Data);
        let text = error.to_string();
        assert!(text.contains("segment.parquet: query 2 has the segment `cats`: expected one of"), "{text}");
        assert!(names.iter().all(|name| text.contains(name.as_str())), "{text}");
    }
    assert!(!out.exists(), "nothing is answered before all segments are known");
    write_queries(&queries, &[(&["phone-s22"], Some(&names[0]), None)]);
    upsell_batch(&shop.scorer, &queries, &context, &out, &upsell_options(), &NoProgress).unwrap();
}

#[test]
fn stores_that_no_plan_names_are_counted_and_noted() {
    let shop = shop();
    let model = shop.scorer.upsell().unwrap();
    let known = model.stores.get(0).to_string();
    let (queries, out) = (shop.path("store.parquet"), shop.path("store-answers.parquet"));
    let basket: &[&str] = &["phone-s22"];
    write_queries(&queries, &[(basket, None, Some(&known)), (basket, None, Some("moon")), (basket, None, None)]);
    let context = UpsellContext::new(&shop.scorer, None, None, &NoProgress).unwrap();
    let notes = Notes::default();
    let done = upsell_batch(&shop.scorer, &queries, &context, &out, &upsell_options(), &notes).unwrap();
    assert_eq!((done.n_queries, done.n_unknown_stores), (3, 1));
    let said = notes.0.into_inner().unwrap().join("\n");
    assert!(said.contains("1 queries name a store that no plan of promotions names"), "{said}");
    let rows = read_rows(&out);
    let of = |query| rows.iter().filter(|r| r.query == query).map(|r| (&r.item, r.propensity)).collect::<Vec<_>>();
    assert_eq!(of(2), of(3), "answered as without a store");

    let notes = Notes::default();
    let done = recommend_batch(&shop.scorer, &queries, None, &out, &options(), &notes).unwrap();
    let said = notes.0.into_inner().unwrap().join("\n");
    assert_eq!(done.n_unknown_stores, 2, "without a ranker no store is known");
    assert!(said.contains("2 queries name a store that the model does not know"), "{said}");
}

#[test]
fn an_evaluation_of_upgrades_says_why_it_cannot_be_made() {
    let shop = shop();
    let refused = |change: &dyn Fn(&mut Config)| {
        let mut config = shop.config.clone();
        config.upsell.grow_trees = false;
        change(&mut config);
        let Err(error) = sidecart::evaluate_upsell(&shop.dataset, &config, PropensityModel::Rates, &NoProgress) else {
            panic!("measured")
        };
        error
    };
    let error = refused(&|config| config.upsell.min_records = 100);
    assert!(matches!(error, Error::NoUpgradeCases { min_records: 100, n_test_baskets: 1.. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("known from 100 earlier ones") && text.contains("[upsell] min_records"), "{text}");
    assert!(!text.contains("min_item_baskets"), "{text}");
    let error = refused(&|config| config.upsell.period_days = 3_660);
    assert!(matches!(error, Error::NoPeriodToSplitAt { period_days: 3_660, .. }), "{error}");
    assert!(error.to_string().contains("shorter [upsell] period_days (now 3660)"), "{error}");
}
