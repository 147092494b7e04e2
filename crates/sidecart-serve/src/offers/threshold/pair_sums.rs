use super::price_groups::Slot;

/// Bits of a packed pair below its sum: one byte for each slot. Sums of two prices stay below 2^45.
const SLOT_BITS: u32 = 8;
const SUM_SHIFT: u32 = 2 * SLOT_BITS;

/// Two slots, the first before the second.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Pair {
    pub(super) first: usize,
    pub(super) second: usize,
}

/// The sums of all pairs of slots.
#[derive(Default)]
pub(super) struct PairSums {
    /// Sum, second slot, first slot: sorted by all three.
    packed: Vec<u64>,
    /// The distinct sums, rising.
    distinct: Vec<i64>,
    /// Where the pairs of each distinct sum begin in `packed`, and the end.
    starts: Vec<usize>,
    /// Distinct sums by the smallest second slot of their pairs, as `(slot, sum)`.
    by_second: Vec<(usize, usize)>,
    active: ActiveSums,
}

fn pack(sum: i64, first: usize, second: usize) -> u64 {
    (sum as u64) << SUM_SHIFT | (second as u64) << SLOT_BITS | first as u64
}

fn unpack(packed: u64) -> Pair {
    let low = (1 << SLOT_BITS) - 1;
    Pair { first: (packed & low) as usize, second: (packed >> SLOT_BITS & low) as usize }
}

impl PairSums {
    /// Sorts the sums of at most `limit`; O(n² log n). Returns the number of pairs.
    pub(super) fn build(&mut self, slots: &[Slot], limit: i64) -> u64 {
        self.packed.clear();
        for (second, dearer) in slots.iter().enumerate() {
            for (first, cheaper) in slots[..second].iter().enumerate() {
                let sum = cheaper.price + dearer.price;
                if sum > limit {
                    break;
                }
                self.packed.push(pack(sum, first, second));
            }
        }
        self.packed.sort_unstable();
        self.distinct.clear();
        self.starts.clear();
        self.by_second.clear();
        for (at, &packed) in self.packed.iter().enumerate() {
            let sum = (packed >> SUM_SHIFT) as i64;
            if self.distinct.last() != Some(&sum) {
                self.by_second.push((unpack(packed).second, self.distinct.len()));
                self.distinct.push(sum);
                self.starts.push(at);
            }
        }
        self.starts.push(self.packed.len());
        self.by_second.sort_unstable();
        self.packed.len() as u64
    }

    /// The pairs of a sum whose second slot is below `end`.
    pub(super) fn of_sum(&self, sum: i64, end: usize) -> impl Iterator<Item = Pair> {
        let pairs = self.distinct.binary_search(&sum).map_or(0..0, |at| self.starts[at]..self.starts[at + 1]);
        self.packed[pairs].iter().map(|&packed| unpack(packed)).take_while(move |pair| pair.second < end)
    }

    /// The least `n` distinct totals in `gap..=limit` of sets of `n_items` slots, rising; returns
    /// the number of sums looked at.
    pub(super) fn least_sums(
        &mut self,
        slots: &[Slot],
        n_items: usize,
        gap: i64,
        limit: i64,
        n: usize,
        out: &mut Vec<i64>,
    ) -> u64 {
        out.clear();
        match n_items {
            1 => {
                let from = slots.partition_point(|slot| slot.price < gap);
                out.extend(slots[from..].iter().map(|slot| slot.price).take_while(|&price| price <= limit));
                out.dedup();
                out.truncate(n);
                (slots.len() - from) as u64
            }
            2 => {
                let from = self.distinct.partition_point(|&sum| sum < gap);
                out.extend(self.distinct[from..].iter().take(n));
                out.len() as u64
            }
            _ => self.least_sums_above_pairs(slots, n_items, gap, limit, n, out),
        }
    }

