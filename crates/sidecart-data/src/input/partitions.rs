//! Validated rows, partitioned by customer, in memory or on disk.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::error::{Error, Result};

/// Partitions of one reading.
pub(crate) const N_PARTITIONS: usize = 64;
/// "No such thing" for provisional numbers.
pub(crate) const NONE: u32 = u32::MAX;
/// "Price unknown".
pub(crate) const NO_PRICE: i64 = i64::MIN;

/// One validated row. Ids are provisional numbers until the partition is grouped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Row {
    pub(crate) basket: u128,
    pub(crate) time: i64,
    pub(crate) paid: i64,
    pub(crate) shelf: i64,
    pub(crate) item: u32,
    pub(crate) customer: u32,
    pub(crate) store: u32,
    /// In thousandths of a piece.
    pub(crate) quantity: u32,
}

const ROW_BYTES: usize = 56;

impl Row {
    fn to_bytes(self) -> [u8; ROW_BYTES] {
        let mut bytes = [0; ROW_BYTES];
        bytes[..16].copy_from_slice(&self.basket.to_le_bytes());
        for (at, value) in [(16, self.time), (24, self.paid), (32, self.shelf)] {
            bytes[at..at + 8].copy_from_slice(&value.to_le_bytes());
        }
        for (at, value) in [(40, self.item), (44, self.customer), (48, self.store), (52, self.quantity)] {
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let long = |at: usize| i64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let short = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        Self {
            basket: u128::from_le_bytes(bytes[..16].try_into().expect("sixteen bytes")),
            time: long(16),
            paid: long(24),
            shelf: long(32),
            item: short(40),
            customer: short(44),
            store: short(48),
            quantity: short(52),
        }
    }
}

#[derive(Default)]
struct Partition {
    rows: Vec<Row>,
    spilled: Option<File>,
    n_spilled: usize,
}

/// Rows by partition; the largest part moves to unnamed temporary files when the cap is reached.
pub(crate) struct Partitions {
    parts: Vec<Mutex<Partition>>,
    held: AtomicU64,
    cap_bytes: u64,
}

impl Partitions {
    pub(crate) fn new(cap_bytes: u64) -> Self {
        Self { parts: (0..N_PARTITIONS).map(|_| Mutex::default()).collect(), held: AtomicU64::new(0), cap_bytes }
    }

    /// Adds rows of one partition, writing that partition out when all together exceed the cap.
    pub(crate) fn append(&self, partition: usize, rows: &mut Vec<Row>) -> Result<()> {
        if rows.is_empty() {
            return Ok(());
        }
        let mut part = self.parts[partition].lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = (rows.len() * size_of::<Row>()) as u64;
        part.rows.append(rows);
        if self.held.fetch_add(bytes, Ordering::Relaxed) + bytes > self.cap_bytes {
            let freed = (part.rows.len() * size_of::<Row>()) as u64;
            part.spill()?;
            self.held.fetch_sub(freed, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(crate) fn n_spilled(&self) -> usize {
        self.parts.iter().map(|p| p.lock().unwrap_or_else(PoisonError::into_inner).n_spilled).sum()
    }

    /// Takes all rows of a partition, in no particular order.
    pub(crate) fn take(&self, partition: usize) -> Result<Vec<Row>> {
        let mut part = self.parts[partition].lock().unwrap_or_else(PoisonError::into_inner);
        let part = std::mem::take(&mut *part);
        part.into_rows()
    }
}

impl Partition {
    fn spill(&mut self) -> Result<()> {
        let folder = std::env::temp_dir();
        let file = match &mut self.spilled {
            Some(file) => file,
            None => self.spilled.insert(tempfile::tempfile().map_err(Error::io(&folder, "creating a temporary file"))?),
        };
        let mut bytes = Vec::with_capacity(self.rows.len().min(1 << 16) * ROW_BYTES);
        for chunk in self.rows.chunks(1 << 16) {
            bytes.clear();
            chunk.iter().for_each(|row| bytes.extend_from_slice(&row.to_bytes()));
            file.write_all(&bytes).map_err(Error::io(&folder, "writing a temporary file"))?;
        }
        self.n_spilled += self.rows.len();
        self.rows = Vec::new();
        Ok(())
    }

    fn into_rows(mut self) -> Result<Vec<Row>> {
        let Some(mut file) = self.spilled.take() else { return Ok(self.rows) };
        let folder = std::env::temp_dir();
        let mut bytes = Vec::with_capacity(self.n_spilled * ROW_BYTES);
        file.seek(SeekFrom::Start(0)).map_err(Error::io(&folder, "reading a temporary file"))?;
        file.read_to_end(&mut bytes).map_err(Error::io(&folder, "reading a temporary file"))?;
        if bytes.len() != self.n_spilled * ROW_BYTES {
            return Err(Error::Bug { what: format!("a temporary file holds {} bytes instead of {}", bytes.len(), self.n_spilled * ROW_BYTES) });
        }
        self.rows.extend(bytes.chunks_exact(ROW_BYTES).map(Row::from_bytes));
        Ok(self.rows)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_come_back_from_memory_and_from_disk() {
        let row = |i: u32| Row {
            basket: u128::from(i) << 70,
            time: -i64::from(i),
            paid: NO_PRICE,
            shelf: i64::from(i) * 7,
            item: i,
            customer: NONE,
            store: i + 1,
            quantity: 1000,
        };
        for cap in [0, 300, 1 << 30] {
            let parts = Partitions::new(cap);
            for i in 0..50 {
                parts.append(i as usize % 3, &mut vec![row(i)]).unwrap();
            }
            assert_eq!(parts.n_spilled() > 0, cap < 1000);
            let mut all: Vec<Row> = (0..3).flat_map(|p| parts.take(p).unwrap()).collect();
            all.sort_unstable_by_key(|r| r.item);
            assert_eq!(all, (0..50).map(row).collect::<Vec<_>>());
        }
    }
}
