//! Writes the promotions of Complete Journey with a start and an end, as Sidecart reads them.
//!
//! ```text
//! cargo run --release -p sidecart-data --example complete_journey_promotions -- data/complete-journey
//! ```
//!
//! Reads `promotions.parquet` (item, store, week, place on display, place in the mailer; `0` =
//! none) and `transactions.parquet` of the folder and writes `promotion_windows.parquet` into it:
//! `item_id`, `starts_at`, `ends_at`, `store_id`, `kind` (`display`, `mailer`).
//!
//! The source numbers weeks without dates. Its weeks begin on Monday, midnight in the stores;
//! times are five hours ahead of that in winter and four in summer. So Monday's first hours by
//! the clock of the file still belong to the week before, and a promotion is written from Monday
//! 05:00 to the next Monday 00:00: whoever lets weeks begin between those hours finds every
//! promotion in one week. The dates come from the purchases, which also must agree with all this.
#![expect(clippy::print_stdout, reason = "an example prints its result")]

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int8Type, Int64Type, TimestampNanosecondType};
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int8Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray,
};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::arrow::{ArrowWriter, ProjectionMask};
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use sidecart_core::{MICROS_PER_DAY, Time};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const WEEK: i64 = 7 * MICROS_PER_DAY;
const HOUR: i64 = MICROS_PER_DAY / 24;
/// Hours of Monday, by the times of the file, that may belong to the week before.
const NIGHT: i64 = 5 * HOUR;
/// 1970-01-01 was a Thursday.
const TO_MONDAY: i64 = 3 * MICROS_PER_DAY;
const ROWS_PER_GROUP: usize = 1 << 20;
const KINDS: [&str; 2] = ["display", "mailer"];

fn open(folder: &Path, name: &str, columns: &[&str]) -> Result<ParquetRecordBatchReader> {
    let path = folder.join(name);
    let file = File::open(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    Ok(builder.with_projection(mask).with_batch_size(1 << 16).build()?)
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| format!("there is no column `{name}`").into())
}

fn numbers<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a Int64Array> {
    let array = column(batch, name)?;
    array.as_primitive_opt::<Int64Type>().ok_or_else(|| format!("{name} is {}, not Int64", array.data_type()).into())
}

fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a StringArray> {
    let array = column(batch, name)?;
    array.as_string_opt::<i32>().ok_or_else(|| format!("{name} is {}, not Utf8", array.data_type()).into())
}

/// The Monday each week begins on: that of most of its purchases.
fn mondays(folder: &Path) -> Result<BTreeMap<i64, i64>> {
    let mut counts: BTreeMap<i64, BTreeMap<i64, (u64, i64)>> = BTreeMap::new();
    for batch in open(folder, "transactions.parquet", &["week", "transaction_timestamp"])? {
        let batch = batch?;
        let times = column(&batch, "transaction_timestamp")?;
        let times = times.as_primitive_opt::<TimestampNanosecondType>().ok_or("transaction_timestamp has no ns")?;
        for (&week, &nanos) in numbers(&batch, "week")?.values().iter().zip(times.values()) {
            let time = nanos.div_euclid(1000);
            let monday = (time + TO_MONDAY).div_euclid(WEEK) * WEEK - TO_MONDAY;
            let (n, last) = counts.entry(week).or_default().entry(monday).or_insert((0, time));
            *n += 1;
            *last = time.max(*last);
        }
    }
    let mut out: BTreeMap<i64, i64> = BTreeMap::new();
    let (mut n_all, mut n_night) = (0, 0);
    for (week, by_monday) in counts {
        let monday = by_monday.iter().max_by_key(|(_, (n, _))| *n).map_or(0, |(&monday, _)| monday);
        for (&other, &(n, last)) in &by_monday {
            n_all += n;
            if other != monday {
                n_night += n;
                if other != monday + WEEK || last >= other + NIGHT {
                    let (last, monday) = (Time(last), Time(monday));
                    return Err(format!("week {week} begins on {monday} but has a purchase at {last}").into());
                }
            }
        }
        if let Some((&before, &its_monday)) = out.last_key_value()
            && monday - its_monday != (week - before) * WEEK
        {
            return Err(format!("week {before} begins on {}, week {week} on {}", Time(its_monday), Time(monday)).into());
        }
        out.insert(week, monday);
    }
    let share = 100.0 * n_night as f64 / n_all as f64;
    println!(
        "{} weeks from {}",
        out.len(),
        out.values().next().map_or(String::new(), |&first| Time(first).to_string())
    );
    println!("{n_night} of {n_all} rows ({share:.2} %) stand in the first five hours of the next week's Monday");
    Ok(out)
}

/// Columns of the table that is written.
#[derive(Default)]
struct Rows {
    items: Vec<i64>,
    stores: Vec<i64>,
    starts: Vec<i64>,
    ends: Vec<i64>,
    kinds: Vec<i8>,
}

impl Rows {
    fn batch(self) -> Result<RecordBatch> {
        let kinds: ArrayRef = Arc::new(StringArray::from(KINDS.to_vec()));
        Ok(RecordBatch::try_from_iter([
            ("item_id", Arc::new(Int64Array::from(self.items)) as ArrayRef),
            ("starts_at", Arc::new(TimestampMicrosecondArray::from(self.starts))),
            ("ends_at", Arc::new(TimestampMicrosecondArray::from(self.ends))),
            ("store_id", Arc::new(Int64Array::from(self.stores))),
            ("kind", Arc::new(DictionaryArray::<Int8Type>::try_new(Int8Array::from(self.kinds), kinds)?)),
        ])?)
    }
}

/// Gives every promotion its time; one on display and in the mailer becomes two rows.
fn with_windows(batch: &RecordBatch, mondays: &BTreeMap<i64, i64>) -> Result<RecordBatch> {
    let (items, stores) = (numbers(batch, "product_id")?, numbers(batch, "store_id")?);
    let places = [texts(batch, "display_location")?, texts(batch, "mailer_location")?];
    let mut rows = Rows::default();
    for (row, week) in numbers(batch, "week")?.values().iter().enumerate() {
        let &monday = mondays.get(week).ok_or_else(|| format!("week {week} has promotions but no purchase"))?;
        for (kind, place) in places.iter().enumerate() {
            if place.is_valid(row) && place.value(row) != "0" {
                rows.items.push(items.value(row));
                rows.stores.push(stores.value(row));
                rows.starts.push(monday + NIGHT);
                rows.ends.push(monday + WEEK);
                rows.kinds.push(kind as i8);
            }
        }
    }
    rows.batch()
}

fn main() -> Result<()> {
    let folder = std::env::args().nth(1).ok_or("usage: complete_journey_promotions FOLDER")?;
    let folder = Path::new(&folder);
    let mondays = mondays(folder)?;
    let properties = WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1)?))
        .set_max_row_group_row_count(Some(ROWS_PER_GROUP))
        .build();
    // The file appears under its name only when it is complete.
    let (part, path) = (folder.join("promotion_windows.part"), folder.join("promotion_windows.parquet"));
    let schema = Rows::default().batch()?.schema();
    let mut writer = ArrowWriter::try_new(File::create(&part)?, schema, Some(properties))?;
    let mut n_rows = 0;
    let columns = ["product_id", "store_id", "display_location", "mailer_location", "week"];
    for batch in open(folder, "promotions.parquet", &columns)? {
        let rows = with_windows(&batch?, &mondays)?;
        n_rows += rows.num_rows();
        writer.write(&rows)?;
    }
    writer.close()?;
    std::fs::rename(&part, &path)?;
    println!("{n_rows} promotions in {}", path.display());
    Ok(())
}
