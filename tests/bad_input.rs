//! What happens to every kind of bad purchase history: the exact error, or the documented rule and its count.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/error_text.rs"]
mod error_text;
#[path = "support/parquet_files.rs"]
mod parquet_files;

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, DictionaryArray, Float32Array, Int8Array,
    Int16Array, Int32Array, Int64Array, LargeStringArray, ListArray, NullArray, StringArray, StringViewArray,
    TimestampMicrosecondArray, TimestampMillisecondArray, TimestampNanosecondArray, TimestampSecondArray, UInt8Array,
    UInt16Array, UInt32Array, UInt64Array,
};
use error_text::assert_error;
use parquet_files::{Columns, days, floats, ints, texts, write};
use sidecart_core::ErrorClass;
use sidecart_core::{Clock, ExternalIdRef, IdTable, ItemId, Money, NoProgress, Quantity};
use sidecart_data::config::{ColumnSpec, OnBadRow, Paths, PurchasesConfig, TimeUnit};
use sidecart_data::{Error, IngestSummary, Ledger, ReadOptions, Rule, read_purchases};
use tempfile::TempDir;

/// Four good rows: two baskets of customer 7, one of customer 8.
fn shop() -> Columns {
    vec![
        ("basket_id", ints([1, 1, 2, 3])),
        ("item_id", ints([10, 20, 10, 30])),
        ("customer_id", ints([7, 7, 7, 8])),
        ("timestamp", days([20_000, 20_000, 20_001, 20_002])),
        ("quantity", ints([1, 2, 1, 1])),
        ("unit_price", floats([1.5, 2.0, 1.5, 9.99])),
    ]
}

/// The shop with some columns replaced or added.
fn with(changes: impl IntoIterator<Item = (&'static str, ArrayRef)>) -> Columns {
    let mut columns = shop();
    for (name, array) in changes {
        columns.retain(|(n, _)| *n != name);
        columns.push((name, array));
    }
    columns
}

fn without(names: &[&str]) -> Columns {
    shop().into_iter().filter(|(name, _)| !names.contains(name)).collect()
}

fn config(path: impl Into<PathBuf>) -> PurchasesConfig {
    PurchasesConfig { path: Paths::One(path.into()), ..PurchasesConfig::default() }
}

fn read(config: &PurchasesConfig) -> Result<(Ledger, IngestSummary), Error> {
    read_purchases(config, ReadOptions::default(), &NoProgress)
}

/// Reads one table of two-row row groups with a changed configuration.
fn read_table(columns: &Columns, change: impl Fn(&mut PurchasesConfig)) -> Result<(Ledger, IngestSummary), Error> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("purchases.parquet");
    write(&path, columns, 2);
    let mut config = config(path);
    change(&mut config);
    read(&config)
}

/// Reads several tables as the files `1.parquet`, `2.parquet`, ... of a folder.
fn read_files(tables: &[Columns]) -> Result<(Ledger, IngestSummary), Error> {
    let folder = TempDir::new().unwrap();
    for (position, columns) in tables.iter().enumerate() {
        write(&folder.path().join(format!("{}.parquet", position + 1)), columns, 2);
    }
    read(&config(folder.path()))
}

