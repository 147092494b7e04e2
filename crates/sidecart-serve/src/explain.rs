use sidecart_core::ItemId;

use crate::model::{Association, Model};
use crate::scorer::{Query, Scorer};

/// What speaks most for an offer.
#[derive(Clone, Copy, PartialEq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// The customer bought it before.
    BoughtBefore {
        /// In so many baskets of the past.
        n_baskets: u32,
    },
    /// It is bought together with an item of the basket more often than chance explains.
    BoughtTogether {
        /// The basket item.
        anchor: ItemId,
        /// The evidence.
        evidence: Association,
    },
    /// It is near an item of the basket, on evidence too thin to show as an association.
    NearBasketItem {
        /// The basket item.
        anchor: ItemId,
    },
    /// It fits baskets like this one.
    FitsBasket,
    /// Many buy it.
    Popular {
        /// In so many training baskets.
        n_baskets: u32,
    },
}

impl Reason {
    /// The basket item that speaks, where there is one.
    #[must_use]
    pub fn anchor(&self) -> Option<ItemId> {
        match self {
            Self::BoughtTogether { anchor, .. } | Self::NearBasketItem { anchor } => Some(*anchor),
            _ => None,
        }
    }

    /// One line in words.
    #[must_use]
    pub fn text(&self, model: &Model) -> String {
        let times = |n: u32| if n == 1 { "1 basket".to_owned() } else { format!("{n} baskets") };
        match self {
            Self::BoughtBefore { n_baskets } => format!("bought before in {}", times(*n_baskets)),
            Self::BoughtTogether { anchor, evidence } => format!(
                "bought together with {} by {} customers in {} (lift {:.1})",
                model.label(*anchor),
                evidence.n_customers,
                times(evidence.n_baskets),
                evidence.lift
            ),
            Self::NearBasketItem { anchor } => format!("now and then with {}, too seldom to be sure", model.label(*anchor)),
            Self::FitsBasket => "fits baskets like this one".into(),
            Self::Popular { n_baskets } => format!("popular: in {}", times(*n_baskets)),
        }
    }
}

impl Scorer {
    /// Says what speaks most for an offer of this query: the customer's own past, else the basket
    /// item with the strongest evidence, else what is left. O(basket x list length + past).
    #[must_use]
    pub fn explain(&self, query: &Query<'_>, item: ItemId) -> Reason {
        let model = self.model();
        let n_own = query.history.map_or(0, |history| {
            history.as_of(query.time).filter(|basket| basket.items.contains(&item)).count() as u32
        });
        let mut near: Option<(f32, ItemId)> = None;
        let mut shown: Option<(f32, ItemId, Association)> = None;
        for &anchor in query.basket {
            let (items, scores) = model.neighbours(anchor);
            let score = items.iter().position(|&i| i == item.0).map(|at| scores[at]);
            if let Some(score) = score.filter(|&s| near.is_none_or(|(best, _)| s > best)) {
                near = Some((score, anchor));
            }
            if let Some(evidence) = model.associations(anchor).find(|a| a.item == item) {
                let strength = score.unwrap_or(0.0);
                if shown.is_none_or(|(best, ..)| strength > best) {
                    shown = Some((strength, anchor, evidence));
                }
            }
        }
        if n_own > 0 {
            return Reason::BoughtBefore { n_baskets: n_own };
        }
        match (shown, near) {
            (Some((_, anchor, evidence)), _) => Reason::BoughtTogether { anchor, evidence },
            (None, Some((_, anchor))) => Reason::NearBasketItem { anchor },
            (None, None) if !query.basket.is_empty() && model.baskets().is_some() => Reason::FitsBasket,
            (None, None) => Reason::Popular { n_baskets: model.item_baskets()[item.index()] },
        }
    }
}
