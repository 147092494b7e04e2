use sidecart_core::ItemId;

use crate::cold_start::StandIn;
use crate::model::{Association, Model};
use crate::scorer::{Query, Scorer};
use crate::settings::Source;

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
    /// Chosen by the categories of the basket's items, of which nothing else is known, and by what
    /// sells.
    Category,
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
            Self::NearBasketItem { anchor } => {
                format!("now and then with {}, too seldom to be sure", model.label(*anchor))
            }
            Self::FitsBasket => "fits baskets like this one".into(),
            Self::Category => {
                "too little is known of the basket's items: chosen by their categories and by what sells".into()
            }
            Self::Popular { n_baskets } => format!("popular: in {}", times(*n_baskets)),
        }
    }
}

impl Scorer {
    /// Says what speaks most for an offer of this query: the customer's own past, else the basket
    /// item with the strongest evidence, else what is left; where popularity alone was asked for,
    /// that. O(basket x list length + past).
    ///
    /// # Panics
    /// When the item or one of the basket is not of this model.
    #[must_use]
    pub fn explain(&self, query: &Query<'_>, item: ItemId) -> Reason {
        let model = self.model();
        let popular = self.explain_stand_in(item, StandIn::Popular);
        if query.using == Source::Popular {
            return popular;
        }
        let n_own = query.history.map_or(0, |history| {
            history.as_of(query.time).filter(|basket| basket.items.contains(&item)).count() as u32
        });
        if n_own > 0 {
            return Reason::BoughtBefore { n_baskets: n_own };
        }
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
        match (shown, near) {
            (Some((_, anchor, evidence)), _) => Reason::BoughtTogether { anchor, evidence },
            (None, Some((_, anchor))) => Reason::NearBasketItem { anchor },
            (None, None) if !query.basket.is_empty() && (model.baskets().is_some() || model.embeddings().is_some()) => {
                Reason::FitsBasket
            }
            (None, None) => popular,
        }
    }

    /// Why an offer stands in for one the model did not have.
    ///
    /// # Panics
    /// When the item is not of this model.
    #[must_use]
    pub fn explain_stand_in(&self, item: ItemId, by: StandIn) -> Reason {
        match by {
            StandIn::Category => Reason::Category,
            StandIn::Popular => Reason::Popular { n_baskets: self.model().item_baskets()[item.index()] },
        }
    }
}
