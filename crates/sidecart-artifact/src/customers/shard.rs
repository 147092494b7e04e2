use std::fs::File;
use std::io;
use std::path::PathBuf;

use sidecart_core::{ExternalIdRef, IdKind, IdTable, TextTable};
use xxhash_rust::xxh3::Xxh3;

use super::layout::{END_MAGIC, FOOTER_BYTES, Footer, MAGIC, MAX_RECORD_BYTES, MAX_SHARDS, id_hash, shard_of, u64_at};
use crate::Error;
use crate::durable::open_regular;

/// The bytes of a shard, read from any place without moving a cursor.
#[derive(Debug)]
pub(super) enum Source {
    #[cfg(unix)]
    File(File),
    /// Where positioned reads are missing, a lock keeps seeking and reading together.
    #[cfg(not(unix))]
    File(std::sync::Mutex<File>),
    Memory(Vec<u8>),
}

impl Source {
    #[cfg(unix)]
    fn file(file: File) -> Self {
        Self::File(file)
    }

    #[cfg(not(unix))]
    fn file(file: File) -> Self {
        Self::File(std::sync::Mutex::new(file))
    }

    fn read_exact_at(&self, into: &mut [u8], at: u64) -> io::Result<()> {
        match self {
            #[cfg(unix)]
            Self::File(file) => std::os::unix::fs::FileExt::read_exact_at(file, into, at),
            #[cfg(not(unix))]
            Self::File(file) => {
                use std::io::{Read, Seek, SeekFrom};
                let mut file = file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                file.seek(SeekFrom::Start(at))?;
                file.read_exact(into)
            }
            Self::Memory(bytes) => {
                let begin = usize::try_from(at).unwrap_or(usize::MAX);
                let end = begin.checked_add(into.len());
                let found = end.and_then(|end| bytes.get(begin..end));
                into.copy_from_slice(found.ok_or(io::ErrorKind::UnexpectedEof)?);
                Ok(())
            }
        }
    }
}

/// One shard: its source, and its index in memory.
#[derive(Debug)]
pub(super) struct Shard {
    path: PathBuf,
    source: Source,
    pub(super) footer: Footer,
    ids: IdTable,
    places: Vec<u64>,
}

impl Shard {
    pub(super) fn open(path: PathBuf) -> Result<Self, Error> {
        let (file, len) = open_regular(&path)?;
        Self::new(path, Source::file(file), len)
    }

    pub(super) fn from_memory(path: PathBuf, bytes: Vec<u8>) -> Result<Self, Error> {
        let len = bytes.len() as u64;
        Self::new(path, Source::Memory(bytes), len)
    }

    /// Reads and checks signatures, footer and index; no record is touched.
    fn new(path: PathBuf, source: Source, len: u64) -> Result<Self, Error> {
        let least = FOOTER_BYTES + MAGIC.len() as u64;
        if len < least {
            return Err(Error::Length { path, section: "shard", expected: least, got: len });
        }
        let mut magic = [0; MAGIC.len()];
        let mut footer_bytes = [0; FOOTER_BYTES as usize];
        source.read_exact_at(&mut magic, 0).map_err(Error::io(&path, "reading"))?;
        source.read_exact_at(&mut footer_bytes, len - FOOTER_BYTES).map_err(Error::io(&path, "reading"))?;
        if &magic != MAGIC || &footer_bytes[56..] != END_MAGIC {
            return Err(Error::Magic { path, section: "a customer shard" });
        }
        let mut fields = [0; 48];
        fields.copy_from_slice(&footer_bytes[..48]);
        let footer = match check_footer(&fields, len) {
            Ok(footer) => footer,
            Err(reason) => return Err(Error::Customers { path, reason }),
        };
        // The length is that of a part of the file, so a damaged count cannot ask for more.
        let mut index = vec![0; (len - FOOTER_BYTES - footer.index_at) as usize];
        source.read_exact_at(&mut index, footer.index_at).map_err(Error::io(&path, "reading"))?;
        let mut checksum = Xxh3::new();
        checksum.update(&index);
        checksum.update(&fields);
        let (expected, got) = (u64_at(&footer_bytes, 48), checksum.digest());
        if expected != got {
            return Err(Error::checksum(&path, "shard index", expected, got));
        }
        let n = footer.n_customers as usize;
        let (id_bytes, place_bytes) = index.split_at(index.len() - 8 * (n + 1));
        let ids = match footer.kind {
            IdKind::Int => Ok(IdTable::Int(words(id_bytes).map(|word| word as i64).collect())),
            IdKind::Text => {
                let (offsets, texts) = id_bytes.split_at(8 * (n + 1));
                TextTable::from_parts(words(offsets).collect(), texts.to_vec()).map(IdTable::Text)
            }
        };
        let ids = match ids.and_then(|ids| ids.check().map(|()| ids)) {
            Ok(ids) => ids,
            Err(source) => return Err(Error::Ids { path, section: "customer ids".into(), source }),
        };
        let shard = Self { path, source, footer, ids, places: words(place_bytes).collect() };
        shard.check_index()?;
        Ok(shard)
    }

