use std::collections::BTreeMap;
use std::io::Read;
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use xxhash_rust::xxh3::Xxh3;

use super::buffer::AlignedBuffer;
use super::element::first_not_finite;
use super::header::{Header, TensorInfo, header_len};
use super::mapped::Mapping;
use super::{Dtype, Element};
use crate::Error;
use crate::durable::open_regular;

/// How the bytes of a container come into memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Mode {
    /// One read into own, aligned memory. Nothing that happens to the file later can matter.
    #[default]
    Owned,
    /// The file is mapped: opening is faster and processes share the pages.
    ///
    /// The caller guarantees that nobody writes to or truncates the file while the container
    /// lives; otherwise the process can die or read torn numbers. Everything this crate
    /// publishes keeps that promise (files are replaced by rename, never changed). Copying a
    /// file over a mapped one, or serving from a network share that others write to, does not.
    Mapped,
}

/// How much is checked when files are opened. Structure (lengths, offsets, names, types, ids) is
/// always checked.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Checks {
    /// Also every checksum and every float: one pass over all bytes at about memory speed.
    #[default]
    All,
    /// Structure alone, for files that were checked before in the same place. Damage inside a
    /// tensor then gives wrong numbers, never undefined behaviour.
    Structure,
}

/// A handle to a tensor: resolved and checked once, then as cheap as a slice.
///
/// It borrows nothing, so that it can be stored beside its [`Container`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Section<T> {
    offset: usize,
    rows: usize,
    cols: usize,
    rank: usize,
    element: PhantomData<fn() -> T>,
}

impl<T> Section<T> {
    /// Number of rows; of elements where there is one dimension.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Elements of a row; 1 where there is one dimension.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Number of elements.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows * self.cols
    }

    /// Whether there are no elements.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shape(&self) -> Vec<usize> {
        [self.rows, self.cols][..self.rank].to_vec()
    }
}

/// An opened safetensors file whose every offset was checked.
///
/// See [`ContainerWriter`](crate::ContainerWriter) for an example.
#[derive(Debug)]
pub struct Container {
    path: PathBuf,
    bytes: Bytes,
    data_start: usize,
    tensors: BTreeMap<String, TensorInfo>,
    metadata: BTreeMap<String, String>,
}

#[derive(Debug)]
enum Bytes {
    Owned(AlignedBuffer),
    Mapped(Mapping),
}

impl Bytes {
    #[inline]
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(buffer) => buffer.bytes(),
            Self::Mapped(mapping) => mapping.bytes(),
        }
    }
}

impl Container {
    /// Opens a file with all checks. O(file).
    ///
    /// # Errors
    /// I/O, memory, and every rule of `models/README.md` that the file breaks.
    pub fn open(path: impl AsRef<Path>, mode: Mode) -> Result<Self, Error> {
        Self::open_hashed(path.as_ref(), mode, Checks::All, &mut |_| {})
    }

