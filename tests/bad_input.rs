//! What happens to every kind of bad purchase row: the exact error, or the documented rule and its count.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/error_text.rs"]
mod error_text;
#[path = "support/parquet_files.rs"]
mod parquet_files;
#[path = "support/purchase_tables.rs"]
mod purchase_tables;

use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{DictionaryArray, NullArray, TimestampSecondArray, UInt64Array};
use error_text::assert_error;
use parquet_files::{Columns, days, floats, ints, texts, write};
use purchase_tables::{Case, config, read, read_table, with, without};
use sidecart_core::{Clock, ErrorClass, IdTable, ItemId, Money, Quantity};
use sidecart_data::Rule;
use sidecart_data::config::{ColumnSpec, OnBadRow, TimeUnit};
use tempfile::TempDir;

#[test]
fn a_bad_row_is_named_with_its_value_and_the_remedy() {
    let row3 = "purchases.parquet: row 3 (row group 1)";
    let row4 = "purchases.parquet: row 4 (row group 1)";
    let nothing = None::<i64>;
    let year_2300 = Some(120_530);
    let cases: &[Case<'_>] = &[
        (
            "null basket",
            with([("basket_id", ints([Some(1), Some(1), nothing, Some(3)]))]),
            &[
                row3,
                "column `basket_id`, value null: a row has no basket",
                "fill the column or set on_bad_row = \"skip\"",
            ],
        ),
        (
            "null item",
            with([("item_id", ints([Some(1), Some(1), Some(2), nothing]))]),
            &[row4, "column `item_id`, value null: a row has no item", "fill the column"],
        ),
        (
            "empty item",
            with([("item_id", texts(["a", "b", "", "c"]))]),
            &[row3, "column `item_id`, value \"\": an id is an empty text", "or null where the column may be empty"],
        ),
        (
            "empty basket",
            with([("basket_id", texts(["a", "b", "c", ""]))]),
            &[row4, "column `basket_id`, value \"\": an id is an empty text"],
        ),
        (
            "empty customer",
            with([("customer_id", texts(["a", "b", "c", ""]))]),
            &[row4, "column `customer_id`, value \"\": an id is an empty text", "null"],
        ),
        (
            "empty store in a dictionary",
            with([(
                "store_id",
                Arc::new(["x", "x", "", "x"].into_iter().collect::<DictionaryArray<Int32Type>>()) as _,
            )]),
            &[row3, "column `store_id`, value \"\""],
        ),
        (
            "large unsigned item",
            with([("item_id", Arc::new(UInt64Array::from(vec![1, 2, u64::MAX, 3])) as _)]),
            &[
                row3,
                "column `item_id`, value 18446744073709551615: an unsigned id is above",
                "cast the column to string",
            ],
        ),
        (
            "null time",
            with([("timestamp", days([Some(20_000), Some(20_000), nothing, Some(20_001)]))]),
            &[row3, "column `timestamp`, value null: a row has no time", "leave the column out of all files"],
        ),
        (
            "far future",
            with([("timestamp", days([Some(20_000), Some(20_000), Some(20_000), year_2300]))]),
            &[row4, "column `timestamp`, value 10413792000000000: a time lies outside the years 1900 to 2199", "unit"],
        ),
        (
            "overflowing seconds",
            with([("timestamp", Arc::new(TimestampSecondArray::from(vec![0, 0, i64::MAX, 0])) as _)]),
            &[row3, "column `timestamp`, value 9223372036854775807: a time lies outside"],
        ),
        (
            "NaN quantity",
            with([("quantity", floats([1.0, 1.0, f64::NAN, 1.0]))]),
            &[row3, "column `quantity`, value NaN: a quantity is no number or beyond one million", "correct the row"],
        ),
        (
            "infinite quantity",
            with([("quantity", floats([1.0, 1.0, 1.0, f64::INFINITY]))]),
            &[row4, "column `quantity`, value inf: a quantity is no number"],
        ),
        (
            "infinite return",
            with([("quantity", floats([1.0, 1.0, 1.0, f64::NEG_INFINITY]))]),
            &[row4, "column `quantity`, value -inf: a quantity is no number"],
        ),
        (
            "enormous quantity",
            with([("quantity", ints([1, 1, 1_000_001, 1]))]),
            &[row3, "column `quantity`, value 1000001: a quantity is no number or beyond one million"],
        ),
        (
            "NaN price",
            with([("unit_price", floats([1.0, 1.0, f64::NAN, 1.0]))]),
            &[row3, "column `unit_price`, value NaN: an amount is no number or beyond a thousand million"],
        ),
        (
            "infinite price",
            with([("unit_price", floats([1.0, 1.0, f64::NEG_INFINITY, 1.0]))]),
            &[row3, "column `unit_price`, value -inf: an amount is no number"],
        ),
        (
            "negative price",
            with([("unit_price", floats([1.0, 1.0, -2.5, 1.0]))]),
            &[
                row3,
                "column `unit_price`, value -2.5: an amount is negative on a row with a purchase",
                "a return has a negative quantity",
            ],
        ),
        (
            "enormous price",
            with([("unit_price", floats([1.0, 1.0, 2e9, 1.0]))]),
            &[row3, "column `unit_price`, value 2000000000: an amount is no number or beyond"],
        ),
        (
            "negative paid total",
            with([("paid_total", floats([1.0, 1.0, 1.0, -0.01]))]),
            &[row4, "column `paid_total`, value -0.01: an amount is negative"],
        ),
        (
            "enormous line total",
            with([("quantity", ints([1, 1, 1_000_000, 1])), ("unit_price", floats([1.0, 1.0, 5e3, 1.0]))]),
            &[row3, "column `unit_price`, value 5000000000: a line total is beyond a thousand million"],
        ),
        (
            "first fault of a row",
            with([
                ("basket_id", ints([Some(1), nothing, Some(2), Some(3)])),
                ("quantity", floats([1.0, f64::NAN, 1.0, 1.0])),
            ]),
            &["row 2 (row group 0)", "column `basket_id`, value null"],
        ),
        (
            "first row before first column",
            with([
                ("item_id", ints([Some(1), Some(2), Some(3), nothing])),
                ("unit_price", floats([1.0, 1.0, -1.0, 1.0])),
            ]),
            &[row3, "column `unit_price`, value -1"],
        ),
    ];
    for (name, columns, parts) in cases {
        assert_error(name, read_table(columns, |_| {}), ErrorClass::Data, parts);
    }
}

