//! Exposure logs and purchases after them, as Parquet files with the columns of the log.

use sidecart_core::ExternalId;

use super::columns::BadValue;
use super::side_table::{Column, Kind, Known, SideTable, Values, known, needed};
use crate::config::{Paths, SideTableConfig};
use crate::error::{Error, Result};

/// What a calibration needs of one exposure; times in milliseconds since 1970.
#[derive(Clone, PartialEq, Debug)]
pub struct Exposure {
    /// Id of the answer.
    pub request_id: String,
    /// When.
    pub time: i64,
    /// Version of the model.
    pub version: String,
    /// Who asked.
    pub customer_id: Option<ExternalId>,
    /// Name of the touchpoint.
    pub touchpoint: Option<String>,
    /// Name of the kind of offer.
    pub kind: String,
    /// The item.
    pub item: ExternalId,
    /// Probability given with the offer.
    pub p: Option<f64>,
    /// Probability of being shown.
    pub probability_shown: f64,
    /// Whether it was withheld.
    pub held_out: bool,
    /// Whether the item was bought, where the log says so.
    pub accepted: Option<bool>,
}

/// An item that was bought after an exposure; times in milliseconds since 1970.
#[derive(Clone, PartialEq, Debug)]
pub struct Acceptance {
    /// The answer it follows.
    pub request_id: Option<String>,
    /// Who bought it.
    pub customer_id: Option<ExternalId>,
    /// The item.
    pub item: ExternalId,
    /// When.
    pub time: Option<i64>,
}

const EXPOSURE_COLUMNS: [Known; 11] = [
    needed("request_id", Kind::Label),
    needed("time", Kind::Number),
    needed("version", Kind::Label),
    known("customer_id", Kind::Id),
    known("touchpoint", Kind::Label),
    needed("kind", Kind::Label),
    needed("item", Kind::Id),
    known("p", Kind::Number),
    needed("probability_shown", Kind::Number),
    needed("held_out", Kind::Label),
    known("accepted", Kind::Label),
];

const ACCEPTANCE_COLUMNS: [Known; 4] = [
    known("request_id", Kind::Label),
    known("customer_id", Kind::Id),
    needed("item", Kind::Id),
    known("time", Kind::Number),
];

/// Times as floats are exact up to here: the year 287,000.
const MAX_TIME: f64 = (1u64 << 53) as f64;

/// Reads exposures from Parquet files, in the order of the files and their rows. Columns beyond
/// those needed are not looked at.
///
/// # Errors
/// Any [`Error`] about files, columns and rows; a null in a column that is needed is a bad row.
pub fn read_exposures(path: Paths) -> Result<Vec<Exposure>> {
    let config = SideTableConfig { path, ..SideTableConfig::default() };
    let mut table = SideTable::read("exposures", &config, &EXPOSURE_COLUMNS, false)?;
    let n_rows = table.n_rows();
    let (_, items) = table.take_ids("item")?;
    let customers = optional_ids(&mut table, "customer_id", n_rows);
    let request_ids = required_texts(&mut table, "request_id");
    let versions = required_texts(&mut table, "version");
    let kinds = required_texts(&mut table, "kind");
    let touchpoints = table.take_labels("touchpoint").unwrap_or_else(|| vec![None; n_rows]);
    let held_out = flags(&mut table, "held_out", true, n_rows);
    let accepted = flags(&mut table, "accepted", false, n_rows);
    let times = times(&mut table, true, n_rows);
    let range = "a probability is from 0 to 1";
    let p = table.take_numbers("p", 0.0..=1.0, range).unwrap_or_else(|| vec![None; n_rows]);
    let shown = table.take_numbers("probability_shown", 0.0..=1.0, range).unwrap_or_default();
    for (row, _) in shown.iter().enumerate().filter(|(_, shown)| shown.is_none_or(|p| p == 0.0)) {
        let bad = BadValue::new("0 or null", "an exposure has a probability", "log with which probability it is shown");
        table.bad_row(row, "probability_shown", bad);
    }
    table.settle()?;
    let row = |at: usize| {
        Some(Exposure {
            request_id: request_ids[at].clone()?,
            time: times[at]?,
            version: versions[at].clone()?,
            customer_id: customers[at].clone(),
            touchpoint: touchpoints[at].clone(),
            kind: kinds[at].clone()?,
            item: items[at].clone()?,
            p: p[at],
            probability_shown: shown[at]?,
            held_out: held_out[at]?,
            accepted: accepted[at],
        })
    };
    whole((0..n_rows).map(row))
}

