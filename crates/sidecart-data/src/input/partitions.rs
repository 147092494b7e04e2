//! Validated rows, partitioned by customer, in memory or on disk.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::{Error, Result};

/// Partitions of one reading.
pub(crate) const N_PARTITIONS: usize = 64;
/// "No such thing" for provisional numbers.
pub(crate) const NONE: u32 = u32::MAX;
/// "Price unknown".
pub(crate) const NO_PRICE: i64 = i64::MIN;

/// What all rows of a run of neighbours share. Ids are provisional numbers until the partition is
/// grouped.
///
/// Receipts mostly stand together in a file, so one run holds several rows; where they do not,
/// every row is a run of its own.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RunHead {
    pub(crate) basket: u128,
    pub(crate) time: i64,
    pub(crate) customer: u32,
    pub(crate) store: u32,
}

/// One validated row apart from what its run says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct RowLine {
    pub(crate) paid: i64,
    pub(crate) shelf: i64,
    pub(crate) item: u32,
    /// In thousandths of a piece.
    pub(crate) quantity: u32,
}

/// A run in memory: its head and how many lines it has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Run {
    pub(crate) head: RunHead,
    pub(crate) n_lines: u32,
}

/// Rows as runs: the lines of all runs stand one behind the other.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Runs {
    pub(crate) runs: Vec<Run>,
    pub(crate) lines: Vec<RowLine>,
}

impl Runs {
    /// Appends a row, to the last run where it fits.
    #[inline]
    pub(crate) fn push(&mut self, head: RunHead, line: RowLine) {
        match self.runs.last_mut() {
            Some(run) if run.head == head && run.n_lines < u32::MAX => run.n_lines += 1,
            _ => self.runs.push(Run { head, n_lines: 1 }),
        }
        self.lines.push(line);
    }

    fn append(&mut self, other: &Self) {
        self.runs.extend_from_slice(&other.runs);
        self.lines.extend_from_slice(&other.lines);
    }

    pub(crate) fn clear(&mut self) {
        self.runs.clear();
        self.lines.clear();
    }

    fn n_bytes(&self) -> u64 {
        (self.runs.len() * size_of::<Run>() + self.lines.len() * size_of::<RowLine>()) as u64
    }
}

const RUN_BYTES: usize = 36;
const LINE_BYTES: usize = 24;

impl Run {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.head.basket.to_le_bytes());
        out.extend_from_slice(&self.head.time.to_le_bytes());
        for value in [self.head.customer, self.head.store, self.n_lines] {
            out.extend_from_slice(&value.to_le_bytes());
        }
    }

    fn read(bytes: &[u8; RUN_BYTES]) -> Self {
        let head = RunHead {
            basket: u128::from_le_bytes(part(bytes, 0)),
            time: i64::from_le_bytes(part(bytes, 16)),
            customer: u32::from_le_bytes(part(bytes, 24)),
            store: u32::from_le_bytes(part(bytes, 28)),
        };
        Self { head, n_lines: u32::from_le_bytes(part(bytes, 32)) }
    }
}

impl RowLine {
    fn write(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.paid.to_le_bytes());
        out.extend_from_slice(&self.shelf.to_le_bytes());
        out.extend_from_slice(&self.item.to_le_bytes());
        out.extend_from_slice(&self.quantity.to_le_bytes());
    }

    fn read(bytes: &[u8; LINE_BYTES]) -> Self {
        Self {
            paid: i64::from_le_bytes(part(bytes, 0)),
            shelf: i64::from_le_bytes(part(bytes, 8)),
            item: u32::from_le_bytes(part(bytes, 16)),
            quantity: u32::from_le_bytes(part(bytes, 20)),
        }
    }
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes[at..at + N].try_into().expect("N bytes")
}

/// Rows of one partition in blocks that are filled and then left alone: growing one vector would
/// copy it again and again and hold it twice.
#[derive(Default)]
struct Partition {
    blocks: Vec<Runs>,
    spilled: Option<File>,
    n_spilled: usize,
}

/// Lines after which a block counts as full.
const BLOCK_LINES: usize = 1 << 14;

/// Rows by partition; the largest part moves to unnamed temporary files when the cap is reached.
pub(crate) struct Partitions {
    parts: Vec<Mutex<Partition>>,
    held: AtomicU64,
    n_spilled: AtomicUsize,
    cap_bytes: u64,
}

impl Partitions {
    pub(crate) fn new(cap_bytes: u64) -> Self {
        Self {
            parts: (0..N_PARTITIONS).map(|_| Mutex::default()).collect(),
            held: AtomicU64::new(0),
            n_spilled: AtomicUsize::new(0),
            cap_bytes,
        }
    }