#[test]
fn bad_values_under_the_callers_names_and_units() {
    let renamed = with([("price", floats([1.0, -1.0, 1.0, 1.0]))]);
    let result = read_table(&renamed, |c| {
        c.columns.insert("unit_price".into(), ColumnSpec::One("price".into()));
    });
    assert_error("mapped name", result, ErrorClass::Data, &["row 2 (row group 0), column `price`, value -1"]);

    let discounts = with([("paid_total", floats([1.0; 4])), ("coupon", floats([0.0, 0.0, -1.0, 0.0]))]);
    let result = read_table(&discounts, |c| c.discount_totals = vec!["coupon".into()]);
    let parts = &["row 3", "column `coupon`, value -1", "give discounts as positive amounts"];
    assert_error("negative discount", result, ErrorClass::Data, parts);

    let far = with([("timestamp", ints([1, 2, 3, 50_000_001]))]);
    let result = read_table(&far, |c| c.time_unit = TimeUnit::Days);
    let parts = &["row 4", "value 50000001: a day number is beyond 50 million", "check time_unit = \"days\""];
    assert_error("far day", result, ErrorClass::Data, parts);
    let least = with([("timestamp", ints([1, 2, 3, i64::MIN]))]);
    let result = read_table(&least, |c| c.time_unit = TimeUnit::Days);
    assert_error("least day", result, ErrorClass::Data, &["value -9223372036854775808: a day number"]);
    assert_eq!(read_table(&least, |_| {}).unwrap().0.clock(), Clock::Order);

    let large = with([("timestamp", Arc::new(UInt64Array::from(vec![1, 2, 3, u64::MAX])) as _)]);
    let parts = &["row 4", "value 18446744073709551615: an order number is above", "use smaller numbers"];
    assert_error("large order", read_table(&large, |_| {}), ErrorClass::Data, parts);
}

