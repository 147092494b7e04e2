//! Number, time and label columns of every accepted Arrow type in one form each.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_buffer::{NullBuffer, ScalarBuffer};
use arrow_schema::{DataType, TimeUnit as ArrowTimeUnit};
use sidecart_core::{Clock, ExternalIdRef, MICROS_PER_DAY, Time};

use super::ids::for_each_id;
use crate::config::TimeUnit;
use crate::error::{Error, Result};

/// A value that cannot be taken: why, and what to do.
#[derive(Clone, Debug)]
pub(crate) struct BadValue {
    pub(crate) value: String,
    pub(crate) problem: &'static str,
    pub(crate) remedy: &'static str,
}

impl BadValue {
    #[cold]
    #[expect(clippy::needless_pass_by_value, reason = "callers pass numbers and texts alike")]
    pub(crate) fn new(value: impl ToString, problem: &'static str, remedy: &'static str) -> Self {
        Self { value: value.to_string(), problem, remedy }
    }
}

/// Checks that a column holds numbers, or only nulls.
pub(crate) fn check_number(file: &Path, name: &str, column: &str, data_type: &DataType) -> Result<()> {
    let taken = data_type.is_numeric() && !matches!(data_type, DataType::Float16 | DataType::Decimal256(..));
    if taken || data_type == &DataType::Null {
        return Ok(());
    }
    Err(Error::ColumnType {
        file: file.to_path_buf(),
        column: column.into(),
        name: name.into(),
        expected: "integers, floats or decimals",
        got: data_type.to_string().into(),
        remedy: if data_type.is_string() { "; parse texts into numbers first" } else { "" },
    })
}

/// The values of a number column.
pub(crate) struct Numbers {
    values: ScalarBuffer<f64>,
    nulls: Option<NullBuffer>,
}

impl Numbers {
    /// Takes a column that [`check_number`] took.
    pub(crate) fn new(array: &ArrayRef) -> Self {
        fn convert<T: ArrowPrimitiveType>(array: &ArrayRef, to_f64: impl Fn(T::Native) -> f64) -> ScalarBuffer<f64> {
            array.as_primitive::<T>().values().iter().map(|&v| to_f64(v)).collect()
        }
        let values = match array.data_type() {
            DataType::Int8 => convert::<Int8Type>(array, f64::from),
            DataType::Int16 => convert::<Int16Type>(array, f64::from),
            DataType::Int32 => convert::<Int32Type>(array, f64::from),
            DataType::Int64 => convert::<Int64Type>(array, |v| v as f64),
            DataType::UInt8 => convert::<UInt8Type>(array, f64::from),
            DataType::UInt16 => convert::<UInt16Type>(array, f64::from),
            DataType::UInt32 => convert::<UInt32Type>(array, f64::from),
            DataType::UInt64 => convert::<UInt64Type>(array, |v| v as f64),
            DataType::Float32 => convert::<Float32Type>(array, f64::from),
            DataType::Float64 => array.as_primitive::<Float64Type>().values().clone(),
            DataType::Decimal32(_, scale) => {
                let unit = power_of_ten(*scale);
                convert::<Decimal32Type>(array, move |v| f64::from(v) / unit)
            }
            DataType::Decimal64(_, scale) => {
                let unit = power_of_ten(*scale);
                convert::<Decimal64Type>(array, move |v| v as f64 / unit)
            }
            DataType::Decimal128(_, scale) => {
                let unit = power_of_ten(*scale);
                convert::<Decimal128Type>(array, move |v| v as f64 / unit)
            }
            DataType::Null => std::iter::repeat_n(0.0, array.len()).collect(),
            other => unreachable!("check_number has refused {other}"),
        };
        Self { values, nulls: array.logical_nulls() }
    }

    /// The value of a row; none where it is null.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<f64> {
        let valid = self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        valid.then(|| self.values[row])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<f64>> + '_ {
        (0..self.values.len()).map(|row| self.get(row))
    }
}

fn power_of_ten(scale: i8) -> f64 {
    let unit = (0..scale.unsigned_abs()).fold(1.0, |unit, _| unit * 10.0);
    if scale < 0 { 1.0 / unit } else { unit }
}

