//! Phase two: each partition's rows become baskets; all baskets become the ledger.

use rayon::prelude::*;
use sidecart_core::{Baskets, Clock, IdTable, ItemId, Progress, Time};

use super::{Ledger, NONE};
use crate::error::{Error, Result};
use crate::input::parts::{Interner, N_PARTITIONS, NO_PRICE, Partitions, Row};
use crate::{IngestSummary, Rule};

/// What phase one leaves.
pub(crate) struct Parts {
    pub(crate) items: Interner,
    pub(crate) customers: Interner,
    pub(crate) stores: Interner,
    pub(crate) partitions: Partitions,
    pub(crate) clock: Clock,
    pub(crate) has_price: bool,
}

/// The ledger, or a basket that two customers share.
pub(crate) enum Outcome {
    Done(Box<Ledger>),
    /// The ledger without the baskets of two customers, and the key of the first of them.
    Shared { ledger: Box<Ledger>, key: u128 },
}

/// A basket of a partition: where it belongs and where its lines are.
#[derive(Clone, Copy)]
struct BasketHead {
    customer: u32,
    time: i64,
    key: u128,
    store: u32,
    partition: u32,
    first_line: u32,
    n_lines: u32,
}

/// Lines of one partition, basket after basket.
#[derive(Default)]
struct Lines {
    items: Vec<u32>,
    quantities: Vec<u32>,
    paid: Vec<i64>,
    shelf: Vec<i64>,
}

struct Grouped {
    heads: Vec<BasketHead>,
    lines: Lines,
    n_duplicates: u64,
    n_times: u64,
    n_stores: u64,
}

struct Ranks {
    items: Vec<u32>,
    customers: Vec<u32>,
    stores: Vec<u32>,
}

pub(crate) fn group(parts: Parts, summary: &mut IngestSummary, progress: &dyn Progress) -> Result<Outcome> {
    for (what, interner) in [("items", &parts.items), ("customers", &parts.customers), ("stores", &parts.stores)] {
        if interner.len() > IdTable::MAX_LEN {
            return Err(Error::Bug { what: format!("more than {} {what}", IdTable::MAX_LEN) });
        }
    }
    let (items, item_ranks) = parts.items.finish();
    let (customers, customer_ranks) = parts.customers.finish();
    let (stores, store_ranks) = parts.stores.finish();
    let ranks = Ranks { items: item_ranks, customers: customer_ranks, stores: store_ranks };
    progress.begin("grouping baskets", N_PARTITIONS as u64, "partitions");
    let grouped: Vec<Grouped> = (0..N_PARTITIONS)
        .into_par_iter()
        .map(|p| {
            let rows = parts.partitions.take(p)?;
            let grouped = group_partition(rows, &ranks, p as u32, parts.has_price);
            progress.advance(1);
            grouped
        })
        .collect::<Result<_>>()?;
    progress.end();
    for part in &grouped {
        summary.count(Rule::Duplicate, part.n_duplicates);
        summary.count(Rule::BasketTimes, part.n_times);
        summary.count(Rule::BasketStores, part.n_stores);
    }
    let mut heads: Vec<BasketHead> = grouped.iter().flat_map(|g| g.heads.iter().copied()).collect();
    let shared = shared_keys(&heads);
    if !shared.is_empty() {
        heads.retain(|h| shared.binary_search(&h.key).is_err());
        summary.count(Rule::BasketOfTwo, shared.len() as u64);
    }
    heads.par_sort_unstable_by_key(|h| (h.customer, h.time, h.key));
    let lines: Vec<Lines> = grouped.into_iter().map(|g| g.lines).collect();
    let ledger = Box::new(assemble(heads, &lines, items, customers, stores, parts.clock, parts.has_price));
    Ok(match shared.first() {
        Some(&key) => Outcome::Shared { ledger, key },
        None => Outcome::Done(ledger),
    })
}

/// Keys that stand under more than one customer, sorted.
fn shared_keys(heads: &[BasketHead]) -> Vec<u128> {
    let mut keys: Vec<u128> = heads.iter().map(|h| h.key).collect();
    keys.par_sort_unstable();
    let mut shared: Vec<u128> = keys.windows(2).filter(|w| w[0] == w[1]).map(|w| w[0]).collect();
    shared.dedup();
    shared
}

