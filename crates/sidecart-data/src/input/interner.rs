//! Provisional numbers for outside ids while a file is read.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

use sidecart_core::{ExternalId, ExternalIdRef, IdTable, TextTable, mix64};
use xxhash_rust::xxh3::xxh3_64;

const N_SHARDS: usize = 64;

/// A fixed, fast hash for ids; ids are data of the shop, not of an attacker, and the maps live
/// for one reading only.
#[derive(Default)]
pub(crate) struct IdHasher(u64);

impl Hasher for IdHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        self.0 = mix64(self.0 ^ xxh3_64(bytes));
    }
    fn write_u8(&mut self, value: u8) {
        self.0 = mix64(self.0 ^ u64::from(value));
    }
    fn write_i64(&mut self, value: i64) {
        self.0 = mix64(self.0 ^ value as u64);
    }
}

type IdMap<K> = HashMap<K, u32, BuildHasherDefault<IdHasher>>;

/// Gives every distinct id a provisional number, from many threads at once.
///
/// The numbers depend on timing; [`finish`](Self::finish) says which rank each of them gets, and
/// ranks do not.
pub(crate) struct Interner {
    ints: Vec<Mutex<IdMap<i64>>>,
    texts: Vec<Mutex<IdMap<Box<str>>>>,
    next: AtomicU32,
}

impl Default for Interner {
    fn default() -> Self {
        Self {
            ints: (0..N_SHARDS).map(|_| Mutex::default()).collect(),
            texts: (0..N_SHARDS).map(|_| Mutex::default()).collect(),
            next: AtomicU32::new(0),
        }
    }
}

impl Interner {
    fn number(&self, id: ExternalIdRef<'_>) -> u32 {
        match id {
            ExternalIdRef::Int(id) => {
                let mut shard = lock(&self.ints[(mix64(id as u64) >> 58) as usize]);
                *shard.entry(id).or_insert_with(|| self.next.fetch_add(1, Ordering::Relaxed))
            }
            ExternalIdRef::Text(id) => {
                let mut shard = lock(&self.texts[(xxh3_64(id.as_bytes()) >> 58) as usize]);
                match shard.get(id) {
                    Some(&number) => number,
                    None => *shard.entry(id.into()).or_insert_with(|| self.next.fetch_add(1, Ordering::Relaxed)),
                }
            }
        }
    }

    /// Number of distinct ids so far.
    pub(crate) fn len(&self) -> usize {
        self.next.load(Ordering::Relaxed) as usize
    }

