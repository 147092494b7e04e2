use std::collections::BTreeMap;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::types::Int8Type;
use arrow_array::{
    ArrayRef, BinaryArray, DictionaryArray, Float64Array, Int64Array, LargeStringArray, RecordBatch, StringArray,
    StringViewArray, TimestampMicrosecondArray,
};
use parquet::arrow::ArrowWriter;
use proptest::prelude::*;
use sidecart_core::{Cancelled, ExternalId, IdTable, ItemId, MICROS_PER_DAY, NoProgress, Progress, Time};
use tempfile::TempDir;

use super::{Promotion, Promotions, read_promotions};
use crate::config::{OnBadRow, Paths, SideTableConfig};
use crate::error::Error;
use crate::{IngestSummary, Rule};

type Columns = Vec<(&'static str, ArrayRef)>;

fn write(path: &Path, columns: &Columns, group_rows: usize) {
    let named = columns.iter().map(|(name, array)| (*name, Arc::clone(array), true));
    let batch = RecordBatch::try_from_iter_with_nullable(named).unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    for start in (0..batch.num_rows()).step_by(group_rows) {
        writer.write(&batch.slice(start, group_rows.min(batch.num_rows() - start))).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
}

fn read(columns: &Columns, items: &IdTable, on_bad_row: OnBadRow) -> Result<(Promotions, IngestSummary), Error> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("calendar.parquet");
    write(&path, columns, 3);
    let config = SideTableConfig { path: Paths::One(path), on_bad_row, ..SideTableConfig::default() };
    read_promotions(&config, items, &NoProgress)
}

fn ints<V: Into<Option<i64>>>(values: impl IntoIterator<Item = V>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<Int64Array>())
}

fn days(values: impl IntoIterator<Item = i64>) -> ArrayRef {
    Arc::new(values.into_iter().map(|day| Some(day * MICROS_PER_DAY)).collect::<TimestampMicrosecondArray>())
}

/// A row as it is written: item, first day, days, store, kind, discount.
type Written = (i64, i64, i64, Option<i64>, Option<&'static str>, Option<f64>);

fn columns(rows: &[Written]) -> Columns {
    vec![
        ("item_id", ints(rows.iter().map(|r| r.0))),
        ("starts_at", days(rows.iter().map(|r| r.1))),
        ("ends_at", days(rows.iter().map(|r| r.1 + r.2))),
        ("store_id", ints(rows.iter().map(|r| r.3))),
        ("kind", Arc::new(rows.iter().map(|r| r.4).collect::<StringArray>())),
        ("discount", Arc::new(rows.iter().map(|r| r.5).collect::<Float64Array>())),
    ]
}

fn row_strategy() -> impl Strategy<Value = Written> {
    let kind = prop::option::of(prop::sample::select(vec!["mailer", "display", "price"]));
    let discount = prop::option::of((0u8..4).prop_map(|d| f64::from(d) / 4.0));
    (0i64..6, 0i64..4, 1i64..3, prop::option::of(-2i64..3), kind, discount)
}

/// A row with outside ids; none sorts last, as in the table.
type Key = (i64, i64, i64, (bool, Option<i64>), (bool, Option<String>));

fn shown(promotions: &Promotions, items: &[i64], row: Promotion) -> (Key, Option<f32>) {
    let store = row.store.map(|s| match promotions.stores().get(s).to_owned() {
        ExternalId::Int(id) => id,
        ExternalId::Text(id) => panic!("{id} was written as a number"),
    });
    let kind = row.kind.map(|k| promotions.kinds().get(usize::from(k)).to_owned());
    let day = |time: Time| time.0 / MICROS_PER_DAY;
    let (start, end) = (day(row.starts_at), day(row.ends_at));
    ((items[row.item.index()], start, end, (store.is_none(), store), (kind.is_none(), kind)), row.discount)
}

proptest! {
    #[test]
    fn the_table_is_what_a_map_of_the_rows_holds(rows in prop::collection::vec(row_strategy(), 1..40)) {
        let known = [1, 2, 3, 4];
        let (promotions, summary) =
            read(&columns(&rows), &IdTable::from_ints(known.to_vec()), OnBadRow::Fail).unwrap();
        let mut expected: BTreeMap<Key, Option<f32>> = BTreeMap::new();
        let good = rows.iter().filter(|r| known.contains(&r.0));
        for &(item, start, n_days, store, kind, discount) in good.clone() {
            let kind = kind.map(str::to_owned);
            let key = (item, start, start + n_days, (store.is_none(), store), (kind.is_none(), kind));
            let entry = expected.entry(key).or_default();
            let discount = discount.map(|d| d as f32);
            if discount > *entry {
                *entry = discount;
            }
        }
        let got: Vec<_> = promotions.iter().map(|row| shown(&promotions, &known, row)).collect();
        prop_assert_eq!(&got, &expected.into_iter().collect::<Vec<_>>());
        prop_assert_eq!(got.len(), promotions.len());
        let n_known = good.count();
        prop_assert_eq!(summary.n_rows, rows.len() as u64);
        prop_assert_eq!(summary.n(Rule::UnknownItem), (rows.len() - n_known) as u64);
        prop_assert_eq!(summary.n(Rule::RepeatedPromotion), (n_known - got.len()) as u64);
        let by_item: Vec<Promotion> = (0..5).flat_map(|item| promotions.of_item(ItemId(item))).collect();
        prop_assert_eq!(by_item, promotions.iter().collect::<Vec<_>>());
    }

    #[test]
    fn neither_order_nor_threads_change_the_table(rows in prop::collection::vec(row_strategy(), 1..40)) {
        let items = IdTable::from_ints(vec![1, 2, 3, 4]);
        let on = |threads: usize, rows: &[Written]| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            pool.install(|| read(&columns(rows), &items, OnBadRow::Fail).unwrap().0)
        };
        let backwards: Vec<Written> = rows.iter().rev().copied().collect();
        prop_assert_eq!(on(1, &rows), on(3, &backwards));
    }
}

