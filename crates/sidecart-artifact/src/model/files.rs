use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::xxh3_64;

use super::{CUSTOMERS_FOLDER, FileEntry, MANIFEST_FILE, MAX_MANIFEST_BYTES, MODEL_FILE, Manifest, Version, resolve};
use crate::durable::{hash_file, open_regular};
use crate::{Checks, Container, CustomerStore, Error, Mode};

/// The opened files of one version.
///
/// A version folder is complete and never changes, so what was opened stays what it was when
/// another version becomes live.
#[derive(Debug)]
pub struct ModelFiles {
    folder: Option<PathBuf>,
    manifest: Manifest,
    model: Container,
    customers: Option<CustomerStore>,
}

impl ModelFiles {
    /// Opens a model folder's live version, or one version folder, with all checks: manifest,
    /// version, file lengths, checksums, structure, floats. Customer shards are checked in
    /// headers, indexes and lengths here, each record when it is read, whole by
    /// [`verify`](Self::verify).
    ///
    /// # Errors
    /// I/O errors and every rule of `models/README.md` that a file breaks.
    pub fn open(path: impl AsRef<Path>, mode: Mode) -> Result<Self, Error> {
        Self::open_with(path, mode, Checks::All)
    }

    /// [`open`](Self::open) with fewer checks.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn open_with(path: impl AsRef<Path>, mode: Mode, checks: Checks) -> Result<Self, Error> {
        let folder = resolve(path)?;
        let manifest = read_manifest(&folder)?;
        let stated = |entry: &FileEntry| (entry.bytes, entry.xxh3);
        let model =
            Container::open_stated(&folder.join(MODEL_FILE), mode, checks, stated(model_entry(&folder, &manifest)?))?;
        let mut shards = Vec::new();
        for entry in manifest.files.iter().filter(|entry| entry.name != MODEL_FILE) {
            let path = folder.join(&entry.name);
            if is_shard(entry) {
                check_length(&path, entry, open_regular(&path)?.1)?;
                shards.push(path);
            } else if checks == Checks::All {
                check_file(&path, entry)?;
            } else {
                check_length(&path, entry, open_regular(&path)?.1)?;
            }
        }
        let customers = if shards.is_empty() { None } else { Some(CustomerStore::open_shards(shards)?) };
        Ok(Self { folder: Some(folder), manifest, model, customers })
    }

    /// Takes a version that is in memory: the manifest's bytes and every listed file by name.
    /// All checks are made, those of [`verify`](Self::verify) included.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_memory(manifest: &[u8], mut files: BTreeMap<String, Vec<u8>>) -> Result<Self, Error> {
        let manifest = Manifest::parse(Path::new(MANIFEST_FILE), manifest)?;
        model_entry(Path::new(""), &manifest)?;
        let mut model = None;
        let mut shards = Vec::new();
        for entry in &manifest.files {
            let path = Path::new(&entry.name);
            let bytes = files.remove(&entry.name).ok_or_else(|| Error::Manifest {
                path: MANIFEST_FILE.into(),
                reason: format!("file {} is listed but not there", entry.name),
            })?;
            check_length(path, entry, bytes.len() as u64)?;
            let got = xxh3_64(&bytes);
            if got != entry.xxh3 {
                return Err(Error::checksum(path, "file", entry.xxh3, got));
            }
            if entry.name == MODEL_FILE {
                model = Some(Container::from_bytes(path, &bytes)?);
            } else if is_shard(entry) {
                shards.push((path.to_owned(), bytes));
            }
        }
        let model = model.ok_or_else(|| Error::NoModel { path: MODEL_FILE.into() })?;
        let customers = if shards.is_empty() { None } else { Some(CustomerStore::from_shards(shards)?) };
        Ok(Self { folder: None, manifest, model, customers })
    }

    /// Reads every listed file whole and compares lengths and checksums. O(files).
    ///
    /// # Errors
    /// I/O errors, [`Error::Length`] or [`Error::Checksum`] for the first file that differs.
    pub fn verify(&self) -> Result<(), Error> {
        let Some(folder) = &self.folder else { return Ok(()) };
        self.manifest.files.iter().try_for_each(|entry| check_file(&folder.join(&entry.name), entry))
    }

    /// The version folder; `None` for a version from memory.
    #[must_use]
    pub fn folder(&self) -> Option<&Path> {
        self.folder.as_deref()
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// `model.safetensors`.
    #[must_use]
    pub fn model(&self) -> &Container {
        &self.model
    }

    /// The newest baskets of customers, where the version holds them.
    #[must_use]
    pub fn customers(&self) -> Option<&CustomerStore> {
        self.customers.as_ref()
    }

    /// Takes the parts, for a scorer that keeps them beside its own tables.
    #[must_use]
    pub fn into_parts(self) -> (Manifest, Container, Option<CustomerStore>) {
        (self.manifest, self.model, self.customers)
    }
}