/// What a time column counts, and whether it names a zone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TimeForm {
    pub(crate) clock: Clock,
    pub(crate) zoned: bool,
}

impl std::fmt::Display for TimeForm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (self.clock, self.zoned) {
            (Clock::Calendar, true) => f.write_str("times with a zone"),
            (Clock::Calendar, false) => f.write_str("times without a zone"),
            (Clock::Days, _) => f.write_str("day numbers"),
            _ => f.write_str("order numbers"),
        }
    }
}

/// The form of a time column; an error for types that are no times.
pub(crate) fn time_form(
    file: &Path,
    name: &str,
    column: &str,
    data_type: &DataType,
    unit: TimeUnit,
) -> Result<TimeForm> {
    match data_type {
        DataType::Timestamp(_, zone) => Ok(TimeForm { clock: Clock::Calendar, zoned: zone.is_some() }),
        DataType::Date32 | DataType::Date64 => Ok(TimeForm { clock: Clock::Calendar, zoned: false }),
        t if t.is_integer() => Ok(TimeForm {
            clock: match unit {
                TimeUnit::Days => Clock::Days,
                TimeUnit::Order => Clock::Order,
            },
            zoned: false,
        }),
        other => Err(Error::ColumnType {
            file: file.to_path_buf(),
            column: column.into(),
            name: name.into(),
            expected: "timestamps, dates or integers",
            got: other.to_string().into(),
            remedy: if other.is_string() { "; parse texts into timestamps first" } else { "" },
        }),
    }
}

/// Calendar times outside 1900..2200 are mistakes of unit or of typing.
const CALENDAR_RANGE: std::ops::Range<i64> = -25_567 * MICROS_PER_DAY..84_006 * MICROS_PER_DAY;
/// Day numbers that can be held in microseconds.
const DAY_RANGE: std::ops::RangeInclusive<i64> = -50_000_000..=50_000_000;

/// The values of a time column in microseconds (or order numbers).
pub(crate) struct Times {
    values: ScalarBuffer<i64>,
    nulls: Option<NullBuffer>,
    /// Rows whose value cannot be taken, rising.
    pub(crate) bad: Vec<(usize, BadValue)>,
}

impl Times {
    /// Takes a column that [`time_form`] took.
    pub(crate) fn new(array: &ArrayRef, unit: TimeUnit) -> Self {
        match array.data_type() {
            DataType::Timestamp(ArrowTimeUnit::Second, _) => {
                Self::calendar::<TimestampSecondType>(array, |v| v.saturating_mul(1_000_000))
            }
            DataType::Timestamp(ArrowTimeUnit::Millisecond, _) => {
                Self::calendar::<TimestampMillisecondType>(array, |v| v.saturating_mul(1_000))
            }
            DataType::Timestamp(ArrowTimeUnit::Microsecond, _) => {
                Self::calendar::<TimestampMicrosecondType>(array, |v| v)
            }
            DataType::Timestamp(ArrowTimeUnit::Nanosecond, _) => {
                Self::calendar::<TimestampNanosecondType>(array, |v| v.div_euclid(1_000))
            }
            DataType::Date32 => Self::calendar::<Date32Type>(array, |v| i64::from(v) * MICROS_PER_DAY),
            DataType::Date64 => Self::calendar::<Date64Type>(array, |v| v.saturating_mul(1_000)),
            _ => Self::counted(array, unit),
        }
    }

    fn calendar<T: ArrowPrimitiveType>(array: &ArrayRef, to_micros: impl Fn(T::Native) -> i64) -> Self
    where
        T::Native: std::fmt::Display,
    {
        let raw = array.as_primitive::<T>().values();
        let values: ScalarBuffer<i64> = raw.iter().map(|&v| to_micros(v)).collect();
        let mut bad = Vec::new();
        if !values.iter().all(|time| CALENDAR_RANGE.contains(time)) {
            let outside = |row: &usize| array.is_valid(*row) && !CALENDAR_RANGE.contains(&values[*row]);
            bad.extend((0..values.len()).filter(outside).map(|row| {
                let problem = "a time lies outside the years 1900 to 2199";
                (row, BadValue::new(raw[row], problem, "check the unit of the column, or correct the row"))
            }));
        }
        Self { values, nulls: array.nulls().cloned(), bad }
    }

