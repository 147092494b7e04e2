use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::files::check_length;
use super::manifest::is_file_name;
use super::version::CURRENT_FILE;
use super::{CUSTOMERS_FOLDER, Draft, FileEntry, MANIFEST_FILE, MODEL_FILE, Manifest, Version};
use crate::durable::{HashingWriter, hash_file, open_regular, replace_file, sync_folder};
use crate::{ContainerWriter, CustomersSpec, CustomersWriter, Error};

/// Start of the names of folders that are not (or no longer) versions.
const STAGING_PREFIX: &str = ".staging-";
const LOCK_FILE: &str = ".lock";

/// A version being written beside the published ones.
///
/// Dropping it without [`publish`](Self::publish) removes what was written. One staging exists
/// per model folder at a time; another one waits.
#[derive(Debug)]
pub struct Staging {
    model_folder: PathBuf,
    folder: PathBuf,
    files: Vec<FileEntry>,
    /// Held until the end; the system releases it when the process dies.
    _lock: Option<File>,
}

impl Staging {
    /// Starts a version below a model folder, which is created when missing, and removes what a
    /// killed process may have left there. Waits while another process publishes there.
    ///
    /// # Errors
    /// I/O errors.
    pub fn begin(model_folder: impl AsRef<Path>) -> Result<Self, Error> {
        let model_folder = model_folder.as_ref().to_owned();
        fs::create_dir_all(&model_folder).map_err(Error::io(&model_folder, "creating"))?;
        let lock = lock(&model_folder.join(LOCK_FILE))?;
        if lock.is_some() {
            remove_leftovers(&model_folder)?;
        }
        let folder = model_folder.join(format!("{STAGING_PREFIX}{}", std::process::id()));
        fs::create_dir(&folder).map_err(Error::io(&folder, "creating"))?;
        Ok(Self { model_folder, folder, files: Vec::new(), _lock: lock })
    }

    /// Writes and syncs a container.
    ///
    /// # Errors
    /// [`Error::Unwritable`] for a name that is no file name or taken; I/O errors.
    pub fn write_container(&mut self, name: &str, content: &ContainerWriter<'_>) -> Result<(), Error> {
        content.total_bytes()?;
        self.write(name, |file| content.write_to(file))
    }

    /// Writes and syncs any other file.
    ///
    /// # Errors
    /// As [`write_container`](Self::write_container).
    pub fn write_bytes(&mut self, name: &str, content: &[u8]) -> Result<(), Error> {
        self.write(name, |file| file.write_all(content))
    }

    /// Copies a file of another version and checks it on the way.
    ///
    /// # Errors
    /// [`Error::Length`] or [`Error::Checksum`] where the file is not what `entry` says; else as
    /// [`write_container`](Self::write_container).
    pub fn copy_file(&mut self, version_folder: &Path, entry: &FileEntry) -> Result<(), Error> {
        let path = version_folder.join(&entry.name);
        let (mut from, got) = open_regular(&path)?;
        check_length(&path, entry, got)?;
        self.write(&entry.name, |file| std::io::copy(&mut from, file).map(|_| ()))?;
        match self.files.last() {
            Some(copy) if copy == entry => Ok(()),
            Some(copy) => Err(Error::checksum(&path, "file", entry.xxh3, copy.xxh3)),
            None => Err(Error::unwritable(&entry.name, "it was not written")),
        }
    }