/// The manifest of a version folder, checked, without opening the files it lists.
///
/// # Errors
/// I/O errors, and those of [`Manifest::parse`].
pub fn read_manifest(folder: &Path) -> Result<Manifest, Error> {
    let path = folder.join(MANIFEST_FILE);
    let (file, len) = open_regular(&path)?;
    if len > MAX_MANIFEST_BYTES {
        return Err(Error::Limit { path, section: "manifest length", got: len, limit: MAX_MANIFEST_BYTES });
    }
    let mut bytes = Vec::with_capacity(len as usize);
    file.take(MAX_MANIFEST_BYTES + 1).read_to_end(&mut bytes).map_err(Error::io(&path, "reading"))?;
    let manifest = Manifest::parse(&path, &bytes)?;
    let named = folder.file_name().and_then(|name| name.to_str()).and_then(Version::parse);
    match named {
        Some(named) if named != manifest.version => {
            Err(Error::VersionMismatch { path, expected: named.to_string(), got: manifest.version.to_string() })
        }
        Some(_) | None => Ok(manifest),
    }
}

fn model_entry<'a>(folder: &Path, manifest: &'a Manifest) -> Result<&'a FileEntry, Error> {
    manifest.file(MODEL_FILE).ok_or_else(|| Error::Manifest {
        path: folder.join(MANIFEST_FILE),
        reason: format!("{MODEL_FILE} is not listed"),
    })
}

fn is_shard(entry: &FileEntry) -> bool {
    entry.name.split_once('/').is_some_and(|(folder, _)| folder == CUSTOMERS_FOLDER)
}

pub(super) fn check_length(path: &Path, entry: &FileEntry, got: u64) -> Result<(), Error> {
    if got == entry.bytes {
        return Ok(());
    }
    Err(Error::Length { path: path.to_owned(), section: "file", expected: entry.bytes, got })
}

