//! The validated history in compact columnar form.

pub(crate) mod build;
mod fingerprint;
mod merge;
mod split;
mod store;

use sidecart_core::{Baskets, Clock, CustomerId, IdTable, ItemId, Money, Quantity, Time};

pub use split::Split;

/// "No customer" or "no store" in the ledger's columns.
pub(crate) const NONE: u32 = u32::MAX;

/// The validated history: customer -> baskets in (time, basket id) order -> item, quantity, paid,
/// shelf price, store.
///
/// Baskets stand in the order of their customers' ids, each customer's in order of time and
/// basket id; anonymous baskets come last, in order of time and basket id. Items of a basket rise
/// by [`ItemId`]. Basket ids are ordered by their keys: numbers as numbers, texts by a hash, which
/// is all that is kept of them. Two ledgers of the same validated rows are equal, whatever the order of the
/// rows was; everything a model learns is a function of this.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ledger {
    pub(crate) items: IdTable,
    pub(crate) customers: IdTable,
    pub(crate) stores: IdTable,
    pub(crate) clock: Clock,
    pub(crate) baskets: Baskets,
    pub(crate) basket_keys: Vec<u128>,
    pub(crate) basket_customers: Vec<u32>,
    pub(crate) basket_times: Vec<Time>,
    pub(crate) basket_stores: Vec<u32>,
    pub(crate) quantities: Vec<u32>,
    /// Paid total of each line, empty when the history has no prices.
    pub(crate) paid: Vec<i64>,
    /// Shelf total of each line, empty when the history has no prices.
    pub(crate) shelf: Vec<i64>,
}

/// One line of a basket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    /// What was bought.
    pub item: ItemId,
    /// How much of it.
    pub quantity: Quantity,
    /// What was paid for all of it, where known.
    pub paid: Option<Money>,
    /// What all of it costs on the shelf, where known.
    pub shelf: Option<Money>,
}

impl Ledger {
    /// Outside ids of the items; the position is the [`ItemId`].
    #[must_use]
    pub fn items(&self) -> &IdTable {
        &self.items
    }

    /// Outside ids of the customers; the position is the [`CustomerId`].
    #[must_use]
    pub fn customers(&self) -> &IdTable {
        &self.customers
    }

    /// Outside ids of the stores.
    #[must_use]
    pub fn stores(&self) -> &IdTable {
        &self.stores
    }

    /// What the times count.
    #[must_use]
    pub fn clock(&self) -> Clock {
        self.clock
    }

    /// All baskets: row = basket, column = item.
    #[must_use]
    pub fn baskets(&self) -> &Baskets {
        &self.baskets
    }

    /// Number of baskets.
    #[must_use]
    pub fn n_baskets(&self) -> usize {
        self.baskets.len()
    }

    /// Number of lines (items of baskets).
    #[must_use]
    pub fn n_lines(&self) -> usize {
        self.baskets.n_lines()
    }

    /// Number of items that the id table knows.
    #[must_use]
    pub fn n_items(&self) -> usize {
        self.items.len()
    }

    /// The customer of every basket; `u32::MAX` where anonymous. Does not fall.
    #[must_use]
    pub fn basket_customers(&self) -> &[u32] {
        &self.basket_customers
    }

    /// The customer of a basket.
    #[must_use]
    pub fn customer_of(&self, basket_idx: usize) -> Option<CustomerId> {
        let customer = self.basket_customers[basket_idx];
        (customer != NONE).then_some(CustomerId(customer))
    }

    /// The time of every basket.
    #[must_use]
    pub fn basket_times(&self) -> &[Time] {
        &self.basket_times
    }

    /// The key of every basket id.
    #[must_use]
    pub fn basket_keys(&self) -> &[u128] {
        &self.basket_keys
    }

    /// The store of a basket, as a position in [`stores`](Self::stores).
    #[must_use]
    pub fn store_of(&self, basket_idx: usize) -> Option<u32> {
        let store = self.basket_stores[basket_idx];
        (store != NONE).then_some(store)
    }

    /// The lines of a basket.
    pub fn lines(&self, basket_idx: usize) -> impl Iterator<Item = Line> + '_ {
        let price = |column: &[i64], line: usize| column.get(line).copied().filter(|&v| v != i64::MIN).map(Money);
        let range = self.baskets.offsets()[basket_idx]..self.baskets.offsets()[basket_idx + 1];
        range.map(move |line| Line {
            item: self.baskets.items()[line],
            quantity: Quantity(i64::from(self.quantities[line])),
            paid: price(&self.paid, line),
            shelf: price(&self.shelf, line),
        })
    }

    /// Whether lines can have prices.
    #[must_use]
    pub fn has_prices(&self) -> bool {
        !self.shelf.is_empty()
    }

    /// Basket ranges of the customers in order, then one range of one basket for every anonymous
    /// basket: the units in which support is counted.
    pub fn customer_runs(&self) -> impl Iterator<Item = std::ops::Range<usize>> + '_ {
        let mut start = 0;
        std::iter::from_fn(move || {
            let customer = *self.basket_customers.get(start)?;
            let mut end = start + 1;
            while customer != NONE && self.basket_customers.get(end) == Some(&customer) {
                end += 1;
            }
            let run = start..end;
            start = end;
            Some(run)
        })
    }

    /// The newest time of any basket; `None` for an empty ledger.
    #[must_use]
    pub fn last_time(&self) -> Option<Time> {
        self.basket_times.iter().max().copied()
    }

    /// The oldest time of any basket; `None` for an empty ledger.
    #[must_use]
    pub fn first_time(&self) -> Option<Time> {
        self.basket_times.iter().min().copied()
    }

    /// The same history over a larger catalogue: item numbers become ranks in `catalogue`, which
    /// must hold every item of the ledger. O(lines); the order of baskets does not change.
    ///
    /// # Errors
    /// [`Error::Bug`](crate::Error::Bug) when an item is missing.
    pub fn over_catalogue(mut self, catalogue: IdTable) -> crate::Result<Self> {
        if self.items == catalogue {
            return Ok(self);
        }
        let rank_of: Vec<ItemId> = self
            .items
            .iter()
            .map(|id| {
                catalogue
                    .find(id)
                    .map(ItemId)
                    .ok_or_else(|| crate::Error::Bug { what: format!("item {id} is not in the catalogue") })
            })
            .collect::<crate::Result<_>>()?;
        let mut baskets = Baskets::with_capacity(self.n_baskets(), self.n_lines());
        for basket in self.baskets.iter() {
            baskets.push(basket.iter().map(|item| rank_of[item.index()]));
        }
        self.baskets = baskets;
        self.items = catalogue;
        Ok(self)
    }
}
