use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};

use super::{ALIGNMENT, Dtype};
use crate::Error;

/// Longest JSON header in bytes; read before anything is allocated for it.
pub const MAX_HEADER_BYTES: u64 = 1 << 20;

/// Most tensors in one container.
pub const MAX_TENSORS: usize = 4096;

/// Longest name of a tensor in bytes.
const MAX_NAME_BYTES: usize = 200;

/// The one name that is no tensor.
pub(super) const METADATA: &str = "__metadata__";

/// Element type and shape of a tensor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TensorInfo {
    /// Element type.
    pub dtype: Dtype,
    /// One or two dimensions.
    pub shape: Vec<usize>,
    /// First byte in the tensor area.
    pub(super) offset: usize,
    /// Length in bytes.
    pub(super) bytes: usize,
}

/// A checked header.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) tensors: BTreeMap<String, TensorInfo>,
    pub(super) metadata: BTreeMap<String, String>,
    /// First byte of the tensor area, counted from the start of the container.
    pub(super) data_start: usize,
    /// Bytes of the whole container.
    pub(super) total: usize,
}

/// Reads the length field and holds it against the limit and the file.
pub(super) fn header_len(path: &Path, first: [u8; 8], file_len: u64) -> Result<usize, Error> {
    let len = u64::from_le_bytes(first);
    if len > MAX_HEADER_BYTES {
        return Err(Error::Limit {
            path: path.to_owned(),
            section: "header length",
            got: len,
            limit: MAX_HEADER_BYTES,
        });
    }
    let end = len + 8;
    if end > file_len {
        return Err(Error::Length { path: path.to_owned(), section: "file", expected: end, got: file_len });
    }
    if !end.is_multiple_of(ALIGNMENT as u64) {
        return Err(malformed(path, format!("the tensor area starts at {end}, not at a multiple of {ALIGNMENT}")));
    }
    Ok(len as usize)
}

impl Header {
    /// Reads and checks the JSON behind the length field, padding included.
    pub(super) fn parse(path: &Path, json: &[u8]) -> Result<Self, Error> {
        let end = json.iter().rposition(|&b| b != b' ').map_or(0, |at| at + 1);
        if json.first() != Some(&b'{') || json[end.saturating_sub(1)] != b'}' {
            return Err(malformed(path, "not a JSON object followed by spaces".into()));
        }
        if json.len() - end >= ALIGNMENT {
            return Err(malformed(
                path,
                format!("{} spaces of padding, fewer than {ALIGNMENT} expected", json.len() - end),
            ));
        }
        let raw: RawHeader = serde_json::from_slice(&json[..end]).map_err(|e| malformed(path, e.to_string()))?;
        let metadata = unique(path, raw.metadata)?;
        let mut tensors = Vec::with_capacity(raw.tensors.len());
        for (name, raw) in raw.tensors {
            let info = check_tensor(path, &name, raw)?;
            tensors.push((name, info));
        }
        let data_bytes = check_contiguous(path, &mut tensors)?;
        let data_start = json.len() + 8;
        let total = data_start
            .checked_add(data_bytes)
            .ok_or_else(|| malformed(path, "the tensors are longer than memory".into()))?;
        Ok(Self { tensors: unique(path, tensors)?, metadata, data_start, total })
    }
}

fn malformed(path: &Path, reason: String) -> Error {
    Error::Header { path: path.to_owned(), reason }
}

/// A name is 1 to 200 visible ASCII characters and not the metadata key.
pub(super) fn is_tensor_name(name: &str) -> bool {
    (1..=MAX_NAME_BYTES).contains(&name.len()) && name != METADATA && name.bytes().all(|b| b.is_ascii_graphic())
}

