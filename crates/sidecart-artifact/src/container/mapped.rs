//! The one place that maps files into memory.
#![allow(unsafe_code)]

use std::fs::File;
use std::path::Path;

use crate::Error;

/// A read-only mapping of a whole file.
#[derive(Debug)]
pub(super) struct Mapping(memmap2::Mmap);

impl Mapping {
    /// Maps a file that nobody changes or cuts while it is mapped; see
    /// [`Mode::Mapped`](super::Mode::Mapped), where the caller promises that.
    pub(super) fn new(path: &Path, file: &File) -> Result<Self, Error> {
        // SAFETY: the mapping is private to this type, read-only and never handed out as mutable.
        // What remains is another process that writes to or truncates the same inode. Writers of
        // this format never do: files are written under a temporary name, renamed into place and
        // never opened for writing again, so a published inode is constant until its last mapping
        // is gone. That nobody else does either is what a caller of `Mode::Mapped` guarantees.
        let map = unsafe { memmap2::Mmap::map(file) }.map_err(Error::io(path, "mapping"))?;
        Ok(Self(map))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