    fn lock(&self, partition: usize) -> MutexGuard<'_, Partition> {
        // A panic elsewhere ends the reading; what a partition holds is not looked at then.
        self.parts[partition].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Moves rows into a partition, writing that partition out when all together exceed the cap.
    pub(crate) fn append(&self, partition: usize, rows: &mut Runs) -> Result<()> {
        if rows.lines.is_empty() {
            return Ok(());
        }
        let bytes = rows.n_bytes();
        let mut part = self.lock(partition);
        part.append(rows);
        rows.clear();
        if self.held.fetch_add(bytes, Ordering::Relaxed) + bytes > self.cap_bytes {
            let freed: u64 = part.blocks.iter().map(Runs::n_bytes).sum();
            self.n_spilled.fetch_add(part.spill()?, Ordering::Relaxed);
            self.held.fetch_sub(freed, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Rows that went to disk.
    pub(crate) fn n_spilled(&self) -> usize {
        self.n_spilled.load(Ordering::Relaxed)
    }

    /// Takes all rows of a partition, in no particular order of runs.
    pub(crate) fn take(&self, partition: usize) -> Result<Runs> {
        let part = std::mem::take(&mut *self.lock(partition));
        part.into_runs()
    }
}

impl Partition {
    fn append(&mut self, rows: &Runs) {
        match self.blocks.last_mut() {
            Some(block) if block.lines.len() + rows.lines.len() <= BLOCK_LINES => block.append(rows),
            _ => {
                let mut block = Runs::default();
                block.lines.reserve_exact(rows.lines.len().max(BLOCK_LINES));
                block.append(rows);
                self.blocks.push(block);
            }
        }
    }

    fn spill(&mut self) -> Result<usize> {
        let folder = std::env::temp_dir();
        let file = match &mut self.spilled {
            Some(file) => file,
            None => self.spilled.insert(tempfile::tempfile().map_err(Error::io(&folder, "creating a temporary file"))?),
        };
        let mut bytes = Vec::new();
        let mut n_rows = 0;
        for block in std::mem::take(&mut self.blocks) {
            bytes.clear();
            let mut lines = block.lines.iter();
            for run in &block.runs {
                run.write(&mut bytes);
                lines.by_ref().take(run.n_lines as usize).for_each(|line| line.write(&mut bytes));
            }
            file.write_all(&bytes).map_err(Error::io(&folder, "writing a temporary file"))?;
            n_rows += block.lines.len();
        }
        self.n_spilled += n_rows;
        Ok(n_rows)
    }

    fn into_runs(mut self) -> Result<Runs> {
        let n_held: usize = self.blocks.iter().map(|b| b.lines.len()).sum();
        let mut all = Runs {
            runs: Vec::with_capacity(self.blocks.iter().map(|b| b.runs.len()).sum()),
            lines: Vec::with_capacity(n_held + self.n_spilled),
        };
        self.blocks.drain(..).for_each(|block| all.append(&block));
        let Some(mut file) = self.spilled.take() else { return Ok(all) };
        let folder = std::env::temp_dir();
        file.seek(SeekFrom::Start(0)).map_err(Error::io(&folder, "reading a temporary file"))?;
        let mut file = BufReader::with_capacity(1 << 18, file);
        let (mut run, mut line) = ([0; RUN_BYTES], [0; LINE_BYTES]);
        while all.lines.len() < n_held + self.n_spilled {
            file.read_exact(&mut run).map_err(Error::io(&folder, "reading a temporary file"))?;
            let run = Run::read(&run);
            for _ in 0..run.n_lines {
                file.read_exact(&mut line).map_err(Error::io(&folder, "reading a temporary file"))?;
                all.lines.push(RowLine::read(&line));
            }
            all.runs.push(run);
        }
        match file.read_exact(&mut [0]) {
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(all),
            _ => Err(Error::Bug { what: "a temporary file holds more rows than were written".into() }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(i: u32) -> (RunHead, RowLine) {
        let head =
            RunHead { basket: u128::from(i / 3) << 70, time: -i64::from(i / 3), customer: NONE, store: i / 3 + 1 };
        (head, RowLine { paid: NO_PRICE, shelf: i64::from(i) * 7, item: i, quantity: 1000 })
    }

    fn expand(runs: &Runs) -> Vec<(RunHead, RowLine)> {
        let mut lines = runs.lines.iter();
        runs.runs
            .iter()
            .flat_map(|r| lines.by_ref().take(r.n_lines as usize).map(|l| (r.head, *l)).collect::<Vec<_>>())
            .collect()
    }

    #[test]
    fn neighbours_with_one_head_are_one_run() {
        let mut runs = Runs::default();
        (0..7).map(row).for_each(|(head, line)| runs.push(head, line));
        assert_eq!(runs.runs.iter().map(|r| r.n_lines).collect::<Vec<_>>(), [3, 3, 1]);
        assert_eq!(expand(&runs), (0..7).map(row).collect::<Vec<_>>());
    }

    #[test]
    fn rows_come_back_from_memory_and_from_disk() {
        for cap in [0, 300, 1 << 30] {
            let parts = Partitions::new(cap);
            for i in 0..50 {
                let mut rows = Runs::default();
                let (head, line) = row(i);
                rows.push(head, line);
                parts.append(i as usize % 3, &mut rows).unwrap();
                assert!(rows.lines.is_empty());
            }
            assert_eq!(parts.n_spilled() > 0, cap < 1000);
            let mut all: Vec<_> = (0..3).flat_map(|p| expand(&parts.take(p).unwrap())).collect();
            all.sort_unstable_by_key(|(_, line)| line.item);
            assert_eq!(all, (0..50).map(row).collect::<Vec<_>>());
        }
    }

    #[test]
    fn blocks_hold_more_than_their_size() {
        let parts = Partitions::new(1 << 30);
        let n = BLOCK_LINES as u32 * 2 + 5;
        let mut rows = Runs::default();
        (0..n).map(row).for_each(|(head, line)| rows.push(head, line));
        let all = rows.clone();
        parts.append(1, &mut rows).unwrap();
        assert_eq!(parts.take(1).unwrap(), all);
    }
}