fn check_file(path: &Path, entry: &FileEntry) -> Result<(), Error> {
    let (bytes, xxh3) = hash_file(path)?;
    check_length(path, entry, bytes)?;
    if xxh3 == entry.xxh3 {
        return Ok(());
    }
    Err(Error::checksum(path, "file", entry.xxh3, xxh3))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ContainerWriter, CustomersSpec, Draft, RecordScratch, Staging};
    use sidecart_core::{Customer, ExternalIdRef, IdKind, ItemId, Time};

    fn written(folder: &Path) -> PathBuf {
        let mut staging = Staging::begin(folder).unwrap();
        let mut writer = ContainerWriter::new();
        writer.add("values", &[1.0f32, 2.0], &[2]).unwrap();
        staging.write_container(MODEL_FILE, &writer).unwrap();
        staging.write_bytes("notes.txt", b"about").unwrap();
        let mut customers = staging.customers(CustomersSpec { n_customers: 1, kind: IdKind::Int, n_items: 3 }).unwrap();
        let mut customer = Customer::default();
        customer.history.push(Time(1), &[ItemId(2)]);
        customers.push(ExternalIdRef::Int(42), &customer).unwrap();
        staging.add_customers(customers).unwrap();
        folder.join(staging.publish(Draft::default()).unwrap().to_string())
    }

    #[test]
    fn both_modes_and_both_kinds_of_path_open() {
        let folder = tempfile::tempdir().unwrap();
        let version = written(folder.path());
        for path in [folder.path(), &version] {
            for mode in [Mode::Owned, Mode::Mapped] {
                let files = ModelFiles::open(path, mode).unwrap();
                files.verify().unwrap();
                assert_eq!(files.folder(), Some(version.as_path()));
                let values = files.model().vector::<f32>("values", 2).unwrap();
                assert_eq!(files.model().get(&values), [1.0, 2.0]);
                let mut customer = Customer::default();
                let customers = files.customers().unwrap();
                let found = customers.read(ExternalIdRef::Int(42), &mut RecordScratch::default(), &mut customer);
                assert!(found.unwrap());
                assert_eq!(customer.history.get(0).items, [ItemId(2)]);
            }
        }
    }

    #[test]
    fn memory_and_disk_agree() {
        let folder = tempfile::tempdir().unwrap();
        let version = written(folder.path());
        let manifest = std::fs::read(version.join(MANIFEST_FILE)).unwrap();
        let on_disk = ModelFiles::open(&version, Mode::Owned).unwrap();
        let files: BTreeMap<String, Vec<u8>> = on_disk
            .manifest()
            .files
            .iter()
            .map(|entry| (entry.name.clone(), std::fs::read(version.join(&entry.name)).unwrap()))
            .collect();
        let (in_memory, model, customers) = ModelFiles::from_memory(&manifest, files.clone()).unwrap().into_parts();
        assert_eq!(&in_memory, on_disk.manifest());
        assert_eq!(model.total_bytes(), on_disk.model().total_bytes());
        assert_eq!(customers.unwrap().len(), 1);
        let mut missing = files;
        missing.remove("notes.txt");
        assert!(matches!(ModelFiles::from_memory(&manifest, missing), Err(Error::Manifest { .. })));
    }

    #[test]
    fn damage_is_found_at_opening_or_by_verify() {
        let folder = tempfile::tempdir().unwrap();
        let version = written(folder.path());
        let flip_last = |name: &str, back: usize| {
            let path = version.join(name);
            let mut bytes = std::fs::read(&path).unwrap();
            let at = bytes.len() - back;
            bytes[at] ^= 1;
            std::fs::write(&path, bytes).unwrap();
        };
        for name in [MODEL_FILE, "notes.txt"] {
            flip_last(name, 1);
            for mode in [Mode::Owned, Mode::Mapped] {
                assert!(matches!(ModelFiles::open(&version, mode), Err(Error::Checksum { .. })), "{name}");
                assert!(ModelFiles::open_with(&version, mode, Checks::Structure).is_ok());
            }
            flip_last(name, 1);
        }
        let shard = "customers/000.shard";
        let record_byte = std::fs::metadata(version.join(shard)).unwrap().len() as usize - 20;
        flip_last(shard, record_byte);
        let files = ModelFiles::open(&version, Mode::Owned).unwrap();
        assert!(matches!(files.verify(), Err(Error::Checksum { .. })));
        std::fs::write(version.join(shard), b"").unwrap();
        assert!(matches!(ModelFiles::open(&version, Mode::Owned), Err(Error::Length { .. })));
        std::fs::remove_file(version.join(shard)).unwrap();
        assert!(matches!(ModelFiles::open(&version, Mode::Owned), Err(Error::Io { .. })));
    }

    #[test]
    fn a_renamed_version_folder_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let version = written(folder.path());
        let renamed = folder.path().join("0123456789abcdef");
        std::fs::rename(&version, &renamed).unwrap();
        assert!(matches!(ModelFiles::open(&renamed, Mode::Owned), Err(Error::VersionMismatch { .. })));
        let plain = folder.path().join("copy");
        std::fs::rename(&renamed, &plain).unwrap();
        assert!(ModelFiles::open(&plain, Mode::Owned).is_ok());
    }
}
