//! What happens to bad item, customer, promotion and query tables.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/error_text.rs"]
mod error_text;
#[path = "support/parquet_files.rs"]
mod parquet_files;

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, BinaryArray, ListArray, TimestampMicrosecondArray};
use error_text::assert_error;
use parquet_files::{Columns, days, floats, ints, texts, write};
use sidecart_core::ErrorClass;
use sidecart_core::{IdTable, MICROS_PER_DAY, Money, NoProgress, Time};
use sidecart_data::config::{ColumnSpec, OnBadRow, Paths, SideTableConfig, TimeUnit};
use sidecart_data::{Rule, read_customers, read_items, read_promotions, read_queries};
use tempfile::TempDir;

fn side_table(columns: &Columns, change: impl Fn(&mut SideTableConfig)) -> (TempDir, SideTableConfig) {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("side.parquet");
    write(&path, columns, 2);
    let mut config = SideTableConfig { path: Paths::One(path), ..SideTableConfig::default() };
    change(&mut config);
    (folder, config)
}

#[test]
fn bad_item_tables_are_named() {
    let items = |name: &'static str, array: ArrayRef| -> Columns { vec![("item_id", ints([1, 2, 3])), (name, array)] };
    let cases: Vec<(Columns, &[&str])> = vec![
        (
            vec![("item_id", ints([1, 2, 1]))],
            &[
                "side.parquet: row 3 (row group 1), column `item_id`, value 1: an id stands twice",
                "keep one row for each id",
            ],
        ),
        (vec![("item_id", ints([Some(1), None, Some(2)]))], &["row 2 (row group 0)", "value null: a row has no id"]),
        (vec![("item_id", texts(["a", "", "b"]))], &["row 2", "value \"\": an id is an empty text"]),
        (vec![("item_id", floats([1.0]))], &["column `item_id` is Float64; item_id takes"]),
        (vec![("name", texts(["a"]))], &["there is no column `item_id`; the file has: name"]),
        (
            items("price", floats([1.0, 2.0, -3.0])),
            &["row 3 (row group 1), column `price`, value -3: an amount is negative", "use null"],
        ),
        (items("price", floats([1.0, f64::NAN, 3.0])), &["row 2", "column `price`, value NaN: not a number"]),
        (items("price", texts(["1", "2", "3"])), &["column `price` is Utf8; price takes integers, floats or decimals"]),
        (items("cost", floats([1.0, 2.0, 2e9])), &["column `cost`, value 2000000000: an amount is negative or beyond"]),
        (items("stock", ints([1, -1, 1])), &["column `stock`, value -1: a stock is negative"]),
        (items("tier", ints([1, -1, 1])), &["column `tier`, value -1: a tier is negative"]),
        (items("first_sold", texts(["x", "y", "z"])), &["column `first_sold` is Utf8; first_sold takes timestamps"]),
        (
            items("first_sold", days([1, 2, 900_000])),
            &["row 3", "column `first_sold`", "outside the years 1900 to 2199"],
        ),
        (
            items("add_on_for", texts(["a", "b", "c"])),
            &["add_on_for is text in", "but integer in", "such ids never match"],
        ),
        (items("margin", floats([1.0, 1.0, 1.0])), &["margin = a margin without a price: expected a column price"]),
        (
            items("name", Arc::new(BinaryArray::from_vec(vec![b"a"; 3]))),
            &["column `name` is Binary; name takes strings"],
        ),
    ];
    for (columns, parts) in cases {
        let (_folder, config) = side_table(&columns, |_| {});
        let error = read_items(&config).unwrap_err().to_string();
        parts.iter().for_each(|part| assert!(error.contains(part), "`{part}` is not in\n{error}"));
    }
    // The first bad row wins, whichever column is looked at first.
    let both: Columns = vec![("item_id", ints([Some(1), Some(2), None])), ("price", floats([1.0, -1.0, 1.0]))];
    let (_folder, config) = side_table(&both, |_| {});
    assert!(read_items(&config).unwrap_err().to_string().contains("row 2 (row group 0), column `price`"));
    let (_folder, config) = side_table(&both, |c| c.on_bad_row = OnBadRow::Skip);
    let (table, summary) = read_items(&config).unwrap();
    assert_eq!((table.ids, summary.n(Rule::BadRow)), (IdTable::Int(vec![1]), 2));
    let (_folder, config) = side_table(&items("brand", texts(["a", "b", "c"])), |c| {
        c.columns.insert("brand".into(), ColumnSpec::Many(vec!["a".into(), "b".into()]));
    });
    assert_error("list", read_items(&config), ErrorClass::Caller, &["brand = 2 columns: expected one column"]);
    let (_folder, config) = side_table(&items("brand", texts(["a", "b", "c"])), |c| {
        c.columns.insert("marke".into(), ColumnSpec::One("brand".into()));
    });
    assert_error(
        "name",
        read_items(&config),
        ErrorClass::Caller,
        &["`marke` is not a column of items; known names: item_id"],
    );
}

