use std::fmt;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::MANIFEST_FILE;
use crate::Error;
use crate::durable::open_regular;

/// The file in a model folder that names the live version.
pub const CURRENT_FILE: &str = "CURRENT";

/// The name of a version: the first 16 hex digits of a SHA-256, in lower case.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Version(u64);

impl Version {
    pub(super) fn from_digest(digest: &[u8; 32]) -> Self {
        let mut first = [0; 8];
        first.copy_from_slice(&digest[..8]);
        Self(u64::from_be_bytes(first))
    }

    /// Reads exactly 16 digits out of `0-9a-f`; anything else is no version.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_hex = text.len() == 16 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        is_hex.then(|| u64::from_str_radix(text, 16).ok().map(Self)).flatten()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Version {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("a version is 16 hex digits in lower case"))
    }
}

/// The live version of a model folder.
///
/// # Errors
/// [`Error::NoModel`] without the file `CURRENT`; [`Error::Current`] when it holds anything but 16
/// hex digits and at most one line end.
pub fn current(model_folder: impl AsRef<Path>) -> Result<Version, Error> {
    let folder = model_folder.as_ref();
    let path = folder.join(CURRENT_FILE);
    if !path.try_exists().map_err(Error::io(&path, "opening"))? {
        return Err(Error::NoModel { path: folder.to_owned() });
    }
    let (file, _) = open_regular(&path)?;
    let mut text = Vec::new();
    file.take(18).read_to_end(&mut text).map_err(Error::io(&path, "reading"))?;
    let version = std::str::from_utf8(&text).ok().and_then(|t| Version::parse(t.strip_suffix('\n').unwrap_or(t)));
    version.ok_or(Error::Current { path })
}

/// The version folder that a path means: the path itself when it holds a manifest, else the live
/// version below it.
///
/// # Errors
/// As [`current`].
pub fn resolve(path: impl AsRef<Path>) -> Result<PathBuf, Error> {
    let path = path.as_ref();
    let manifest = path.join(MANIFEST_FILE);
    match manifest.try_exists() {
        Ok(true) => Ok(path.to_owned()),
        Ok(false) => Ok(path.join(current(path)?.to_string())),
        // A path through a file is not a broken disk but a mistaken path.
        Err(e) if e.kind() == std::io::ErrorKind::NotADirectory => Err(Error::NoModel { path: path.to_owned() }),
        Err(e) => Err(Error::io(&manifest, "opening")(e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sixteen_hex_digits_are_a_version() {
        let version = Version::parse("00ff00ff00ff00ff").unwrap();
        assert_eq!(version.to_string(), "00ff00ff00ff00ff");
        for bad in ["", "00ff", "00FF00ff00ff00ff", "+0ff00ff00ff00ff", "../../etc/passwd", "00ff00ff00ff00ff0"] {
            assert_eq!(Version::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn current_never_becomes_a_path() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(current(folder.path()), Err(Error::NoModel { .. })));
        assert!(matches!(resolve(folder.path()), Err(Error::NoModel { .. })));
        let path = folder.path().join(CURRENT_FILE);
        for bad in ["", "../0000000000000", "00ff00ff00ff00ff\n\n", "/etc/passwd", "00ff00ff00ff00ff and more"] {
            std::fs::write(&path, bad).unwrap();
            assert!(matches!(resolve(folder.path()), Err(Error::Current { .. })), "{bad}");
        }
        for good in ["00ff00ff00ff00ff", "00ff00ff00ff00ff\n"] {
            std::fs::write(&path, good).unwrap();
            assert_eq!(resolve(folder.path()).unwrap(), folder.path().join("00ff00ff00ff00ff"));
        }
        assert!(matches!(resolve(&path), Err(Error::NoModel { .. })));
    }
}