/// Reads purchases after exposures from Parquet files; see [`read_exposures`].
///
/// # Errors
/// As [`read_exposures`].
pub fn read_acceptances(path: Paths) -> Result<Vec<Acceptance>> {
    let config = SideTableConfig { path, ..SideTableConfig::default() };
    let mut table = SideTable::read("outcomes", &config, &ACCEPTANCE_COLUMNS, false)?;
    let n_rows = table.n_rows();
    let (_, items) = table.take_ids("item")?;
    let customers = optional_ids(&mut table, "customer_id", n_rows);
    let request_ids = table.take_labels("request_id").unwrap_or_else(|| vec![None; n_rows]);
    let times = times(&mut table, false, n_rows);
    table.settle()?;
    whole((0..n_rows).map(|at| {
        Some(Acceptance {
            request_id: request_ids[at].clone(),
            customer_id: customers[at].clone(),
            item: items[at].clone()?,
            time: times[at],
        })
    }))
}

/// All rows, of which none is missing a value once the bad ones are settled.
fn whole<T>(rows: impl Iterator<Item = Option<T>>) -> Result<Vec<T>> {
    rows.collect::<Option<_>>().ok_or_else(|| Error::Bug { what: "a row without a needed value was kept".into() })
}

fn optional_ids(table: &mut SideTable, name: &str, n_rows: usize) -> Vec<Option<ExternalId>> {
    match table.take(name).pop() {
        Some(Column { values: Values::Ids(ids), .. }) => ids,
        _ => vec![None; n_rows],
    }
}

fn required_texts(table: &mut SideTable, name: &'static str) -> Vec<Option<String>> {
    let texts = table.take_labels(name).unwrap_or_default();
    for (row, _) in texts.iter().enumerate().filter(|(_, text)| text.is_none()) {
        table.bad_row(row, name, BadValue::new("null", "an exposure needs this value", "fill the column"));
    }
    texts
}

/// Booleans, which a column of labels gives as `yes` and `no`, and their texts.
fn flags(table: &mut SideTable, name: &'static str, is_needed: bool, n_rows: usize) -> Vec<Option<bool>> {
    let texts = table.take_labels(name).unwrap_or_else(|| vec![None; n_rows]);
    let mut flags = Vec::with_capacity(n_rows);
    for (row, text) in texts.iter().enumerate() {
        let flag = match text.as_deref() {
            Some("yes" | "true" | "1") => Some(true),
            Some("no" | "false" | "0") => Some(false),
            _ => None,
        };
        if flag.is_none() && (is_needed || text.is_some()) {
            let got = text.as_deref().unwrap_or("null");
            table.bad_row(row, name, BadValue::new(got, "not a yes or no", "use a boolean column"));
        }
        flags.push(flag);
    }
    flags
}

