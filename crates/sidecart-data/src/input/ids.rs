//! Id columns of every accepted Arrow type, read one value at a time in one form.

use std::path::Path;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Int8Type, Int16Type, Int32Type, Int64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;
use sidecart_core::{ExternalIdRef, IdKind};

use super::columns::BadValue;
use crate::error::{Error, Result};

/// The id of a row: none where it is null, an error where it cannot be taken.
pub(crate) type IdValue<'a> = std::result::Result<Option<ExternalIdRef<'a>>, BadValue>;

const NULLED_INTEGERS: &str = "; a float column often means that missing values turned integers into floats: cast it to an integer or string column with nulls";

/// The form of the ids of a column type; an error for types that cannot be ids.
pub(crate) fn id_kind(file: &Path, name: &str, column: &str, data_type: &DataType) -> Result<IdKind> {
    match data_type {
        DataType::Dictionary(_, values) => id_kind(file, name, column, values),
        t if t.is_integer() => Ok(IdKind::Int),
        t if t.is_string() => Ok(IdKind::Text),
        other => Err(Error::ColumnType {
            file: file.to_path_buf(),
            column: column.into(),
            name: name.into(),
            expected: "integers of any width or strings",
            got: other.to_string().into(),
            remedy: if other.is_floating() { NULLED_INTEGERS } else { "" },
        }),
    }
}

/// Calls `visit(row, id)` for every row of a column that [`id_kind`] takes, or that is all null.
pub(crate) fn for_each_id<'a>(array: &'a ArrayRef, mut visit: impl FnMut(usize, IdValue<'a>)) {
    let Some(dictionary) = array.as_any_dictionary_opt() else { return for_each_plain_id(array, visit) };
    let mut values: Vec<IdValue<'a>> = Vec::with_capacity(dictionary.values().len());
    for_each_plain_id(dictionary.values(), |_, id| values.push(id));
    if values.is_empty() {
        return (0..array.len()).for_each(|row| visit(row, Ok(None)));
    }
    for (row, key) in dictionary.normalized_keys().into_iter().enumerate() {
        visit(row, if array.is_null(row) { Ok(None) } else { values[key].clone() });
    }
}

fn for_each_plain_id<'a>(array: &'a ArrayRef, mut visit: impl FnMut(usize, IdValue<'a>)) {
    match array.data_type() {
        DataType::Int8 => integers::<Int8Type>(array, visit),
        DataType::Int16 => integers::<Int16Type>(array, visit),
        DataType::Int32 => integers::<Int32Type>(array, visit),
        DataType::Int64 => integers::<Int64Type>(array, visit),
        DataType::UInt8 => integers::<UInt8Type>(array, visit),
        DataType::UInt16 => integers::<UInt16Type>(array, visit),
        DataType::UInt32 => integers::<UInt32Type>(array, visit),
        DataType::UInt64 => {
            for (row, value) in array.as_primitive::<UInt64Type>().iter().enumerate() {
                visit(row, value.map(unsigned).transpose());
            }
        }
        DataType::Utf8 => texts(array.as_string::<i32>().iter(), visit),
        DataType::LargeUtf8 => texts(array.as_string::<i64>().iter(), visit),
        DataType::Utf8View => texts(array.as_string_view().iter(), visit),
        DataType::Null => (0..array.len()).for_each(|row| visit(row, Ok(None))),
        other => unreachable!("id_kind has refused {other}"),
    }
}