    /// As [`least_sums`](Self::least_sums) for three and four items: for one or two dearer slots,
    /// the least pair before them that reaches the gap. Pairs become active as the slots before
    /// the dearer ones grow in number.
    fn least_sums_above_pairs(
        &mut self,
        slots: &[Slot],
        n_items: usize,
        gap: i64,
        limit: i64,
        n: usize,
        out: &mut Vec<i64>,
    ) -> u64 {
        let mut n_steps = 0;
        let mut n_active = 0;
        let mut highest = limit;
        self.active.clear(self.distinct.len());
        for (third, slot) in slots.iter().enumerate() {
            while let Some(&(_, sum)) = self.by_second.get(n_active).filter(|(second, _)| *second < third) {
                self.active.insert(sum);
                n_active += 1;
            }
            let fourths = if n_items == 3 { third..third + 1 } else { third + 1..slots.len() };
            for fourth in fourths {
                let dearer = if n_items == 3 { slot.price } else { slot.price + slots[fourth].price };
                if n_active == 0 || dearer > highest {
                    break;
                }
                let from = self.distinct.partition_point(|&sum| sum < gap - dearer);
                let mut next = self.active.first_from(from);
                n_steps += 1;
                while let Some(at) = next.filter(|&at| self.distinct[at] + dearer <= highest) {
                    n_steps += 1;
                    keep_least(out, self.distinct[at] + dearer, n);
                    if out.len() == n {
                        // Only what is below the last one can still change the list.
                        highest = out[n - 1] - 1;
                    }
                    next = self.active.first_from(at + 1);
                }
            }
        }
        n_steps
    }
}

/// Inserts into a rising list of at most `n` distinct sums.
fn keep_least(sums: &mut Vec<i64>, sum: i64, n: usize) {
    if let Err(at) = sums.binary_search(&sum) {
        sums.insert(at, sum);
        sums.truncate(n);
    }
}

/// A set of numbers with "the first one from here on" in constant time for the sizes in use: bits,
/// and one bit for each word of them.
#[derive(Default)]
struct ActiveSums {
    words: Vec<u64>,
    filled: Vec<u64>,
}

impl ActiveSums {
    /// An empty set of numbers below `n`.
    fn clear(&mut self, n: usize) {
        self.words.clear();
        self.words.resize(n.div_ceil(64), 0);
        self.filled.clear();
        self.filled.resize(self.words.len().div_ceil(64), 0);
    }

    fn insert(&mut self, at: usize) {
        self.words[at / 64] |= 1 << (at % 64);
        self.filled[at / 4096] |= 1 << (at / 64 % 64);
    }

    fn first_from(&self, from: usize) -> Option<usize> {
        let word = from / 64;
        let rest = self.words.get(word)? & (u64::MAX << (from % 64));
        if rest != 0 {
            return Some(word * 64 + rest.trailing_zeros() as usize);
        }
        let (next, mut block) = (word + 1, (word + 1) / 64);
        let mut filled = self.filled.get(block)? & (u64::MAX << (next % 64));
        while filled == 0 {
            block += 1;
            filled = *self.filled.get(block)?;
        }
        let word = block * 64 + filled.trailing_zeros() as usize;
        Some(word * 64 + self.words[word].trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_first_active_number_is_found(numbers in prop::collection::btree_set(0usize..10_000, 0..40), from in 0usize..10_100) {
            let mut active = ActiveSums::default();
            active.clear(10_000);
            numbers.iter().for_each(|&at| active.insert(at));
            prop_assert_eq!(active.first_from(from), numbers.range(from..).next().copied());
        }

        #[test]
        fn pairs_come_back(sum in 0i64..1 << 45, first in 0usize..200, second in 0usize..200) {
            prop_assert_eq!(unpack(pack(sum, first, second)), Pair { first, second });
            prop_assert_eq!((pack(sum, first, second) >> SUM_SHIFT) as i64, sum);
        }
    }
}
