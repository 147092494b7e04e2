use sidecart_core::ItemId;

use super::NO_GROUP;
use crate::model::Model;

/// What an item is needed for, looked up once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Need {
    item: ItemId,
    /// Its ladder, where one item of it is enough, or [`NO_GROUP`].
    ladder: u32,
    has_substitutes: bool,
}

impl Need {
    pub(crate) fn of(model: &Model, item: ItemId) -> Self {
        let ladder = model.upsell().and_then(|upsell| {
            let ladder = upsell.ladders.row(upsell.ladders.row_of(item)?).ladder;
            let info = upsell.ladders.ladder(ladder);
            (info.used && info.one_is_enough).then_some(ladder)
        });
        Self { item, ladder: ladder.unwrap_or(NO_GROUP), has_substitutes: !model.substitutes(item).0.is_empty() }
    }
}

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
        let ladder = Need::of(model, item).ladder;
        self.ladders.extend((ladder != NO_GROUP).then_some(ladder));
        self.substitutes.extend_from_slice(model.substitutes(item).0);
    }

    /// Whether an item that is none of them would replace one. O(items + their substitutes).
    pub(crate) fn serve(&self, model: &Model, need: &Need) -> bool {
        // Lists are cut short, so that either may lack the other.
        let is_listed = || model.substitutes(need.item).0.iter().any(|&other| self.items.contains(&ItemId(other)));
        (need.ladder != NO_GROUP && self.ladders.contains(&need.ladder))
            || self.substitutes.contains(&need.item.0)
            || (need.has_substitutes && is_listed())
    }
}
