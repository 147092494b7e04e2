use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use xxhash_rust::xxh3::Xxh3;

use crate::container::AlignedBuffer;
use crate::durable::{HashingWriter, open_regular, replace_file};
use crate::{Container, ContainerWriter, Error};

/// Longest kind of a sealed file in bytes.
pub const MAX_KIND_BYTES: usize = 24;

const MAGIC: &[u8; 8] = b"SCSEALED";
const HEADER_BYTES: usize = 64;
/// The checksum covers the header before this place and the payload behind the header.
const CHECKSUM_AT: usize = 48;

/// Writes a container as one sealed file: signature, kind, format, length and a checksum over
/// everything. The file appears as a whole or not at all.
///
/// # Errors
/// [`Error::Unwritable`] for a kind that is empty, longer than [`MAX_KIND_BYTES`] or not visible
/// ASCII; I/O errors.
pub fn write_sealed(
    path: impl AsRef<Path>,
    kind: &str,
    format: u32,
    content: &ContainerWriter<'_>,
) -> Result<(), Error> {
    let path = path.as_ref();
    if kind.is_empty() || kind.len() > MAX_KIND_BYTES || !kind.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(Error::unwritable(kind, format!("a kind is 1 to {MAX_KIND_BYTES} visible ASCII characters")));
    }
    let header = header(kind, format, content.total_bytes()?);
    replace_file(path, |file| {
        file.write_all(&[0; HEADER_BYTES])?;
        let mut payload = HashingWriter::new(&mut *file);
        payload.start_with(&header);
        content.write_to(&mut payload)?;
        let (_, _, hasher) = payload.finish();
        file.seek(SeekFrom::Start(0))?;
        file.write_all(&header)?;
        file.write_all(&hasher.digest128().to_le_bytes())
    })
}

/// Opens a sealed file into own memory and checks all of it.
///
/// # Errors
/// [`Error::Magic`], [`Error::Kind`], [`Error::Format`], [`Error::Length`], [`Error::Checksum`],
/// and what [`Container::open`] says of the payload.
pub fn open_sealed(path: impl AsRef<Path>, kind: &str, format: u32) -> Result<Container, Error> {
    let path = path.as_ref();
    let (mut file, len) = open_regular(path)?;
    let mut first = Vec::with_capacity(HEADER_BYTES);
    (&file).take(HEADER_BYTES as u64).read_to_end(&mut first).map_err(Error::io(path, "reading"))?;
    // The length the header states is the file's, so memory is reserved only for what is there.
    let total = check_header(path, &first, len, (kind, format))?;
    let mut buffer = AlignedBuffer::with_capacity(path, len)?;
    buffer.append(&first);
    let mut hasher = Xxh3::new();
    hasher.update(&first[..CHECKSUM_AT]);
    buffer.fill(path, &mut file, total, |chunk| hasher.update(chunk))?;
    let (got, expected) = (hasher.digest128(), u128::from_le_bytes(field(&first, CHECKSUM_AT)));
    if got != expected {
        let (expected, got) = (format!("{expected:032x}"), format!("{got:032x}"));
        return Err(Error::Checksum { path: path.to_owned(), section: "file", expected, got });
    }
    Container::from_buffer(path, buffer, HEADER_BYTES)
}

