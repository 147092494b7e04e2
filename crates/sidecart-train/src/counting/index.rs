use rayon::prelude::*;
use sidecart_core::{Baskets, ItemId};

use super::CountingError;

/// The rank of an item that takes no part.
const ABSENT: u32 = u32::MAX;
/// Baskets that are renumbered as one unit of parallel work.
const CHUNK_BASKETS: usize = 8192;

/// Which columns the row of an item has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Columns {
    /// Only items of a lower rank (more frequent ones): every pair appears once, in the row of
    /// its rarer item.
    MoreFrequent,
    /// All other items: every pair appears twice.
    All,
}

/// Where the columns of one line are: `start` is the basket's label, its items follow up to
/// `stop`.
#[derive(Clone, Copy, Default, Debug)]
pub(super) struct Posting {
    pub(super) start: u32,
    pub(super) stop: u32,
}

/// Baskets renumbered by falling item frequency, with the postings of every item.
///
/// Frequent items get small numbers, so the counters that are hit most lie close together and
/// stay in the cache.
#[derive(Debug)]
pub(super) struct BasketIndex {
    /// Basket after basket: the label, the ranks, then [`ABSENT`] for every item left out.
    pub(super) contents: Vec<u32>,
    pub(super) postings: Vec<Posting>,
    /// Where the postings of each rank begin and end.
    pub(super) rows: Vec<(usize, usize)>,
    /// The item of each rank.
    pub(super) items: Vec<ItemId>,
    /// The rank of each item, or [`ABSENT`].
    pub(super) ranks: Vec<u32>,
    /// Number of baskets of each item, kept or not.
    pub(super) item_baskets: Vec<u32>,
}

impl BasketIndex {
    pub(super) fn new(
        baskets: &Baskets,
        labels: &[u32],
        n_items: usize,
        columns: Columns,
        min_item_baskets: u32,
    ) -> Result<Self, CountingError> {
        let n_words = baskets.n_lines() + baskets.len();
        if n_words >= u32::MAX as usize {
            return Err(CountingError::TooManyLines { got: n_words, limit: u32::MAX as usize - 1 });
        }
        let mut item_baskets = vec![0u32; n_items];
        for item in baskets.items() {
            item_baskets[item.index()] += 1;
        }
        // Falling frequency in the high half, then rising id.
        let mut order: Vec<u64> = (0..n_items as u64)
            .zip(&item_baskets)
            .filter(|&(_, &n)| n >= min_item_baskets.max(1))
            .map(|(item, &n)| (u64::from(!n) << 32) | item)
            .collect();
        order.par_sort_unstable();
        let items: Vec<ItemId> = order.iter().map(|&key| ItemId(key as u32)).collect();
        let mut ranks = vec![ABSENT; n_items];
        for (rank, item) in items.iter().enumerate() {
            ranks[item.index()] = rank as u32;
        }
        let contents = renumber(baskets, labels, &ranks, n_words, columns);
        let (postings, rows) = postings(baskets, &contents, &items, &item_baskets, columns);
        Ok(Self { contents, postings, rows, items, ranks, item_baskets })
    }
}

/// Writes every basket as label and ranks; each has the room of its label and all its items, so
/// the baskets can be filled side by side.
fn renumber(baskets: &Baskets, labels: &[u32], ranks: &[u32], n_words: usize, columns: Columns) -> Vec<u32> {
    let mut contents = vec![0; n_words];
    let mut rest = contents.as_mut_slice();
    let mut chunks = Vec::new();
    for first in (0..baskets.len()).step_by(CHUNK_BASKETS) {
        let last = (first + CHUNK_BASKETS).min(baskets.len());
        let n = baskets.offsets()[last] - baskets.offsets()[first] + last - first;
        let (chunk, tail) = std::mem::take(&mut rest).split_at_mut(n);
        rest = tail;
        chunks.push((first..last, chunk));
    }
    chunks.into_par_iter().for_each(|(range, mut chunk)| {
        for basket_idx in range {
            let basket = baskets.get(basket_idx);
            let (words, tail) = chunk.split_at_mut(basket.len() + 1);
            chunk = tail;
            words[0] = labels[basket_idx];
            let mut n = 1;
            for item in basket {
                words[n] = ranks[item.index()];
                n += usize::from(ranks[item.index()] != ABSENT);
            }
            words[n..].fill(ABSENT);
            if columns == Columns::MoreFrequent {
                words[1..n].sort_unstable();
            }
        }
    });
    contents
}

type Rows = Vec<(usize, usize)>;

/// Lists, for every rank, the places of its columns. Each thread scans all baskets and fills the
/// postings of its own range of ranks.
fn postings(
    baskets: &Baskets,
    contents: &[u32],
    items: &[ItemId],
    item_baskets: &[u32],
    columns: Columns,
) -> (Vec<Posting>, Rows) {
    let room = |rank: usize| item_baskets[items[rank].index()] as usize;
    let n_postings: usize = (0..items.len()).map(room).sum();
    let mut postings = vec![Posting::default(); n_postings];
    let n_parts = rayon::current_num_threads().clamp(1, 8);
    let mut parts = Vec::with_capacity(n_parts);
    let (mut rank, mut rest) = (0, postings.as_mut_slice());
    let mut offset = 0;
    for part in 1..=n_parts {
        let (first_rank, first_offset) = (rank, offset);
        while rank < items.len() && (offset * n_parts < n_postings * part || part == n_parts) {
            offset += room(rank);
            rank += 1;
        }
        let (own, tail) = std::mem::take(&mut rest).split_at_mut(offset - first_offset);
        rest = tail;
        parts.push((first_rank..rank, first_offset, own));
    }
    let rows: Vec<Rows> = parts
        .into_par_iter()
        .map(|(ranks, first_offset, own)| {
            let mut begin = Vec::with_capacity(ranks.len());
            let mut next = 0;
            for rank in ranks.clone() {
                begin.push(next);
                next += room(rank);
            }
            let mut end = begin.clone();
            let (low, n_ranks) = (ranks.start as u32, ranks.len() as u32);
            let mut start = 0usize;
            for basket_idx in 0..baskets.len() {
                let room = baskets.offsets()[basket_idx + 1] - baskets.offsets()[basket_idx];
                let words = &contents[start + 1..start + 1 + room];
                let n = words.iter().position(|&rank| rank == ABSENT).unwrap_or(room);
                // The first item of a sorted basket has no more frequent one beside it.
                let skip = match columns {
                    Columns::MoreFrequent => 1.min(n),
                    Columns::All => {
                        if n < 2 {
                            n
                        } else {
                            0
                        }
                    }
                };
                for (position, &rank) in words[..n].iter().enumerate().skip(skip) {
                    let slot = rank.wrapping_sub(low);
                    if slot < n_ranks {
                        let stop = match columns {
                            Columns::MoreFrequent => position,
                            Columns::All => n,
                        };
                        let cursor = &mut end[slot as usize];
                        own[*cursor] = Posting { start: start as u32, stop: (start + 1 + stop) as u32 };
                        *cursor += 1;
                    }
                }
                start += room + 1;
            }
            begin.iter().zip(&end).map(|(b, e)| (first_offset + b, first_offset + e)).collect()
        })
        .collect();
    (postings, rows.concat())
}
