use std::ops::Range;
use std::sync::Mutex;

use rayon::prelude::*;
use sidecart_core::{Baskets, ItemId};
use sidecart_kernels::prefetch_read;

use super::CountingError;
use super::accumulator::{Accumulator, BasketCount, PackedSum, PairSum, WideSum};
use super::index::{BasketIndex, Columns};

/// A block of rows ends after this many postings or rows.
const BLOCK_POSTINGS: usize = 1 << 14;
const BLOCK_ROWS: usize = 512;
/// Baskets are fetched this many postings before they are read.
const PREFETCH_POSTINGS: usize = 16;

/// Counts pairs of items that share a basket.
///
/// Items are renumbered by falling frequency. An item's row is gathered from its baskets into an
/// array with one counter per item, of which only the touched ones are read and cleared, so the
/// cost is one addition for every pair in every basket and no hash table is needed. Rows are
/// counted in parallel; memory is 12 bytes per line, and per thread one counter and 4 bytes per
/// item.
///
/// ```
/// use sidecart_core::{Baskets, ItemId};
/// use sidecart_train::counting::{Columns, PairCounter};
///
/// let baskets: Baskets = [[0, 1], [0, 1], [1, 2]].iter().map(|b| b.iter().map(|&i| ItemId(i))).collect();
/// let counter = PairCounter::new(&baskets, &[1, 1, 1], 3, Columns::MoreFrequent, 1)?;
/// let totals = counter.totals();
/// assert_eq!((totals.n_distinct, totals.n_pairs), (2, 3));
/// # Ok::<(), sidecart_train::counting::CountingError>(())
/// ```
#[derive(Debug)]
pub struct PairCounter {
    index: BasketIndex,
    blocks: Vec<Range<usize>>,
}

/// Sums over all pairs.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PairTotals {
    /// Different pairs with at least one basket.
    pub n_distinct: u64,
    /// Pairs over all baskets: the sum of `n (n - 1) / 2`, twice that with [`Columns::All`].
    pub n_pairs: u64,
}

/// One column of a finished row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct PairCell {
    /// The other item.
    pub item: ItemId,
    /// Baskets that hold both.
    pub n_baskets: u32,
    /// Sum of the weights of these baskets.
    pub weight: u64,
}

/// The finished row of one item, lent to the visitor.
#[derive(Debug)]
pub struct Row<'a, A> {
    /// The item.
    pub owner: ItemId,
    /// The item's rank by falling frequency.
    pub owner_rank: u32,
    items: &'a [ItemId],
    touched: &'a [u32],
    cells: &'a mut [A],
    is_drained: bool,
}

impl<A: Accumulator> Row<'_, A> {
    /// An upper bound for the number of columns.
    #[must_use]
    pub fn max_len(&self) -> usize {
        self.touched.len()
    }

    /// The item of a rank.
    #[inline]
    #[must_use]
    pub fn item(&self, rank: u32) -> ItemId {
        self.items[rank as usize]
    }

    /// Hands out every column once as its item's rank and sum, in the order in which the baskets
    /// first named them. The row is empty afterwards.
    #[inline]
    pub fn drain(&mut self, mut visit: impl FnMut(u32, A)) {
        if std::mem::replace(&mut self.is_drained, true) {
            return;
        }
        for &rank in self.touched {
            let cell = std::mem::take(&mut self.cells[rank as usize]);
            if rank != self.owner_rank {
                visit(rank, cell);
            }
        }
    }
}

/// The counters of one thread.
#[derive(Debug)]
struct Scratch<A> {
    cells: Vec<A>,
    touched: Vec<u32>,
}

impl PairCounter {
    /// Sorts the baskets by item. O(lines).
    ///
    /// `labels` holds one value per basket for the accumulator (a weight of 1 or more, a
    /// customer number); items are below `n_items`; items in fewer than `min_item_baskets`
    /// baskets take no part.
    ///
    /// # Errors
    /// [`CountingError::TooManyLines`] from 2^32 lines and baskets on,
    /// [`CountingError::LabelCount`] unless there is one label per basket.
    pub fn new(
        baskets: &Baskets,
        labels: &[u32],
        n_items: usize,
        columns: Columns,
        min_item_baskets: u32,
    ) -> Result<Self, CountingError> {
        if labels.len() != baskets.len() {
            return Err(CountingError::LabelCount { expected: baskets.len(), got: labels.len() });
        }
        let index = BasketIndex::new(baskets, labels, n_items, columns, min_item_baskets)?;
        let mut blocks = Vec::new();
        let (mut first, mut n_postings) = (0, 0);
        for item in 0..n_items {
            if let Some(&(begin, end)) = index.rows.get(index.ranks[item] as usize) {
                n_postings += end - begin;
            }
            if n_postings >= BLOCK_POSTINGS || item + 1 - first >= BLOCK_ROWS || item + 1 == n_items {
                blocks.push(first..item + 1);
                (first, n_postings) = (item + 1, 0);
            }
        }
        Ok(Self { index, blocks })
    }

    /// The items that take part, by falling number of baskets, then rising id.
    #[must_use]
    pub fn items(&self) -> &[ItemId] {
        &self.index.items
    }

