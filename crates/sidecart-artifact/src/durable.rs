use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use xxhash_rust::xxh3::Xxh3;

use crate::Error;

/// Counts and hashes what passes through to the inner writer.
pub(crate) struct HashingWriter<W> {
    inner: W,
    hasher: Xxh3,
    bytes: u64,
}

impl<W> std::fmt::Debug for HashingWriter<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HashingWriter").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

impl<W: Write> HashingWriter<W> {
    pub(crate) fn new(inner: W) -> Self {
        Self { inner, hasher: Xxh3::new(), bytes: 0 }
    }

    /// Hashes bytes that stand elsewhere in the file, as if they came first.
    pub(crate) fn start_with(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
    }

    /// The inner writer, the number of bytes and the hash over them.
    pub(crate) fn finish(self) -> (W, u64, Xxh3) {
        (self.inner, self.bytes, self.hasher)
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let n = self.inner.write(buf)?;
        self.hasher.update(&buf[..n]);
        self.bytes += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// Opens a regular file and tells its length. A pipe is refused before it is opened, because
/// opening one waits for its other end.
pub(crate) fn open_regular(path: &Path) -> Result<(File, u64), Error> {
    let before = fs::metadata(path).map_err(Error::io(path, "opening"))?;
    if !before.is_file() {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    let file = File::open(path).map_err(Error::io(path, "opening"))?;
    let opened = file.metadata().map_err(Error::io(path, "reading"))?;
    if !opened.is_file() {
        return Err(Error::NotAFile { path: path.to_owned() });
    }
    Ok((file, opened.len()))
}

/// Length and XXH3 of a file, read in pieces.
pub(crate) fn hash_file(path: &Path) -> Result<(u64, u64), Error> {
    let (mut file, _) = open_regular(path)?;
    let mut hasher = Xxh3::new();
    let mut piece = vec![0; 256 << 10];
    let mut bytes = 0;
    loop {
        let n = file.read(&mut piece).map_err(Error::io(path, "reading"))?;
        if n == 0 {
            return Ok((bytes, hasher.digest()));
        }
        hasher.update(&piece[..n]);
        bytes += n as u64;
    }
}

/// Makes the names inside a folder durable.
pub(crate) fn sync_folder(path: &Path) -> Result<(), Error> {
    // Other systems do not open folders as files; there the rename itself has to be enough.
    if cfg!(unix) {
        File::open(path).and_then(|folder| folder.sync_all()).map_err(Error::io(path, "syncing"))?;
    }
    Ok(())
}

/// Replaces a file as a whole: temporary sibling, sync, rename, sync of the folder. A reader sees
/// the old file or the new one. The sibling is removed when anything fails.
pub(crate) fn replace_file(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), Error> {
    let name = path.file_name().ok_or_else(|| Error::NotAFile { path: path.to_owned() })?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut sibling = std::ffi::OsString::from(".");
    sibling.push(name);
    // Process and call make the name the writer's own.
    static CALLS: AtomicU64 = AtomicU64::new(0);
    sibling.push(format!(".{}-{}.partial", std::process::id(), CALLS.fetch_add(1, Ordering::Relaxed)));
    let partial = Partial { path: folder.join(sibling) };
    let mut file = File::create(&partial.path).map_err(Error::io(&partial.path, "creating"))?;
    write(&mut file).and_then(|()| file.sync_all()).map_err(Error::io(path, "writing"))?;
    drop(file);
    fs::rename(&partial.path, path).map_err(Error::io(path, "replacing"))?;
    sync_folder(folder)
}

struct Partial {
    path: PathBuf,
}

impl Drop for Partial {
    fn drop(&mut self) {
        // After the rename there is nothing left under this name; before it there is nothing
        // better to do with a second failure.
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_write_leaves_the_old_file_and_no_sibling() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a");
        replace_file(&path, |f| f.write_all(b"old")).unwrap();
        let failed = replace_file(&path, |f| {
            f.write_all(b"ne")?;
            Err(io::ErrorKind::StorageFull.into())
        });
        assert!(matches!(failed, Err(Error::Io { action: "writing", .. })));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn folders_and_pipes_are_not_files() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(open_regular(folder.path()), Err(Error::NotAFile { .. })));
        assert!(matches!(open_regular(Path::new("/dev/null")), Err(Error::NotAFile { .. })));
    }

    #[test]
    fn the_writer_hashes_what_it_passes_on() {
        let mut writer = HashingWriter::new(Vec::new());
        writer.write_all(b"side").unwrap();
        writer.write_all(b"cart").unwrap();
        let (inner, bytes, hash) = writer.finish();
        assert_eq!((inner.as_slice(), bytes), (&b"sidecart"[..], 8));
        assert_eq!(hash.digest(), xxhash_rust::xxh3::xxh3_64(b"sidecart"));
    }
}