    fn write(
        &mut self,
        name: &str,
        write: impl FnOnce(&mut HashingWriter<File>) -> std::io::Result<()>,
    ) -> Result<(), Error> {
        if !is_file_name(name) {
            return Err(Error::unwritable(name, "a file name is lower-case letters, digits, '-', '_' and '.'"));
        }
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(Error::io(parent, "creating"))?;
        }
        if path.exists() {
            return Err(Error::unwritable(name, "a file of this name was written before"));
        }
        let mut file = HashingWriter::new(File::create_new(&path).map_err(Error::io(&path, "creating"))?);
        write(&mut file).map_err(Error::io(&path, "writing"))?;
        let (file, bytes, hasher) = file.finish();
        file.sync_all().map_err(Error::io(&path, "syncing"))?;
        self.files.push(FileEntry { name: name.into(), bytes, xxh3: hasher.digest() });
        Ok(())
    }

    /// Opens a writer for the newest baskets of customers; give it back to
    /// [`add_customers`](Self::add_customers).
    ///
    /// # Errors
    /// I/O errors.
    pub fn customers(&self, spec: CustomersSpec) -> Result<CustomersWriter, Error> {
        CustomersWriter::create(self.folder.join(CUSTOMERS_FOLDER), spec)
    }

    /// Finishes and syncs the customer shards.
    ///
    /// # Errors
    /// I/O errors.
    pub fn add_customers(&mut self, writer: CustomersWriter) -> Result<(), Error> {
        self.files.extend(writer.finish()?);
        Ok(())
    }

    /// Writes the manifest, gives the folder its final name and makes it the live version.
    ///
    /// A version that is already there in full is left as it is and becomes live.
    ///
    /// # Errors
    /// [`Error::Unwritable`] without `model.safetensors`; I/O errors. After an error the live
    /// version is the one before, and nothing half-written has a version's name.
    pub fn publish(self, draft: Draft) -> Result<Version, Error> {
        let manifest = Manifest::new(draft, self.files.clone())?;
        if manifest.file(MODEL_FILE).is_none() {
            return Err(Error::unwritable(MODEL_FILE, "a version without it cannot be served"));
        }
        let json = manifest.to_json()?;
        self.write_manifest(&json)?;
        let target = self.model_folder.join(manifest.version.to_string());
        if !is_complete(&target, &manifest, &json) {
            // Only damage leads here with a target in the way: it is moved aside first, and
            // removed as a leftover when the lock is next taken or this staging ends.
            let aside = self.model_folder.join(format!("{STAGING_PREFIX}{}", manifest.version));
            if target.exists() {
                fs::rename(&target, &aside).map_err(Error::io(&target, "moving"))?;
            }
            fs::rename(&self.folder, &target).map_err(Error::io(&target, "publishing"))?;
            sync_folder(&self.model_folder)?;
            if aside.exists() {
                fs::remove_dir_all(&aside).map_err(Error::io(&aside, "removing"))?;
            }
        }
        let line = format!("{}\n", manifest.version);
        replace_file(&self.model_folder.join(CURRENT_FILE), |file| file.write_all(line.as_bytes()))?;
        Ok(manifest.version)
    }

    fn write_manifest(&self, json: &str) -> Result<(), Error> {
        let path = self.folder.join(MANIFEST_FILE);
        let mut file = File::create_new(&path).map_err(Error::io(&path, "creating"))?;
        file.write_all(json.as_bytes()).and_then(|()| file.sync_all()).map_err(Error::io(&path, "writing"))?;
        for entry in &self.files {
            if let Some((subfolder, _)) = entry.name.split_once('/') {
                sync_folder(&self.folder.join(subfolder))?;
            }
        }
        sync_folder(&self.folder)
    }
}

