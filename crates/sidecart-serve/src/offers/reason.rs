use sidecart_core::ItemId;

use crate::explain::Reason;
use crate::model::Association;
use crate::scorer::Scorer;
use crate::upsell::{Upgrade, UpsellOffer};

/// What speaks for an offer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum OfferReason {
    /// For something to add.
    CrossSell(Reason),
    /// For a dearer version.
    Upsell {
        /// What is known of upgrades from the anchor.
        upgrade: Upgrade,
        /// What is known of this one.
        target: UpsellOffer,
    },
    /// For something that belongs to a basket item.
    AddOn {
        /// The basket item.
        host: ItemId,
        /// How often they are bought together, where that is more than chance.
        evidence: Option<Association>,
    },
}

/// The counts behind an offer.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Evidence {
    /// Two items in one basket.
    Pair {
        /// The basket item.
        anchor: ItemId,
        /// Distinct customers who bought both in one basket.
        n_customers: u32,
        /// Baskets with both.
        n_baskets: u32,
        /// Times as many as chance explains.
        lift: f32,
    },
    /// Steps up a ladder.
    Ladder {
        /// Customers went from the anchor to the item so often.
        n_switches: u32,
        /// The customer bought the item so often.
        n_bought: u32,
        /// Events behind the rate of ladder and tier.
        n_events: u32,
        /// Upgrades among them.
        n_upgrades: u32,
        /// That rate, shrunk, 0..=1.
        rate: f32,
    },
    /// The customer bought it in so many baskets.
    OwnPast {
        /// Baskets.
        n_baskets: u32,
    },
}

impl OfferReason {
    /// One line in words.
    #[must_use]
    pub fn text(&self, scorer: &Scorer) -> String {
        let model = scorer.model();
        match self {
            Self::CrossSell(reason) => reason.text(model),
            Self::Upsell { upgrade, target } => match model.upsell() {
                Some(upsell) => format!("{}; {}", target.text(), upgrade.text(upsell)),
                None => target.text(),
            },
            Self::AddOn { host, evidence: None } => format!("belongs to {}", model.label(*host)),
            Self::AddOn { host, evidence: Some(pair) } => format!(
                "belongs to {}: bought with it by {} customers in {} of {} baskets",
                model.label(*host),
                pair.n_customers,
                pair.n_baskets,
                model.item_baskets()[host.index()]
            ),
        }
    }

    /// The counts, where there are some.
    #[must_use]
    pub fn evidence(&self, scorer: &Scorer) -> Option<Evidence> {
        let pair = |anchor: ItemId, pair: &Association| Evidence::Pair {
            anchor,
            n_customers: pair.n_customers,
            n_baskets: pair.n_baskets,
            lift: pair.lift,
        };
        match self {
            Self::CrossSell(Reason::BoughtTogether { anchor, evidence }) => Some(pair(*anchor, evidence)),
            Self::CrossSell(Reason::BoughtBefore { n_baskets }) => Some(Evidence::OwnPast { n_baskets: *n_baskets }),
            Self::CrossSell(_) => None,
            Self::Upsell { upgrade, target } => {
                let rate = upgrade.rate(scorer.model().upsell()?);
                Some(Evidence::Ladder {
                    n_switches: target.n_switches,
                    n_bought: target.n_bought,
                    n_events: rate.events,
                    n_upgrades: rate.upgrades,
                    rate: rate.rate,
                })
            }
            Self::AddOn { host, evidence } => evidence.as_ref().map(|evidence| pair(*host, evidence)),
        }
    }
}