fn check_tensor(path: &Path, name: &str, raw: RawTensor) -> Result<TensorInfo, Error> {
    if !is_tensor_name(name) {
        return Err(malformed(path, format!("{name:?} is no tensor name")));
    }
    let layout = |reason: String| Error::Layout { path: path.to_owned(), section: name.into(), reason };
    let dtype = Dtype::from_name(&raw.dtype).ok_or_else(|| Error::Dtype {
        path: path.to_owned(),
        section: name.into(),
        expected: "one of I64, U64, F32, I32, U32, U16, I8, U8".into(),
        got: raw.dtype,
    })?;
    if !(1..=2).contains(&raw.shape.len()) {
        return Err(layout(format!("{} dimensions, expected 1 or 2", raw.shape.len())));
    }
    let product = raw.shape.iter().try_fold(dtype.width() as u64, |n, &d| n.checked_mul(d));
    let [begin, end] = raw.data_offsets;
    let bytes = end.checked_sub(begin).ok_or_else(|| layout(format!("ends at {end} before it begins at {begin}")))?;
    if product != Some(bytes) {
        return Err(layout(format!("shape {:?} of {dtype} does not fill its {bytes} bytes", raw.shape)));
    }
    let to_usize = |n: u64| usize::try_from(n).map_err(|_| layout(format!("{n} is larger than memory")));
    let offset = to_usize(begin)?;
    to_usize(end)?;
    if !offset.is_multiple_of(dtype.width()) {
        return Err(layout(format!("begins at {offset}, not at a multiple of {}", dtype.width())));
    }
    let shape = raw.shape.into_iter().map(to_usize).collect::<Result<_, _>>()?;
    Ok(TensorInfo { dtype, shape, offset, bytes: to_usize(bytes)? })
}

/// Each tensor begins where the one before it ends, the first at 0. Gives the end of the last.
fn check_contiguous(path: &Path, tensors: &mut [(String, TensorInfo)]) -> Result<usize, Error> {
    tensors.sort_unstable_by(|(a_name, a), (b_name, b)| {
        (a.offset, a.bytes, a_name.as_str()).cmp(&(b.offset, b.bytes, b_name.as_str()))
    });
    let mut expected = 0;
    for (name, info) in tensors.iter() {
        if info.offset != expected {
            let reason = format!("begins at {}, the one before it ends at {expected}", info.offset);
            return Err(Error::Layout { path: path.to_owned(), section: name.clone(), reason });
        }
        expected += info.bytes; // cannot overflow: the end was stated as a number and checked
    }
    Ok(expected)
}

fn unique<V>(path: &Path, entries: Vec<(String, V)>) -> Result<BTreeMap<String, V>, Error> {
    let mut map = BTreeMap::new();
    for (name, value) in entries {
        match map.entry(name) {
            std::collections::btree_map::Entry::Vacant(free) => free.insert(value),
            std::collections::btree_map::Entry::Occupied(taken) => {
                return Err(Error::Duplicate { path: path.to_owned(), section: taken.key().clone() });
            }
        };
    }
    Ok(map)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTensor {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: [u64; 2],
}

/// The header as written: names may repeat, which a map would hide.
struct RawHeader {
    metadata: Vec<(String, String)>,
    tensors: Vec<(String, RawTensor)>,
}

impl<'de> Deserialize<'de> for RawHeader {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;

        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = RawHeader;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of tensors")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<RawHeader, A::Error> {
                let mut metadata: Option<Entries> = None;
                let mut tensors = Vec::new();
                while let Some(name) = map.next_key::<String>()? {
                    if name != METADATA {
                        tensors.push((name, map.next_value()?));
                        if tensors.len() > MAX_TENSORS {
                            return Err(serde::de::Error::custom(format!("more than {MAX_TENSORS} tensors")));
                        }
                    } else if metadata.replace(map.next_value()?).is_some() {
                        return Err(serde::de::Error::custom(format!("{METADATA} appears twice")));
                    }
                }
                Ok(RawHeader { metadata: metadata.map_or_else(Vec::new, |m| m.0), tensors })
            }
        }

        deserializer.deserialize_map(HeaderVisitor)
    }
}