/// A table and what its error says.
type Case<'a> = (&'a str, Columns, &'a [&'a str]);

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
fn a_column_of_the_wrong_type_is_refused() {
    let cases: &[Case<'_>] = &[
        (
            "float item",
            with([("item_id", floats([1.0, 2.0, 3.0, 4.0]))]),
            &[
                "purchases.parquet: column `item_id` is Float64; item_id takes integers of any width or strings",
                "missing values turned integers into floats: cast it",
            ],
        ),
        (
            "float customer",
            with([("customer_id", Arc::new(Float32Array::from(vec![1.0; 4])) as _)]),
            &["column `customer_id` is Float32", "cast it to an integer or string column with nulls"],
        ),
        (
            "boolean basket",
            with([("basket_id", Arc::new(BooleanArray::from(vec![true; 4])) as _)]),
            &["column `basket_id` is Boolean; basket_id takes integers"],
        ),
        (
            "binary item",
            with([("item_id", Arc::new(BinaryArray::from_vec(vec![b"a"; 4])) as _)]),
            &["column `item_id` is Binary"],
        ),
        ("null item column", with([("item_id", Arc::new(NullArray::new(4)) as _)]), &["column `item_id` is Null"]),
        (
            "list item",
            with([(
                "item_id",
                Arc::new(ListArray::from_iter_primitive::<Int32Type, _, _>(vec![Some(vec![Some(1)]); 4])) as _,
            )]),
            &["column `item_id` is List"],
        ),
        (
            "text quantity",
            with([("quantity", texts(["1"; 4]))]),
            &["column `quantity` is Utf8; quantity takes integers, floats or decimals; parse texts into numbers first"],
        ),
        ("text price", with([("unit_price", texts(["1"; 4]))]), &["column `unit_price` is Utf8; unit_price takes"]),
        (
            "text time",
            with([("timestamp", texts(["2024-01-01"; 4]))]),
            &[
                "column `timestamp` is Utf8; timestamp takes timestamps, dates or integers; parse texts into timestamps first",
            ],
        ),
        ("float time", with([("timestamp", floats([1.0; 4]))]), &["column `timestamp` is Float64; timestamp takes"]),
    ];
    for (name, columns, parts) in cases {
        assert_error(name, read_table(columns, |_| {}), ErrorClass::Data, parts);
    }
}

#[test]
fn a_missing_column_lists_what_there_is() {
    let available = "the file has: item_id, customer_id, timestamp, quantity, unit_price";
    let parts = &["purchases.parquet: there is no column `basket_id`", available, "columns = { basket_id = \"...\" }"];
    assert_error("no basket", read_table(&without(&["basket_id"]), |_| {}), ErrorClass::Data, parts);
    let parts = &["there is no column `item_id`; the file has: basket_id"];
    assert_error("no item", read_table(&without(&["item_id"]), |_| {}), ErrorClass::Data, parts);
    let map = |name: &'static str, spec: ColumnSpec| {
        move |c: &mut PurchasesConfig| {
            c.columns.insert(name.into(), spec.clone());
        }
    };
    let one = |column: &str| ColumnSpec::One(column.into());
    let parts = &["there is no column `kunde` (mapped to `customer_id`)", "the file has: basket_id"];
    assert_error("mapped", read_table(&shop(), map("customer_id", one("kunde"))), ErrorClass::Data, parts);
    assert_error(
        "channel",
        read_table(&shop(), map("channel", one("web"))),
        ErrorClass::Data,
        &["`web` (mapped to `channel`)"],
    );
    let parts = &["`kunde` is not a column of purchases; known names: basket_id, item_id, customer_id"];
    assert_error("unknown name", read_table(&shop(), map("kunde", one("kunde"))), ErrorClass::Caller, parts);
    let two = ColumnSpec::Many(vec!["a".into(), "b".into()]);
    let parts = &["basket_id = 2 columns: expected one column"];
    assert_error("two columns", read_table(&shop(), map("basket_id", two)), ErrorClass::Caller, parts);
    let parts = &["item_id = 0 columns: expected one column"];
    assert_error(
        "no columns",
        read_table(&shop(), map("item_id", ColumnSpec::Many(vec![]))),
        ErrorClass::Caller,
        parts,
    );
    let discount = |c: &mut PurchasesConfig| c.discount_totals = vec!["coupon".into()];
    let parts = &["there is no column `coupon` (mapped to `discount_totals`)"];
    assert_error("discount", read_table(&with([("paid_total", floats([1.0; 4]))]), discount), ErrorClass::Data, parts);
    let parts = &["discount_totals = coupon: expected a column paid_total beside it"];
    assert_error("no total", read_table(&with([("coupon", floats([1.0; 4]))]), discount), ErrorClass::Caller, parts);
}

