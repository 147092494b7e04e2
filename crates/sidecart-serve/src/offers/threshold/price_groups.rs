use sidecart_core::ItemId;

/// A candidate that a price group keeps.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Kept {
    pub(super) relevance: u64,
    pub(super) item: ItemId,
}

/// The place of one item of a price in a set: the `copy`-th best of its group.
///
/// Whether a total can be reached depends on prices alone, so a group of many items gives no more
/// slots than a set has places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    pub(super) price: i64,
    /// Relevance of the `copy`-th best item.
    pub(super) relevance: u64,
    pub(super) group: u16,
    pub(super) copy: u16,
}

/// Candidates by price, each group the best first.
#[derive(Default)]
pub(super) struct PriceGroups {
    sorted: Vec<(i64, std::cmp::Reverse<u64>, ItemId)>,
    kept: Vec<Kept>,
    /// Where each group begins in `kept`, and the end.
    starts: Vec<usize>,
    slots: Vec<Slot>,
}

impl PriceGroups {
    /// Groups `(price, relevance, item)`; a group keeps `max_kept` items and gives `max_slots` slots.
    ///
    /// An item behind `u` unused better ones of its price has `u` sets before it, so what is not
    /// among the first `max_items + n_fillings - 1` of its group is in none of the best sets.
    pub(super) fn build(
        &mut self,
        candidates: impl Iterator<Item = (i64, u64, ItemId)>,
        max_slots: usize,
        max_kept: usize,
    ) {
        self.sorted.clear();
        self.sorted.extend(candidates.map(|(price, relevance, item)| (price, std::cmp::Reverse(relevance), item)));
        self.sorted.sort_unstable();
        self.kept.clear();
        self.starts.clear();
        self.slots.clear();
        for (group, equals) in (0u16..).zip(self.sorted.chunk_by(|a, b| a.0 == b.0)) {
            self.starts.push(self.kept.len());
            for (copy, &(price, relevance, item)) in (0u16..).zip(equals.iter().take(max_kept)) {
                let relevance = relevance.0;
                self.kept.push(Kept { relevance, item });
                if usize::from(copy) < max_slots {
                    self.slots.push(Slot { price, relevance, group, copy });
                }
            }
        }
        self.starts.push(self.kept.len());
    }

    /// The slots, by rising price; those of one group stand together, the best first.
    pub(super) fn slots(&self) -> &[Slot] {
        &self.slots
    }

    /// The kept items of a group, the best first.
    pub(super) fn kept(&self, group: u16) -> &[Kept] {
        let group = usize::from(group);
        &self.kept[self.starts[group]..self.starts[group + 1]]
    }

    /// The best item of a slot.
    pub(super) fn best_item(&self, slot: Slot) -> ItemId {
        self.kept(slot.group)[usize::from(slot.copy)].item
    }
}
