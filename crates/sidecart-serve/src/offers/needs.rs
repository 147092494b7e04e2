use sidecart_core::ItemId;

use super::NO_GROUP;
use crate::model::Model;

/// The needs that some items serve: answers whether a further item would replace one of them, as
/// [`Relations::replaces`](super::Relations::replaces) does pair by pair, but looks each of them up
/// once.
#[derive(Clone, Debug, Default)]
pub(crate) struct ServedNeeds {
    items: Vec<ItemId>,
    /// Their ladders.
    ladders: Vec<u32>,
    /// What they are learned to be substitutes of.
    substitutes: Vec<u32>,
}

impl ServedNeeds {
    pub(crate) fn clear(&mut self) {
        self.items.clear();
        self.ladders.clear();
        self.substitutes.clear();
    }

    /// Adds an item and what it serves.
    pub(crate) fn add(&mut self, model: &Model, item: ItemId) {
        self.items.push(item);
        let ladder = ladder_of(model, item);
        self.ladders.extend((ladder != NO_GROUP).then_some(ladder));
        self.substitutes.extend_from_slice(model.substitutes(item).0);
    }

    /// Whether an item that is none of them would replace one. O(items + their substitutes).
    pub(crate) fn serve(&self, model: &Model, item: ItemId) -> bool {
        let ladder = ladder_of(model, item);
        (ladder != NO_GROUP && self.ladders.contains(&ladder))
            || self.substitutes.contains(&item.0)
            // Lists are cut short, so that either may lack the other.
            || model.substitutes(item).0.iter().any(|&other| self.items.contains(&ItemId(other)))
    }
}

/// The ladder of an item, where its tiers replace each other, or [`NO_GROUP`].
fn ladder_of(model: &Model, item: ItemId) -> u32 {
    let Some(ladders) = model.upsell().map(|upsell| &upsell.ladders) else { return NO_GROUP };
    let ladder = ladders.row_of(item).map(|row| ladders.row(row).ladder);
    ladder.filter(|&ladder| ladders.ladder(ladder).used).unwrap_or(NO_GROUP)
}
