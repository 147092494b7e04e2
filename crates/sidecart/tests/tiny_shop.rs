//! A shop of four items with known answers: batch queries, histories after training, evaluation.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{ListBuilder, StringBuilder};
use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int32Type, Int64Type};
use arrow_array::{Array, ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use sidecart::core::{Customer, ErrorClass, ExternalIdRef, NoProgress, Time};
use sidecart::data::config::TimeUnit;
use sidecart::models::Catalogue;
use sidecart::serve::upsell::PropensityModel;
use sidecart::serve::{CustomerReader, Mode, Scorer, Source};
use sidecart::{
    BatchOptions, BatchSummary, Config, Dataset, Error, EvaluateRequest, TimeText, default_time, read_event_log,
    recommend_batch,
};

const DAY: i64 = 86_400_000_000;

/// Customer, day, items; basket ids count up.
type Basket<'a> = (Option<&'a str>, i64, &'a [&'a str]);
/// Query id, customer, items, day.
type Question<'a> = (i64, Option<&'a str>, &'a [&'a str], Option<i64>);

fn write(path: &Path, columns: Vec<(&str, ArrayRef)>) {
    let batch = RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, a)| (n, a, true))).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
}

fn write_purchases(path: &Path, baskets: &[Basket<'_>]) {
    let lines = || (0i64..).zip(baskets).flat_map(|(id, b)| b.2.iter().map(move |item| (id, b.0, b.1, *item)));
    write(
        path,
        vec![
            ("basket_id", Arc::new(lines().map(|l| l.0).collect::<Int64Array>())),
            ("customer_id", Arc::new(lines().map(|l| l.1).collect::<StringArray>())),
            ("timestamp", Arc::new(lines().map(|l| Some(l.2 * DAY)).collect::<TimestampMicrosecondArray>())),
            ("item_id", Arc::new(lines().map(|l| Some(l.3)).collect::<StringArray>())),
        ],
    );
}

fn write_queries(path: &Path, queries: &[Question<'_>]) {
    let mut items = ListBuilder::new(StringBuilder::new());
    for query in queries {
        query.2.iter().for_each(|item| items.values().append_value(item));
        items.append(true);
    }
    write(
        path,
        vec![
            ("query_id", Arc::new(queries.iter().map(|q| q.0).collect::<Int64Array>())),
            ("customer_id", Arc::new(queries.iter().map(|q| q.1).collect::<StringArray>())),
            ("items", Arc::new(items.finish())),
            (
                "timestamp",
                Arc::new(queries.iter().map(|q| q.3.map(|d| d * DAY)).collect::<TimestampMicrosecondArray>()),
            ),
        ],
    );
}

struct Shop {
    folder: tempfile::TempDir,
    config: Config,
    scorer: Scorer,
}

impl Shop {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Phones go with cases, tea goes with milk; trained through day 119.
fn shop() -> Shop {
    let folder = tempfile::tempdir().unwrap();
    let mut baskets: Vec<Basket<'_>> = Vec::new();
    let names: Vec<String> = (0..30).map(|c| format!("c{c}")).collect();
    for day in 0..120 {
        let customer = Some(names[day as usize % 30].as_str());
        let items: &[&str] = match day % 4 {
            0 => &["case", "phone"],
            1 => &["milk", "tea"],
            2 => &["milk"],
            _ => &["phone"],
        };
        baskets.push((customer, day, items));
    }
    write_purchases(&folder.path().join("purchases.parquet"), &baskets);
    let text = "[purchases]\npath = 'purchases.parquet'\n[models.embeddings]\nenabled = false\n[models.mixture]\ntune = false\n";
    let config = Config::parse(text, &folder.path().join("shop.toml")).unwrap();
    let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress).unwrap();
    let trained = sidecart::train(&dataset, &config, &NoProgress).unwrap();
    sidecart::publish(&folder.path().join("models"), &trained, &dataset, &config).unwrap();
    let scorer = Scorer::open(folder.path().join("models")).unwrap();
    Shop { folder, config, scorer }
}

fn options(using: Source) -> BatchOptions {
    BatchOptions {
        k: 2,
        mode: Mode::Completion,
        using,
        exclude: Vec::new(),
        time_unit: TimeUnit::Order,
        touchpoint: None,
    }
}

/// A row of an answer file.
#[derive(Debug)]
struct Row {
    query: i64,
    rank: i32,
    item: Option<String>,
    score: Option<f64>,
    kind: String,
    anchor: Option<String>,
    fallback: Option<String>,
    reason: String,
}

fn read_rows(path: &Path) -> Vec<Row> {
    let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
    let mut rows = Vec::new();
    for batch in reader {
        let batch = batch.unwrap();
        let text = |name: &str, row: usize| {
            let column = batch.column_by_name(name).unwrap().as_string::<i32>();
            column.is_valid(row).then(|| column.value(row).to_owned())
        };
        let scores = batch.column_by_name("score").unwrap().as_primitive::<Float64Type>();
        for row in 0..batch.num_rows() {
            rows.push(Row {
                query: batch.column_by_name("query_id").unwrap().as_primitive::<Int64Type>().value(row),
                rank: batch.column_by_name("rank").unwrap().as_primitive::<Int32Type>().value(row),
                item: text("item_id", row),
                score: scores.is_valid(row).then(|| scores.value(row)),
                kind: text("kind", row).unwrap(),
                anchor: text("anchor_id", row),
                fallback: text("fallback", row),
                reason: text("reason", row).unwrap(),
            });
        }
    }
    rows
}

fn answer(shop: &Shop, queries: &[Question<'_>], options: &BatchOptions) -> (Vec<Row>, BatchSummary) {
    let (input, output) = (shop.path("q.parquet"), shop.path("a.parquet"));
    write_queries(&input, queries);
    let summary = recommend_batch(&shop.scorer, &input, None, &output, options, &NoProgress).unwrap();
    (read_rows(&output), summary)
}

#[test]
fn answers_stand_in_query_order_then_rank() {
    let shop = shop();
    let queries: [Question<'_>; 4] = [
        (9, None, &["phone"], None),
        (2, None, &["phone", "case", "milk", "tea"], None),
        (5, None, &["unheard of"], None),
        (1, Some("c1"), &["milk", "milk"], Some(130)),
    ];
    let (rows, summary) = answer(&shop, &queries, &options(Source::Default));
    let places: Vec<(i64, i32)> = rows.iter().map(|r| (r.query, r.rank)).collect();
    assert_eq!(places, [(9, 1), (9, 2), (2, 0), (5, 1), (5, 2), (1, 1), (1, 2)]);
    assert_eq!(
        summary,
        BatchSummary { n_queries: 4, n_offers: 6, n_empty: 1, n_unknown_items: 1, ..BatchSummary::default() }
    );
    assert!(rows.iter().all(|r| r.kind == "cross-sell" && !r.reason.is_empty()));
    for pair in rows.windows(2).filter(|w| w[0].query == w[1].query) {
        assert!(pair[0].score >= pair[1].score && pair[0].item != pair[1].item, "{pair:?}");
    }
    assert_eq!((rows[0].item.as_deref(), rows[0].anchor.as_deref()), (Some("case"), Some("phone")));
    let empty = &rows[2];
    assert_eq!((&empty.item, &empty.score, &empty.anchor, &empty.fallback), (&None, &None, &None, &None));
    assert_eq!(empty.reason, "default has no candidate that is not excluded");
    assert_eq!(rows[5].item.as_deref(), Some("tea"), "milk goes with tea");
}

#[test]
fn a_source_alone_says_why_it_has_nothing() {
    let shop = shop();
    let reason = |using, query: Question<'_>| {
        let (rows, _) = answer(&shop, &[query], &options(using));
        assert_eq!((rows.len(), rows[0].rank), (1, 0), "{rows:?}");
        rows[0].reason.clone()
    };
    assert_eq!(reason(Source::Neighbours, (1, None, &[], None)), "the basket is empty");
    assert_eq!(reason(Source::Baskets, (1, None, &["?"], None)), "no item of the basket is known to the model");
    let unknown = "nothing is known of the customer at this time";
    assert_eq!(reason(Source::Own, (1, Some("stranger"), &["phone"], None)), unknown);
    assert_eq!(reason(Source::Own, (1, Some("c5"), &["phone"], Some(5))), unknown, "the first visit is on day 5");
    assert_eq!(
        reason(Source::Own, (1, Some("c5"), &["milk", "tea", "phone"], Some(60))),
        "own has no candidate that is not excluded"
    );
}

#[test]
fn stand_ins_are_named_and_short_answers_counted() {
    let shop = shop();
    let wide = BatchOptions { k: 10, ..options(Source::Default) };
    let (rows, summary) = answer(&shop, &[(1, None, &["phone"], None)], &wide);
    assert_eq!((rows.len(), summary.n_short, summary.n_empty), (3, 1, 0), "three other items exist");
    let popular = BatchOptions { exclude: vec!["phone".into()], ..options(Source::Popular) };
    let (rows, _) = answer(&shop, &[(1, None, &["case"], None)], &popular);
    assert_eq!(rows[0].item.as_deref(), Some("milk"));
    assert_eq!(rows[0].reason, "popular: in 60 baskets");
    let weightless = {
        // Without popularity in the mixture an anonymous empty basket has no candidate at all.
        let mut config = shop.config.clone();
        config.models.mixture.weights.completion_anonymous[6] = 0.0;
        let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress).unwrap();
        let trained = sidecart::train(&dataset, &config, &NoProgress).unwrap();
        trained.models.scorer(&dataset.ledger, &dataset.catalogue).unwrap()
    };
    write_queries(&shop.path("q.parquet"), &[(1, None, &[], None)]);
    let out = shop.path("a.parquet");
    recommend_batch(&weightless, &shop.path("q.parquet"), None, &out, &options(Source::Default), &NoProgress).unwrap();
    let rows = read_rows(&out);
    assert_eq!(rows.len(), 2);
    assert!(rows.iter().all(|r| r.fallback.as_deref() == Some("popular") && r.score == Some(0.0)), "{rows:?}");
    assert!(rows.iter().all(|r| r.reason.starts_with("popular: in ")), "{rows:?}");
}

#[test]
fn a_history_file_adds_what_came_after_training() {
    let shop = shop();
    let path = shop.path("history.parquet");
    write_purchases(
        &path,
        &[
            (Some("c0"), 119, &["tea"]),
            (Some("c0"), 118, &["tea"]),
            (Some("c0"), 125, &["tea", "novelty"]),
            (Some("new"), 126, &["phone"]),
            (Some("newer"), 126, &["novelty"]),
            (None, 126, &["phone"]),
        ],
    );
    let (log, summary) = read_event_log(&shop.scorer, &path, TimeUnit::Order, Default::default(), &NoProgress).unwrap();
    let got = (summary.n_baskets, summary.n_known_baskets, summary.n_anonymous, summary.n_unknown_lines);
    assert_eq!(got, (3, 2, 1, 2), "an anonymous basket counts for what sells");
    let anonymous = log.baskets().filter(|basket| basket.time == Time(126 * DAY)).count();
    assert_eq!(anonymous, 2, "the log has the anonymous basket beside that of `new`");
    let (mut reader, mut customer) = (CustomerReader::default(), Customer::default());
    let mut times = |id: &str| -> Vec<i64> {
        let id = ExternalIdRef::Text(id);
        shop.scorer.load_customer(id, Some(&log), &mut reader, &mut customer).unwrap();
        (0..customer.history.len()).map(|at| customer.history.get(at).time.0 / DAY).collect()
    };
    assert_eq!(times("c0"), [0, 30, 60, 90, 125]);
    assert_eq!((times("new"), times("newer")), (vec![126], vec![]), "a basket of unknown items says nothing");
    assert_eq!(default_time(&shop.scorer), Time(119 * DAY + 1));

    // The same query before and after the event: only the later one sees it.
    let queries: [Question<'_>; 2] = [(1, Some("new"), &["case"], Some(126)), (2, Some("new"), &["case"], Some(127))];
    write_queries(&shop.path("q.parquet"), &queries);
    let out = shop.path("a.parquet");
    let own = options(Source::Own);
    recommend_batch(&shop.scorer, &shop.path("q.parquet"), Some(&log), &out, &own, &NoProgress).unwrap();
    let rows = read_rows(&out);
    assert_eq!(rows.iter().map(|r| (r.query, r.rank)).collect::<Vec<_>>(), [(1, 0), (2, 1)]);
    assert_eq!((rows[1].item.as_deref(), rows[1].reason.as_str()), (Some("phone"), "bought before in 1 basket"));
}

#[test]
fn ids_of_another_form_are_errors() {
    let shop = shop();
    let ids = |column: &str| (column.to_owned(), Arc::new(Int64Array::from(vec![1])) as ArrayRef);
    let texts = |column: &str| (column.to_owned(), Arc::new(StringArray::from(vec!["c1"])) as ArrayRef);
    let time = ("timestamp".to_owned(), Arc::new(TimestampMicrosecondArray::from(vec![130 * DAY])) as ArrayRef);
    let path = shop.path("other.parquet");
    for (item, customer, what) in [("int", "text", "item ids"), ("text", "int", "customer ids")] {
        let of = |form: &str, column: &str| if form == "int" { ids(column) } else { texts(column) };
        let columns = [ids("basket_id"), of(item, "item_id"), of(customer, "customer_id"), time.clone()];
        write(&path, columns.iter().map(|(name, array)| (name.as_str(), Arc::clone(array))).collect());
        let error = read_event_log(&shop.scorer, &path, TimeUnit::Order, Default::default(), &NoProgress).unwrap_err();
        assert!(error.to_string().contains(what), "{error}");
        assert!(matches!(error, Error::Setting { .. }));
    }
    write(
        &path,
        vec![
            ("query_id", ids("x").1),
            ("items", {
                let mut items = ListBuilder::new(arrow_array::builder::Int64Builder::new());
                items.values().append_value(4);
                items.append(true);
                Arc::new(items.finish())
            }),
        ],
    );
    let out = shop.path("a.parquet");
    let error = recommend_batch(&shop.scorer, &path, None, &out, &options(Source::Default), &NoProgress).unwrap_err();
    assert!(error.to_string().contains("item ids of the form `integer`"), "{error}");
}

#[test]
fn query_times_of_another_kind_are_an_error() {
    let shop = shop();
    let mut items = ListBuilder::new(StringBuilder::new());
    items.values().append_value("phone");
    items.append(true);
    let path = shop.path("q.parquet");
    let one = || Arc::new(Int64Array::from(vec![130]));
    write(&path, vec![("query_id", one()), ("items", Arc::new(items.finish())), ("timestamp", one())]);
    let out = shop.path("a.parquet");
    let error = recommend_batch(&shop.scorer, &path, None, &out, &options(Source::Default), &NoProgress).unwrap_err();
    assert!(error.to_string().contains("`order`: expected `calendar`"), "{error}");
}

#[test]
fn evaluation_refuses_what_cannot_be_measured() {
    let shop = shop();
    let dataset = Dataset::read(&shop.config, &[], Default::default(), &NoProgress).unwrap();
    let evaluate = |change: &dyn Fn(&mut Config), request| {
        let mut config = shop.config.clone();
        change(&mut config);
        sidecart::evaluate(&dataset, &config, request, &NoProgress).map_err(Box::new)
    };
    let report = evaluate(&|_| (), EvaluateRequest::default()).unwrap();
    // 30 customers with an order every 30 days, and no prices.
    let [everyone] = &report.customers.as_ref().unwrap().rows[..] else { panic!("one row without segments") };
    assert_eq!((everyone.n_customers, everyone.n_orders, everyone.average_order_value), (30, 120, None));
    assert_eq!((everyone.retention.unwrap().value, everyone.days_to_next_order), (1.0, Some(30.0)));
    assert!(report.to_table().contains("Customers of the whole history"));
    let gone = evaluate(&|c| c.evaluate.retention_days = 29, EvaluateRequest::default()).unwrap();
    assert_eq!(gone.customers.unwrap().rows[0].retention.unwrap().value, 0.0);
    assert!(report.ranker("default").is_some() && report.ranker("embeddings").is_none());
    let embeddings = EvaluateRequest { using: Some(Source::Embeddings), ..EvaluateRequest::default() };
    let error = evaluate(&|_| (), embeddings).unwrap_err();
    assert!(error.to_string().contains("models.embeddings.enabled"), "{error}");
    let error = evaluate(&|c| c.evaluate.min_item_baskets = 1_000, EvaluateRequest::default()).unwrap_err();
    assert!(matches!(*error, Error::NoCases { n_test_baskets: 12, .. }), "{error}");
    assert!(error.to_string().contains("lower [evaluate] min_item_baskets"), "{error}");
}

#[test]
fn a_split_that_leaves_nothing_is_told_with_the_span_of_the_history() {
    let shop = shop();
    let mut dataset = Dataset::read(&shop.config, &[], Default::default(), &NoProgress).unwrap();
    let refusals = |dataset: &Dataset, from: Option<&str>| {
        let mut config = shop.config.clone();
        config.evaluate.test_from = from.map(|text| TimeText::Text(text.into()));
        let Err(cross_sell) = sidecart::evaluate(dataset, &config, EvaluateRequest::default(), &NoProgress) else {
            panic!("{from:?} can be measured")
        };
        let Err(upsell) = sidecart::evaluate_upsell(dataset, &config, PropensityModel::Rates, &NoProgress) else {
            panic!("{from:?} can be measured")
        };
        [cross_sell, upsell]
    };
    // Day 0 of the shop is 1970-01-01, its last is 1970-04-30.
    for (from, needed) in [("1970-05-01", "test on"), ("1970-01-01", "train on"), ("1969-01-01", "train on")] {
        for error in refusals(&dataset, Some(from)) {
            assert_eq!(error.class(), ErrorClass::Caller);
            let text = error.to_string();
            let expected =
                format!("test_from = {from} leaves no basket to {needed}: the history goes from 1970-01-01 to");
            assert!(text.contains(&expected) && text.contains("1970-04-30"), "{text}");
        }
    }
    let upsell = sidecart::evaluate_upsell(&dataset, &shop.config, PropensityModel::Rates, &NoProgress);
    let Err(error) = upsell else { panic!("there is no ladder") };
    assert!(matches!(error, Error::NoLadders { n_training_baskets: 1.. }), "{error}");

    let ledger = &dataset.ledger;
    dataset.ledger = ledger.filter(|basket| ledger.basket_times()[basket] == Time(7 * DAY));
    for error in refusals(&dataset, None) {
        assert_eq!(error.class(), ErrorClass::Data);
        let text = error.to_string();
        assert!(text.contains("all baskets have one time") && !text.contains("test_from"), "{text}");
    }
}

#[test]
fn a_catalogue_unites_what_was_bought_and_what_is_listed() {
    let shop = shop();
    let items = shop.path("items.parquet");
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["zebra", "milk", "apple"]));
    let names: ArrayRef = Arc::new(StringArray::from(vec![Some("a zebra"), Some("fresh milk"), None]));
    write(&items, vec![("item_id", ids), ("name", names)]);
    let mut config = shop.config.clone();
    config.items = Config::from_paths("p".into(), Some(items), None, None).items;
    let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress).unwrap();
    let catalogue: &Catalogue = &dataset.catalogue;
    let all: Vec<String> = catalogue.ids.iter().map(|id| id.to_string()).collect();
    assert_eq!(all, ["apple", "case", "milk", "phone", "tea", "zebra"]);
    let names = catalogue.names().unwrap();
    assert_eq!(names.iter().collect::<Vec<_>>(), ["", "", "fresh milk", "", "", "a zebra"]);
    let milk = catalogue.ids.find_text("milk").unwrap();
    let of_day_two: Vec<u32> = (0..dataset.ledger.n_baskets())
        .filter(|&b| dataset.ledger.basket_times()[b] == Time(2 * DAY))
        .flat_map(|b| dataset.ledger.baskets().get(b).iter().map(|i| i.0))
        .collect();
    assert_eq!(of_day_two, [milk], "the ledger's items are the catalogue's");

    let numbers: ArrayRef = Arc::new(Int64Array::from(vec![1]));
    write(&shop.path("numbers.parquet"), vec![("item_id", numbers)]);
    config.items = Config::from_paths("p".into(), Some(shop.path("numbers.parquet")), None, None).items;
    let Err(error) = Dataset::read(&config, &[], Default::default(), &NoProgress) else { panic!("ids never match") };
    assert!(error.to_string().contains("item_id"), "{error}");
}