fn times(table: &mut SideTable, is_needed: bool, n_rows: usize) -> Vec<Option<i64>> {
    let problem = "not a time in milliseconds since 1970";
    let numbers = table.take_numbers("time", -MAX_TIME..=MAX_TIME, problem).unwrap_or_else(|| vec![None; n_rows]);
    if is_needed {
        for (row, _) in numbers.iter().enumerate().filter(|(_, time)| time.is_none()) {
            table.bad_row(row, "time", BadValue::new("null", "an exposure has a time", "fill the column"));
        }
    }
    numbers.iter().map(|time| time.map(|ms| ms as i64)).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::sync::Arc;

    use arrow_array::{ArrayRef, BooleanArray, Float64Array, Int64Array, RecordBatch, StringArray};
    use parquet::arrow::ArrowWriter;

    use super::*;

    fn written(columns: Vec<(&str, ArrayRef)>) -> (tempfile::TempDir, Paths) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log.parquet");
        let batch = RecordBatch::try_from_iter(columns).unwrap();
        let mut writer = ArrowWriter::try_new(File::create(&path).unwrap(), batch.schema(), None).unwrap();
        writer.write(&batch).unwrap();
        writer.close().unwrap();
        (folder, path.into())
    }

    fn columns(p: [Option<f64>; 2], shown: [Option<f64>; 2]) -> Vec<(&'static str, ArrayRef)> {
        vec![
            ("request_id", Arc::new(StringArray::from(vec!["r1", "r2"])) as ArrayRef),
            ("time", Arc::new(Int64Array::from(vec![1_750_000_000_123, 5]))),
            ("version", Arc::new(StringArray::from(vec!["00ff", "00ff"]))),
            ("customer_id", Arc::new(Int64Array::from(vec![Some(7), None]))),
            ("touchpoint", Arc::new(StringArray::from(vec![Some("cart"), None]))),
            ("kind", Arc::new(StringArray::from(vec!["upsell", "cross-sell"]))),
            ("item", Arc::new(StringArray::from(vec!["a", "b"]))),
            ("position", Arc::new(Int64Array::from(vec![1, 2]))),
            ("p", Arc::new(Float64Array::from(p.to_vec()))),
            ("probability_shown", Arc::new(Float64Array::from(shown.to_vec()))),
            ("held_out", Arc::new(BooleanArray::from(vec![false, true]))),
        ]
    }

    #[test]
    fn rows_come_as_they_were_logged() {
        let (_folder, path) = written(columns([Some(0.2), None], [Some(0.9), Some(0.5)]));
        let rows = read_exposures(path).unwrap();
        let expected = Exposure {
            request_id: "r1".into(),
            time: 1_750_000_000_123,
            version: "00ff".into(),
            customer_id: Some(ExternalId::Int(7)),
            touchpoint: Some("cart".into()),
            kind: "upsell".into(),
            item: ExternalId::Text("a".into()),
            p: Some(0.2),
            probability_shown: 0.9,
            held_out: false,
            accepted: None,
        };
        assert_eq!(rows[0], expected);
        assert_eq!((rows[1].held_out, rows[1].p, &rows[1].customer_id), (true, None, &None));
        assert_eq!(rows[1].touchpoint, None);
    }

    #[test]
    fn rows_out_of_range_are_named() {
        for (p, shown, column) in [
            (Some(1.5), Some(0.9), "`p`"),
            (Some(f64::NAN), Some(0.9), "`p`"),
            (Some(0.5), Some(0.0), "`probability_shown`"),
            (Some(0.5), Some(1.1), "`probability_shown`"),
            (Some(0.5), None, "`probability_shown`"),
        ] {
            let (_folder, path) = written(columns([Some(0.1), p], [Some(0.9), shown]));
            let error = read_exposures(path).unwrap_err().to_string();
            assert!(error.contains(column) && error.contains("row 2"), "{error}");
        }
        let mut without = columns([None, None], [Some(1.0), Some(1.0)]);
        without.retain(|(name, _)| *name != "held_out");
        let (_folder, path) = written(without);
        assert!(read_exposures(path).unwrap_err().to_string().contains("held_out"));
    }

    #[test]
    fn purchases_are_read_with_what_they_have() {
        let (_folder, path) = written(vec![
            ("customer_id", Arc::new(StringArray::from(vec![Some("c"), None])) as ArrayRef),
            ("request_id", Arc::new(StringArray::from(vec![None, Some("r9")]))),
            ("item", Arc::new(Int64Array::from(vec![3, 4]))),
            ("time", Arc::new(Int64Array::from(vec![Some(12), None]))),
        ]);
        let rows = read_acceptances(path).unwrap();
        assert_eq!((&rows[0].customer_id, rows[0].time), (&Some(ExternalId::Text("c".into())), Some(12)));
        assert_eq!((rows[1].request_id.as_deref(), &rows[1].item), (Some("r9"), &ExternalId::Int(4)));
    }
}
