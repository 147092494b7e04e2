use sidecart_core::ItemId;

use crate::model::Model;
use crate::upsell::LadderInfo;

/// How an item stands to another one. Directed: a case completes a phone, not the other way round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Relation {
    /// It is bought together with the other more often than chance explains.
    Complement,
    /// One of them will do: they stand on one ladder and the item is no upgrade, or customers buy the
    /// one instead of the other.
    Substitute,
    /// It takes the place of the other and stands in a higher tier of its ladder.
    Upgrade,
    /// It is of use only with the other.
    AddOn,
}

impl Relation {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Complement => "complement",
            Self::Substitute => "substitute",
            Self::Upgrade => "upgrade",
            Self::AddOn => "add-on",
        }
    }
}

/// What a model says of pairs of items.
#[derive(Clone, Copy)]
pub struct Relations<'m> {
    model: &'m Model,
}

/// Share of the score beside the replaced item that an accessory needs beside the new one.
pub(super) const FIT_SHARE: f32 = 0.5;

impl<'m> Relations<'m> {
    /// The relations of a model.
    #[must_use]
    pub fn of(model: &'m Model) -> Self {
        Self { model }
    }

    /// How `item` stands to `other`: the first that holds of add-on, upgrade, substitute and
    /// complement.
    #[must_use]
    pub fn between(&self, item: ItemId, other: ItemId) -> Option<Relation> {
        if item == other {
            return None;
        }
        if self.is_add_on(item, other) {
            return Some(Relation::AddOn);
        }
        if ladder_mates(self.model, item, other).is_some() && self.is_upgrade(item, other) {
            return Some(Relation::Upgrade);
        }
        if self.replaces(item, other) {
            return Some(Relation::Substitute);
        }
        self.model.associations(other).any(|a| a.item == item).then_some(Relation::Complement)
    }

    /// Whether one of two different items will do: they stand on one ladder, or were learned to be
    /// [substitutes](Model::substitutes). Ladders whose tiers are bought side by side say nothing, nor
    /// do those of which several items are often in one basket.
    #[must_use]
    pub fn replaces(&self, item: ItemId, other: ItemId) -> bool {
        // Lists are cut short, so that either may lack the other.
        let is_learned = |a: ItemId, b: ItemId| self.model.substitutes(a).0.contains(&b.0);
        let one_is_enough = || ladder_mates(self.model, item, other).is_some_and(|ladder| ladder.one_is_enough);
        item != other && (one_is_enough() || is_learned(item, other) || is_learned(other, item))
    }

    /// Whether an item is in a higher tier than another one of its ladder, and dearer where both
    /// prices are known.
    #[must_use]
    pub fn is_upgrade(&self, item: ItemId, from: ItemId) -> bool {
        let Some(ladders) = self.model.upsell().map(|upsell| &upsell.ladders) else { return false };
        let Some((to, from_row)) = ladders.row_of(item).zip(ladders.row_of(from)) else { return false };
        let (to, from_row) = (ladders.row(to), ladders.row(from_row));
        let prices = self.model.offer_items().get(item).price.zip(self.model.offer_items().get(from).price);
        to.ladder == from_row.ladder && to.level > from_row.level && prices.is_none_or(|(to, from)| to > from)
    }

    /// Whether an item belongs to a host.
    #[must_use]
    pub fn is_add_on(&self, item: ItemId, host: ItemId) -> bool {
        let items = self.model.offer_items();
        item != host && items.hosts().fits(item, host, items.get(host).category, items.categories())
    }

    /// Whether what goes with one item also goes with the one that takes its place: it belongs to
    /// that too, is bought together with it more often than chance explains, or is at least half
    /// as near to it. O(list length).
    #[must_use]
    pub fn still_fits(&self, accessory: ItemId, replaced: ItemId, by: ItemId) -> bool {
        let nearness = |item: ItemId| {
            let (items, scores) = self.model.neighbours(item);
            items.iter().position(|&near| near == accessory.0).map_or(0.0, |at| scores[at])
        };
        let near = nearness(by);
        self.is_add_on(accessory, by)
            || (near > 0.0 && near >= FIT_SHARE * nearness(replaced))
            || self.model.associations(by).any(|a| a.item == accessory)
    }
}

/// The ladder on which two items stand, where its tiers replace each other.
fn ladder_mates(model: &Model, item: ItemId, other: ItemId) -> Option<&LadderInfo> {
    let ladders = &model.upsell()?.ladders;
    let (a, b) = ladders.row_of(item).zip(ladders.row_of(other))?;
    let ladder = ladders.row(a).ladder;
    (ladder == ladders.row(b).ladder).then(|| ladders.ladder(ladder)).filter(|ladder| ladder.used)
}
