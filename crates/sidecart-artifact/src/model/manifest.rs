use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use sidecart_core::{Clock, Time};

use super::{MANIFEST_FILE, Version};
use crate::Error;
use crate::canonical::canonical_json;

/// The format this crate writes and the newest it reads.
pub const FORMAT: u32 = 1;

/// Longest manifest in bytes.
pub const MAX_MANIFEST_BYTES: u64 = 4 << 20;

/// Longest name of a listed file in bytes.
const MAX_FILE_NAME_BYTES: usize = 100;

/// What a trainer states about a model; the rest of the [`Manifest`] follows from the files.
///
/// Only what changes results belongs here: no path, host, clock, thread count or timing, so that
/// equal training gives an equal version.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Draft {
    /// Effective settings, defaults included.
    pub settings: Value,
    /// Seed of every random choice.
    pub seed: u64,
    /// Fingerprint of the validated rows as hex digits; the same for any order of the rows.
    pub fingerprint: String,
    /// Time of the newest purchase learned from.
    pub trained_through: Time,
    /// What times count.
    pub clock: Clock,
    /// Sizes such as `items` or `customers`.
    pub counts: BTreeMap<String, u64>,
    /// Metrics measured offline.
    pub metrics: Value,
}

/// What a version is: its origin, its format and every file with length and checksum.
///
/// On disk it is canonical JSON (sorted keys, no blanks), and [`version`](Self::version) is the
/// SHA-256 over that JSON without the version itself.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Manifest {
    /// Format of the files.
    pub format: u32,
    /// Oldest reader format that can read them.
    pub oldest_reader: u32,
    /// Program and release that wrote them.
    pub producer: String,
    /// See [`Draft::settings`].
    pub settings: Value,
    /// See [`Draft::seed`].
    pub seed: u64,
    /// See [`Draft::fingerprint`].
    pub fingerprint: String,
    /// See [`Draft::trained_through`].
    #[serde(with = "time_as_integer")]
    pub trained_through: Time,
    /// See [`Draft::clock`].
    #[serde(with = "clock_by_name")]
    pub clock: Clock,
    /// See [`Draft::counts`].
    pub counts: BTreeMap<String, u64>,
    /// See [`Draft::metrics`].
    pub metrics: Value,
    /// Every file beside the manifest, by name.
    pub files: Vec<FileEntry>,
    /// The version, which is also the folder's name.
    pub version: Version,
}

/// A file of a version.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FileEntry {
    /// Path below the version folder, with `/`.
    pub name: String,
    /// Length in bytes.
    pub bytes: u64,
    /// XXH3 of 64 bits over the file, 16 hex digits in the manifest.
    #[serde(with = "hex_digits")]
    pub xxh3: u64,
}

