//! What happens to purchase files with bad columns, of bad types or no Parquet: the exact error, or one ledger.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/error_text.rs"]
mod error_text;
#[path = "support/parquet_files.rs"]
mod parquet_files;
#[path = "support/purchase_tables.rs"]
mod purchase_tables;

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
use parquet_files::{Columns, floats, ints, texts, write};
use purchase_tables::{Case, config, read, read_files, read_table, shop, with, without};
use sidecart_core::{Clock, ErrorClass, ExternalIdRef, NoProgress};
use sidecart_data::config::{ColumnSpec, OnBadRow, Paths, PurchasesConfig, TimeUnit};
use sidecart_data::{ReadOptions, Rule, read_purchases};
use tempfile::TempDir;

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
