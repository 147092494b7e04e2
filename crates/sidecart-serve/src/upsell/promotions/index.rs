use sidecart_core::mix64;

/// Finds positions of a table by key in one or two steps: an open-addressing hash table of
/// positions, at most three quarters full.
///
/// A binary search over millions of keys waits for memory at almost every step.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct HashIndex {
    slots: Vec<u32>,
    shift: u32,
}

const EMPTY: u32 = u32::MAX;

impl HashIndex {
    /// Indexes the keys of the positions 0, 1, 2, ..., which must differ and be fewer than
    /// `u32::MAX`.
    pub(super) fn new(keys: impl ExactSizeIterator<Item = u64>) -> Self {
        let n_slots = (keys.len() + keys.len() / 3 + 2).next_power_of_two();
        let mut index = Self { slots: vec![EMPTY; n_slots], shift: u64::BITS - n_slots.trailing_zeros() };
        for (position, key) in keys.enumerate() {
            let free = index.probe(key, |found| found == EMPTY);
            index.slots[free] = position as u32;
        }
        index
    }

    /// The position of a key; `has_key` tells whether a position has it.
    #[inline]
    pub(super) fn find(&self, key: u64, has_key: impl Fn(usize) -> bool) -> Option<usize> {
        let slot = self.probe(key, |found| found == EMPTY || has_key(found as usize));
        let found = self.slots[slot];
        (found != EMPTY).then_some(found as usize)
    }

    /// The first slot from a key's own on that is wanted; there is always an empty one.
    #[inline]
    fn probe(&self, key: u64, wanted: impl Fn(u32) -> bool) -> usize {
        let mut slot = (mix64(key) >> self.shift) as usize;
        while !wanted(self.slots[slot]) {
            slot = (slot + 1) % self.slots.len();
        }
        slot
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn an_index_finds_what_a_search_finds(keys in prop::collection::btree_set(0u64..300, 0..120)) {
            let keys: Vec<u64> = keys.into_iter().collect();
            let index = HashIndex::new(keys.iter().copied());
            for key in 0..300 {
                prop_assert_eq!(index.find(key, |at| keys[at] == key), keys.binary_search(&key).ok());
            }
        }
    }
}
