//! Phase two: each partition's rows become baskets; all baskets become the ledger.

use rayon::prelude::*;
use sidecart_core::{Baskets, Cancelled, Clock, IdTable, ItemId, Progress, Time};

use super::{Ledger, NONE};
use crate::error::{Error, Result};
use crate::input::parts::{Interners, N_PARTITIONS, NO_PRICE, Partitions, Run, RunHead, Runs};
use crate::{IngestSummary, Rule};

/// What phase one leaves.
pub(crate) struct Parts {
    pub(crate) interners: Interners,
    pub(crate) partitions: Partitions,
    pub(crate) clock: Clock,
    pub(crate) has_price: bool,
}

/// The ledger without the baskets of two customers, and the sorted keys of those.
pub(crate) struct Grouped {
    pub(crate) ledger: Ledger,
    pub(crate) shared: Vec<u128>,
}

/// A basket of a partition: where it belongs and where its lines are.
#[derive(Clone, Copy)]
struct BasketHead {
    key: u128,
    time: i64,
    customer: u32,
    store: u32,
    partition: u32,
    first_line: u32,
    n_lines: u32,
}

impl BasketHead {
    fn range(&self) -> std::ops::Range<usize> {
        self.first_line as usize..(self.first_line + self.n_lines) as usize
    }
}

/// Lines of one partition, basket after basket.
#[derive(Default)]
struct Lines {
    items: Vec<u32>,
    quantities: Vec<u32>,
    paid: Vec<i64>,
    shelf: Vec<i64>,
}

#[derive(Default)]
struct GroupedPartition {
    heads: Vec<BasketHead>,
    lines: Lines,
    n_duplicates: u64,
    n_times: u64,
    n_stores: u64,
}

/// For every provisional number its rank.
struct Ranks {
    items: Vec<u32>,
    customers: Vec<u32>,
    stores: Vec<u32>,
}

pub(crate) fn group(parts: Parts, summary: &mut IngestSummary, progress: &dyn Progress) -> Result<Grouped> {
    let Interners { items, customers, stores } = parts.interners;
    for (what, interner) in [("items", &items), ("customers", &customers), ("stores", &stores)] {
        if interner.len() > IdTable::MAX_LEN {
            return Err(Error::Bug { what: format!("more than {} {what}", IdTable::MAX_LEN) });
        }
    }
    let (items, item_ranks) = items.finish();
    let (customers, customer_ranks) = customers.finish();
    let (stores, store_ranks) = stores.finish();
    let ranks = Ranks { items: item_ranks, customers: customer_ranks, stores: store_ranks };
    progress.begin("grouping baskets", N_PARTITIONS as u64, "partitions");
    let grouped: Result<Vec<GroupedPartition>> = (0..N_PARTITIONS)
        .into_par_iter()
        .map(|partition| {
            if progress.is_cancelled() {
                return Err(Cancelled.into());
            }
            let rows = parts.partitions.take(partition)?;
            let grouped = group_partition(&rows, &ranks, partition as u32, parts.has_price);
            progress.advance(1);
            grouped
        })
        .collect();
    progress.end();
    let grouped = grouped?;
    for part in &grouped {
        summary.count(Rule::Duplicate, part.n_duplicates);
        summary.count(Rule::BasketTimes, part.n_times);
        summary.count(Rule::BasketStores, part.n_stores);
    }
    let mut heads = Vec::with_capacity(grouped.iter().map(|part| part.heads.len()).sum());
    let mut lines = Vec::with_capacity(N_PARTITIONS);
    for part in grouped {
        heads.extend_from_slice(&part.heads);
        lines.push(part.lines);
    }
    let shared = shared_keys(&heads);
    if !shared.is_empty() {
        heads.retain(|head| shared.binary_search(&head.key).is_err());
    }
    heads.par_sort_unstable_by_key(|head| (head.customer, head.time, head.key));
    let columns = gather(&heads, &lines, parts.has_price);
    drop(lines);
    let ledger = Ledger {
        items,
        customers,
        stores,
        clock: parts.clock,
        baskets: columns.baskets,
        basket_keys: heads.iter().map(|head| head.key).collect(),
        basket_customers: heads.iter().map(|head| head.customer).collect(),
        basket_times: heads.iter().map(|head| Time(head.time)).collect(),
        basket_stores: heads.iter().map(|head| head.store).collect(),
        quantities: columns.quantities,
        paid: columns.paid,
        shelf: columns.shelf,
    };
    Ok(Grouped { ledger: ledger.without_unused_ids(), shared })
}

/// Keys that stand under more than one customer, sorted.
fn shared_keys(heads: &[BasketHead]) -> Vec<u128> {
    let mut keys: Vec<u128> = heads.iter().map(|head| head.key).collect();
    keys.par_sort_unstable();
    let mut shared: Vec<u128> = keys.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0]).collect();
    shared.dedup();
    shared
}

fn rank(ranks: &[u32], number: u32) -> u32 {
    if number == NONE { NONE } else { ranks[number as usize] }
}

/// A run of rows with ranks instead of provisional numbers, and the place of its lines.
struct RankedRun {
    head: RunHead,
    first_line: u32,
    n_lines: u32,
}

fn ranked_runs(runs: &[Run], ranks: &Ranks) -> Vec<RankedRun> {
    let mut first_line = 0;
    runs.iter()
        .map(|run| {
            let head = RunHead {
                customer: rank(&ranks.customers, run.head.customer),
                store: rank(&ranks.stores, run.head.store),
                ..run.head
            };
            let ranked = RankedRun { head, first_line, n_lines: run.n_lines };
            first_line += run.n_lines;
            ranked
        })
        .collect()
}