    /// Number of baskets of every item, also of those that take no part.
    #[must_use]
    pub fn item_baskets(&self) -> &[u32] {
        &self.index.item_baskets
    }

    /// Visits the rows of all items that take part, in parallel.
    ///
    /// Items are cut into fixed blocks of neighbouring ids. Every block gets a state from
    /// `start`, `visit` sees the block's rows by rising id, and `finish` turns the state into a
    /// result; results come back in the order of the blocks. So the outcome does not depend on
    /// the number of threads.
    pub fn fold<A: Accumulator, S, R: Send>(
        &self,
        start: impl Fn() -> S + Sync,
        visit: impl Fn(&mut S, &mut Row<'_, A>) + Sync,
        finish: impl Fn(S) -> R + Sync,
    ) -> Vec<R> {
        let pool: Mutex<Vec<Scratch<A>>> = Mutex::default();
        let lock = || pool.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.blocks
            .par_iter()
            .with_max_len(1)
            .map(|block| {
                let pooled = lock().pop();
                let mut scratch = pooled.unwrap_or_else(|| Scratch {
                    cells: vec![A::default(); self.index.items.len()],
                    touched: vec![0; self.index.items.len() + 1],
                });
                let mut state = start();
                for item in block.clone() {
                    let rank = self.index.ranks[item];
                    if (rank as usize) < self.index.items.len() {
                        self.gather(rank, &mut scratch, |row| visit(&mut state, row));
                    }
                }
                lock().push(scratch);
                finish(state)
            })
            .collect()
    }

    /// Sums the row of one item and lends it to `visit`.
    #[inline]
    fn gather<A: Accumulator>(&self, owner_rank: u32, scratch: &mut Scratch<A>, visit: impl FnOnce(&mut Row<'_, A>)) {
        let Scratch { cells, touched } = scratch;
        let (begin, end) = self.index.rows[owner_rank as usize];
        let contents = self.index.contents.as_slice();
        let mut n_touched = 0;
        let postings = self.index.postings.as_slice();
        for (position, posting) in (begin..end).zip(&postings[begin..end]) {
            if let Some(ahead) = postings.get(position + PREFETCH_POSTINGS) {
                prefetch_read(contents, ahead.start as usize);
                prefetch_read(contents, (ahead.stop as usize).saturating_sub(1));
            }
            let words = &contents[posting.start as usize..posting.stop as usize];
            if let &[label, ref ranks @ ..] = words {
                for &rank in ranks {
                    let cell = &mut cells[rank as usize];
                    touched[n_touched] = rank;
                    n_touched += usize::from(cell.is_empty());
                    cell.add(label);
                }
            }
        }
        let mut row = Row {
            owner: self.index.items[owner_rank as usize],
            owner_rank,
            items: &self.index.items,
            touched: &touched[..n_touched],
            cells,
            is_drained: false,
        };
        visit(&mut row);
        row.drain(|_, _| ());
    }

    /// Counts without keeping the counts.
    #[must_use]
    pub fn totals(&self) -> PairTotals {
        self.fold::<BasketCount, _, _>(
            PairTotals::default,
            |totals, row| {
                row.drain(|_, cell| {
                    totals.n_distinct += 1;
                    totals.n_pairs += u64::from(cell.0);
                });
            },
            |totals| totals,
        )
        .into_iter()
        .fold(PairTotals::default(), |a, b| PairTotals {
            n_distinct: a.n_distinct + b.n_distinct,
            n_pairs: a.n_pairs + b.n_pairs,
        })
    }

    /// Visits the rows as lists of [`PairCell`]s by rising item, with basket counts and weights;
    /// the labels must be weights of 1 to [`WEIGHT_ONE`](super::WEIGHT_ONE). Blocks, states and
    /// results as in [`fold`](Self::fold).
    pub fn fold_cells<S, R: Send>(
        &self,
        start: impl Fn() -> S + Sync,
        visit: impl Fn(&mut S, ItemId, &[PairCell]) + Sync,
        finish: impl Fn(S) -> R + Sync,
    ) -> Vec<R> {
        // A pair has at most as many baskets as either item.
        let most = self.items().first().map_or(0, |item| self.item_baskets()[item.index()]);
        if u64::from(most) <= PackedSum::MAX_BASKETS {
            self.fold_sums::<PackedSum, _, _>(start, visit, finish)
        } else {
            self.fold_sums::<WideSum, _, _>(start, visit, finish)
        }
    }

    pub(super) fn fold_sums<A: PairSum, S, R: Send>(
        &self,
        start: impl Fn() -> S + Sync,
        visit: impl Fn(&mut S, ItemId, &[PairCell]) + Sync,
        finish: impl Fn(S) -> R + Sync,
    ) -> Vec<R> {
        self.fold::<A, _, _>(
            || (start(), Vec::new()),
            |(state, cells), row| {
                let items = row.items;
                cells.clear();
                row.drain(|rank, sum| {
                    let item = items[rank as usize];
                    cells.push(PairCell { item, n_baskets: sum.n_baskets(), weight: sum.weight() });
                });
                cells.sort_unstable();
                visit(state, row.owner, cells);
            },
            |(state, _)| finish(state),
        )
    }
}
