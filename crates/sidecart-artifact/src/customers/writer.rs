use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use sidecart_core::{Customer, ExternalIdRef, IdKind, IdTable, TextTable};
use xxhash_rust::xxh3::Xxh3;

use super::layout::{END_MAGIC, Footer, MAGIC, id_hash, shard_count, shard_name, shard_of};
use super::record;
use crate::durable::HashingWriter;
use crate::{CUSTOMERS_FOLDER, Error, FileEntry};

/// What is known before the first customer is written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CustomersSpec {
    /// Number of customers, which decides the number of shards.
    pub n_customers: u64,
    /// The form of their ids.
    pub kind: IdKind,
    /// Number of items; every item in a basket is below it.
    pub n_items: u64,
}

/// Streams the newest baskets of customers into shards.
///
/// Memory: the ids and 8 bytes for each customer, and one buffer for each shard. Made by
/// [`Staging::customers`](crate::Staging::customers).
#[derive(Debug)]
pub struct CustomersWriter {
    folder: PathBuf,
    spec: CustomersSpec,
    shards: Vec<ShardWriter>,
    record: Vec<u8>,
}

impl CustomersWriter {
    pub(crate) fn create(folder: PathBuf, spec: CustomersSpec) -> Result<Self, Error> {
        fs::create_dir(&folder).map_err(Error::io(&folder, "creating"))?;
        let shards = (0..shard_count(spec.n_customers))
            .map(|shard| ShardWriter::create(folder.join(shard_name(shard)), spec.kind))
            .collect::<Result<_, _>>()?;
        Ok(Self { folder, spec, shards, record: Vec::new() })
    }

    /// Writes all baskets of one customer; ids come in rising order.
    ///
    /// # Errors
    /// [`Error::Unwritable`] for an id that is not greater than the one before, an id of the other
    /// form, an item that does not exist, or a record above [`MAX_RECORD_BYTES`](crate::MAX_RECORD_BYTES);
    /// I/O errors.
    pub fn push(&mut self, id: ExternalIdRef<'_>, newest: &Customer) -> Result<(), Error> {
        let refused = |reason: String| Error::unwritable("a customer's record", reason);
        let hash = id_hash(id);
        let shard = &mut self.shards[shard_of(hash, shard_count(self.spec.n_customers)) as usize];
        record::encode(newest, hash, self.spec.n_items, &mut self.record).map_err(refused)?;
        shard.add_id(id).map_err(refused)?;
        shard.write(&self.record)?;
        let end = shard.at;
        shard.places.push(end);
        Ok(())
    }

    /// Writes the indexes, syncs every shard and gives their entries for the manifest.
    pub(crate) fn finish(self) -> Result<Vec<FileEntry>, Error> {
        let (n_shards, spec) = (self.shards.len() as u32, self.spec);
        let entries = (0..n_shards)
            .zip(self.shards)
            .map(|(i, shard)| shard.finish(i, n_shards, spec))
            .collect::<Result<_, _>>()?;
        crate::durable::sync_folder(&self.folder)?;
        Ok(entries)
    }
}

#[derive(Debug)]
struct ShardWriter {
    path: PathBuf,
    file: HashingWriter<BufWriter<File>>,
    ids: IdTable,
    /// Where each record begins, and where the last one ends.
    places: Vec<u64>,
    at: u64,
}

impl ShardWriter {
    fn create(path: PathBuf, kind: IdKind) -> Result<Self, Error> {
        let file = File::create_new(&path).map_err(Error::io(&path, "creating"))?;
        let ids = match kind {
            IdKind::Int => IdTable::Int(Vec::new()),
            IdKind::Text => IdTable::Text(TextTable::default()),
        };
        let mut shard = Self { path, file: HashingWriter::new(BufWriter::new(file)), ids, places: Vec::new(), at: 0 };
        shard.write(MAGIC)?;
        shard.places.push(shard.at);
        Ok(shard)
    }

    fn add_id(&mut self, id: ExternalIdRef<'_>) -> Result<(), String> {
        let n = self.ids.len();
        if n > 0 && self.ids.get(n as u32 - 1) >= id {
            return Err("ids do not rise".into());
        }
        match (&mut self.ids, id) {
            (IdTable::Int(ids), ExternalIdRef::Int(id)) => ids.push(id),
            (IdTable::Text(ids), ExternalIdRef::Text(id)) => ids.push(id),
            (ids, id) => return Err(format!("an {} id among {} ids", id.kind(), ids.kind())),
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes).map_err(Error::io(&self.path, "writing"))?;
        self.at += bytes.len() as u64;
        Ok(())
    }

    fn finish(mut self, shard: u32, n_shards: u32, spec: CustomersSpec) -> Result<FileEntry, Error> {
        let text_bytes = match &self.ids {
            IdTable::Int(_) => 0,
            IdTable::Text(texts) => texts.parts().1.len() as u64,
        };
        let footer = Footer {
            n_customers: self.ids.len() as u64,
            n_items: spec.n_items,
            shard,
            n_shards,
            kind: spec.kind,
            index_at: self.at,
            text_bytes,
        };
        let ids = std::mem::take(&mut self.ids);
        let places = std::mem::take(&mut self.places);
        let mut parts: Vec<&[u8]> = Vec::new();
        match &ids {
            IdTable::Int(ids) => parts.push(bytemuck::cast_slice(ids)),
            IdTable::Text(texts) => {
                let (offsets, bytes) = texts.parts();
                parts.extend([bytemuck::cast_slice(offsets), bytes]);
            }
        }
        let fields = footer.fields();
        parts.extend([bytemuck::cast_slice(&places), &fields]);
        let mut checksum = Xxh3::new();
        for part in parts {
            checksum.update(part);
            self.write(part)?;
        }
        self.write(&checksum.digest().to_le_bytes())?;
        self.write(END_MAGIC)?;
        let (buffered, bytes, hasher) = self.file.finish();
        let path = &self.path;
        let file = buffered.into_inner().map_err(|e| Error::io(path, "writing")(e.into_error()))?;
        file.sync_all().map_err(Error::io(path, "syncing"))?;
        let name = format!("{CUSTOMERS_FOLDER}/{}", file_name(path));
        Ok(FileEntry { name, bytes, xxh3: hasher.digest() })
    }
}

fn file_name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).expect("shards are named by number")
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidecart_core::{ItemId, Time};

    #[test]
    fn what_breaks_a_rule_is_not_written() {
        let folder = tempfile::tempdir().unwrap();
        let spec = CustomersSpec { n_customers: 2, kind: IdKind::Int, n_items: 1 };
        let mut writer = CustomersWriter::create(folder.path().join("customers"), spec).unwrap();
        let mut customer = Customer::default();
        writer.push(ExternalIdRef::Int(5), &customer).unwrap();
        let refused = |r: Result<(), Error>| matches!(r, Err(Error::Unwritable { .. }));
        assert!(refused(writer.push(ExternalIdRef::Int(5), &customer)));
        assert!(refused(writer.push(ExternalIdRef::Int(4), &customer)));
        assert!(refused(writer.push(ExternalIdRef::Text("6"), &customer)));
        customer.history.push(Time(0), &[ItemId(1)]);
        assert!(refused(writer.push(ExternalIdRef::Int(6), &customer)));
        assert_eq!(writer.finish().unwrap().len(), 1);
    }
}
