use sidecart_core::{Baskets, IdTable, ItemId, TextTable, Time};

use super::{Ledger, NONE};

/// A ledger cut in two at a time; both halves keep the ids of the whole.
#[derive(Clone, Debug)]
pub struct Split {
    /// Baskets strictly before the cut.
    pub before: Ledger,
    /// Baskets at or after the cut.
    pub after: Ledger,
    /// The cut.
    pub at: Time,
}

impl Ledger {
    /// The baskets for which `keep` holds, over the same ids. O(lines).
    #[must_use]
    pub fn filter(&self, keep: impl Fn(usize) -> bool) -> Self {
        let mut out = Self {
            items: self.items.clone(),
            customers: self.customers.clone(),
            stores: self.stores.clone(),
            clock: self.clock,
            baskets: Baskets::default(),
            basket_keys: Vec::new(),
            basket_customers: Vec::new(),
            basket_times: Vec::new(),
            basket_stores: Vec::new(),
            quantities: Vec::new(),
            paid: Vec::new(),
            shelf: Vec::new(),
        };
        for basket in (0..self.n_baskets()).filter(|&b| keep(b)) {
            let range = self.baskets.offsets()[basket]..self.baskets.offsets()[basket + 1];
            out.baskets.push(self.baskets.get(basket).iter().copied());
            out.basket_keys.push(self.basket_keys[basket]);
            out.basket_customers.push(self.basket_customers[basket]);
            out.basket_times.push(self.basket_times[basket]);
            out.basket_stores.push(self.basket_stores[basket]);
            out.quantities.extend_from_slice(&self.quantities[range.clone()]);
            if self.has_prices() {
                out.paid.extend_from_slice(&self.paid[range.clone()]);
                out.shelf.extend_from_slice(&self.shelf[range]);
            }
        }
        out
    }

    /// Cuts the history at a time.
    #[must_use]
    pub fn split_at(&self, at: Time) -> Split {
        Split {
            before: self.filter(|b| self.basket_times[b] < at),
            after: self.filter(|b| self.basket_times[b] >= at),
            at,
        }
    }

    /// The earliest time from which on at most `share` (0..=1) of the baskets happen, or the newest
    /// time of all where that alone is more; `None` when all baskets have one time, so that no cut
    /// separates them. O(baskets log baskets).
    #[must_use]
    pub fn time_of_last(&self, share: f64) -> Option<Time> {
        let mut times = self.basket_times.clone();
        times.sort_unstable();
        let n = times.len();
        let first = *times.first()?;
        // The small term undoes the rounding of products such as 100 * 0.29; NaN becomes one basket.
        let tail = (n as f64 * share + 1e-9).floor().max(1.0).min(n as f64) as usize;
        let candidate = times[n - tail];
        // A cut before the candidate's equals would put too many baskets behind it.
        let at = if times[n - tail..].iter().all(|&t| t == candidate)
            || times.get(n.wrapping_sub(tail + 1)) != Some(&candidate)
        {
            candidate
        } else {
            *times.iter().find(|&&t| t > candidate)?
        };
        (at > first).then_some(at)
    }

    /// Drops item, customer and store ids that no basket uses (rows that were left out).
    pub(crate) fn without_unused_ids(mut self) -> Self {
        fn used(n: usize, ids: impl Iterator<Item = u32>) -> Option<Vec<bool>> {
            let mut used = vec![false; n];
            ids.filter(|&id| id != NONE).for_each(|id| used[id as usize] = true);
            used.iter().any(|u| !u).then_some(used)
        }
        fn shrink(table: &IdTable, used: &[bool]) -> (IdTable, Vec<u32>) {
            let kept = || (0..table.len() as u32).filter(|&i| used[i as usize]);
            let mut rank_of = vec![NONE; table.len()];
            kept().enumerate().for_each(|(rank, old)| rank_of[old as usize] = rank as u32);
            if rank_of.iter().all(|&rank| rank == NONE) {
                return (IdTable::default(), rank_of);
            }
            let ids = match table {
                IdTable::Int(ids) => IdTable::Int(kept().map(|i| ids[i as usize]).collect()),
                IdTable::Text(texts) => IdTable::Text(kept().map(|i| texts.get(i as usize)).collect::<TextTable>()),
            };
            (ids, rank_of)
        }
        let rank = |ranks: &[u32], id: &mut u32| {
            if *id != NONE {
                *id = ranks[*id as usize];
            }
        };
        if let Some(used) = used(self.items.len(), self.baskets.items().iter().map(|i| i.0)) {
            let (items, ranks) = shrink(&self.items, &used);
            self.items = items;
            self.baskets = self
                .baskets
                .iter()
                .map(|basket| basket.iter().map(|i| ItemId(ranks[i.index()])).collect::<Vec<_>>())
                .collect();
        }
        if let Some(used) = used(self.customers.len(), self.basket_customers.iter().copied()) {
            let (customers, ranks) = shrink(&self.customers, &used);
            self.customers = customers;
            self.basket_customers.iter_mut().for_each(|id| rank(&ranks, id));
        }
        if let Some(used) = used(self.stores.len(), self.basket_stores.iter().copied()) {
            let (stores, ranks) = shrink(&self.stores, &used);
            self.stores = stores;
            self.basket_stores.iter_mut().for_each(|id| rank(&ranks, id));
        }
        self
    }
}