fn group_partition(mut rows: Vec<Row>, ranks: &Ranks, partition: u32, has_price: bool) -> Result<Grouped> {
    let rank = |ranks: &[u32], number: u32| if number == NONE { NONE } else { ranks[number as usize] };
    for row in &mut rows {
        row.item = ranks.items[row.item as usize];
        row.customer = rank(&ranks.customers, row.customer);
        row.store = rank(&ranks.stores, row.store);
    }
    rows.sort_unstable_by_key(|r| (r.customer, r.basket, r.item));
    let too_many = |_| Error::Bug { what: "a partition holds more than 4294967295 lines".into() };
    let mut out = Grouped { heads: Vec::new(), lines: Lines::default(), n_duplicates: 0, n_times: 0, n_stores: 0 };
    for basket in rows.chunk_by(|a, b| a.customer == b.customer && a.basket == b.basket) {
        let first = basket[0];
        let time = basket.iter().map(|r| r.time).max().unwrap_or(first.time);
        let store = basket.iter().map(|r| r.store).min().unwrap_or(NONE);
        out.n_times += u64::from(basket.iter().any(|r| r.time != time));
        out.n_stores += u64::from(basket.iter().any(|r| r.store != store && r.store != NONE));
        let first_line = u32::try_from(out.lines.items.len()).map_err(too_many)?;
        for line in basket.chunk_by(|a, b| a.item == b.item) {
            out.n_duplicates += line.len() as u64 - 1;
            out.lines.items.push(line[0].item);
            let quantity: u64 = line.iter().map(|r| u64::from(r.quantity)).sum();
            out.lines.quantities.push(u32::try_from(quantity).unwrap_or(u32::MAX));
            if has_price {
                out.lines.paid.push(sum_prices(line.iter().map(|r| r.paid)));
                out.lines.shelf.push(sum_prices(line.iter().map(|r| r.shelf)));
            }
        }
        let n_lines = u32::try_from(out.lines.items.len()).map_err(too_many)? - first_line;
        out.heads.push(BasketHead {
            customer: first.customer,
            time,
            key: first.basket,
            store,
            partition,
            first_line,
            n_lines,
        });
    }
    Ok(out)
}

/// The sum where all parts are known; an unknown part makes the sum unknown.
fn sum_prices(prices: impl Iterator<Item = i64>) -> i64 {
    prices.fold(0i64, |sum, price| if sum == NO_PRICE || price == NO_PRICE { NO_PRICE } else { sum.saturating_add(price) })
}

fn assemble(
    heads: Vec<BasketHead>,
    parts: &[Lines],
    items: IdTable,
    customers: IdTable,
    stores: IdTable,
    clock: Clock,
    has_price: bool,
) -> Ledger {
    let n_lines: usize = heads.iter().map(|h| h.n_lines as usize).sum();
    let priced = if has_price { n_lines } else { 0 };
    let mut ledger = Ledger {
        items,
        customers,
        stores,
        clock,
        baskets: Baskets::with_capacity(heads.len(), n_lines),
        basket_keys: Vec::with_capacity(heads.len()),
        basket_customers: Vec::with_capacity(heads.len()),
        basket_times: Vec::with_capacity(heads.len()),
        basket_stores: Vec::with_capacity(heads.len()),
        quantities: Vec::with_capacity(n_lines),
        paid: Vec::with_capacity(priced),
        shelf: Vec::with_capacity(priced),
    };
    for head in heads {
        let lines = &parts[head.partition as usize];
        let range = head.first_line as usize..(head.first_line + head.n_lines) as usize;
        ledger.baskets.push(lines.items[range.clone()].iter().map(|&i| ItemId(i)));
        ledger.quantities.extend_from_slice(&lines.quantities[range.clone()]);
        if has_price {
            ledger.paid.extend_from_slice(&lines.paid[range.clone()]);
            ledger.shelf.extend_from_slice(&lines.shelf[range]);
        }
        ledger.basket_keys.push(head.key);
        ledger.basket_customers.push(head.customer);
        ledger.basket_times.push(Time(head.time));
        ledger.basket_stores.push(head.store);
    }
    ledger.without_unused_ids()
}