impl Drop for Staging {
    fn drop(&mut self) {
        // After publishing there is nothing under this name. Where removing fails, the next
        // staging of this model folder tries again.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Writes containers as one version and makes it live: [`Staging`] for the common case.
///
/// # Errors
/// As [`Staging::publish`].
pub fn publish(
    model_folder: impl AsRef<Path>,
    draft: Draft,
    files: &[(&str, &ContainerWriter<'_>)],
) -> Result<Version, Error> {
    let mut staging = Staging::begin(model_folder)?;
    for (name, content) in files {
        staging.write_container(name, content)?;
    }
    staging.publish(draft)
}

/// Takes the lock of a model folder; `None` on file systems without locks.
fn lock(path: &Path) -> Result<Option<File>, Error> {
    let file =
        File::options().create(true).write(true).truncate(false).open(path).map_err(Error::io(path, "creating"))?;
    match file.lock() {
        Ok(()) => Ok(Some(file)),
        Err(e) if e.kind() == std::io::ErrorKind::Unsupported => Ok(None),
        Err(e) => Err(Error::io(path, "locking")(e)),
    }
}

fn remove_leftovers(model_folder: &Path) -> Result<(), Error> {
    for entry in fs::read_dir(model_folder).map_err(Error::io(model_folder, "listing"))? {
        let entry = entry.map_err(Error::io(model_folder, "listing"))?;
        let name = entry.file_name();
        let Some(name) = name.to_str() else { continue };
        let path = entry.path();
        if name.starts_with(STAGING_PREFIX) {
            fs::remove_dir_all(&path).map_err(Error::io(&path, "removing"))?;
        } else if name.starts_with(&format!(".{CURRENT_FILE}.")) {
            fs::remove_file(&path).map_err(Error::io(&path, "removing"))?;
        }
    }
    Ok(())
}

/// Whether a folder holds exactly this version, every byte of it.
fn is_complete(folder: &Path, manifest: &Manifest, json: &str) -> bool {
    fs::read(folder.join(MANIFEST_FILE)).is_ok_and(|found| found == json.as_bytes())
        && manifest
            .files
            .iter()
            .all(|entry| hash_file(&folder.join(&entry.name)).is_ok_and(|found| found == (entry.bytes, entry.xxh3)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Mode, ModelFiles, current};

    fn draft(seed: u64) -> Draft {
        Draft { seed, ..Draft::default() }
    }

    fn publish_values(folder: &Path, values: &[u32]) -> Result<Version, Error> {
        let mut writer = ContainerWriter::new();
        writer.add("values", values, &[values.len()]).unwrap();
        publish(folder, draft(7), &[(MODEL_FILE, &writer)])
    }

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> =
            fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn versions_stand_side_by_side_and_the_last_is_live() {
        let folder = tempfile::tempdir().unwrap();
        let model = folder.path().join("shop");
        let first = publish_values(&model, &[1]).unwrap();
        let second = publish_values(&model, &[2]).unwrap();
        assert_ne!(first, second);
        assert_eq!(current(&model).unwrap(), second);
        let mut expected = vec![".lock".to_owned(), first.to_string(), second.to_string(), CURRENT_FILE.to_owned()];
        expected.sort();
        assert_eq!(names(&model), expected);
        assert_eq!(ModelFiles::open(model.join(first.to_string()), Mode::Owned).unwrap().manifest().version, first);
    }

    #[test]
    fn publishing_the_same_again_leaves_the_files_alone() {
        let folder = tempfile::tempdir().unwrap();
        let version = publish_values(folder.path(), &[1]).unwrap();
        let path = folder.path().join(version.to_string()).join(MODEL_FILE);
        let before = fs::metadata(&path).unwrap().modified().unwrap();
        publish_values(folder.path(), &[2]).unwrap();
        assert_eq!(publish_values(folder.path(), &[1]).unwrap(), version);
        assert_eq!(fs::metadata(&path).unwrap().modified().unwrap(), before);
        assert_eq!(current(folder.path()).unwrap(), version);
    }

    #[test]
    fn a_damaged_version_is_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let version = publish_values(folder.path(), &[1]).unwrap();
        fs::write(folder.path().join(version.to_string()).join(MODEL_FILE), b"damage").unwrap();
        assert!(ModelFiles::open(folder.path(), Mode::Owned).is_err());
        assert_eq!(publish_values(folder.path(), &[1]).unwrap(), version);
        ModelFiles::open(folder.path(), Mode::Owned).unwrap().verify().unwrap();
        assert_eq!(names(folder.path()).len(), 3);
    }

    #[test]
    fn files_of_a_version_are_copied_and_checked() {
        let folder = tempfile::tempdir().unwrap();
        let first = publish_values(folder.path(), &[1, 2, 3]).unwrap();
        let version = folder.path().join(first.to_string());
        let manifest = crate::read_manifest(&version).unwrap();
        let mut staging = Staging::begin(folder.path()).unwrap();
        manifest.files.iter().for_each(|entry| staging.copy_file(&version, entry).unwrap());
        let settings = serde_json::json!({ "changed": true });
        let second = staging.publish(Draft { settings: settings.clone(), ..manifest.to_draft() }).unwrap();
        assert_ne!(first, second);
        let copied = ModelFiles::open(folder.path(), Mode::Owned).unwrap();
        copied.verify().unwrap();
        assert_eq!(copied.manifest().files, manifest.files);
        assert_eq!((&copied.manifest().settings, copied.manifest().seed), (&settings, manifest.seed));

        let entry = &manifest.files[0];
        for damage in [&b"short"[..], &vec![7; entry.bytes as usize]] {
            fs::write(version.join(&entry.name), damage).unwrap();
            let copied = Staging::begin(folder.path()).unwrap().copy_file(&version, entry);
            assert!(matches!(copied, Err(Error::Length { .. } | Error::Checksum { .. })));
        }
    }

    #[test]
    fn what_fails_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let staging = Staging::begin(folder.path()).unwrap();
        assert!(matches!(staging.publish(draft(1)), Err(Error::Unwritable { .. })));
        let mut staging = Staging::begin(folder.path()).unwrap();
        staging.write_bytes("notes.txt", b"1").unwrap();
        for name in ["notes.txt", "../a", "A", MANIFEST_FILE] {
            assert!(matches!(staging.write_bytes(name, b"2"), Err(Error::Unwritable { .. })), "{name}");
        }
        drop(staging);
        assert_eq!(names(folder.path()), [".lock"]);

        let live = publish_values(folder.path(), &[1]).unwrap();
        fs::remove_file(folder.path().join(CURRENT_FILE)).unwrap();
        fs::create_dir(folder.path().join(CURRENT_FILE)).unwrap();
        assert!(matches!(publish_values(folder.path(), &[2]), Err(Error::Io { action: "replacing", .. })));
        assert_eq!(names(folder.path()).iter().filter(|n| n.starts_with(".s") || n.starts_with(".C")).count(), 0);
        assert!(ModelFiles::open(folder.path().join(live.to_string()), Mode::Owned).is_ok());
    }

    #[test]
    fn leftovers_of_a_killed_process_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir_all(folder.path().join(".staging-1/customers")).unwrap();
        fs::write(folder.path().join(".CURRENT.1.partial"), b"00").unwrap();
        publish_values(folder.path(), &[1]).unwrap();
        assert!(names(folder.path()).iter().all(|n| !n.starts_with(".staging") && !n.starts_with(".CURRENT")));
    }
}
