//! Arrow arrays of every accepted type, read one value at a time in one form.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowDictionaryKeyType, ArrowPrimitiveType, Date32Type, Date64Type, Decimal128Type, Float32Type, Float64Type,
    Int8Type, Int16Type, Int32Type, Int64Type, TimestampMicrosecondType, TimestampMillisecondType,
    TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit as ArrowTimeUnit};
use sidecart_core::{Clock, ExternalIdRef, IdKind, MICROS_PER_DAY};

use crate::config::TimeUnit;
use crate::error::{Error, Result};

/// A value that cannot be taken: why, and what to do.
pub(crate) struct BadValue {
    pub(crate) value: String,
    pub(crate) problem: &'static str,
    pub(crate) remedy: &'static str,
}

impl BadValue {
    pub(crate) fn new(value: impl ToString, problem: &'static str, remedy: &'static str) -> Self {
        Self { value: value.to_string(), problem, remedy }
    }
}

/// The form of the ids of a column type; an error for types that cannot be ids.
pub(crate) fn id_kind(file: &Path, name: &str, column: &str, data_type: &DataType) -> Result<IdKind> {
    let kind = match data_type {
        DataType::Int8
        | DataType::Int16
        | DataType::Int32
        | DataType::Int64
        | DataType::UInt8
        | DataType::UInt16
        | DataType::UInt32
        | DataType::UInt64 => Some(IdKind::Int),
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => Some(IdKind::Text),
        DataType::Dictionary(_, values) => return id_kind(file, name, column, values),
        _ => None,
    };
    kind.ok_or_else(|| Error::ColumnType {
        file: file.to_path_buf(),
        column: column.to_owned(),
        name: name.to_owned(),
        expected: "integers of any width or strings",
        got: data_type.to_string(),
        remedy: if data_type.is_floating() {
            "; a float column often means that missing values turned integers into floats: cast it to an integer or string column with nulls".into()
        } else {
            String::new()
        },
    })
}

/// Calls `visit(row, id)` for every row; an id that cannot be taken comes as `Err`.
pub(crate) fn for_each_id<'a>(
    array: &'a ArrayRef,
    visit: &mut dyn FnMut(usize, std::result::Result<Option<ExternalIdRef<'a>>, BadValue>),
) {
    fn ints<'a, T: ArrowPrimitiveType>(
        array: &'a ArrayRef,
        visit: &mut dyn FnMut(usize, std::result::Result<Option<ExternalIdRef<'a>>, BadValue>),
    ) where
        T::Native: Into<i64>,
    {
        let array = array.as_primitive::<T>();
        for (row, &value) in array.values().iter().enumerate() {
            visit(row, Ok(array.is_valid(row).then(|| ExternalIdRef::Int(value.into()))));
        }
    }
    fn dictionary<'a, K: ArrowDictionaryKeyType>(
        array: &'a ArrayRef,
        visit: &mut dyn FnMut(usize, std::result::Result<Option<ExternalIdRef<'a>>, BadValue>),
    ) {
        let array = array.as_dictionary::<K>();
        let mut values = Vec::with_capacity(array.values().len());
        for_each_id(array.values(), &mut |_, id| values.push(id.map_err(|bad| (bad.value, bad.problem, bad.remedy))));
        for row in 0..array.len() {
            visit(
                row,
                match array.key(row).map(|k| &values[k]) {
                    None => Ok(None),
                    Some(Ok(id)) => Ok(*id),
                    Some(Err((value, problem, remedy))) => Err(BadValue::new(value, problem, remedy)),
                },
            );
        }
    }
    fn text<'a>(
        row: usize,
        value: Option<&'a str>,
        visit: &mut dyn FnMut(usize, std::result::Result<Option<ExternalIdRef<'a>>, BadValue>),
    ) {
        visit(
            row,
            match value {
                Some("") => Err(BadValue::new("\"\"", "an id is an empty text", "use null where there is none")),
                other => Ok(other.map(ExternalIdRef::Text)),
            },
        );
    }
    match array.data_type() {
        DataType::Int8 => ints::<Int8Type>(array, visit),
        DataType::Int16 => ints::<Int16Type>(array, visit),
        DataType::Int32 => ints::<Int32Type>(array, visit),
        DataType::Int64 => ints::<Int64Type>(array, visit),
        DataType::UInt8 => ints::<UInt8Type>(array, visit),
        DataType::UInt16 => ints::<UInt16Type>(array, visit),
        DataType::UInt32 => ints::<UInt32Type>(array, visit),
        DataType::UInt64 => {
            let array = array.as_primitive::<UInt64Type>();
            for (row, &value) in array.values().iter().enumerate() {
                visit(
                    row,
                    if array.is_null(row) {
                        Ok(None)
                    } else {
                        i64::try_from(value).map(|v| Some(ExternalIdRef::Int(v))).map_err(|_| {
                            BadValue::new(
                                value,
                                "an unsigned id is above 9223372036854775807",
                                "cast the column to string",
                            )
                        })
                    },
                );
            }
        }
        DataType::Utf8 => array.as_string::<i32>().iter().enumerate().for_each(|(row, v)| text(row, v, visit)),
        DataType::LargeUtf8 => array.as_string::<i64>().iter().enumerate().for_each(|(row, v)| text(row, v, visit)),
        DataType::Utf8View => array.as_string_view().iter().enumerate().for_each(|(row, v)| text(row, v, visit)),
        DataType::Dictionary(keys, _) => match keys.as_ref() {
            DataType::Int8 => dictionary::<Int8Type>(array, visit),
            DataType::Int16 => dictionary::<Int16Type>(array, visit),
            DataType::Int32 => dictionary::<Int32Type>(array, visit),
            DataType::Int64 => dictionary::<Int64Type>(array, visit),
            DataType::UInt8 => dictionary::<UInt8Type>(array, visit),
            DataType::UInt16 => dictionary::<UInt16Type>(array, visit),
            DataType::UInt32 => dictionary::<UInt32Type>(array, visit),
            _ => dictionary::<UInt64Type>(array, visit),
        },
        _ => unreachable!("id_kind has refused other types"),
    }
}