fn integers<'a, T: ArrowPrimitiveType>(array: &'a ArrayRef, mut visit: impl FnMut(usize, IdValue<'a>))
where
    T::Native: Into<i64>,
{
    let array = array.as_primitive::<T>();
    for (row, &value) in array.values().iter().enumerate() {
        visit(row, Ok(array.is_valid(row).then(|| ExternalIdRef::Int(value.into()))));
    }
}

fn unsigned<'a>(value: u64) -> std::result::Result<ExternalIdRef<'a>, BadValue> {
    i64::try_from(value)
        .map(ExternalIdRef::Int)
        .map_err(|_| BadValue::new(value, "an unsigned id is above 9223372036854775807", "cast the column to string"))
}

fn texts<'a>(values: impl Iterator<Item = Option<&'a str>>, mut visit: impl FnMut(usize, IdValue<'a>)) {
    for (row, value) in values.enumerate() {
        visit(
            row,
            match value {
                Some("") => Err(BadValue::new(
                    "\"\"",
                    "an id is an empty text",
                    "write the id, or null where the column may be empty",
                )),
                other => Ok(other.map(ExternalIdRef::Text)),
            },
        );
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::{
        DictionaryArray, Int8Array, Int16Array, Int32Array, Int64Array, LargeStringArray, NullArray, StringArray,
        StringViewArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
    };
    use sidecart_core::ExternalId;

    use super::*;

    fn read(array: &ArrayRef) -> Vec<std::result::Result<Option<ExternalId>, &'static str>> {
        let mut out = Vec::new();
        for_each_id(array, |row, id| {
            assert_eq!(row, out.len());
            out.push(id.map(|id| id.map(ExternalIdRef::to_owned)).map_err(|bad| bad.problem));
        });
        out
    }

    #[test]
    fn integers_of_every_width_come_in_one_form() {
        let arrays: [ArrayRef; 8] = [
            Arc::new(Int8Array::from(vec![Some(7), None])),
            Arc::new(Int16Array::from(vec![Some(7), None])),
            Arc::new(Int32Array::from(vec![Some(7), None])),
            Arc::new(Int64Array::from(vec![Some(7), None])),
            Arc::new(UInt8Array::from(vec![Some(7), None])),
            Arc::new(UInt16Array::from(vec![Some(7), None])),
            Arc::new(UInt32Array::from(vec![Some(7), None])),
            Arc::new(UInt64Array::from(vec![Some(7), None])),
        ];
        for array in arrays {
            assert_eq!(id_kind(Path::new("f"), "n", "c", array.data_type()).unwrap(), IdKind::Int);
            assert_eq!(read(&array), [Ok(Some(ExternalId::Int(7))), Ok(None)], "{}", array.data_type());
        }
        let large: ArrayRef = Arc::new(UInt64Array::from(vec![u64::MAX]));
        assert_eq!(read(&large), [Err("an unsigned id is above 9223372036854775807")]);
    }

    #[test]
    fn texts_of_every_type_come_in_one_form() {
        let values = vec![Some("a"), None, Some("")];
        let expected = [Ok(Some(ExternalId::Text("a".into()))), Ok(None), Err("an id is an empty text")];
        let arrays: [ArrayRef; 5] = [
            Arc::new(StringArray::from(values.clone())),
            Arc::new(LargeStringArray::from(values.clone())),
            Arc::new(StringViewArray::from(values.clone())),
            Arc::new(values.iter().copied().collect::<DictionaryArray<Int8Type>>()),
            Arc::new(values.iter().copied().collect::<DictionaryArray<UInt64Type>>()),
        ];
        for array in arrays {
            assert_eq!(id_kind(Path::new("f"), "n", "c", array.data_type()).unwrap(), IdKind::Text);
            assert_eq!(read(&array), expected, "{}", array.data_type());
        }
    }

    #[test]
    fn columns_of_nulls_have_no_ids() {
        let nothing: ArrayRef = Arc::new(NullArray::new(2));
        let unused: ArrayRef = Arc::new([None::<&str>, None].into_iter().collect::<DictionaryArray<Int32Type>>());
        assert_eq!(read(&nothing), [Ok(None), Ok(None)]);
        assert_eq!(read(&unused), [Ok(None), Ok(None)]);
    }

    #[test]
    fn other_types_are_refused_with_the_remedy() {
        let error = id_kind(Path::new("f.parquet"), "item_id", "sku", &DataType::Float64).unwrap_err().to_string();
        assert!(error.contains("f.parquet: column `sku` is Float64; item_id takes integers of any width"), "{error}");
        assert!(error.contains("missing values turned integers into floats"), "{error}");
        assert!(id_kind(Path::new("f"), "item_id", "sku", &DataType::Binary).is_err());
    }
}