    /// The sorted ids, and for every provisional number its rank.
    pub(crate) fn finish(self) -> (IdTable, Vec<u32>) {
        let mut rank_of = vec![0; self.next.into_inner() as usize];
        let mut texts: Vec<(Box<str>, u32)> =
            self.texts.into_iter().flat_map(|m| m.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
        if texts.is_empty() {
            let mut ints: Vec<(i64, u32)> =
                self.ints.into_iter().flat_map(|m| m.into_inner().unwrap_or_else(PoisonError::into_inner)).collect();
            ints.sort_unstable();
            for (rank, &(_, number)) in ints.iter().enumerate() {
                rank_of[number as usize] = rank as u32;
            }
            return (IdTable::Int(ints.into_iter().map(|(id, _)| id).collect()), rank_of);
        }
        texts.sort_unstable();
        let mut table = TextTable::default();
        for (rank, (id, number)) in texts.iter().enumerate() {
            table.push(id);
            rank_of[*number as usize] = rank as u32;
        }
        (IdTable::Text(table), rank_of)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // A panicking thread leaves the map whole: entries are inserted in one step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One worker's memory of numbers it has already asked for.
#[derive(Default)]
pub(crate) struct LocalInterner {
    /// Numbers of the ids 0, 1, 2, ...: most shops count from there, and a table is faster than
    /// a map.
    small: Vec<u32>,
    ints: IdMap<i64>,
    texts: IdMap<Box<str>>,
}

/// Ids below this have a place in the table (8 MiB at most).
const SMALL_IDS: u64 = 1 << 21;
const UNSEEN: u32 = u32::MAX;

impl LocalInterner {
    #[inline]
    pub(crate) fn number(&mut self, id: ExternalIdRef<'_>, shared: &Interner) -> u32 {
        match id {
            ExternalIdRef::Int(key) if (key as u64) < SMALL_IDS => {
                let place = key as usize;
                match self.small.get(place) {
                    Some(&number) if number != UNSEEN => number,
                    _ => self.remember_small(place, shared.number(id)),
                }
            }
            ExternalIdRef::Int(key) => *self.ints.entry(key).or_insert_with(|| shared.number(id)),
            ExternalIdRef::Text(key) => match self.texts.get(key) {
                Some(&number) => number,
                None => *self.texts.entry(key.into()).or_insert_with(|| shared.number(id)),
            },
        }
    }

    #[cold]
    fn remember_small(&mut self, place: usize, number: u32) -> u32 {
        if place >= self.small.len() {
            self.small.resize((place + 1).next_power_of_two(), UNSEEN);
        }
        self.small[place] = number;
        number
    }
}

/// Keys of basket ids, remembering the last text: the rows of a receipt mostly stand together.
#[derive(Default)]
pub(crate) struct BasketKeys {
    text: String,
    key: u128,
}

impl BasketKeys {
    #[inline]
    pub(crate) fn key(&mut self, id: ExternalIdRef<'_>) -> u128 {
        let ExternalIdRef::Text(text) = id else { return basket_key(id) };
        if text != self.text {
            text.clone_into(&mut self.text);
            self.key = basket_key(id);
        }
        self.key
    }
}

/// A 128-bit key of a basket id: the number itself, or a hash of the text.
///
/// Texts would cost more memory than the baskets themselves and never come back to the caller.
/// A clash of two texts among a thousand million has a probability below 1e-20.
pub(crate) fn basket_key(id: ExternalIdRef<'_>) -> u128 {
    match id {
        ExternalIdRef::Int(id) => u128::from(id as u64 ^ (1 << 63)),
        ExternalIdRef::Text(id) => xxhash_rust::xxh3::xxh3_128(id.as_bytes()),
    }
}

/// The outside id of a basket key where the key still holds it.
pub(crate) fn show_basket_key(key: u128) -> ExternalId {
    match u64::try_from(key) {
        Ok(number) => ExternalId::Int((number ^ (1 << 63)) as i64),
        Err(_) => ExternalId::Text(format!("#{key:032x}").into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_do_not_depend_on_arrival() {
        for order in [[3i64, 1, 2], [2, 3, 1]] {
            let shared = Interner::default();
            let mut local = LocalInterner::default();
            let numbers: Vec<u32> = order.iter().map(|&i| local.number(ExternalIdRef::Int(i), &shared)).collect();
            let (table, rank_of) = shared.finish();
            assert_eq!(table, IdTable::Int(vec![1, 2, 3]));
            for (id, number) in order.iter().zip(numbers) {
                assert_eq!(table.find_int(*id), Some(rank_of[number as usize]));
            }
        }
    }

    #[test]
    fn small_large_and_negative_ids_get_numbers_of_their_own() {
        let shared = Interner::default();
        let ids = [0, 5, SMALL_IDS as i64 - 1, SMALL_IDS as i64, i64::MAX, -1, i64::MIN];
        let mut locals = [LocalInterner::default(), LocalInterner::default()];
        let numbers = locals.each_mut().map(|l| ids.map(|id| l.number(ExternalIdRef::Int(id), &shared)));
        assert_eq!(numbers[0], numbers[1]);
        let (table, rank_of) = shared.finish();
        assert_eq!(table.len(), ids.len());
        for (id, number) in ids.iter().zip(numbers[0]) {
            assert_eq!(table.find_int(*id), Some(rank_of[number as usize]));
        }
    }

    #[test]
    fn remembered_basket_keys_are_the_plain_ones() {
        let mut keys = BasketKeys::default();
        for text in ["a", "a", "b", "", "a"] {
            assert_eq!(keys.key(ExternalIdRef::Text(text)), basket_key(ExternalIdRef::Text(text)));
        }
        assert_eq!(keys.key(ExternalIdRef::Int(-3)), basket_key(ExternalIdRef::Int(-3)));
    }

    #[test]
    fn basket_keys_keep_the_order_of_numbers() {
        let keys: Vec<u128> = [i64::MIN, -1, 0, 7].map(|i| basket_key(ExternalIdRef::Int(i))).to_vec();
        assert!(keys.is_sorted());
        assert_eq!(show_basket_key(keys[3]), ExternalId::Int(7));
    }
}
