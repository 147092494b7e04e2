use std::path::{Path, PathBuf};

use sidecart_core::{Customer, ExternalIdRef, IdKind};

use super::layout::{id_hash, shard_name, shard_of};
use super::record::{self, RecordScratch};
use super::shard::Shard;
use crate::Error;

/// The newest baskets of each customer, read on demand.
///
/// Memory: the ids and 8 bytes for each customer. Reading takes `&self` and positioned reads, so
/// threads share one store, each with its own scratch.
#[derive(Debug)]
pub struct CustomerStore {
    shards: Vec<Shard>,
}

impl CustomerStore {
    /// Opens all shards of a folder, checking headers and indexes. O(customers).
    ///
    /// # Errors
    /// I/O errors, [`Error::Length`], [`Error::Magic`], [`Error::Checksum`], [`Error::Ids`] or
    /// [`Error::Customers`].
    pub fn open(folder: impl AsRef<Path>) -> Result<Self, Error> {
        let folder = folder.as_ref();
        let first = Shard::open(folder.join(shard_name(0)))?;
        let mut shards = vec![first];
        for shard in 1..shards[0].footer.n_shards {
            shards.push(Shard::open(folder.join(shard_name(shard)))?);
        }
        Self::new(shards)
    }

    /// Opens listed shards, which must be all of them in order.
    pub(crate) fn open_shards(paths: Vec<PathBuf>) -> Result<Self, Error> {
        Self::new(paths.into_iter().map(Shard::open).collect::<Result<_, _>>()?)
    }