/// Checks that a column holds numbers.
pub(crate) fn check_number(file: &Path, name: &str, column: &str, data_type: &DataType) -> Result<()> {
    if data_type.is_numeric() && !matches!(data_type, DataType::Float16 | DataType::Decimal256(..)) {
        return Ok(());
    }
    Err(Error::ColumnType {
        file: file.to_path_buf(),
        column: column.to_owned(),
        name: name.to_owned(),
        expected: "integers, floats or decimals",
        got: data_type.to_string(),
        remedy: String::new(),
    })
}

/// All values of a number column; null is `None`.
pub(crate) fn numbers(array: &ArrayRef) -> Vec<Option<f64>> {
    fn collect<T: ArrowPrimitiveType>(array: &ArrayRef, to_f64: impl Fn(T::Native) -> f64) -> Vec<Option<f64>> {
        array.as_primitive::<T>().iter().map(|v| v.map(&to_f64)).collect()
    }
    match array.data_type() {
        DataType::Int8 => collect::<Int8Type>(array, f64::from),
        DataType::Int16 => collect::<Int16Type>(array, f64::from),
        DataType::Int32 => collect::<Int32Type>(array, f64::from),
        DataType::Int64 => collect::<Int64Type>(array, |v| v as f64),
        DataType::UInt8 => collect::<UInt8Type>(array, f64::from),
        DataType::UInt16 => collect::<UInt16Type>(array, f64::from),
        DataType::UInt32 => collect::<UInt32Type>(array, f64::from),
        DataType::UInt64 => collect::<UInt64Type>(array, |v| v as f64),
        DataType::Float32 => collect::<Float32Type>(array, f64::from),
        DataType::Float64 => collect::<Float64Type>(array, |v| v),
        DataType::Decimal32(_, scale) => {
            let unit = power_of_ten(*scale);
            collect::<arrow_array::types::Decimal32Type>(array, move |v| f64::from(v) / unit)
        }
        DataType::Decimal64(_, scale) => {
            let unit = power_of_ten(*scale);
            collect::<arrow_array::types::Decimal64Type>(array, move |v| v as f64 / unit)
        }
        DataType::Decimal128(_, scale) => {
            let unit = power_of_ten(*scale);
            collect::<Decimal128Type>(array, move |v| v as f64 / unit)
        }
        _ => unreachable!("check_number has refused other types"),
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
pub(crate) fn time_form(file: &Path, column: &str, data_type: &DataType, unit: TimeUnit) -> Result<TimeForm> {
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
            column: column.to_owned(),
            name: "timestamp".to_owned(),
            expected: "timestamps, dates or integers",
            got: other.to_string(),
            remedy: "; parse texts into timestamps first".into(),
        }),
    }
}

/// Calendar times outside 1900..2200 are mistakes of unit or of typing.
const CALENDAR_RANGE: std::ops::Range<i64> = -25_567 * MICROS_PER_DAY..84_006 * MICROS_PER_DAY;
/// Day numbers that can be held in microseconds.
const DAY_LIMIT: i64 = 50_000_000;