#[test]
fn odd_items_follow_a_counted_rule() {
    let columns: Columns = vec![
        ("item_id", ints([3, 1, 2])),
        ("price", floats([Some(0.0), Some(2.0), None])),
        ("margin", floats([1.0, 0.5, 0.5])),
        ("size", texts([Some("large"), Some("16 OZ"), Some(" ")])),
    ];
    let (_folder, config) = side_table(&columns, |_| {});
    let (items, summary) = read_items(&config).unwrap();
    assert_eq!(items.price, Some(vec![Some(Money(20_000)), None, None]));
    assert_eq!(items.cost, Some(vec![Some(Money(15_000)), None, None]));
    assert_eq!((summary.n(Rule::NoPrice), summary.n(Rule::UnreadableSize)), (2, 1));
}

#[test]
fn bad_customers_promotions_and_queries_are_named() {
    let twice: Columns = vec![("customer_id", texts(["a", "a"]))];
    let (_folder, config) = side_table(&twice, |_| {});
    assert_error(
        "twice",
        read_customers(&config),
        ErrorClass::Data,
        &["row 2 (row group 0), column `customer_id`, value a: an id stands twice"],
    );
    let odd: Columns = vec![
        ("customer_id", ints([2, 1])),
        ("born", days([0, 1])),
        ("photo", Arc::new(BinaryArray::from_vec(vec![b"a"; 2])) as _),
        ("town", texts(["", "Ulm"])),
    ];
    let (_folder, config) = side_table(&odd, |_| {});
    let (customers, _) = read_customers(&config).unwrap();
    assert_eq!(customers.columns.iter().map(|c| c.name.as_str()).collect::<Vec<_>>(), ["born", "town"]);
    assert_eq!((customers.columns[1].get(0), customers.columns[1].get(1)), (Some("Ulm"), None));
    assert_eq!(customers.columns[0].get(1), Some("1970-01-01"));

    let items = IdTable::from_ints(vec![1, 2]);
    let promotion = |item: ArrayRef, start: ArrayRef, end: ArrayRef| -> Columns {
        vec![("item_id", item), ("starts_at", start), ("ends_at", end)]
    };
    let mut discounted = promotion(ints([1]), days([5]), days([6]));
    discounted.push(("discount", floats([1.5])));
    let zoned: ArrayRef = Arc::new(TimestampMicrosecondArray::from(vec![0]).with_timezone("UTC"));
    for (name, columns, parts) in [
        (
            "ends first",
            promotion(ints([1]), days([5]), days([5])),
            vec![
                "row 1 (row group 0), column `ends_at`, value 1970-01-06: a promotion ends before it starts",
                "exclusive",
            ],
        ),
        (
            "no start",
            promotion(ints([1]), days([None::<i64>]), days([5])),
            vec!["column `starts_at`, value null: a promotion has no time"],
        ),
        ("no end", promotion(ints([1]), days([5]), days([None::<i64>])), vec!["column `ends_at`, value null"]),
        ("discount", discounted, vec!["column `discount`, value 1.5: a discount is not a share between 0 and 1"]),
        (
            "form",
            promotion(texts(["1"]), days([5]), days([6])),
            vec!["item_id is text in", "side.parquet but integer in the catalogue"],
        ),
        (
            "text time",
            promotion(ints([1]), texts(["a"]), days([6])),
            vec!["column `starts_at` is Utf8; starts_at takes"],
        ),
        ("no column", vec![("item_id", ints([1])), ("starts_at", zoned)], vec!["there is no column `ends_at`"]),
    ] {
        let (_folder, config) = side_table(&columns, |_| {});
        assert_error(name, read_promotions(&config, &items, &NoProgress), ErrorClass::Data, &parts);
    }
    let (_folder, config) = side_table(&promotion(ints([9, 2]), days([5, 5]), days([6, 6])), |_| {});
    let (promotions, summary) = read_promotions(&config, &items, &NoProgress).unwrap();
    assert_eq!((promotions.len(), summary.n(Rule::UnknownItem)), (1, 1));
    let numbered = promotion(ints([1]), ints([5]), ints([6]));
    let (_folder, config) = side_table(&numbered, |c| c.time_unit = TimeUnit::Days);
    let (promotions, _) = read_promotions(&config, &items, &NoProgress).unwrap();
    assert_eq!(promotions.iter().next().unwrap().ends_at, Time(6 * MICROS_PER_DAY));
}