    /// Takes shards that are in memory, in order; the paths stand in errors.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn from_shards(shards: Vec<(PathBuf, Vec<u8>)>) -> Result<Self, Error> {
        Self::new(shards.into_iter().map(|(path, bytes)| Shard::from_memory(path, bytes)).collect::<Result<_, _>>()?)
    }

    fn new(shards: Vec<Shard>) -> Result<Self, Error> {
        let Some(first) = shards.first() else {
            return Err(Error::Customers { path: PathBuf::new(), reason: "there is no shard".into() });
        };
        let expected = first.footer;
        for (shard, number) in shards.iter().zip(0u32..) {
            let got = shard.footer;
            let agrees = got.shard == number
                && got.n_shards as usize == shards.len()
                && (got.n_shards, got.n_items, got.kind) == (expected.n_shards, expected.n_items, expected.kind);
            if !agrees {
                return Err(
                    shard.broken(format!("it does not belong to these {} shards as number {number}", shards.len()))
                );
            }
        }
        Ok(Self { shards })
    }

    /// Number of customers.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(Shard::len).sum()
    }

    /// Whether there is no customer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Number of items the baskets may name; it has to be the model's.
    #[must_use]
    pub fn n_items(&self) -> u64 {
        self.shards[0].footer.n_items
    }

    /// The form of the customers' ids.
    #[must_use]
    pub fn kind(&self) -> IdKind {
        self.shards[0].footer.kind
    }

    /// Puts the baskets of a customer into `out`, in place of what it held; `false` and an empty
    /// history for an unknown customer. Allocates nothing once scratch and history have grown.
    ///
    /// O(log customers) and one read of the record, whose checksum, order and item ids are
    /// checked each time.
    ///
    /// # Errors
    /// [`Error::Customers`] for a damaged record, I/O errors; `out` is then empty.
    pub fn read(&self, id: ExternalIdRef<'_>, scratch: &mut RecordScratch, out: &mut Customer) -> Result<bool, Error> {
        out.clear();
        let hash = id_hash(id);
        let shard = &self.shards[shard_of(hash, self.shards.len() as u32) as usize];
        if !shard.read(id, &mut scratch.bytes)? {
            return Ok(false);
        }
        record::decode(scratch, hash, self.n_items(), out).map_err(|reason| {
            out.clear();
            shard.broken(reason)
        })?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CUSTOMERS_PER_SHARD, CustomersSpec, CustomersWriter};
    use sidecart_core::{IdTable, ItemId, Time};

    fn baskets_of(rank: u32) -> Customer {
        let mut customer = Customer { traits: vec![rank as f32], ..Customer::default() };
        for i in 0..rank % 4 {
            customer.history.push(Time(i64::from(rank + i)), &[ItemId(rank % 10), ItemId(i)]);
        }
        customer
    }

    /// Writes customers as if there were enough of them for `n_shards`.
    fn written(folder: &Path, ids: &IdTable, n_shards: u64) -> PathBuf {
        let folder = folder.join("customers");
        let spec = CustomersSpec { n_customers: CUSTOMERS_PER_SHARD * n_shards, kind: ids.kind(), n_items: 10 };
        let mut writer = CustomersWriter::create(folder.clone(), spec).unwrap();
        for (id, rank) in ids.iter().zip(0..) {
            writer.push(id, &baskets_of(rank)).unwrap();
        }
        let entries = writer.finish().unwrap();
        assert_eq!(entries.len() as u64, n_shards);
        for entry in entries {
            let found = crate::durable::hash_file(&folder.parent().unwrap().join(&entry.name)).unwrap();
            assert_eq!(found, (entry.bytes, entry.xxh3));
        }
        folder
    }

    #[test]
    fn every_customer_is_found_in_its_shard() {
        let texts = IdTable::from_texts((0..300).map(|i| format!("customer {i}")));
        let ints = IdTable::from_ints((-150..150).map(|i| i * 7).collect());
        for (ids, n_shards) in [(&texts, 1), (&texts, 4), (&ints, 8)] {
            let folder = tempfile::tempdir().unwrap();
            let store = CustomerStore::open(written(folder.path(), ids, n_shards)).unwrap();
            assert_eq!((store.len(), store.n_items(), store.kind()), (300, 10, ids.kind()));
            let (mut scratch, mut customer) = (RecordScratch::default(), Customer::default());
            for (id, rank) in ids.iter().zip(0..) {
                assert!(store.read(id, &mut scratch, &mut customer).unwrap());
                assert_eq!(customer, baskets_of(rank));
            }
            for unknown in [ExternalIdRef::Int(1), ExternalIdRef::Text("nobody"), ExternalIdRef::Text("")] {
                assert!(!store.read(unknown, &mut scratch, &mut customer).unwrap());
                assert_eq!(customer, Customer::default());
            }
        }
    }

    #[test]
    fn shards_that_do_not_belong_together_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let ids = IdTable::from_ints((0..50).collect());
        let path = written(folder.path(), &ids, 2);
        let [a, b] = ["000.shard", "001.shard"].map(|name| (path.join(name), std::fs::read(path.join(name)).unwrap()));
        assert!(CustomerStore::from_shards(vec![a.clone(), b.clone()]).is_ok());
        for wrong in [vec![], vec![a.clone()], vec![b.clone(), a.clone()], vec![a.clone(), a.clone()]] {
            assert!(matches!(CustomerStore::from_shards(wrong), Err(Error::Customers { .. })));
        }
        let other = tempfile::tempdir().unwrap();
        let texts = IdTable::from_texts((0..50).map(|i| i.to_string()));
        let path = written(other.path(), &texts, 2).join("001.shard");
        let texts = (path.clone(), std::fs::read(path).unwrap());
        assert!(matches!(CustomerStore::from_shards(vec![a, texts]), Err(Error::Customers { .. })));
        std::fs::remove_file(b.0).unwrap();
        assert!(matches!(CustomerStore::open(folder.path().join("customers")), Err(Error::Io { .. })));
    }

    #[test]
    fn a_damaged_record_harms_its_own_customer_only() {
        let folder = tempfile::tempdir().unwrap();
        let ids = IdTable::from_ints((1..40).collect());
        let path = written(folder.path(), &ids, 1).join(shard_name(0));
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[40] ^= 1;
        let store = CustomerStore::from_shards(vec![(path, bytes)]).unwrap();
        let (mut scratch, mut customer) = (RecordScratch::default(), Customer::default());
        let broken: Vec<bool> = ids.iter().map(|id| store.read(id, &mut scratch, &mut customer).is_err()).collect();
        assert_eq!(broken.iter().filter(|&&b| b).count(), 1);
    }
}