#[test]
fn a_calendar_without_optional_columns_holds_everywhere() {
    let items = IdTable::from_texts(["a", "b"]);
    let columns: Columns = vec![
        ("item_id", Arc::new(StringArray::from(vec!["b", "a"]))),
        ("starts_at", days([0, 1])),
        ("ends_at", days([1, 2])),
    ];
    let (promotions, _) = read(&columns, &items, OnBadRow::Fail).unwrap();
    let rows: Vec<Promotion> = promotions.iter().collect();
    let day = |n: i64| Time(n * MICROS_PER_DAY);
    let plain = |item, start| Promotion {
        item: ItemId(item),
        window: start as u32,
        starts_at: day(start),
        ends_at: day(start + 1),
        store: None,
        kind: None,
        discount: None,
    };
    assert_eq!(rows, [plain(0, 1), plain(1, 0)]);
    assert!(promotions.stores().is_empty() && promotions.kinds().is_empty());
    assert_eq!(promotions.windows(), [(day(0), day(1)), (day(1), day(2))]);
    assert_eq!(promotions.of_item(ItemId(9)).len(), 0);
}

#[test]
fn kinds_of_every_label_type_are_read() {
    let items = IdTable::from_ints(vec![1]);
    let texts = [Some("mailer"), None, Some(" "), Some("display")];
    let kinds: [ArrayRef; 4] = [
        Arc::new(LargeStringArray::from(texts.to_vec())),
        Arc::new(StringViewArray::from(texts.to_vec())),
        Arc::new(texts.into_iter().collect::<DictionaryArray<Int8Type>>()),
        Arc::new([None::<&str>; 4].into_iter().collect::<DictionaryArray<Int8Type>>()),
    ];
    let of = |kinds: &ArrayRef| {
        let columns: Columns = vec![
            ("item_id", ints([1, 1, 1, 1])),
            ("starts_at", days([0, 1, 2, 3])),
            ("ends_at", days([9, 9, 9, 9])),
            ("kind", Arc::clone(kinds)),
        ];
        let (promotions, _) = read(&columns, &items, OnBadRow::Fail).unwrap();
        let name = |row: Promotion| row.kind.map(|k| promotions.kinds().get(usize::from(k)).to_owned());
        promotions.iter().map(name).collect::<Vec<_>>()
    };
    for kinds in &kinds[..3] {
        assert_eq!(of(kinds), [Some("mailer".into()), None, None, Some("display".into())], "{}", kinds.data_type());
    }
    assert_eq!(of(&kinds[3]), [None, None, None, None]);
    assert_eq!(of(&ints([7, 7, 8, 9])), ["7", "7", "8", "9"].map(|k| Some(k.to_owned())));
}

