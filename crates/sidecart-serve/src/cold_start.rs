//! What an answer rests on where the model has learned nothing about the basket's items.

use crate::model::Model;
use crate::scratch::Scratch;

/// What stands in for learned offers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StandIn {
    /// Nothing is known of the basket's items but their categories: these and what sells choose.
    Category,
    /// Nothing is known of basket and customer, or nothing more is left: what most people buy.
    Popular,
}

impl StandIn {
    /// The name in answers.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Popular => "popular",
        }
    }
}

/// What has to stand in for the whole answer; `None` where an item of the basket has neighbours, a
/// vector or a past basket, or the customer has a past. The basket must be marked. O(basket).
pub(crate) fn stand_in(model: &Model, knows_customer: bool, scratch: &Scratch) -> Option<StandIn> {
    let is_learned = |item: &_| {
        !model.neighbours(*item).0.is_empty() || !model.ease(*item).0.is_empty() || model.has_vector_or_postings(*item)
    };
    if knows_customer || scratch.basket.iter().any(is_learned) {
        return None;
    }
    let goes_with_kinds = model.ranker().is_some_and(|ranker| {
        let tables = &ranker.tables;
        let kinds = scratch.basket.iter().map(|item| tables.items[item.index()].kind);
        kinds.filter(|&kind| (kind as usize) < tables.pairs.len()).any(|kind| !tables.pairs.row(kind).is_empty())
    });
    Some(if goes_with_kinds { StandIn::Category } else { StandIn::Popular })
}
