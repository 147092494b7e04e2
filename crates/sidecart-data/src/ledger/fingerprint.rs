use sidecart_core::{ExternalIdRef, IdTable};
use xxhash_rust::xxh3::Xxh3;

use super::{Ledger, NONE};

/// Collects small values, because hashing them one by one costs more than hashing them.
struct Hash {
    state: Xxh3,
    buffer: Vec<u8>,
}

const BUFFER_BYTES: usize = 1 << 16;

impl Hash {
    fn update(&mut self, bytes: &[u8]) {
        if self.buffer.len() + bytes.len() > BUFFER_BYTES {
            self.state.update(&self.buffer);
            self.buffer.clear();
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Hashes the ids that are used; says which rank each of them has among those.
    fn ids(&mut self, table: &IdTable, used: impl Iterator<Item = u32>) -> Vec<u32> {
        let mut rank_of = vec![NONE; table.len()];
        used.filter(|&id| id != NONE).for_each(|id| rank_of[id as usize] = 0);
        let mut rank = 0;
        for (id, place) in table.iter().zip(&mut rank_of).filter(|(_, place)| **place != NONE) {
            *place = rank;
            rank += 1;
            match id {
                ExternalIdRef::Int(value) => {
                    self.update(b"i");
                    self.update(&value.to_le_bytes());
                }
                ExternalIdRef::Text(text) => {
                    self.update(b"t");
                    self.update(&(text.len() as u64).to_le_bytes());
                    self.update(text.as_bytes());
                }
            }
        }
        self.update(&rank.to_le_bytes());
        rank_of
    }
}

impl Ledger {
    /// A fingerprint of the validated rows as 32 hex digits: equal for equal histories, whatever
    /// the order of their rows and the catalogue they stand over. O(lines).
    #[must_use]
    pub fn fingerprint(&self) -> String {
        let mut hash = Hash { state: Xxh3::new(), buffer: Vec::with_capacity(BUFFER_BYTES) };
        let items = hash.ids(&self.items, self.baskets.items().iter().map(|item| item.0));
        let customers = hash.ids(&self.customers, self.basket_customers.iter().copied());
        let stores = hash.ids(&self.stores, self.basket_stores.iter().copied());
        let rank = |ranks: &[u32], id: u32| if id == NONE { NONE } else { ranks[id as usize] };
        hash.update(self.clock.name().as_bytes());
        for (basket, items) in self.baskets.iter().enumerate() {
            hash.update(&self.basket_keys[basket].to_le_bytes());
            hash.update(&rank(&customers, self.basket_customers[basket]).to_le_bytes());
            hash.update(&self.basket_times[basket].0.to_le_bytes());
            hash.update(&rank(&stores, self.basket_stores[basket]).to_le_bytes());
            hash.update(&(items.len() as u64).to_le_bytes());
        }
        for (line, item) in self.baskets.items().iter().enumerate() {
            hash.update(&items[item.index()].to_le_bytes());
            hash.update(&self.quantities[line].to_le_bytes());
            if self.has_prices() {
                hash.update(&self.paid[line].to_le_bytes());
                hash.update(&self.shelf[line].to_le_bytes());
            }
        }
        hash.state.update(&hash.buffer);
        format!("{:032x}", hash.state.digest128())
    }
}