/// Checks the header against what is asked for and the length of the file, which it gives back.
fn check_header(path: &Path, bytes: &[u8], len: u64, (kind, format): (&str, u32)) -> Result<usize, Error> {
    if !bytes.starts_with(MAGIC) {
        return Err(Error::Magic { path: path.to_owned(), section: "a sealed file" });
    }
    let wrong_length = |expected| Error::Length { path: path.to_owned(), section: "file", expected, got: len };
    if bytes.len() < HEADER_BYTES {
        return Err(wrong_length(HEADER_BYTES as u64));
    }
    let got_kind = String::from_utf8_lossy(&bytes[8..32]).trim_end_matches('\0').to_owned();
    if got_kind != kind {
        return Err(Error::Kind { path: path.to_owned(), expected: kind.into(), got: got_kind });
    }
    let got = u32::from_le_bytes(field(bytes, 32));
    if got != format {
        return Err(Error::Format { path: path.to_owned(), expected: format, got });
    }
    let payload = u64::from_le_bytes(field(bytes, 40));
    let total = payload.saturating_add(HEADER_BYTES as u64);
    if total != len {
        return Err(wrong_length(total));
    }
    if bytes[..CHECKSUM_AT] != header(kind, format, payload) {
        return Err(Error::Header { path: path.to_owned(), reason: "reserved bytes are not zero".into() });
    }
    usize::try_from(total).map_err(|_| Error::OutOfMemory { path: path.to_owned(), bytes: total })
}

/// Signature, kind padded with zeros, format, four reserved zeros, payload length.
fn header(kind: &str, format: u32, payload: u64) -> [u8; CHECKSUM_AT] {
    let mut header = [0; CHECKSUM_AT];
    header[..8].copy_from_slice(MAGIC);
    header[8..8 + kind.len()].copy_from_slice(kind.as_bytes());
    header[32..36].copy_from_slice(&format.to_le_bytes());
    header[40..48].copy_from_slice(&payload.to_le_bytes());
    header
}

fn field<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    let mut field = [0; N];
    field.copy_from_slice(&bytes[at..at + N]);
    field
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path) -> (std::path::PathBuf, Vec<u8>) {
        let path = folder.join("S.stats");
        let mut writer = ContainerWriter::new();
        writer.add("counts", &[1u64, 2, 3], &[3]).unwrap();
        write_sealed(&path, "statistics", 3, &writer).unwrap();
        let bytes = std::fs::read(&path).unwrap();
        (path, bytes)
    }

    #[test]
    fn what_is_sealed_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let (path, bytes) = written(folder.path());
        let container = open_sealed(&path, "statistics", 3).unwrap();
        assert_eq!(container.get(&container.vector::<u64>("counts", 3).unwrap()), [1, 2, 3]);
        assert_eq!(written(folder.path()).1, bytes);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn every_flip_cut_and_extension_is_an_error() {
        let folder = tempfile::tempdir().unwrap();
        let (path, bytes) = written(folder.path());
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0x41;
            std::fs::write(&path, &changed).unwrap();
            assert!(open_sealed(&path, "statistics", 3).is_err(), "flip at {at}");
            std::fs::write(&path, &bytes[..at]).unwrap();
            assert!(open_sealed(&path, "statistics", 3).is_err(), "cut at {at}");
        }
        let mut longer = bytes;
        longer.push(0);
        std::fs::write(&path, &longer).unwrap();
        assert!(matches!(open_sealed(&path, "statistics", 3), Err(Error::Length { .. })));
    }

    #[test]
    fn kind_format_and_signature_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let (path, mut bytes) = written(folder.path());
        assert!(matches!(open_sealed(&path, "ledger", 3), Err(Error::Kind { got, .. }) if got == "statistics"));
        assert!(matches!(open_sealed(&path, "statistics", 4), Err(Error::Format { got: 3, .. })));
        bytes[HEADER_BYTES + 80] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(open_sealed(&path, "statistics", 3), Err(Error::Checksum { .. })));
        bytes[37] = 1;
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(open_sealed(&path, "statistics", 3), Err(Error::Header { .. })));
        bytes[0] = 0;
        std::fs::write(&path, &bytes).unwrap();
        assert!(matches!(open_sealed(&path, "statistics", 3), Err(Error::Magic { .. })));
        let writer = ContainerWriter::new();
        for kind in ["", "two words", "a kind of more than 24 characters"] {
            assert!(matches!(write_sealed(&path, kind, 1, &writer), Err(Error::Unwritable { .. })));
        }
    }
}