    fn check_index(&self) -> Result<(), Error> {
        let covers = self.places.first() == Some(&(MAGIC.len() as u64))
            && self.places.last() == Some(&self.footer.index_at)
            && self.places.windows(2).all(|w| w[0] < w[1] && w[1] - w[0] <= MAX_RECORD_BYTES);
        if !covers {
            return Err(self.broken("the places of records do not cover the file".into()));
        }
        let misplaced = self.ids.iter().position(|id| shard_of(id_hash(id), self.footer.n_shards) != self.footer.shard);
        match misplaced {
            Some(at) => Err(self.broken(format!("customer {at} belongs to another shard"))),
            None => Ok(()),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn broken(&self, reason: String) -> Error {
        Error::Customers { path: self.path.clone(), reason }
    }

    /// Reads the bytes of a customer's record; `false` for an unknown customer.
    pub(super) fn read(&self, id: ExternalIdRef<'_>, into: &mut Vec<u8>) -> Result<bool, Error> {
        let Some(position) = self.ids.find(id) else { return Ok(false) };
        let (begin, end) = (self.places[position as usize], self.places[position as usize + 1]);
        into.resize((end - begin) as usize, 0);
        self.source.read_exact_at(into, begin).map_err(Error::io(&self.path, "reading"))?;
        Ok(true)
    }
}

/// Checks every field against the length of the file and the limits.
fn check_footer(fields: &[u8; 48], len: u64) -> Result<Footer, String> {
    let footer = Footer::from_fields(fields)?;
    if !footer.n_shards.is_power_of_two() || footer.n_shards > MAX_SHARDS || footer.shard >= footer.n_shards {
        return Err(format!("shard {} of {}", footer.shard, footer.n_shards));
    }
    if footer.n_customers > IdTable::MAX_LEN as u64 || footer.n_items > IdTable::MAX_LEN as u64 {
        return Err(format!("{} customers and {} items in one shard", footer.n_customers, footer.n_items));
    }
    if footer.kind == IdKind::Int && footer.text_bytes != 0 {
        return Err("texts among integer ids".into());
    }
    let end = footer.index_bytes().and_then(|index| index.checked_add(footer.index_at)?.checked_add(FOOTER_BYTES));
    if end != Some(len) || footer.index_at < MAGIC.len() as u64 {
        return Err(format!(
            "{} customers with an index from {} do not fill {len} bytes",
            footer.n_customers, footer.index_at
        ));
    }
    Ok(footer)
}

fn words(bytes: &[u8]) -> impl Iterator<Item = u64> {
    bytes.chunks_exact(8).map(|word| u64_at(word, 0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CustomersSpec, CustomersWriter};
    use proptest::prelude::*;
    use sidecart_core::{Customer, ItemId, Time};

    fn written(kind: IdKind) -> Vec<u8> {
        let folder = tempfile::tempdir().unwrap();
        let spec = CustomersSpec { n_customers: 3, kind, n_items: 5 };
        let mut writer = CustomersWriter::create(folder.path().join("customers"), spec).unwrap();
        let mut customer = Customer::default();
        customer.history.push(Time(1), &[ItemId(4)]);
        for (int, text) in [(1, "ann"), (2, "bob"), (3, "cy")] {
            let id = if kind == IdKind::Int { ExternalIdRef::Int(int) } else { ExternalIdRef::Text(text) };
            writer.push(id, &customer).unwrap();
        }
        writer.finish().unwrap();
        std::fs::read(folder.path().join("customers/000.shard")).unwrap()
    }

    /// Signs the index again after a change, as a writer with another opinion would.
    fn open_signed(mut bytes: Vec<u8>) -> Result<Shard, Error> {
        let footer = bytes.len() - FOOTER_BYTES as usize;
        let index_at = usize::try_from(u64_at(&bytes, footer + 32)).unwrap_or(usize::MAX).min(footer);
        let checksum = xxhash_rust::xxh3::xxh3_64(&bytes[index_at..footer + 48]);
        bytes[footer + 48..footer + 56].copy_from_slice(&checksum.to_le_bytes());
        Shard::from_memory(PathBuf::from("000.shard"), bytes)
    }

    fn reason(opened: Result<Shard, Error>) -> String {
        match opened {
            Err(Error::Customers { reason, .. }) => reason,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn signed_fields_out_of_range_are_refused_before_memory_is_asked_for() {
        for kind in [IdKind::Int, IdKind::Text] {
            let bytes = written(kind);
            assert!(open_signed(bytes.clone()).is_ok());
            let footer = bytes.len() - FOOTER_BYTES as usize;
            for at in [0, 32, 40] {
                for bomb in [0, 1, 1 << 31, 1 << 32, 1 << 63, u64::MAX, bytes.len() as u64 + 1] {
                    let mut changed = bytes.clone();
                    changed[footer + at..footer + at + 8].copy_from_slice(&bomb.to_le_bytes());
                    if changed != bytes {
                        reason(open_signed(changed));
                    }
                }
            }
            for at in [16, 20, 24, 28] {
                for bomb in [2u32, 3, 1 << 31, u32::MAX] {
                    let mut changed = bytes.clone();
                    changed[footer + at..footer + at + 4].copy_from_slice(&bomb.to_le_bytes());
                    assert!(open_signed(changed).is_err(), "{at} {bomb}");
                }
            }
        }
    }

    #[test]
    fn a_signed_but_wrong_index_is_refused() {
        let bytes = written(IdKind::Int);
        let footer = bytes.len() - FOOTER_BYTES as usize;
        let places = footer - 8 * 4;
        let changed = |at: usize, to: u64| {
            let mut changed = bytes.clone();
            changed[at..at + 8].copy_from_slice(&to.to_le_bytes());
            open_signed(changed)
        };
        assert!(reason(changed(places, 9)).contains("cover"));
        assert!(reason(changed(places + 8, 8)).contains("cover"));
        assert!(reason(changed(places + 8, u64::MAX)).contains("cover"));
        assert!(reason(changed(places + 24, 0)).contains("cover"));
        assert!(matches!(changed(places - 24, 2), Err(Error::Ids { .. })));
        let mut other = bytes.clone();
        other[footer + 20] = 2;
        assert!(reason(open_signed(other)).contains("another shard"));
    }

    proptest! {
        #[test]
        fn signed_nonsense_never_panics(
            at in 0usize..300,
            with in proptest::collection::vec(prop_oneof![0u8..4, any::<u8>()], 1..24),
        ) {
            let mut bytes = written(IdKind::Text);
            let at = at % bytes.len();
            let n = with.len().min(bytes.len() - at);
            bytes[at..at + n].copy_from_slice(&with[..n]);
            if let Ok(shard) = open_signed(bytes) {
                let mut record = Vec::new();
                for id in shard.ids.iter() {
                    prop_assert!(shard.read(id, &mut record).unwrap());
                }
            }
        }
    }
}