struct Entries(Vec<(String, String)>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EntriesVisitor;

        impl<'de> Visitor<'de> for EntriesVisitor {
            type Value = Entries;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of texts")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Entries, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(Entries(entries))
            }
        }

        deserializer.deserialize_map(EntriesVisitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(json: &str) -> Result<Header, Error> {
        let mut bytes = json.as_bytes().to_vec();
        while !(bytes.len() + 8).is_multiple_of(ALIGNMENT) {
            bytes.push(b' ');
        }
        Header::parse(Path::new("t"), &bytes)
    }

    fn tensor(dtype: &str, shape: &str, from: &str, to: &str) -> String {
        format!(r#"{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{from},{to}]}}"#)
    }

    #[test]
    fn every_rule_has_its_error() {
        let u8s = tensor("U8", "[4]", "0", "4");
        assert!(parse(&format!(r#"{{"a":{u8s}}}"#)).is_ok());
        assert!(matches!(parse("[]"), Err(Error::Header { .. })));
        assert!(matches!(parse(""), Err(Error::Header { .. })));
        assert!(matches!(parse(&format!(r#"{{"a":{u8s}}} {{}}"#)), Err(Error::Header { .. })));
        assert!(matches!(parse(&format!(r#"{{"a":{u8s}}}{}"#, " ".repeat(64))), Err(Error::Header { .. })));
        assert!(matches!(parse(&format!(r#"{{"a b":{u8s}}}"#)), Err(Error::Header { .. })));
        assert!(matches!(
            parse(r#"{"a":{"dtype":"U8","shape":[0],"data_offsets":[0,0],"x":1}}"#),
            Err(Error::Header { .. })
        ));
        assert!(matches!(
            parse(&format!(r#"{{"a":{u8s},"a":{}}}"#, tensor("U8", "[4]", "4", "8"))),
            Err(Error::Duplicate { .. })
        ));
        assert!(matches!(parse(r#"{"__metadata__":{"a":"1","a":"2"}}"#), Err(Error::Duplicate { .. })));
        assert!(matches!(parse(r#"{"__metadata__":{},"__metadata__":{}}"#), Err(Error::Header { .. })));
        assert!(matches!(parse(&format!(r#"{{"a":{}}}"#, tensor("F64", "[1]", "0", "8"))), Err(Error::Dtype { .. })));
        for (shape, from, to) in [
            ("[]", "0", "1"),
            ("[1,1,4]", "0", "4"),
            ("[5]", "0", "4"),
            ("[4]", "4", "0"),
            ("[4]", "1", "5"),
            ("[9223372036854775808,2]", "0", "0"),
            ("[18446744073709551615,18446744073709551615]", "0", "1"),
        ] {
            let json = format!(r#"{{"a":{}}}"#, tensor("U8", shape, from, to));
            assert!(matches!(parse(&json), Err(Error::Layout { .. })), "{json}");
        }
        let misaligned = format!(r#"{{"a":{},"b":{}}}"#, tensor("U8", "[1]", "0", "1"), tensor("U16", "[1]", "1", "3"));
        assert!(matches!(parse(&misaligned), Err(Error::Layout { .. })));
        let overlap = format!(r#"{{"a":{u8s},"b":{}}}"#, tensor("U8", "[4]", "2", "6"));
        assert!(matches!(parse(&overlap), Err(Error::Layout { .. })));
        let many: Vec<String> =
            (0..=MAX_TENSORS).map(|i| format!(r#""{i}":{}"#, tensor("U8", "[0]", "0", "0"))).collect();
        assert!(matches!(parse(&format!("{{{}}}", many.join(","))), Err(Error::Header { .. })));
    }

    #[test]
    fn the_length_field_is_checked_before_use() {
        let path = Path::new("t");
        assert_eq!(header_len(path, 56u64.to_le_bytes(), 64).unwrap(), 56);
        assert!(matches!(header_len(path, u64::MAX.to_le_bytes(), 64), Err(Error::Limit { .. })));
        assert!(matches!(header_len(path, 120u64.to_le_bytes(), 64), Err(Error::Length { .. })));
        assert!(matches!(header_len(path, 55u64.to_le_bytes(), 64), Err(Error::Header { .. })));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]
        #[test]
        fn structured_nonsense_never_panics(
            tensors in proptest::collection::vec((
                prop::sample::select(vec!["a", "b", "c", "", "__metadata__"]),
                prop::sample::select(vec!["U8", "U16", "F32", "I64", "F64"]),
                proptest::collection::vec(prop::sample::select(vec![0u64, 1, 2, 4, 8, 1 << 31, 1 << 63, u64::MAX]), 0..4),
                prop::sample::select(vec![0u64, 1, 2, 4, 8, 16, 1 << 32, u64::MAX]),
                prop::sample::select(vec![0u64, 1, 2, 4, 8, 16, 1 << 63, u64::MAX]),
            ), 0..4),
        ) {
            let entries: Vec<String> = tensors
                .iter()
                .map(|(name, dtype, shape, from, to)| format!(r#""{name}":{}"#, tensor(dtype, &format!("{shape:?}"), &from.to_string(), &to.to_string())))
                .collect();
            if let Ok(header) = parse(&format!("{{{}}}", entries.join(","))) {
                let covered: usize = header.tensors.values().map(|t| t.bytes).sum();
                prop_assert_eq!(header.data_start + covered, header.total);
                for t in header.tensors.values() {
                    prop_assert_eq!(t.shape.iter().product::<usize>() * t.dtype.width(), t.bytes);
                }
            }
        }

        #[test]
        fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = Header::parse(Path::new("t"), &bytes);
        }
    }
}