#[test]
fn bad_rows_are_named_or_counted() {
    let items = IdTable::from_ints(vec![1]);
    let good: Written = (1, 0, 1, None, None, None);
    let rows = [good, good, good, good, (1, 2, 0, None, None, None), (1, 0, 1, None, None, Some(2.0))];
    let error = read(&columns(&rows), &items, OnBadRow::Fail).unwrap_err().to_string();
    assert!(error.contains("calendar.parquet: row 5 (row group 1), column `ends_at`, value 1970-01-03"), "{error}");
    let (promotions, summary) = read(&columns(&rows), &items, OnBadRow::Skip).unwrap();
    assert_eq!((promotions.len(), summary.n(Rule::BadRow), summary.n(Rule::RepeatedPromotion)), (1, 2, 3));
    let (position, problem) = summary.rules[&Rule::BadRow].first.clone().unwrap();
    assert_eq!((position.row, position.row_group), (5, 1));
    assert!(problem.contains("ends before it starts"), "{problem}");
    let mut nulled = columns(&[good, good]);
    nulled[0].1 = ints([Some(1), None]);
    let error = read(&nulled, &items, OnBadRow::Fail).unwrap_err().to_string();
    assert!(error.contains("row 2 (row group 0), column `item_id`, value null: a row has no id"), "{error}");
    for (discount, problem) in [(f64::NAN, "value NaN: not a number"), (-0.5, "value -0.5: a discount is not")] {
        let error = read(&columns(&[(1, 0, 1, None, None, Some(discount))]), &items, OnBadRow::Fail).unwrap_err();
        assert!(error.to_string().contains(problem), "{error}");
    }
}

#[test]
fn discounts_keep_their_value() {
    let items = IdTable::from_ints(vec![1]);
    let given = [Some(-0.0), Some(0.0), Some(1.0), Some(0.1), None];
    for (start, discount) in given.into_iter().enumerate() {
        let other: Written = (1, 50, 1, None, None, Some(0.5));
        let rows = [(1, start as i64, 1, None, None, discount), other];
        let (promotions, _) = read(&columns(&rows), &items, OnBadRow::Fail).unwrap();
        let got = promotions.iter().next().unwrap().discount;
        assert_eq!(got.map(f32::to_bits), discount.map(|d| (d as f32 + 0.0).to_bits()), "{discount:?}");
    }
}

#[test]
fn tables_that_can_never_work_are_refused() {
    let items = IdTable::from_ints(vec![1]);
    let good: Columns = columns(&[(1, 0, 1, None, None, None)]);
    let fail = |change: &dyn Fn(&mut Columns)| {
        let mut columns = good.clone();
        change(&mut columns);
        read(&columns, &items, OnBadRow::Skip).unwrap_err().to_string()
    };
    let error = fail(&|c| c[0].1 = Arc::new(StringArray::from(vec!["1"])));
    assert!(error.contains("item_id is text in") && error.contains("integer in the catalogue"), "{error}");
    let error = fail(&|c| c[4].1 = Arc::new(BinaryArray::from_vec(vec![b"x"])));
    assert!(error.contains("column `kind` is Binary; kind takes strings"), "{error}");
    let error = fail(&|c| c[3].1 = Arc::new(Float64Array::from(vec![1.0])));
    assert!(error.contains("column `store_id` is Float64"), "{error}");
    let n = 256;
    let many: Columns = vec![
        ("item_id", ints(vec![1; n])),
        ("starts_at", days(vec![0; n])),
        ("ends_at", days(vec![1; n])),
        ("kind", ints(0..n as i64)),
    ];
    let error = read(&many, &items, OnBadRow::Skip).unwrap_err().to_string();
    assert!(error.contains("kind = more than 255 different values"), "{error}");
    let fewer: Columns = many.iter().map(|(name, array)| (*name, array.slice(0, n - 1))).collect();
    assert_eq!(read(&fewer, &items, OnBadRow::Fail).unwrap().0.kinds().len(), 255);
}

#[test]
fn reading_can_be_stopped() {
    struct Stop;
    impl Progress for Stop {
        fn begin(&self, _: &str, _: u64, _: &str) {}
        fn advance(&self, _: u64) {}
        fn end(&self) {}
        fn note(&self, _: &str) {}
        fn is_cancelled(&self) -> bool {
            true
        }
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("calendar.parquet");
    write(&path, &columns(&[(1, 0, 1, None, None, None)]), 1);
    let config = SideTableConfig { path: Paths::One(path), ..SideTableConfig::default() };
    let stopped = read_promotions(&config, &IdTable::from_ints(vec![1]), &Stop);
    assert!(matches!(stopped, Err(Error::Cancelled(Cancelled))));
}