    /// Copies a file that is already in memory; `name` stands for the path in errors.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_bytes(name: impl AsRef<Path>, bytes: &[u8]) -> Result<Self, Error> {
        Self::from_bytes_with(name.as_ref(), bytes, Checks::All)
    }

    pub(crate) fn from_bytes_with(path: &Path, bytes: &[u8], checks: Checks) -> Result<Self, Error> {
        let header = parse(path, bytes)?;
        let buffer = AlignedBuffer::copy_of(path, bytes)?;
        Self::checked(path, Bytes::Owned(buffer), header, checks)
    }

    /// Takes a buffer in which the container begins at `start`, a multiple of 64.
    pub(crate) fn from_buffer(path: &Path, buffer: AlignedBuffer, start: usize) -> Result<Self, Error> {
        let mut header = parse(path, &buffer.bytes()[start..])?;
        header.data_start += start;
        Self::checked(path, Bytes::Owned(buffer), header, Checks::All)
    }

    /// Opens a file and compares its length and, with [`Checks::All`], its XXH3 with what the
    /// manifest states.
    pub(crate) fn open_stated(path: &Path, mode: Mode, checks: Checks, stated: (u64, u64)) -> Result<Self, Error> {
        let (expected_len, expected) = stated;
        let (_, got_len) = open_regular(path)?;
        if got_len != expected_len {
            return Err(Error::Length { path: path.to_owned(), section: "file", expected: expected_len, got: got_len });
        }
        if checks == Checks::Structure {
            return Self::open_hashed(path, mode, checks, &mut |_| {});
        }
        let mut hasher = Xxh3::new();
        let container = Self::open_hashed(path, mode, checks, &mut |chunk| hasher.update(chunk))?;
        match hasher.digest() {
            got if got == expected => Ok(container),
            got => Err(Error::checksum(path, "file", expected, got)),
        }
    }

    fn open_hashed(path: &Path, mode: Mode, checks: Checks, seen: &mut dyn FnMut(&[u8])) -> Result<Self, Error> {
        let (mut file, len) = open_regular(path)?;
        match mode {
            Mode::Mapped if len > 0 => {
                let mapping = Mapping::new(path, &file)?;
                seen(mapping.bytes());
                let header = parse(path, mapping.bytes())?;
                Self::checked(path, Bytes::Mapped(mapping), header, checks)
            }
            Mode::Mapped | Mode::Owned => {
                let mut first = Vec::with_capacity(8);
                read_more(path, &mut file, &mut first, 8)?;
                let json = header_len(path, length_field(&first), len)?;
                first.reserve_exact(json);
                read_more(path, &mut file, &mut first, json)?;
                let header = Header::parse(path, &first[8..])?;
                check_total(path, &header, len)?;
                seen(&first);
                let mut buffer = AlignedBuffer::with_capacity(path, len)?;
                buffer.append(&first);
                buffer.fill(path, &mut file, header.total, seen)?;
                Self::checked(path, Bytes::Owned(buffer), header, checks)
            }
        }
    }

    fn checked(path: &Path, bytes: Bytes, header: Header, checks: Checks) -> Result<Self, Error> {
        let Header { tensors, metadata, data_start, .. } = header;
        let container = Self { path: path.to_owned(), bytes, data_start, tensors, metadata };
        if checks == Checks::All {
            container.require_finite()?;
        }
        Ok(container)
    }

    /// Checks that no float is NaN or infinite; subnormal numbers are allowed. Opening with
    /// [`Checks::All`] has done this. O(floats).
    ///
    /// # Errors
    /// [`Error::NotFinite`] with the first such float.
    pub fn require_finite(&self) -> Result<(), Error> {
        for (name, info) in self.tensors.iter().filter(|(_, info)| info.dtype == Dtype::F32) {
            let values: &[f32] = bytemuck::cast_slice(&self.data()[info.offset..info.offset + info.bytes]);
            if let Some(position) = first_not_finite(values) {
                let (path, section) = (self.path.clone(), name.clone());
                return Err(Error::NotFinite { path, section, position, got: values[position] });
            }
        }
        Ok(())
    }

    /// The file this was read from.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the whole file.
    #[must_use]
    pub fn total_bytes(&self) -> usize {
        self.bytes.as_slice().len()
    }

    /// All tensors by name.
    pub fn tensors(&self) -> impl ExactSizeIterator<Item = (&str, &TensorInfo)> {
        self.tensors.iter().map(|(name, info)| (name.as_str(), info))
    }

    /// Whether there is a tensor of this name.
    #[must_use]
    pub fn contains(&self, name: &str) -> bool {
        self.tensors.contains_key(name)
    }

    /// The texts about the file.
    #[must_use]
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// Resolves a tensor of any shape.
    ///
    /// # Errors
    /// [`Error::Missing`] or [`Error::Dtype`].
    pub fn section<T: Element>(&self, name: &str) -> Result<Section<T>, Error> {
        let info =
            self.tensors.get(name).ok_or_else(|| Error::Missing { path: self.path.clone(), section: name.into() })?;
        if info.dtype != T::DTYPE {
            let (expected, got) = (T::DTYPE.to_string(), info.dtype.to_string());
            return Err(Error::Dtype { path: self.path.clone(), section: name.into(), expected, got });
        }
        let (rows, cols) = (info.shape[0], info.shape.get(1).copied().unwrap_or(1));
        Ok(Section { offset: info.offset, rows, cols, rank: info.shape.len(), element: PhantomData })
    }

    /// Resolves a tensor of one dimension and `len` elements.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Dtype`] or [`Error::Shape`].
    pub fn vector<T: Element>(&self, name: &str, len: usize) -> Result<Section<T>, Error> {
        self.shaped(name, &[len])
    }

    /// Resolves a tensor of `rows` times `cols`.
    ///
    /// # Errors
    /// [`Error::Missing`], [`Error::Dtype`] or [`Error::Shape`].
    pub fn matrix<T: Element>(&self, name: &str, rows: usize, cols: usize) -> Result<Section<T>, Error> {
        self.shaped(name, &[rows, cols])
    }

    fn shaped<T: Element>(&self, name: &str, shape: &[usize]) -> Result<Section<T>, Error> {
        let section = self.section(name)?;
        if section.shape() != shape {
            let (expected, got) = (shape.to_vec(), section.shape());
            return Err(Error::Shape { path: self.path.clone(), section: name.into(), expected, got });
        }
        Ok(section)
    }

    /// The elements of a tensor, row after row. O(1).
    ///
    /// # Panics
    /// When the handle was resolved by another container and points outside of this one.
    #[inline]
    #[must_use]
    pub fn get<T: Element>(&self, section: &Section<T>) -> &[T] {
        let end = section.offset + section.len() * size_of::<T>();
        bytemuck::cast_slice(&self.data()[section.offset..end])
    }

    /// One row of a tensor. O(1).
    ///
    /// # Panics
    /// When there is no such row, and as [`get`](Self::get).
    #[inline]
    #[must_use]
    pub fn row<T: Element>(&self, section: &Section<T>, row: usize) -> &[T] {
        assert!(row < section.rows, "row {row} of {}", section.rows);
        let begin = section.offset + row * section.cols * size_of::<T>();
        bytemuck::cast_slice(&self.data()[begin..begin + section.cols * size_of::<T>()])
    }

    #[inline]
    fn data(&self) -> &[u8] {
        &self.bytes.as_slice()[self.data_start..]
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Header, Error> {
    let len = bytes.len() as u64;
    let Some((first, rest)) = bytes.split_first_chunk::<8>() else {
        return Err(Error::Length { path: path.to_owned(), section: "file", expected: 8, got: len });
    };
    let json = header_len(path, *first, len)?;
    let header = Header::parse(path, &rest[..json])?;
    check_total(path, &header, len)?;
    Ok(header)
}

fn check_total(path: &Path, header: &Header, len: u64) -> Result<(), Error> {
    let expected = header.total as u64;
    if expected == len {
        return Ok(());
    }
    Err(Error::Length { path: path.to_owned(), section: "file", expected, got: len })
}

fn read_more(path: &Path, file: &mut impl Read, into: &mut Vec<u8>, bytes: usize) -> Result<(), Error> {
    let got = file.take(bytes as u64).read_to_end(into).map_err(Error::io(path, "reading"))?;
    if got == bytes {
        return Ok(());
    }
    Err(Error::Length { path: path.to_owned(), section: "header", expected: bytes as u64, got: got as u64 })
}

fn length_field(bytes: &[u8]) -> [u8; 8] {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[..8]);
    field
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ContainerWriter;
    use proptest::prelude::*;

    fn sample() -> Vec<u8> {
        let mut writer = ContainerWriter::new();
        writer.add("ids", &[1i64, 5, 9], &[3]).unwrap();
        writer.add("weights", &[0.5f32, 1.0, -2.0, f32::MIN_POSITIVE / 2.0], &[2, 2]).unwrap();
        writer.add("bytes", b"abc", &[3]).unwrap();
        writer.to_bytes().unwrap()
    }

    #[test]
    fn sections_are_resolved_once_and_checked() {
        let container = Container::from_bytes("t", &sample()).unwrap();
        let weights = container.matrix::<f32>("weights", 2, 2).unwrap();
        assert_eq!(container.row(&weights, 1), [-2.0, f32::MIN_POSITIVE / 2.0]);
        assert_eq!(container.get(&weights).as_ptr().addr() % 4, 0);
        assert!(matches!(container.section::<f32>("none"), Err(Error::Missing { .. })));
        assert!(matches!(container.section::<i32>("weights"), Err(Error::Dtype { .. })));
        assert!(matches!(container.vector::<f32>("weights", 4), Err(Error::Shape { .. })));
        assert!(matches!(container.vector::<i64>("ids", 4), Err(Error::Shape { .. })));
        assert_eq!(container.tensors().len(), 3);
    }

    #[test]
    fn modes_agree() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        std::fs::write(&path, sample()).unwrap();
        let owned = Container::open(&path, Mode::Owned).unwrap();
        let mapped = Container::open(&path, Mode::Mapped).unwrap();
        for name in ["ids", "bytes", "weights"] {
            assert_eq!(owned.tensors[name], mapped.tensors[name]);
        }
        assert_eq!(owned.bytes.as_slice(), mapped.bytes.as_slice());
        assert_eq!(owned.bytes.as_slice().as_ptr().addr() % 64, 0);
    }

    #[test]
    fn lengths_of_files_are_checked_in_both_modes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let bytes = sample();
        for mode in [Mode::Owned, Mode::Mapped] {
            for len in [0, 7, 8, 63, bytes.len() - 1, bytes.len() + 1] {
                let mut cut = bytes.clone();
                cut.resize(len, 0);
                std::fs::write(&path, cut).unwrap();
                assert!(matches!(Container::open(&path, mode), Err(Error::Length { .. })), "{mode:?} {len}");
            }
            std::fs::remove_file(&path).unwrap();
            assert!(matches!(Container::open(&path, mode), Err(Error::Io { .. })));
            assert!(matches!(Container::open(folder.path(), mode), Err(Error::NotAFile { .. })));
        }
    }

    #[test]
    fn floats_that_are_not_finite_are_refused() {
        let mut bytes = sample();
        let at = bytes.len() - 3 - 16;
        bytes[at..at + 4].copy_from_slice(&f32::NAN.to_le_bytes());
        assert!(matches!(Container::from_bytes("t", &bytes), Err(Error::NotFinite { position: 0, .. })));
        let unchecked = Container::from_bytes_with(Path::new("t"), &bytes, Checks::Structure).unwrap();
        assert!(unchecked.require_finite().is_err());
    }

    #[test]
    fn a_huge_sparse_file_costs_no_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.safetensors");
        let file = std::fs::File::create(&path).unwrap();
        if file.set_len(8 << 40).is_ok() {
            assert!(matches!(Container::open(&path, Mode::Owned), Err(Error::Header { .. })));
        }
        file.set_len(0).unwrap();
        std::fs::write(&path, sample()).unwrap();
        if file.set_len(8 << 40).is_ok() {
            assert!(matches!(Container::open(&path, Mode::Owned), Err(Error::Length { .. })));
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read(
            ints in proptest::collection::vec(any::<i64>(), 0..20),
            shorts in proptest::collection::vec(any::<u16>(), 0..20),
            floats in proptest::collection::vec(-1e30f32..1e30, 0..20),
            bytes in proptest::collection::vec(any::<i8>(), 0..20),
        ) {
            let mut writer = ContainerWriter::new();
            writer.add("ints", &ints, &[ints.len()]).unwrap();
            writer.add("shorts", &shorts, &[shorts.len(), 1]).unwrap();
            writer.add("floats", &floats, &[1, floats.len()]).unwrap();
            writer.add("bytes", &bytes, &[bytes.len()]).unwrap();
            let container = Container::from_bytes("t", &writer.to_bytes().unwrap()).unwrap();
            prop_assert_eq!(container.get(&container.section::<i64>("ints").unwrap()), ints);
            prop_assert_eq!(container.get(&container.section::<u16>("shorts").unwrap()), shorts);
            prop_assert_eq!(container.row(&container.section::<f32>("floats").unwrap(), 0), floats);
            prop_assert_eq!(container.get(&container.section::<i8>("bytes").unwrap()), bytes);
        }
    }
}
