use std::cmp::{Ordering, Reverse};

use sidecart_core::ItemId;

use super::fill::MAX_FILLERS;
use super::pair_sums::PairSums;
use super::price_groups::{PriceGroups, Slot};

/// "No slot": places of a set beyond its size.
const NO_SLOT: usize = usize::MAX;

/// Items that have one total, with their relevance; places beyond the size hold 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Found {
    pub(super) relevance: u64,
    pub(super) items: [ItemId; MAX_FILLERS],
}

impl Found {
    /// Greater relevance first, then the smaller ids.
    fn order(&self, other: &Self) -> Ordering {
        (Reverse(self.relevance), self.items).cmp(&(Reverse(other.relevance), other.items))
    }
}

/// The best sets of one total and size.
///
/// A set is prices, and for each price a choice among its items. The best choice for given prices
/// takes the best items of each, so no set of other prices than those of the `n` best such tops is
/// among the `n` best.
#[derive(Default)]
pub(super) struct BestSets {
    tops: Vec<(Found, [usize; MAX_FILLERS])>,
    found: Vec<Found>,
}

impl BestSets {
    /// The sets that [`find`](Self::find) found, best first.
    pub(super) fn found(&self) -> &[Found] {
        &self.found
    }

    /// Finds the best `n` sets of `n_items` with a total; returns the number of sets looked at.
    pub(super) fn find(&mut self, groups: &PriceGroups, pairs: &PairSums, sum: i64, n_items: usize, n: usize) -> u64 {
        self.tops.clear();
        let n_steps = self.find_tops(groups, pairs, sum, n_items, n);
        self.found.clear();
        let mut n_choices = 0;
        for (_, places) in &self.tops {
            let mut choice = Choice { groups, places: &places[..n_items], n, found: &mut self.found, n_choices: 0 };
            choice.extend(0, 0, n - 1, [ItemId(0); MAX_FILLERS], 0);
            n_choices += choice.n_choices;
        }
        n_steps + n_choices
    }

    /// The best set of each way to make the total out of prices, the best `n` of these.
    fn find_tops(&mut self, groups: &PriceGroups, pairs: &PairSums, sum: i64, n_items: usize, n: usize) -> u64 {
        let slots = groups.slots();
        let mut n_steps = 0;
        match n_items {
            1 => {
                let first = slots.partition_point(|slot| slot.price < sum);
                n_steps += 1;
                self.offer(groups, [first, NO_SLOT, NO_SLOT, NO_SLOT], 1, n);
            }
            2 => {
                for pair in pairs.of_sum(sum, slots.len()) {
                    n_steps += 1;
                    self.offer(groups, [pair.first, pair.second, NO_SLOT, NO_SLOT], 2, n);
                }
            }
            3 => {
                for (third, slot) in slots.iter().enumerate() {
                    n_steps += 1;
                    for pair in pairs.of_sum(sum - slot.price, third) {
                        n_steps += 1;
                        self.offer(groups, [pair.first, pair.second, third, NO_SLOT], 3, n);
                    }
                }
            }
            _ => {
                for (third, slot) in slots.iter().enumerate() {
                    for (above, dearest) in slots[third + 1..].iter().enumerate() {
                        n_steps += 1;
                        for pair in pairs.of_sum(sum - slot.price - dearest.price, third) {
                            n_steps += 1;
                            self.offer(groups, [pair.first, pair.second, third, third + 1 + above], 4, n);
                        }
                    }
                }
            }
        }
        n_steps
    }

    /// Takes the best items of rising slots; slots that leave out a better item of a price are no
    /// top, and come up in their right form too.
    fn offer(&mut self, groups: &PriceGroups, places: [usize; MAX_FILLERS], n_items: usize, n: usize) {
        let slots = groups.slots();
        let used = &places[..n_items];
        let relevance = used.iter().map(|&at| slots[at].relevance).sum();
        if self.tops.len() == n && self.tops[n - 1].0.relevance > relevance {
            return;
        }
        let takes_the_best =
            |(place, &at): (usize, &usize)| slots[at].copy == 0 || (place > 0 && used[place - 1] + 1 == at);
        if !used.iter().enumerate().all(takes_the_best) {
            return;
        }
        let mut items = [ItemId(0); MAX_FILLERS];
        for (item, &at) in items.iter_mut().zip(used) {
            *item = groups.best_item(slots[at]);
        }
        items[..n_items].sort_unstable();
        let found = Found { relevance, items };
        let at = self.tops.partition_point(|(other, _)| other.order(&found).is_lt());
        if at < n {
            self.tops.insert(at, (found, places));
            self.tops.truncate(n);
        }
    }
}

/// All choices of items for given prices that can be among the best `n`.
struct Choice<'a> {
    groups: &'a PriceGroups,
    places: &'a [usize],
    n: usize,
    found: &'a mut Vec<Found>,
    n_choices: u64,
}

impl Choice<'_> {
    /// Chooses for the place `at` and those after it. `spare` is how many steps down from the best
    /// choice are left: each step has one more choice before it, so `n - 1` are enough.
    fn extend(&mut self, at: usize, least_rank: usize, spare: usize, items: [ItemId; MAX_FILLERS], relevance: u64) {
        let Some(&place) = self.places.get(at) else {
            return self.keep(items, relevance);
        };
        let slot = self.slot(place);
        let follows = at > 0 && self.slot(self.places[at - 1]).group == slot.group;
        // Choices of one group rise, so that each set comes up once.
        let from = if follows { least_rank } else { 0 };
        let kept = self.groups.kept(slot.group);
        let best = usize::from(slot.copy);
        for (rank, kept) in kept.iter().enumerate().take(best + spare + 1).skip(from) {
            let mut chosen = items;
            chosen[at] = kept.item;
            self.extend(at + 1, rank + 1, spare + best - rank, chosen, relevance + kept.relevance);
        }
    }

    fn slot(&self, place: usize) -> Slot {
        self.groups.slots()[place]
    }

    fn keep(&mut self, mut items: [ItemId; MAX_FILLERS], relevance: u64) {
        self.n_choices += 1;
        items[..self.places.len()].sort_unstable();
        let found = Found { relevance, items };
        let at = self.found.partition_point(|other| other.order(&found).is_lt());
        if at < self.n {
            self.found.insert(at, found);
            self.found.truncate(self.n);
        }
    }
}