#[test]
fn paths_that_name_nothing_or_no_parquet_are_errors() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir(at("empty")).unwrap();
    std::fs::write(at("text.parquet"), "basket_id,item_id\n1,2\n").unwrap();
    std::fs::write(at("zero.parquet"), "").unwrap();
    write(&at("whole.parquet"), &shop(), 2);
    let bytes = std::fs::read(at("whole.parquet")).unwrap();
    std::fs::write(at("cut.parquet"), &bytes[..bytes.len() / 2]).unwrap();
    let mut damaged = bytes.clone();
    damaged[4..60].fill(0xff);
    std::fs::write(at("damaged.parquet"), &damaged).unwrap();

    let remedy = "give a Parquet file, a folder with *.parquet files, or a glob";
    for (name, class, parts) in [
        ("nowhere.parquet", ErrorClass::Caller, ["nowhere.parquet: no purchases found", remedy]),
        ("empty", ErrorClass::Caller, ["empty: no purchases found", remedy]),
        ("no*.parquet", ErrorClass::Caller, ["no*.parquet: no purchases found", remedy]),
        ("a[b", ErrorClass::Caller, ["a[b: not a path pattern", "invalid range"]),
        ("text.parquet", ErrorClass::Data, ["text.parquet: cannot be read as Parquet", ""]),
        ("zero.parquet", ErrorClass::Data, ["zero.parquet: cannot be read as Parquet", ""]),
        ("cut.parquet", ErrorClass::Data, ["cut.parquet: cannot be read as Parquet", ""]),
        ("damaged.parquet", ErrorClass::Data, ["damaged.parquet: cannot be read as Parquet: row group 0", ""]),
    ] {
        assert_error(name, read(&config(at(name))), class, &parts);
    }
    let parts = &["path = nothing: expected a Parquet file, a folder"];
    assert_error("no path", read(&PurchasesConfig::default()), ErrorClass::Caller, parts);
    assert_error("empty path", read(&config("")), ErrorClass::Caller, parts);
}

#[test]
fn tables_without_a_usable_row_are_errors_with_the_commonest_reason() {
    let none: Columns = vec![("basket_id", ints([0i64; 0])), ("item_id", ints([0i64; 0]))];
    let parts = &["purchases.parquet: no usable purchase row is left (0 rows read); the files hold no rows"];
    assert_error("no rows", read_table(&none, |_| {}), ErrorClass::Data, parts);
    let returns = with([("quantity", ints([-1; 4]))]);
    let parts = &["no usable purchase row is left (4 rows read); 4 returns (negative quantity), left out"];
    assert_error("returns only", read_table(&returns, |_| {}), ErrorClass::Data, parts);
    let bad = with([("item_id", ints([None::<i64>; 4]))]);
    let skipped = read_table(&bad, |c| c.on_bad_row = OnBadRow::Skip);
    let parts = &["(4 rows read); 4 rows that break a rule, skipped"];
    assert_error("bad only", skipped, ErrorClass::Data, parts);
    let parts = &["1.parquet and 1 more files: no usable purchase row"];
    assert_error("two empty files", read_files(&[none.clone(), none.clone()]), ErrorClass::Data, parts);
    assert_eq!(read_files(&[none, shop()]).unwrap_err().class(), ErrorClass::Data, "its other columns are missing");
    let empty = shop().into_iter().map(|(name, array)| (name, array.slice(0, 0))).collect();
    assert_eq!(read_files(&[empty, shop()]).unwrap().0.n_lines(), 4);
}

