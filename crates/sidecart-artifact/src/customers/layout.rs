use sidecart_core::{ExternalIdRef, IdKind};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Customers that one shard holds on average before the number of shards doubles.
pub const CUSTOMERS_PER_SHARD: u64 = 65_536;

/// Most shards; each is one open file.
pub const MAX_SHARDS: u32 = 256;

/// Longest record of one customer in bytes.
pub const MAX_RECORD_BYTES: u64 = 16 << 20;

pub(super) const FORMAT: u32 = 1;
pub(super) const MAGIC: &[u8; 8] = b"SCCUSTOM";
pub(super) const END_MAGIC: &[u8; 8] = b"SCCUSEND";
pub(super) const FOOTER_BYTES: u64 = 64;

/// Seed of the hash that places customers; part of the format.
const ID_HASH_SEED: u64 = 0x5349_4445_4341_5254;

/// Number of shards for a number of customers: the smallest power of two that leaves at most
/// [`CUSTOMERS_PER_SHARD`] in each, and no more than [`MAX_SHARDS`].
#[must_use]
pub fn shard_count(n_customers: u64) -> u32 {
    let needed = n_customers.div_ceil(CUSTOMERS_PER_SHARD).clamp(1, u64::from(MAX_SHARDS));
    (needed as u32).next_power_of_two()
}

/// Name of a shard's file.
pub(super) fn shard_name(shard: u32) -> String {
    format!("{shard:03}.shard")
}

/// XXH3 over the eight little-endian bytes of a whole number or the bytes of a text.
pub(super) fn id_hash(id: ExternalIdRef<'_>) -> u64 {
    match id {
        ExternalIdRef::Int(id) => xxh3_64_with_seed(&id.to_le_bytes(), ID_HASH_SEED),
        ExternalIdRef::Text(id) => xxh3_64_with_seed(id.as_bytes(), ID_HASH_SEED),
    }
}

/// The shard of a hash; `n_shards` is a power of two.
pub(super) fn shard_of(id_hash: u64, n_shards: u32) -> u32 {
    id_hash as u32 & (n_shards - 1)
}

/// The last 64 bytes of a shard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Footer {
    pub(super) n_customers: u64,
    pub(super) n_items: u64,
    pub(super) shard: u32,
    pub(super) n_shards: u32,
    pub(super) kind: IdKind,
    /// First byte of the index, which follows the records.
    pub(super) index_at: u64,
    /// Bytes of the texts of ids, 0 where ids are whole numbers.
    pub(super) text_bytes: u64,
}

impl Footer {
    /// The 48 bytes before the checksum.
    pub(super) fn fields(&self) -> [u8; 48] {
        let mut bytes = [0; 48];
        bytes[0..8].copy_from_slice(&self.n_customers.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.n_items.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.shard.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.n_shards.to_le_bytes());
        bytes[24..28].copy_from_slice(&u32::from(self.kind == IdKind::Text).to_le_bytes());
        bytes[28..32].copy_from_slice(&FORMAT.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.index_at.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.text_bytes.to_le_bytes());
        bytes
    }

    /// Reads the fields; the format and the kind of ids are given as numbers when unknown.
    pub(super) fn from_fields(bytes: &[u8; 48]) -> Result<Self, String> {
        let format = u32_at(bytes, 28);
        if format != FORMAT {
            return Err(format!("shard format {format}, expected {FORMAT}"));
        }
        let kind = match u32_at(bytes, 24) {
            0 => IdKind::Int,
            1 => IdKind::Text,
            other => return Err(format!("id kind {other}, expected 0 or 1")),
        };
        Ok(Self {
            n_customers: u64_at(bytes, 0),
            n_items: u64_at(bytes, 8),
            shard: u32_at(bytes, 16),
            n_shards: u32_at(bytes, 20),
            kind,
            index_at: u64_at(bytes, 32),
            text_bytes: u64_at(bytes, 40),
        })
    }

    /// Bytes of the index: ids, then the places of the records. `None` when no file is that long.
    pub(super) fn index_bytes(&self) -> Option<u64> {
        let ids = match self.kind {
            IdKind::Int => self.n_customers.checked_mul(8)?,
            IdKind::Text => self.n_customers.checked_add(1)?.checked_mul(8)?.checked_add(self.text_bytes)?,
        };
        self.n_customers.checked_add(1)?.checked_mul(8)?.checked_add(ids)
    }
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut field = [0; 4];
    field.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(field)
}

pub(super) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut field = [0; 8];
    field.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(field)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_double_with_customers() {
        let counts: Vec<u32> = [0, 1, 65_536, 65_537, 200_000, 1 << 24, u64::MAX].map(shard_count).into();
        assert_eq!(counts, [1, 1, 1, 2, 4, 256, 256]);
        assert_eq!(shard_name(7), "007.shard");
    }

    #[test]
    fn the_hash_is_part_of_the_format() {
        assert_eq!(id_hash(ExternalIdRef::Int(1)), id_hash(ExternalIdRef::Text("\u{1}\0\0\0\0\0\0\0")));
        assert_eq!(shard_of(id_hash(ExternalIdRef::Text("ann")), 1), 0);
        let spread = (0..4096).filter(|&i| shard_of(id_hash(ExternalIdRef::Int(i)), 4) == 3).count();
        assert!((900..1150).contains(&spread), "{spread}");
    }

    #[test]
    fn footers_come_back() {
        let footer = Footer {
            n_customers: 3,
            n_items: 9,
            shard: 1,
            n_shards: 2,
            kind: IdKind::Text,
            index_at: 80,
            text_bytes: 5,
        };
        assert_eq!(Footer::from_fields(&footer.fields()), Ok(footer));
        assert_eq!(footer.index_bytes(), Some(32 + 5 + 32));
        assert_eq!(Footer { n_customers: u64::MAX, ..footer }.index_bytes(), None);
        for at in [24, 28] {
            let mut bytes = footer.fields();
            bytes[at] = 9;
            assert!(Footer::from_fields(&bytes).is_err());
        }
    }
}
