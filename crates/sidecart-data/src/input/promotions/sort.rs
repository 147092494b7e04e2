//! Rows of all tasks become one sorted table.

use std::collections::BTreeSet;

use rayon::prelude::*;
use sidecart_core::{IdTable, TextTable, Time};

use super::batch::too_many_kinds;
use super::table::{EVERYWHERE, MAX_KINDS, NO_DISCOUNT, NO_KIND, Promotions};
use crate::error::Result;
use crate::input::summary::IngestSummary;

/// Ranges of items that are sorted one by one: all rows twice would be too much memory.
pub(super) const N_PARTITIONS: usize = 64;

/// A validated row in 16 bytes, with numbers that hold within its task (window, kind) or within
/// the reading (store).
#[derive(Clone, Copy)]
pub(super) struct Packed {
    item: u32,
    store: u32,
    window_and_kind: u32,
    discount: f32,
}

impl Packed {
    /// The window must be below 2^24, which the number of rows of a task is.
    pub(super) fn new(item: u32, store: u32, (window, kind): (u32, u8), discount: f32) -> Self {
        Self { item, store, window_and_kind: window << 8 | u32::from(kind), discount }
    }
}

/// What one task has read.
pub(super) struct TaskRows {
    /// Rows by range of items.
    pub(super) parts: Vec<Vec<Packed>>,
    /// Distinct windows by their numbers.
    pub(super) windows: Vec<(i64, i64)>,
    /// Distinct kinds by their numbers.
    pub(super) kinds: Vec<Box<str>>,
    pub(super) summary: IngestSummary,
}

impl TaskRows {
    pub(super) fn new() -> Self {
        let parts = (0..N_PARTITIONS).map(|_| Vec::new()).collect();
        Self { parts, windows: Vec::new(), kinds: Vec::new(), summary: IngestSummary::default() }
    }
}

/// A row with its final numbers; the derived order is that of the table, the greatest discount
/// first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    item: u32,
    window: u32,
    store: u32,
    kind: u8,
    discount: FallingDiscount,
}

impl Row {
    fn repeats(&self, other: &Self) -> bool {
        (self.item, self.window, self.store, self.kind) == (other.item, other.window, other.store, other.kind)
    }
}

/// A discount of 0 to 1 or none, as bits that rise while it falls.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct FallingDiscount(u32);

impl FallingDiscount {
    const NONE: Self = Self(u32::MAX);

    fn new(discount: f32) -> Self {
        if discount == NO_DISCOUNT { Self::NONE } else { Self(u32::MAX - 1 - discount.to_bits()) }
    }

    fn value(self) -> f32 {
        if self == Self::NONE { NO_DISCOUNT } else { f32::from_bits(u32::MAX - 1 - self.0) }
    }
}

/// Final numbers of what one task has numbered.
struct Ranks {
    windows: Vec<u32>,
    kinds: Vec<u8>,
}

impl Ranks {
    fn row(&self, packed: Packed, store_ranks: &[u32]) -> Row {
        let (window, kind) = (packed.window_and_kind >> 8, packed.window_and_kind as u8);
        Row {
            item: packed.item,
            window: self.windows[window as usize],
            store: if packed.store == EVERYWHERE { EVERYWHERE } else { store_ranks[packed.store as usize] },
            kind: if kind == NO_KIND { NO_KIND } else { self.kinds[kind as usize] },
            discount: FallingDiscount::new(packed.discount),
        }
    }
}

/// Sorts the rows of all tasks; also returns how many repeated another. `stores` is what the
/// interner gave: the table and the rank of each of its numbers.
///
/// Ranges of items are sorted in parallel, as many at a time as there are threads; their rows are
/// freed once they are in the table.
pub(super) fn sort(
    tasks: Vec<TaskRows>,
    n_items: usize,
    (stores, store_ranks): (IdTable, Vec<u32>),
) -> Result<(Promotions, u64)> {
    let mut windows: Vec<(i64, i64)> = tasks.iter().flat_map(|task| &task.windows).copied().collect();
    windows.sort_unstable();
    windows.dedup();
    let kinds: Vec<&str> =
        tasks.iter().flat_map(|t| &t.kinds).map(|k| &**k).collect::<BTreeSet<_>>().into_iter().collect();
    if kinds.len() > MAX_KINDS {
        return Err(too_many_kinds());
    }
    let rank_windows = |w| windows.binary_search(w).expect("every window is in the table") as u32;
    let rank_kinds = |k: &str| kinds.binary_search(&k).expect("every kind is in the table") as u8;
    let ranks: Vec<Ranks> = tasks
        .iter()
        .map(|task| Ranks {
            windows: task.windows.iter().map(rank_windows).collect(),
            kinds: task.kinds.iter().map(|kind| rank_kinds(kind)).collect(),
        })
        .collect();
    let kinds: TextTable = kinds.iter().collect();
    let mut n_rows = 0;
    let mut has_discounts = false;
    let mut parts: Vec<Vec<(usize, Vec<Packed>)>> = (0..N_PARTITIONS).map(|_| Vec::new()).collect();
    for (task, rows) in tasks.into_iter().enumerate() {
        for (part, packed) in parts.iter_mut().zip(rows.parts).filter(|(_, packed)| !packed.is_empty()) {
            n_rows += packed.len();
            has_discounts |= packed.iter().any(|row| row.discount != NO_DISCOUNT);
            part.push((task, packed));
        }
    }

    let mut offsets = vec![0u32; n_items + 1];
    let mut window_of = Vec::with_capacity(n_rows);
    let mut store_of = Vec::with_capacity(n_rows);
    let mut kind_of = Vec::with_capacity(n_rows);
    let mut discounts = Vec::with_capacity(if has_discounts { n_rows } else { 0 });
    for wave in parts.chunks_mut(rayon::current_num_threads().max(1)) {
        let sorted: Vec<Vec<Row>> = wave
            .par_iter_mut()
            .map(|part| {
                let part = std::mem::take(part);
                let mut rows = Vec::with_capacity(part.iter().map(|(_, packed)| packed.len()).sum());
                for (task, packed) in part {
                    rows.extend(packed.into_iter().map(|row| ranks[task].row(row, &store_ranks)));
                }
                rows.sort_unstable();
                rows.dedup_by(|later, kept| later.repeats(kept));
                rows
            })
            .collect();
        for row in sorted.iter().flatten() {
            offsets[row.item as usize + 1] += 1;
            window_of.push(row.window);
            store_of.push(row.store);
            kind_of.push(row.kind);
            if has_discounts {
                discounts.push(row.discount.value());
            }
        }
    }
    for item in 0..n_items {
        offsets[item + 1] += offsets[item];
    }
    let n_repeated = (n_rows - window_of.len()) as u64;
    let windows = windows.into_iter().map(|(start, end)| (Time(start), Time(end))).collect();
    Ok((Promotions { offsets, window_of, store_of, kind_of, discounts, windows, stores, kinds }, n_repeated))
}