#[test]
fn files_of_one_table_must_agree() {
    let zoned = TimestampMicrosecondArray::from(vec![0; 4]).with_timezone("Europe/Berlin");
    let cases: &[Case<'_>] = &[
        (
            "item form",
            with([("item_id", texts(["a"; 4]))]),
            &["2.parquet: column `item_id` holds text ids, but", "1.parquet holds integer ids", "cast one of them"],
        ),
        ("basket form", with([("basket_id", texts(["a"; 4]))]), &["column `basket_id` holds text ids"]),
        ("customer form", with([("customer_id", texts(["a"; 4]))]), &["column `customer_id` holds text ids"]),
        (
            "zone",
            with([("timestamp", Arc::new(zoned) as _)]),
            &["2.parquet: column `timestamp` holds times with a zone", "1.parquet holds times without a zone"],
        ),
        ("order", with([("timestamp", ints([1; 4]))]), &["`timestamp` holds order numbers", "times without a zone"]),
        (
            "no customer",
            without(&["customer_id"]),
            &[
                "2.parquet: there is no column `customer_id`, but",
                "1.parquet has one",
                "add it to every file (nulls are fine)",
            ],
        ),
        ("no time", without(&["timestamp"]), &["2.parquet: there is no column `timestamp`, but"]),
        (
            "a store",
            with([("store_id", ints([1; 4]))]),
            &["1.parquet: there is no column `store_id`, but", "2.parquet has one"],
        ),
    ];
    for (name, second, parts) in cases {
        assert_error(name, read_files(&[shop(), second.clone()]), ErrorClass::Data, parts);
    }
    let nobody = with([("customer_id", Arc::new(NullArray::new(4)) as _), ("basket_id", ints([11, 11, 12, 13]))]);
    let (ledger, summary) = read_files(&[shop(), nobody]).unwrap();
    assert_eq!((ledger.n_baskets(), summary.n(Rule::Anonymous)), (6, 4));
    let plain: Columns = without(&["quantity", "unit_price"])
        .into_iter()
        .map(|(n, a)| (n, if n == "basket_id" { ints([11, 11, 12, 13]) } else { a }))
        .collect();
    let (ledger, summary) = read_files(&[plain, shop()]).unwrap();
    assert_eq!((ledger.has_prices(), summary.n(Rule::NoPrice)), (true, 4));
}

#[test]
fn data_beyond_the_memory_cap_are_refused() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("p.parquet");
    let n = 50_000;
    write(&path, &vec![("basket_id", ints(0..n)), ("item_id", ints((0..n).map(|i| i % 7)))], 10_000);
    let result = read_purchases(&config(path), ReadOptions { memory_bytes: 1 << 20 }, &NoProgress);
    let parts = &["50000 rows need about 3 MiB, the cap is 1 MiB; raise --memory"];
    assert_error("memory", result, ErrorClass::Environment, parts);
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
fn ids_numbers_and_times_of_every_type_give_one_ledger() {
    let (expected, _) = read_table(&shop(), |_| {}).unwrap();
    let item_types: Vec<ArrayRef> = vec![
        Arc::new(Int8Array::from(vec![10, 20, 10, 30])),
        Arc::new(Int16Array::from(vec![10, 20, 10, 30])),
        Arc::new(Int32Array::from(vec![10, 20, 10, 30])),
        Arc::new(UInt8Array::from(vec![10, 20, 10, 30])),
        Arc::new(UInt16Array::from(vec![10, 20, 10, 30])),
        Arc::new(UInt32Array::from(vec![10, 20, 10, 30])),
        Arc::new(UInt64Array::from(vec![10, 20, 10, 30])),
    ];
    for array in item_types {
        let name = array.data_type().to_string();
        assert_eq!(read_table(&with([("item_id", array)]), |_| {}).unwrap().0, expected, "{name}");
    }
    let texts = vec!["a", "b", "a", "c"];
    let (expected_texts, _) =
        read_table(&with([("item_id", Arc::new(StringArray::from(texts.clone())) as _)]), |_| {}).unwrap();
    assert_eq!(expected_texts.items().get(0), ExternalIdRef::Text("a"));
    let text_types: Vec<ArrayRef> = vec![
        Arc::new(LargeStringArray::from(texts.clone())),
        Arc::new(StringViewArray::from(texts.clone())),
        Arc::new(texts.into_iter().collect::<DictionaryArray<Int32Type>>()),
    ];
    for array in text_types {
        let name = array.data_type().to_string();
        assert_eq!(read_table(&with([("item_id", array)]), |_| {}).unwrap().0, expected_texts, "{name}");
    }
    let prices = |values: Vec<i128>, scale| Decimal128Array::from(values).with_precision_and_scale(20, scale).unwrap();
    let number_types: Vec<(&str, ArrayRef)> = vec![
        ("unit_price", Arc::new(Float32Array::from(vec![1.5, 2.0, 1.5, 9.99]))),
        ("unit_price", Arc::new(prices(vec![15_000, 20_000, 15_000, 99_900], 4))),
        ("quantity", Arc::new(prices(vec![100, 200, 100, 100], 2))),
        ("quantity", floats([1.0, 2.0, 1.0, 1.0])),
        ("quantity", Arc::new(UInt8Array::from(vec![1, 2, 1, 1]))),
    ];
    for (name, array) in number_types {
        let what = format!("{name} {}", array.data_type());
        let name = if name == "quantity" { "quantity" } else { "unit_price" };
        assert_eq!(read_table(&with([(name, array)]), |_| {}).unwrap().0, expected, "{what}");
    }
    let day = [20_000i64, 20_000, 20_001, 20_002];
    let scaled = |unit: i64| day.map(|d| d * 86_400 * unit).to_vec();
    let times: Vec<ArrayRef> = vec![
        Arc::new(TimestampSecondArray::from(scaled(1))),
        Arc::new(TimestampMillisecondArray::from(scaled(1_000))),
        Arc::new(TimestampNanosecondArray::from(scaled(1_000_000_000))),
        Arc::new(TimestampMicrosecondArray::from(scaled(1_000_000)).with_timezone("+00:00")),
        Arc::new(Date32Array::from(day.map(|d| d as i32).to_vec())),
    ];
    for array in times {
        let name = array.data_type().to_string();
        assert_eq!(read_table(&with([("timestamp", array)]), |_| {}).unwrap().0, expected, "{name}");
    }
    let numbered = with([("timestamp", Arc::new(Int64Array::from(day.to_vec())) as _)]);
    let (in_days, _) = read_table(&numbered, |c| c.time_unit = TimeUnit::Days).unwrap();
    assert_eq!((in_days.clock(), in_days.basket_times()), (Clock::Days, expected.basket_times()));
    assert_eq!(read_table(&numbered, |_| {}).unwrap().0.clock(), Clock::Order);
    assert_eq!(read_table(&without(&["timestamp"]), |_| {}).unwrap().0.clock(), Clock::None);
}

