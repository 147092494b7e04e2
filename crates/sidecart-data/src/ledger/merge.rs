use sidecart_core::{Baskets, ExternalIdRef, IdKind, IdTable, ItemId};

use super::{Ledger, NONE};
use crate::error::{Error, Result};
use crate::input::parts::show_basket_key;

/// Unites two sorted id tables of one form; an empty table has no form.
fn unite(what: &str, a: &IdTable, b: &IdTable) -> Result<IdTable> {
    if a.is_empty() {
        return Ok(b.clone());
    }
    if b.is_empty() {
        return Ok(a.clone());
    }
    if a.kind() != b.kind() {
        return Err(other_form(what, a.kind(), b.kind()));
    }
    let both = a.iter().chain(b.iter());
    Ok(match a.kind() {
        IdKind::Int => IdTable::from_ints(
            both.filter_map(|id| match id {
                ExternalIdRef::Int(id) => Some(id),
                ExternalIdRef::Text(_) => None,
            })
            .collect(),
        ),
        IdKind::Text => IdTable::from_texts(both.filter_map(|id| match id {
            ExternalIdRef::Text(id) => Some(id),
            ExternalIdRef::Int(_) => None,
        })),
    })
}

fn other_form(what: &str, a: IdKind, b: IdKind) -> Error {
    Error::Merge {
        problem: format!("{what} ids are {a} in one and {b} in the other"),
        remedy: "count both from files with the same id types",
    }
}

/// The form of the basket ids: only hashes of texts need more than 64 bits.
fn basket_kind(keys: &[u128]) -> IdKind {
    if keys.iter().all(|&key| u64::try_from(key).is_ok()) { IdKind::Int } else { IdKind::Text }
}

fn ranks(table: &IdTable, whole: &IdTable) -> Vec<u32> {
    table.iter().map(|id| whole.find(id).expect("the union holds every id")).collect()
}

impl Ledger {
    /// Unites two histories by basket id: the ledger of both sets of rows read together.
    ///
    /// A basket that stands in both must be the same in both and counts once. Where one side has
    /// no basket, the other is the result.
    /// O(baskets log baskets + lines).
    ///
    /// # Errors
    /// [`Error::Merge`] when ids, clocks or prices do not fit, or a basket differs.
    pub fn merge(&self, other: &Self) -> Result<Self> {
        if self.n_baskets() == 0 || other.n_baskets() == 0 {
            return Ok(if self.n_baskets() == 0 { other.clone() } else { self.clone() });
        }
        if self.clock != other.clock {
            return Err(Error::Merge {
                problem: format!("times are {} in one and {} in the other", self.clock.name(), other.clock.name()),
                remedy: "count both with the same time column and time_unit",
            });
        }
        if self.has_prices() != other.has_prices() {
            return Err(Error::Merge {
                problem: "only one of them has prices".into(),
                remedy: "count both with the same price columns",
            });
        }
        let (ours, theirs) = (basket_kind(&self.basket_keys), basket_kind(&other.basket_keys));
        if ours != theirs {
            return Err(other_form("basket", ours, theirs));
        }
        let items = unite("item", &self.items, &other.items)?;
        let customers = unite("customer", &self.customers, &other.customers)?;
        let stores = unite("store", &self.stores, &other.stores)?;
        let both = [self, other];
        let item_ranks = both.map(|l| ranks(&l.items, &items));
        let customer_ranks = both.map(|l| ranks(&l.customers, &customers));
        let store_ranks = both.map(|l| ranks(&l.stores, &stores));
        let rank = |ranks: &[u32], id: u32| if id == NONE { NONE } else { ranks[id as usize] };

        // (customer, time, key, ledger, basket): the order of the ledger; equal baskets meet.
        let mut order: Vec<(u32, i64, u128, usize, usize)> = Vec::with_capacity(self.n_baskets() + other.n_baskets());
        for (side, ledger) in both.into_iter().enumerate() {
            order.extend((0..ledger.n_baskets()).map(|b| {
                let customer = rank(&customer_ranks[side], ledger.basket_customers[b]);
                (customer, ledger.basket_times[b].0, ledger.basket_keys[b], side, b)
            }));
        }
        order.sort_unstable();
        let mut by_key: Vec<(u128, usize)> = order.iter().enumerate().map(|(i, o)| (o.2, i)).collect();
        by_key.sort_unstable();
        let mut drop = vec![false; order.len()];
        for pair in by_key.windows(2).filter(|w| w[0].0 == w[1].0) {
            let (a, b) = (&order[pair[0].1], &order[pair[1].1]);
            let same = a.0 == b.0
                && a.1 == b.1
                && rank(&store_ranks[a.3], both[a.3].basket_stores[a.4])
                    == rank(&store_ranks[b.3], both[b.3].basket_stores[b.4])
                && both[a.3]
                    .lines(a.4)
                    .map(|l| (item_ranks[a.3][l.item.index()], l.quantity, l.paid, l.shelf))
                    .eq(both[b.3].lines(b.4).map(|l| (item_ranks[b.3][l.item.index()], l.quantity, l.paid, l.shelf)));
            if !same {
                return Err(Error::Merge {
                    problem: format!("basket {} differs between them", show_basket_key(pair[0].0)),
                    remedy: "give every basket an id of its own, or count both files together once",
                });
            }
            drop[pair[1].1] = true;
        }

        let mut merged = Self {
            items,
            customers,
            stores,
            clock: self.clock,
            baskets: Baskets::with_capacity(order.len(), self.n_lines() + other.n_lines()),
            basket_keys: Vec::with_capacity(order.len()),
            basket_customers: Vec::with_capacity(order.len()),
            basket_times: Vec::with_capacity(order.len()),
            basket_stores: Vec::with_capacity(order.len()),
            quantities: Vec::new(),
            paid: Vec::new(),
            shelf: Vec::new(),
        };
        for (&(customer, _, key, side, basket), _) in order.iter().zip(&drop).filter(|(_, drop)| !**drop) {
            let source = both[side];
            let range = source.baskets.offsets()[basket]..source.baskets.offsets()[basket + 1];
            merged.baskets.push(source.baskets.get(basket).iter().map(|item| ItemId(item_ranks[side][item.index()])));
            merged.quantities.extend_from_slice(&source.quantities[range.clone()]);
            if source.has_prices() {
                merged.paid.extend_from_slice(&source.paid[range.clone()]);
                merged.shelf.extend_from_slice(&source.shelf[range]);
            }
            merged.basket_keys.push(key);
            merged.basket_customers.push(customer);
            merged.basket_times.push(source.basket_times[basket]);
            merged.basket_stores.push(rank(&store_ranks[side], source.basket_stores[basket]));
        }
        Ok(merged)
    }
}
