//! Tiny Parquet files for tests.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{ArrayRef, Float64Array, Int64Array, RecordBatch, StringArray, TimestampMicrosecondArray};
use parquet::arrow::ArrowWriter;

/// Named columns of one table.
pub(crate) type Columns = Vec<(&'static str, ArrayRef)>;

/// Writes columns with row groups of `group_rows` rows.
pub(crate) fn write(path: &Path, columns: &Columns, group_rows: usize) {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.iter().map(|(name, array)| (*name, Arc::clone(array), true)))
            .unwrap();
    let mut writer = ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), None).unwrap();
    for start in (0..batch.num_rows()).step_by(group_rows) {
        writer.write(&batch.slice(start, group_rows.min(batch.num_rows() - start))).unwrap();
        writer.flush().unwrap();
    }
    writer.close().unwrap();
}

/// A column of whole numbers.
pub(crate) fn ints<V: Into<Option<i64>>>(values: impl IntoIterator<Item = V>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<Int64Array>())
}

/// A column of floats.
pub(crate) fn floats<V: Into<Option<f64>>>(values: impl IntoIterator<Item = V>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<Float64Array>())
}

/// A column of texts.
pub(crate) fn texts<'a, V: Into<Option<&'a str>>>(values: impl IntoIterator<Item = V>) -> ArrayRef {
    Arc::new(values.into_iter().map(Into::into).collect::<StringArray>())
}

/// A column of times without a zone, in days since 1970.
pub(crate) fn days<V: Into<Option<i64>>>(values: impl IntoIterator<Item = V>) -> ArrayRef {
    let micros = values.into_iter().map(|day| day.into().map(|day: i64| day * 86_400_000_000));
    Arc::new(micros.collect::<TimestampMicrosecondArray>())
}