fn baskets(lists: Vec<Option<Vec<Option<i32>>>>) -> ArrayRef {
    Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(lists))
}

#[test]
fn bad_queries_are_named() {
    let query = |id: ArrayRef, items: ArrayRef| -> Columns { vec![("query_id", id), ("items", items)] };
    let two = || baskets(vec![Some(vec![Some(1)]), None]);
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("queries.parquet");
    let ask = |columns: &Columns| {
        write(&path, columns, 1);
        read_queries(&path, TimeUnit::Order)
    };
    let mut timed = query(ints([1, 2]), two());
    timed.push(("timestamp", days([1, 900_000])));
    let mut segmented = query(ints([1, 2]), two());
    segmented.push(("segment", Arc::new(BinaryArray::from_vec(vec![b"a"; 2])) as _));
    for (name, columns, parts) in [
        (
            "null id",
            query(ints([Some(1), None]), two()),
            vec![
                "queries.parquet: row 2 (row group 1), column `query_id`, value null: a query has no id",
                "number the queries",
            ],
        ),
        (
            "same id",
            query(ints([1, 1]), two()),
            vec!["row 2 (row group 1), column `query_id`, value 1: a query id stands twice"],
        ),
        ("text id", query(texts(["a", "b"]), two()), vec!["column `query_id` is Utf8; query_id takes integers"]),
        (
            "null item",
            query(ints([1, 2]), baskets(vec![Some(vec![]), Some(vec![Some(1), None])])),
            vec!["row 2 (row group 1), column `items`, value null: a basket holds a null item"],
        ),
        (
            "no list",
            query(ints([1, 2]), ints([1, 2])),
            vec!["column `items` is Int64; items takes lists of integers or strings"],
        ),
        ("no items", vec![("query_id", ints([1]))], vec!["there is no column `items`"]),
        (
            "far time",
            timed,
            vec!["row 2 (row group 1), column `timestamp`, value 77760000000000000: a time lies outside"],
        ),
        ("segment", segmented, vec!["column `segment` is Binary; segment takes strings"]),
    ] {
        assert_error(name, ask(&columns), ErrorClass::Data, &parts);
    }
    let good = ask(&query(ints([1, 2]), two())).unwrap();
    assert_eq!(good.queries.iter().map(|q| q.items.len()).collect::<Vec<_>>(), [1, 0]);
}