/// All values of a time column in microseconds (or order numbers); null is `Ok(None)`.
pub(crate) fn times(array: &ArrayRef, unit: TimeUnit) -> Vec<std::result::Result<Option<i64>, BadValue>> {
    fn calendar<T: ArrowPrimitiveType<Native = i64>>(
        array: &ArrayRef,
        to_micros: impl Fn(i64) -> Option<i64>,
    ) -> Vec<std::result::Result<Option<i64>, BadValue>> {
        array.as_primitive::<T>().iter().map(|v| v.map(|v| check_calendar(v, to_micros(v))).transpose()).collect()
    }
    fn check_calendar(raw: i64, micros: Option<i64>) -> std::result::Result<i64, BadValue> {
        micros.filter(|m| CALENDAR_RANGE.contains(m)).ok_or_else(|| {
            BadValue::new(raw, "a time lies outside the years 1900 to 2199", "check the unit of the timestamp column")
        })
    }
    match array.data_type() {
        DataType::Timestamp(ArrowTimeUnit::Second, _) => {
            calendar::<TimestampSecondType>(array, |v| v.checked_mul(1_000_000))
        }
        DataType::Timestamp(ArrowTimeUnit::Millisecond, _) => {
            calendar::<TimestampMillisecondType>(array, |v| v.checked_mul(1_000))
        }
        DataType::Timestamp(ArrowTimeUnit::Microsecond, _) => calendar::<TimestampMicrosecondType>(array, Some),
        DataType::Timestamp(ArrowTimeUnit::Nanosecond, _) => {
            calendar::<TimestampNanosecondType>(array, |v| Some(v.div_euclid(1_000)))
        }
        DataType::Date32 => array
            .as_primitive::<Date32Type>()
            .iter()
            .map(|v| v.map(|v| check_calendar(i64::from(v), Some(i64::from(v) * MICROS_PER_DAY))).transpose())
            .collect(),
        DataType::Date64 => calendar::<Date64Type>(array, |v| v.checked_mul(1_000)),
        _ => numbers_as_order(array, unit),
    }
}

fn numbers_as_order(array: &ArrayRef, unit: TimeUnit) -> Vec<std::result::Result<Option<i64>, BadValue>> {
    let mut values = Vec::with_capacity(array.len());
    for_each_id(array, &mut |_, id| {
        values.push(match id {
            Err(_) => Err(BadValue::new("above 9223372036854775807", "an order number is too large", "use smaller numbers")),
            Ok(Some(ExternalIdRef::Int(value))) => match unit {
                TimeUnit::Order => Ok(Some(value)),
                TimeUnit::Days if value.abs() <= DAY_LIMIT => Ok(Some(value * MICROS_PER_DAY)),
                TimeUnit::Days => {
                    Err(BadValue::new(value, "a day number is beyond 50 million", "check time_unit = \"days\""))
                }
            },
            Ok(_) => Ok(None),
        });
    });
    values
}

/// Texts of a column of strings, numbers, booleans or dates (labels of segments, categories, ...).
pub(crate) fn labels(array: &ArrayRef) -> Option<Vec<Option<String>>> {
    let mut out = Vec::with_capacity(array.len());
    match array.data_type() {
        DataType::Boolean => {
            out.extend(array.as_boolean().iter().map(|v| v.map(|v| if v { "yes" } else { "no" }.to_owned())));
        }
        DataType::Utf8 => out.extend(array.as_string::<i32>().iter().map(|v| v.map(str::to_owned))),
        DataType::LargeUtf8 => out.extend(array.as_string::<i64>().iter().map(|v| v.map(str::to_owned))),
        DataType::Utf8View => out.extend(array.as_string_view().iter().map(|v| v.map(str::to_owned))),
        DataType::Dictionary(_, values) if matches!(values.as_ref(), DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View) => {
            for_each_id(array, &mut |_, id| out.push(id.ok().flatten().map(|id| id.to_string())));
        }
        DataType::Float32 | DataType::Float64 | DataType::Decimal32(..) | DataType::Decimal64(..) | DataType::Decimal128(..) => {
            out.extend(numbers(array).into_iter().map(|v| v.map(|v| v.to_string())));
        }
        t if t.is_integer() => {
            for_each_id(array, &mut |_, id| {
                out.push(match id {
                    Ok(id) => id.map(|id| id.to_string()),
                    Err(bad) => Some(bad.value),
                });
            });
        }
        DataType::Null => out.resize(array.len(), None),
        _ => return None,
    }
    Some(out)
}