#[test]
fn a_basket_of_two_customers_names_both_rows() {
    let two = with([("customer_id", ints([7, 7, 7, 7])), ("basket_id", ints([1, 1, 2, 2]))]);
    assert!(read_table(&two, |_| {}).is_ok());
    let two = with([("customer_id", ints([7, 8, 9, 7])), ("basket_id", ints([5, 4, 5, 4]))]);
    let parts = &[
        "purchases.parquet: row 1 (row group 0), column `basket_id`: basket 5 belongs to customer 7",
        "purchases.parquet: row 3 (row group 1) gives it to customer 9",
        "a basket id must be unique, e.g. store + day + ticket",
    ];
    assert_error("two customers", read_table(&two, |_| {}), ErrorClass::Data, parts);
    let half = with([("customer_id", ints([Some(7), None, Some(7), Some(8)]))]);
    let parts = &["basket 1 belongs to customer 7", "row 2 (row group 0) gives it to no customer"];
    assert_error("a customer and nobody", read_table(&half, |_| {}), ErrorClass::Data, parts);

    let skipped = read_table(&two, |c| c.on_bad_row = OnBadRow::Skip);
    let parts = &["no usable purchase row is left (4 rows read); 2 baskets given to two customers, skipped"];
    assert_error("nothing but shared baskets", skipped, ErrorClass::Data, parts);
}

#[test]
fn a_skipped_basket_of_two_customers_leaves_the_rest() {
    let two = with([("basket_id", ints([1, 1, 2, 1]))]);
    let (ledger, summary) = read_table(&two, |c| c.on_bad_row = OnBadRow::Skip).unwrap();
    assert_eq!((ledger.n_baskets(), ledger.n_lines(), ledger.n_items()), (1, 1, 1));
    assert_eq!(ledger.customers(), &IdTable::Int(vec![7]));
    let (position, what) = summary.rules[&Rule::BasketOfTwo].first.clone().unwrap();
    assert_eq!((summary.n(Rule::BasketOfTwo), position.row, position.row_group), (1, 4, 1));
    assert!(what.contains("row 1 (row group 0)") && what.contains("customer 8"), "{what}");
}