impl Manifest {
    pub(super) fn new(draft: Draft, mut files: Vec<FileEntry>) -> Result<Self, Error> {
        files.sort_by(|a, b| a.name.cmp(&b.name));
        if !draft.fingerprint.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(Error::unwritable(MANIFEST_FILE, "the fingerprint is not hex digits"));
        }
        let mut manifest = Self {
            format: FORMAT,
            oldest_reader: FORMAT,
            producer: concat!("sidecart ", env!("CARGO_PKG_VERSION")).into(),
            settings: draft.settings,
            seed: draft.seed,
            fingerprint: draft.fingerprint,
            trained_through: draft.trained_through,
            clock: draft.clock,
            counts: draft.counts,
            metrics: draft.metrics,
            files,
            version: Version::from_digest(&[0; 32]),
        };
        manifest.version = version_of(manifest.to_value()?);
        let bytes = manifest.to_json()?;
        Self::parse(Path::new(MANIFEST_FILE), bytes.as_bytes())
            .map_err(|e| Error::unwritable(MANIFEST_FILE, format!("it would not be readable: {e}")))
    }

    /// The canonical JSON, as in the file.
    ///
    /// # Errors
    /// [`Error::Unwritable`] for settings that JSON cannot hold.
    pub fn to_json(&self) -> Result<String, Error> {
        self.to_value().map(|value| canonical_json(&value))
    }

    fn to_value(&self) -> Result<Value, Error> {
        serde_json::to_value(self).map_err(|e| Error::unwritable(MANIFEST_FILE, e.to_string()))
    }

    /// Reads a manifest and checks all of it: canonical form, version, formats, file names.
    ///
    /// # Errors
    /// [`Error::Limit`], [`Error::Manifest`], [`Error::Format`] or [`Error::VersionMismatch`].
    pub fn parse(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() as u64 > MAX_MANIFEST_BYTES {
            let (got, limit) = (bytes.len() as u64, MAX_MANIFEST_BYTES);
            return Err(Error::Limit { path: path.to_owned(), section: "manifest length", got, limit });
        }
        let malformed = |reason: String| Error::Manifest { path: path.to_owned(), reason };
        let value: Value = serde_json::from_slice(bytes).map_err(|e| malformed(format!("not JSON: {e}")))?;
        // Before anything else, because a later format may change any other rule.
        let oldest_reader = value.get("oldest_reader").and_then(Value::as_u64);
        if let Some(got) = oldest_reader.filter(|&oldest| oldest > u64::from(FORMAT)) {
            let got = u32::try_from(got).unwrap_or(u32::MAX);
            return Err(Error::Format { path: path.to_owned(), expected: FORMAT, got });
        }
        if canonical_json(&value).as_bytes() != bytes {
            return Err(malformed("not canonical JSON (sorted keys, no blanks); it was edited".into()));
        }
        let manifest = Self::deserialize(&value).map_err(|e| malformed(e.to_string()))?;
        let is_known_format = manifest.format <= FORMAT;
        if manifest.format == 0 || manifest.oldest_reader == 0 || manifest.oldest_reader > manifest.format {
            return Err(malformed(format!("format {} for readers from {}", manifest.format, manifest.oldest_reader)));
        }
        if is_known_format && manifest.to_value()? != value {
            return Err(malformed("a field that its format does not have".into()));
        }
        for (i, file) in manifest.files.iter().enumerate() {
            if !is_file_name(&file.name) {
                return Err(malformed(format!("{:?} is no name for a file of a version", file.name)));
            }
            if i > 0 && manifest.files[i - 1].name >= file.name {
                return Err(malformed(format!("file {} is out of order or listed twice", file.name)));
            }
        }
        let computed = version_of(value);
        if computed != manifest.version {
            let (expected, got) = (computed.to_string(), manifest.version.to_string());
            return Err(Error::VersionMismatch { path: path.to_owned(), expected, got });
        }
        Ok(manifest)
    }

    /// What a version says of itself, to publish the same files with other settings or metrics.
    #[must_use]
    pub fn to_draft(&self) -> Draft {
        Draft {
            settings: self.settings.clone(),
            seed: self.seed,
            fingerprint: self.fingerprint.clone(),
            trained_through: self.trained_through,
            clock: self.clock,
            counts: self.counts.clone(),
            metrics: self.metrics.clone(),
        }
    }

    /// The listed file of a name.
    #[must_use]
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }
}

fn version_of(mut manifest: Value) -> Version {
    if let Some(fields) = manifest.as_object_mut() {
        fields.remove("version");
    }
    Version::from_digest(&Sha256::digest(canonical_json(&manifest)).into())
}

/// Up to two parts of lower-case letters, digits, `-`, `_` and `.`, none starting with a dot and
/// none the manifest: such a name cannot leave its folder.
pub(super) fn is_file_name(name: &str) -> bool {
    let is_part = |part: &str| {
        part.bytes().next().is_some_and(|first| first != b'.')
            && part.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.'))
    };
    name.len() <= MAX_FILE_NAME_BYTES
        && name != MANIFEST_FILE
        && name.split('/').count() <= 2
        && name.split('/').all(is_part)
}

mod time_as_integer {
    use super::*;

    pub(super) fn serialize<S: Serializer>(time: &Time, serializer: S) -> Result<S::Ok, S::Error> {
        time.0.serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Time, D::Error> {
        i64::deserialize(deserializer).map(Time)
    }
}

mod clock_by_name {
    use super::*;

    pub(super) fn serialize<S: Serializer>(clock: &Clock, serializer: S) -> Result<S::Ok, S::Error> {
        clock.name().serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Clock, D::Error> {
        let name = String::deserialize(deserializer)?;
        Clock::from_name(&name).ok_or_else(|| serde::de::Error::custom(format!("{name:?} is no clock")))
    }
}

mod hex_digits {
    use super::*;