#[test]
fn folders_globs_and_lists_are_one_table_and_count_a_file_once() {
    let folder = TempDir::new().unwrap();
    let at = |name: &str| folder.path().join(name);
    std::fs::create_dir_all(at("2024/01")).unwrap();
    std::fs::create_dir(at("_tmp")).unwrap();
    let part = |basket: i64| with([("basket_id", ints([basket; 4])), ("customer_id", ints([7; 4]))]);
    write(&at("a.parquet"), &part(1), 2);
    write(&at("2024/b.PARQUET"), &part(2), 2);
    write(&at("2024/01/c.parquet"), &part(3), 2);
    std::fs::write(at("_SUCCESS"), "").unwrap();
    std::fs::write(at(".hidden.parquet"), "no Parquet").unwrap();
    std::fs::write(at("_tmp/d.parquet"), "no Parquet").unwrap();
    std::fs::write(at("notes.txt"), "no Parquet").unwrap();
    let n_files = |paths: Vec<PathBuf>| {
        let config = PurchasesConfig { path: Paths::Many(paths), ..PurchasesConfig::default() };
        let (ledger, summary) = read(&config).unwrap();
        assert_eq!(ledger.n_baskets(), summary.n_files);
        summary.n_files
    };
    assert_eq!(n_files(vec![folder.path().into()]), 3);
    assert_eq!(n_files(vec![at("*.parquet")]), 1);
    assert_eq!(n_files(vec![at("2024/*")]), 2);
    assert_eq!(n_files(vec![at("**/*.parquet")]), 2);
    assert_eq!(n_files(vec![at("a.parquet"), at("2024")]), 3);
    assert_eq!(n_files(vec![at("a.parquet"), at("2024/../a.parquet"), folder.path().into()]), 3);
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(folder.path(), at("2024/circle")).unwrap();
        assert_eq!(n_files(vec![folder.path().into()]), 3);
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

#[test]
fn a_damaged_file_never_panics() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("p.parquet");
    write(&path, &with([("store_id", texts(["x", "y", "x", "z"]))]), 2);
    let whole = std::fs::read(&path).unwrap();
    let mut n_refused = 0;
    for at in (0..whole.len()).step_by(3) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        std::fs::write(&path, &bytes).unwrap();
        n_refused += usize::from(read(&config(path.clone())).is_err());
    }
    assert!(n_refused > whole.len() / 12, "{n_refused} of {}", whole.len() / 3);
}