#[test]
fn odd_rows_follow_a_counted_rule() {
    let none = None::<f64>;
    let cases: Vec<(&str, Columns, Rule, u64, usize)> = vec![
        ("return", with([("quantity", ints([1, -2, 1, 1]))]), Rule::Return, 1, 3),
        (
            "return with negative totals",
            with([("quantity", ints([1, -2, 1, 1])), ("paid_total", floats([1.0, -4.0, 1.0, 1.0]))]),
            Rule::Return,
            1,
            3,
        ),
        ("zero quantity", with([("quantity", ints([1, 0, 0, 1]))]), Rule::ZeroQuantity, 2, 2),
        ("nearly nothing", with([("quantity", floats([1.0, 0.0004, 1.0, 1.0]))]), Rule::ZeroQuantity, 1, 3),
        ("null quantity", with([("quantity", ints([Some(1), None, Some(1), None]))]), Rule::NullQuantity, 2, 4),
        ("null quantity column", with([("quantity", Arc::new(NullArray::new(4)) as _)]), Rule::NullQuantity, 4, 4),
        ("null customer", with([("customer_id", ints([Some(7), Some(7), None, None]))]), Rule::Anonymous, 2, 4),
        ("no customer column", without(&["customer_id"]), Rule::Anonymous, 4, 4),
        (
            "anonymous return",
            { with([("customer_id", ints([Some(7), Some(7), None, None])), ("quantity", ints([1, 1, -1, 1]))]) },
            Rule::Anonymous,
            1,
            3,
        ),
        ("zero price", with([("unit_price", floats([0.0, 2.0, 0.0, 1.0]))]), Rule::NoPrice, 2, 4),
        ("null price", with([("unit_price", floats([none, Some(2.0), Some(1.0), Some(1.0)]))]), Rule::NoPrice, 1, 4),
        ("null price column", with([("unit_price", Arc::new(NullArray::new(4)) as _)]), Rule::NoPrice, 4, 4),
        ("no price column", without(&["unit_price"]), Rule::NoPrice, 0, 4),
        ("duplicate", with([("item_id", ints([10, 10, 10, 10]))]), Rule::Duplicate, 1, 3),
        ("times of a basket", with([("timestamp", days([20_000, 20_003, 20_001, 20_002]))]), Rule::BasketTimes, 1, 4),
        ("stores of a basket", with([("store_id", ints([5, 4, 4, 4]))]), Rule::BasketStores, 1, 4),
        ("half a store", with([("store_id", ints([Some(5), None, None, None]))]), Rule::BasketStores, 0, 4),
    ];
    for (name, columns, rule, count, n_lines) in cases {
        let (ledger, summary) = read_table(&columns, |_| {}).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!((summary.n(rule), ledger.n_lines()), (count, n_lines), "{name}: {summary}");
        assert_eq!(summary.to_string().contains(&rule.to_string()), count > 0, "{name}: {summary}");
    }
}

#[test]
fn what_the_rules_leave_in_the_ledger() {
    let columns = with([
        ("item_id", ints([10, 10, 20, 30])),
        ("timestamp", days([20_000, 20_003, 20_001, 20_002])),
        ("store_id", ints([Some(5), Some(4), None, None])),
        ("unit_price", floats([Some(1.5), Some(2.0), Some(0.0), None])),
    ]);
    let (ledger, _) = read_table(&columns, |_| {}).unwrap();
    // Customer 7: basket 2 of day 20001 stands before basket 1, whose newest row is of day 20003.
    let shown: Vec<_> = ledger.basket_times().iter().map(|&t| ledger.clock().show(t)).collect();
    assert_eq!(shown, ["2024-10-05", "2024-10-07", "2024-10-06"]);
    assert_eq!(ledger.stores(), &IdTable::Int(vec![4]));
    assert_eq!((ledger.store_of(0), ledger.store_of(1)), (None, Some(0)));
    let line = ledger.lines(1).next().unwrap();
    assert_eq!((line.item, line.quantity, line.shelf), (ItemId(0), Quantity(3_000), Some(Money(55_000))));
    assert_eq!(ledger.lines(0).next().unwrap().shelf, None);

    let totals = with([
        ("quantity", ints([2, 1, 1, 1])),
        ("paid_total", floats([Some(3.0), Some(0.0), None, Some(8.0)])),
        ("coupon", floats([Some(1.0), None, None, None])),
        ("unit_price", floats([None, Some(2.0), Some(1.5), Some(0.0)])),
    ]);
    let (ledger, summary) = read_table(&totals, |c| c.discount_totals = vec!["coupon".into()]).unwrap();
    let amounts: Vec<_> = (0..3).flat_map(|b| ledger.lines(b).map(|l| (l.paid, l.shelf)).collect::<Vec<_>>()).collect();
    let money = |value: f64| Money::from_f64(value);
    assert_eq!(
        amounts,
        [(money(3.0), money(4.0)), (money(0.0), money(2.0)), (money(1.5), money(1.5)), (money(8.0), money(8.0)),]
    );
    assert_eq!(summary.n(Rule::NoPrice), 0);
}