    fn counted(array: &ArrayRef, unit: TimeUnit) -> Self {
        let mut values = vec![0; array.len()];
        let mut bad = Vec::new();
        for_each_id(array, |row, id| match (id, unit) {
            (Err(value), _) => {
                let problem = "an order number is above 9223372036854775807";
                bad.push((row, BadValue::new(value.value, problem, "use smaller numbers")));
            }
            (Ok(Some(ExternalIdRef::Int(value))), TimeUnit::Order) => values[row] = value,
            (Ok(Some(ExternalIdRef::Int(value))), TimeUnit::Days) if DAY_RANGE.contains(&value) => {
                values[row] = value * MICROS_PER_DAY;
            }
            (Ok(Some(value)), _) => {
                let problem = "a day number is beyond 50 million";
                bad.push((row, BadValue::new(value, problem, "check time_unit = \"days\", or correct the row")));
            }
            (Ok(None), _) => {}
        });
        Self { values: values.into(), nulls: array.logical_nulls(), bad }
    }

    /// The time of a row; none where it is null. Rows in [`bad`](Self::bad) have no meaning here.
    #[inline]
    pub(crate) fn get(&self, row: usize) -> Option<i64> {
        let valid = self.nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row));
        valid.then(|| self.values[row])
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = Option<i64>> + '_ {
        (0..self.values.len()).map(|row| self.get(row))
    }
}

/// Whether [`labels`] takes a column type.
pub(crate) fn is_label(data_type: &DataType) -> bool {
    match data_type {
        DataType::Dictionary(_, values) => is_label(values),
        DataType::Boolean | DataType::Null | DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => true,
        t => t.is_string() || (t.is_numeric() && !matches!(t, DataType::Float16 | DataType::Decimal256(..))),
    }
}