fn group_partition(rows: &Runs, ranks: &Ranks, partition: u32, has_price: bool) -> Result<GroupedPartition> {
    if u32::try_from(rows.lines.len()).is_err() {
        return Err(Error::Bug { what: "a partition holds more than 4294967295 rows".into() });
    }
    let mut runs = ranked_runs(&rows.runs, ranks);
    runs.sort_unstable_by_key(|run| (run.head.customer, run.head.basket));
    let mut out = GroupedPartition::default();
    out.lines.items.reserve_exact(rows.lines.len());
    out.lines.quantities.reserve_exact(rows.lines.len());
    if has_price {
        out.lines.paid.reserve_exact(rows.lines.len());
        out.lines.shelf.reserve_exact(rows.lines.len());
    }
    // Rank of the item in the high half, place of the line in the low half.
    let mut by_item: Vec<u64> = Vec::new();
    for basket in runs.chunk_by(|a, b| (a.head.customer, a.head.basket) == (b.head.customer, b.head.basket)) {
        by_item.clear();
        for run in basket {
            by_item.extend((run.first_line..run.first_line + run.n_lines).map(|place| {
                u64::from(ranks.items[rows.lines[place as usize].item as usize]) << 32 | u64::from(place)
            }));
        }
        by_item.sort_unstable();
        let head = out.basket_head(basket, partition);
        for line in by_item.chunk_by(|a, b| a >> 32 == b >> 32) {
            out.push_line(line, rows, has_price);
        }
        let n_lines = out.lines.items.len() as u32 - head.first_line;
        out.heads.push(BasketHead { n_lines, ..head });
    }
    Ok(out)
}

impl GroupedPartition {
    /// The head of a basket of several runs: the newest time, the store with the smallest id.
    fn basket_head(&mut self, runs: &[RankedRun], partition: u32) -> BasketHead {
        let first = &runs[0].head;
        let (time, store) =
            runs.iter().fold((first.time, NONE), |(time, store), r| (time.max(r.head.time), store.min(r.head.store)));
        self.n_times += u64::from(runs.iter().any(|r| r.head.time != time));
        self.n_stores += u64::from(runs.iter().any(|r| r.head.store != store && r.head.store != NONE));
        BasketHead {
            key: first.basket,
            time,
            customer: first.customer,
            store,
            partition,
            first_line: self.lines.items.len() as u32,
            n_lines: 0,
        }
    }

    /// Adds up the rows of one item in a basket.
    fn push_line(&mut self, places: &[u64], rows: &Runs, has_price: bool) {
        let parts = || places.iter().map(|&place| &rows.lines[place as u32 as usize]);
        self.n_duplicates += places.len() as u64 - 1;
        self.lines.items.push((places[0] >> 32) as u32);
        let quantity: u64 = parts().map(|row| u64::from(row.quantity)).sum();
        self.lines.quantities.push(u32::try_from(quantity).unwrap_or(u32::MAX));
        if has_price {
            self.lines.paid.push(sum_prices(parts().map(|row| row.paid)));
            self.lines.shelf.push(sum_prices(parts().map(|row| row.shelf)));
        }
    }
}

/// The sum where all parts are known; an unknown part makes the sum unknown.
fn sum_prices(prices: impl Iterator<Item = i64>) -> i64 {
    prices.fold(
        0i64,
        |sum, price| {
            if sum == NO_PRICE || price == NO_PRICE { NO_PRICE } else { sum.saturating_add(price) }
        },
    )
}

/// The line columns of the ledger.
struct LineColumns {
    baskets: Baskets,
    quantities: Vec<u32>,
    paid: Vec<i64>,
    shelf: Vec<i64>,
}

/// Copies the lines of all partitions in the order of the heads, the columns side by side.
fn gather(heads: &[BasketHead], parts: &[Lines], has_price: bool) -> LineColumns {
    fn column<T: Copy + Send + Sync>(
        heads: &[BasketHead],
        parts: &[Lines],
        n_lines: usize,
        of: impl Fn(&Lines) -> &[T],
    ) -> Vec<T> {
        let mut out = Vec::with_capacity(n_lines);
        for head in heads {
            out.extend_from_slice(&of(&parts[head.partition as usize])[head.range()]);
        }
        out
    }
    let n_lines: usize = heads.iter().map(|head| head.n_lines as usize).sum();
    let baskets = || {
        let mut baskets = Baskets::with_capacity(heads.len(), n_lines);
        for head in heads {
            baskets.push(parts[head.partition as usize].items[head.range()].iter().map(|&item| ItemId(item)));
        }
        baskets
    };
    let quantities = || column(heads, parts, n_lines, |lines| &lines.quantities);
    let n_priced = if has_price { n_lines } else { 0 };
    let priced = if has_price { heads } else { &[] };
    let paid = || column(priced, parts, n_priced, |lines| &lines.paid);
    let shelf = || column(priced, parts, n_priced, |lines| &lines.shelf);
    let ((baskets, quantities), (paid, shelf)) =
        rayon::join(|| rayon::join(baskets, quantities), || rayon::join(paid, shelf));
    LineColumns { baskets, quantities, paid, shelf }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_part_makes_a_sum_unknown() {
        assert_eq!(sum_prices([1, 2].into_iter()), 3);
        assert_eq!(sum_prices([1, NO_PRICE, 2].into_iter()), NO_PRICE);
        assert_eq!(sum_prices([i64::MAX, 2].into_iter()), i64::MAX);
    }
}