    pub(super) fn serialize<S: Serializer>(hash: &u64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{hash:016x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
        let text = String::deserialize(deserializer)?;
        let hash = (text.len() == 16).then(|| u64::from_str_radix(&text, 16).ok()).flatten();
        hash.ok_or_else(|| serde::de::Error::custom("a checksum is 16 hex digits"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn sample() -> Manifest {
        let draft = Draft {
            settings: json!({ "k": 10, "half_life_days": 90.5 }),
            seed: u64::MAX,
            fingerprint: "ab12".into(),
            trained_through: Time(-5),
            clock: Clock::Calendar,
            counts: [("items".into(), 3)].into(),
            metrics: json!({ "hit_rate": 0.1 + 0.2 }),
        };
        let files =
            ["model.safetensors", "customers/000.shard"].map(|name| FileEntry { name: name.into(), bytes: 9, xxh3: 1 });
        Manifest::new(draft, files.into()).unwrap()
    }

    fn parse(bytes: &[u8]) -> Result<Manifest, Error> {
        Manifest::parse(Path::new(MANIFEST_FILE), bytes)
    }

    /// Changes one field and signs again, as a trainer with another opinion would.
    fn signed(field: &str, to: Value) -> String {
        let mut value = sample().to_value().unwrap();
        value[field] = to;
        value["version"] = version_of(value.clone()).to_string().into();
        canonical_json(&value)
    }

    #[test]
    fn comes_back_and_is_stable() {
        let manifest = sample();
        let json = manifest.to_json().unwrap();
        assert_eq!(parse(json.as_bytes()).unwrap(), manifest);
        assert_eq!(manifest.files[0].name, "customers/000.shard");
        assert_eq!(sample().version, manifest.version);
        let mut other = manifest.clone();
        other.seed = 1;
        assert_ne!(version_of(other.to_value().unwrap()), manifest.version);
    }

    #[test]
    fn every_flip_and_cut_is_an_error() {
        let json = sample().to_json().unwrap().into_bytes();
        for at in 0..json.len() {
            for mask in [1, 0x20, 0xff] {
                let mut changed = json.clone();
                changed[at] ^= mask;
                assert!(parse(&changed).is_err(), "flip at {at}");
            }
            assert!(parse(&json[..at]).is_err(), "cut at {at}");
        }
        assert!(parse(&[json.as_slice(), b" "].concat()).is_err());
    }

    #[test]
    fn a_signed_but_wrong_manifest_is_refused() {
        assert!(parse(signed("seed", json!(2)).as_bytes()).is_ok());
        assert!(matches!(parse(signed("extra", json!(2)).as_bytes()), Err(Error::Manifest { .. })));
        assert!(matches!(parse(signed("clock", json!("lunar")).as_bytes()), Err(Error::Manifest { .. })));
        assert!(matches!(parse(signed("format", json!(0)).as_bytes()), Err(Error::Manifest { .. })));
        assert!(matches!(parse(signed("oldest_reader", json!(2)).as_bytes()), Err(Error::Format { got: 2, .. })));
        let entry = |name: &str| json!({ "bytes": 1, "name": name, "xxh3": "0000000000000001" });
        for name in ["../a", "/a", "a//b", "a/b/c", ".a", "", "A", "manifest.json", "a\\b"] {
            assert!(
                matches!(parse(signed("files", json!([entry(name)])).as_bytes()), Err(Error::Manifest { .. })),
                "{name}"
            );
        }
        let twice = signed("files", json!([entry("a"), entry("a")]));
        assert!(matches!(parse(twice.as_bytes()), Err(Error::Manifest { .. })));
        let unsigned = sample().to_json().unwrap().replace("\"seed\":18446744073709551615", "\"seed\":7");
        assert!(matches!(parse(unsigned.as_bytes()), Err(Error::VersionMismatch { .. })));
        let long = vec![b' '; MAX_MANIFEST_BYTES as usize + 1];
        assert!(matches!(parse(&long), Err(Error::Limit { .. })));
    }

    #[test]
    fn a_later_format_that_still_allows_this_reader_is_read() {
        let mut value = sample().to_value().unwrap();
        value["format"] = json!(FORMAT + 1);
        value["a_later_field"] = json!({});
        value["version"] = version_of(value.clone()).to_string().into();
        assert!(parse(canonical_json(&value).as_bytes()).is_ok());
    }

    #[test]
    fn a_fingerprint_is_hex() {
        let draft = Draft { fingerprint: "shop".into(), ..Draft::default() };
        assert!(matches!(Manifest::new(draft, Vec::new()), Err(Error::Unwritable { .. })));
    }
}
