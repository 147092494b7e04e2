use std::io::Read;
use std::path::Path;

use memmap2::MmapMut;

use crate::Error;

/// Bytes read at once, so that a checksum over them still finds them in the processor's cache.
const CHUNK: usize = 512 << 10;

/// From this size on, huge pages are worth asking for.
#[cfg(target_os = "linux")]
const HUGE: usize = 4 << 20;

/// Own memory that starts at a page, and so at a multiple of 64.
///
/// Pages come from the system rather than the allocator: no zeros are written over them before
/// the read, and huge ones spare most page faults here and most address look-ups when scoring.
#[derive(Debug)]
pub(crate) struct AlignedBuffer {
    memory: MmapMut,
    filled: usize,
}

impl AlignedBuffer {
    /// Reserves room for `bytes`.
    pub(crate) fn with_capacity(path: &Path, bytes: u64) -> Result<Self, Error> {
        let out_of_memory = || Error::OutOfMemory { path: path.to_owned(), bytes };
        let room = usize::try_from(bytes).map_err(|_| out_of_memory())?;
        let memory = MmapMut::map_anon(room.max(1)).map_err(|_| out_of_memory())?;
        #[cfg(target_os = "linux")]
        if room >= HUGE {
            // A kernel without huge pages serves the same memory in small ones.
            let _ = memory.advise(memmap2::Advice::HugePage);
        }
        Ok(Self { memory, filled: 0 })
    }

    /// Copies bytes.
    pub(crate) fn copy_of(path: &Path, bytes: &[u8]) -> Result<Self, Error> {
        let mut buffer = Self::with_capacity(path, bytes.len() as u64)?;
        buffer.append(bytes);
        Ok(buffer)
    }

    /// Appends bytes that were already read and for which there is room.
    pub(crate) fn append(&mut self, bytes: &[u8]) {
        self.memory[self.filled..self.filled + bytes.len()].copy_from_slice(bytes);
        self.filled += bytes.len();
    }

    /// Reads until `total` bytes are there, showing each new chunk to `seen`. A file that ends
    /// early or goes on is an error.
    pub(crate) fn fill(
        &mut self,
        path: &Path,
        source: &mut impl Read,
        total: usize,
        mut seen: impl FnMut(&[u8]),
    ) -> Result<(), Error> {
        let wrong_length = |got: usize| Error::Length {
            path: path.to_owned(),
            section: "file",
            expected: total as u64,
            got: got as u64,
        };
        while self.filled < total {
            let end = total.min(self.filled + CHUNK);
            let chunk = &mut self.memory[self.filled..end];
            match source.read(chunk) {
                Ok(0) => return Err(wrong_length(self.filled)),
                Ok(n) => {
                    seen(&chunk[..n]);
                    self.filled += n;
                }
                Err(e) if e.kind() == std::io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::io(path, "reading")(e)),
            }
        }
        match source.read(&mut [0]).map_err(Error::io(path, "reading"))? {
            0 => Ok(()),
            _ => Err(wrong_length(total + 1)),
        }
    }

    #[inline]
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.memory[..self.filled]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::container::ALIGNMENT;

    #[test]
    fn stays_aligned_and_holds_what_was_read() {
        let path = Path::new("t");
        for len in [0, 1, 63, 64, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK + 17, 5 << 20] {
            let content: Vec<u8> = (0..len).map(|i| (i % 251) as u8).collect();
            let mut buffer = AlignedBuffer::with_capacity(path, len as u64).unwrap();
            let mut hashed = Vec::new();
            buffer.fill(path, &mut content.as_slice(), len, |chunk| hashed.extend_from_slice(chunk)).unwrap();
            assert_eq!(buffer.bytes(), content);
            assert_eq!(hashed, content);
            assert_eq!(buffer.bytes().as_ptr().addr() % ALIGNMENT, 0);
        }
    }

    #[test]
    fn shorter_and_longer_sources_are_errors() {
        let path = Path::new("t");
        for got in [9, 11] {
            let mut buffer = AlignedBuffer::with_capacity(path, 10).unwrap();
            let read = buffer.fill(path, &mut vec![0u8; got].as_slice(), 10, |_| {});
            assert!(matches!(read, Err(Error::Length { expected: 10, got: n, .. }) if n == got as u64));
        }
        assert!(matches!(AlignedBuffer::with_capacity(path, u64::MAX), Err(Error::OutOfMemory { .. })));
    }
}