#[test]
fn skipped_rows_are_counted_and_the_first_is_shown() {
    let columns = with([
        ("item_id", ints([Some(10), None, Some(10), Some(30)])),
        ("quantity", floats([1.0, f64::NAN, 1.0, f64::INFINITY])),
    ]);
    let (ledger, summary) = read_table(&columns, |c| c.on_bad_row = OnBadRow::Skip).unwrap();
    assert_eq!((ledger.n_lines(), summary.n_rows, summary.n(Rule::BadRow)), (2, 4, 2));
    assert_eq!(ledger.items(), &IdTable::Int(vec![10]), "ids of skipped rows are gone");
    assert_eq!(ledger.customers(), &IdTable::Int(vec![7]));
    let text = summary.to_string();
    assert!(text.contains("4 rows from 1 file"), "{text}");
    assert!(text.contains("2  rows that break a rule, skipped (first:"), "{text}");
    assert!(text.contains("row 2 (row group 0): column `item_id`, value null: a row has no item"), "{text}");
}

#[test]
fn the_first_bad_row_is_reported_at_any_thread_count() {
    let folder = TempDir::new().unwrap();
    for file in 0..4i64 {
        let n = 5_000;
        let item = |i: i64| (file < 1 || i < 3_777 + file).then_some(i % 50);
        let columns: Columns =
            vec![("basket_id", ints((0..n).map(|i| file * n + i / 4))), ("item_id", ints((0..n).map(item)))];
        write(&folder.path().join(format!("{file}.parquet")), &columns, 500);
    }
    for threads in [1, 2, 3, 8] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        for _ in 0..5 {
            let result = pool.install(|| read(&config(folder.path())));
            assert_error("threads", result, ErrorClass::Data, &["1.parquet: row 3779 (row group 7), column `item_id`"]);
        }
    }
}

#[test]
fn degenerate_histories_give_a_ledger() {
    let n = 100_000i64;
    let sets: Vec<(&str, Columns, [usize; 4])> = vec![
        ("one row", vec![("basket_id", ints([1])), ("item_id", ints([1]))], [1, 1, 1, 0]),
        (
            "one item",
            vec![("basket_id", ints(0..50)), ("item_id", ints([9; 50])), ("customer_id", ints((0..50).map(|i| i % 5)))],
            [50, 50, 1, 5],
        ),
        (
            "one customer",
            vec![("basket_id", ints(0..50)), ("item_id", ints(0..50)), ("customer_id", texts(["x"; 50]))],
            [50, 50, 50, 1],
        ),
        (
            "equal baskets",
            vec![("basket_id", ints((0..60).map(|i| i / 3))), ("item_id", ints((0..60).map(|i| i % 3)))],
            [20, 60, 3, 0],
        ),
        (
            "equal rows",
            vec![("basket_id", ints([1; 50])), ("item_id", ints([2; 50])), ("customer_id", ints([3; 50]))],
            [1, 1, 1, 1],
        ),
        (
            "one basket of many items",
            vec![
                ("basket_id", ints((0..n).map(|_| 1))),
                ("item_id", ints((0..n).rev())),
                ("customer_id", ints((0..n).map(|_| 1))),
            ],
            [1, n as usize, n as usize, 1],
        ),
        (
            "one item a basket",
            vec![("basket_id", ints(0..n)), ("item_id", ints((0..n).map(|i| i % 10)))],
            [n as usize, n as usize, 10, 0],
        ),
        (
            "extreme ids",
            vec![
                ("basket_id", ints([i64::MIN, i64::MAX])),
                ("item_id", ints([i64::MIN, i64::MAX])),
                ("customer_id", ints([-1, 0])),
            ],
            [2, 2, 2, 2],
        ),
    ];
    let folder = TempDir::new().unwrap();
    for (name, columns, counts) in sets {
        let path = folder.path().join(name);
        write(&path, &columns, 30_000);
        let (ledger, _) = read(&config(path)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let got = [ledger.n_baskets(), ledger.n_lines(), ledger.n_items(), ledger.customers().len()];
        assert_eq!(got, counts, "{name}");
        assert!(ledger.baskets().iter().all(|basket| basket.is_sorted_by(|a, b| a < b)), "{name}");
    }
}