/// Texts of a column of strings, numbers, booleans or dates (segments, categories, ...). A blank
/// text is no label; `None` for other types.
pub(crate) fn labels(array: &ArrayRef) -> Option<Vec<Option<String>>> {
    fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>) -> Vec<Option<String>> {
        values.map(|v| v.filter(|v| !v.trim().is_empty()).map(str::to_owned)).collect()
    }
    Some(match array.data_type() {
        DataType::Boolean => {
            array.as_boolean().iter().map(|v| v.map(|v| if v { "yes" } else { "no" }.to_owned())).collect()
        }
        DataType::Utf8 => texts(array.as_string::<i32>().iter()),
        DataType::LargeUtf8 => texts(array.as_string::<i64>().iter()),
        DataType::Utf8View => texts(array.as_string_view().iter()),
        DataType::Null => vec![None; array.len()],
        DataType::Dictionary(..) => {
            let dictionary = array.as_any_dictionary();
            let values = labels(dictionary.values())?;
            if values.is_empty() {
                return Some(vec![None; array.len()]);
            }
            let keys = dictionary.normalized_keys();
            keys.iter().enumerate().map(|(row, &key)| values[key].clone().filter(|_| array.is_valid(row))).collect()
        }
        DataType::Date32 | DataType::Date64 | DataType::Timestamp(..) => {
            Times::new(array, TimeUnit::Order).iter().map(|v| v.map(|v| Time(v).to_string())).collect()
        }
        t if t.is_integer() => {
            let mut out = Vec::with_capacity(array.len());
            for_each_id(array, |_, id| {
                out.push(match id {
                    Ok(id) => id.map(|id| id.to_string()),
                    Err(bad) => Some(bad.value),
                });
            });
            out
        }
        t if is_label(t) => Numbers::new(array).iter().map(|v| v.map(|v| v.to_string())).collect(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        BooleanArray, Date32Array, Date64Array, Decimal128Array, DictionaryArray, Float32Array, Float64Array,
        Int32Array, Int64Array, NullArray, StringArray, TimestampMicrosecondArray, TimestampMillisecondArray,
        TimestampNanosecondArray, TimestampSecondArray, UInt64Array,
    };

    use super::*;

    #[test]
    fn numbers_of_every_type_come_as_floats() {
        let decimal = |values: Vec<Option<i128>>, scale| {
            Decimal128Array::from(values).with_precision_and_scale(20, scale).unwrap()
        };
        let arrays: [ArrayRef; 5] = [
            Arc::new(Int32Array::from(vec![Some(200), None])),
            Arc::new(Float32Array::from(vec![Some(200.0), None])),
            Arc::new(Float64Array::from(vec![Some(200.0), None])),
            Arc::new(decimal(vec![Some(20_000), None], 2)),
            Arc::new(decimal(vec![Some(2), None], -2)),
        ];
        for array in arrays {
            assert!(check_number(Path::new("f"), "n", "c", array.data_type()).is_ok());
            assert_eq!(Numbers::new(&array).iter().collect::<Vec<_>>(), [Some(200.0), None], "{}", array.data_type());
        }
        let nothing: ArrayRef = Arc::new(NullArray::new(1));
        assert_eq!(Numbers::new(&nothing).get(0), None);
        assert!(check_number(Path::new("f"), "n", "c", &DataType::Utf8).is_err());
    }

    #[test]
    fn times_of_every_unit_come_in_microseconds() {
        let day = 20_000i64;
        let seconds = day * 86_400;
        let arrays: [ArrayRef; 7] = [
            Arc::new(TimestampSecondArray::from(vec![Some(seconds), None])),
            Arc::new(TimestampMillisecondArray::from(vec![Some(seconds * 1_000), None])),
            Arc::new(TimestampMicrosecondArray::from(vec![Some(seconds * 1_000_000), None])),
            Arc::new(TimestampNanosecondArray::from(vec![Some(seconds * 1_000_000_000 + 999), None])),
            Arc::new(TimestampSecondArray::from(vec![Some(seconds), None]).with_timezone("UTC")),
            Arc::new(Date32Array::from(vec![Some(day as i32), None])),
            Arc::new(Date64Array::from(vec![Some(seconds * 1_000), None])),
        ];
        for array in arrays {
            let times = Times::new(&array, TimeUnit::Days);
            assert!(times.bad.is_empty());
            assert_eq!(times.iter().collect::<Vec<_>>(), [Some(day * MICROS_PER_DAY), None], "{}", array.data_type());
        }
    }

    #[test]
    fn impossible_times_are_bad_and_nulls_are_not() {
        let array: ArrayRef = Arc::new(TimestampSecondArray::from(vec![Some(i64::MAX), None, Some(0), Some(i64::MIN)]));
        let rows: Vec<usize> = Times::new(&array, TimeUnit::Order).bad.iter().map(|(row, _)| *row).collect();
        assert_eq!(rows, [0, 3]);
        let days: ArrayRef = Arc::new(Int64Array::from(vec![i64::MIN, 3, 50_000_001]));
        let times = Times::new(&days, TimeUnit::Days);
        assert_eq!(times.bad.iter().map(|(row, _)| *row).collect::<Vec<_>>(), [0, 2]);
        assert_eq!(times.get(1), Some(3 * MICROS_PER_DAY));
        assert_eq!(Times::new(&days, TimeUnit::Order).get(0), Some(i64::MIN));
        let large: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
        assert_eq!(Times::new(&large, TimeUnit::Order).bad[0].1.value, "18446744073709551615");
    }

    #[test]
    fn labels_are_texts_without_blanks() {
        let label = |array: ArrayRef| labels(&array).unwrap();
        assert_eq!(
            label(Arc::new(StringArray::from(vec![Some("a"), Some(" "), None]))),
            [Some("a".into()), None, None]
        );
        assert_eq!(label(Arc::new(BooleanArray::from(vec![true]))), [Some("yes".into())]);
        assert_eq!(label(Arc::new(Float64Array::from(vec![1.5]))), [Some("1.5".into())]);
        assert_eq!(label(Arc::new(Date32Array::from(vec![0]))), [Some("1970-01-01".into())]);
        let coded: DictionaryArray<Int8Type> = [Some("b"), None, Some("b")].into_iter().collect();
        assert_eq!(label(Arc::new(coded)), [Some("b".into()), None, Some("b".into())]);
        assert!(labels(&(Arc::new(arrow_array::BinaryArray::from_vec(vec![b"x"])) as ArrayRef)).is_none());
    }
}
