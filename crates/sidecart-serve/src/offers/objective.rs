use serde::{Deserialize, Serialize};
use sidecart_core::{ItemId, Money};

use super::{OfferItems, OfferKind};
use crate::upsell::Gain;

/// What the value of an offer counts beside its probability.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// The probability alone.
    #[default]
    Relevance,
    /// Pieces sold more: 1 for what is added, 0 for an upgrade, which takes the place of a piece.
    Units,
    /// Money taken more, after discounts.
    Revenue,
    /// Margin earned more, after discounts.
    Margin,
}

impl Objective {
    /// All objectives with the names used in settings and on command lines.
    pub const NAMES: [(&'static str, Self); 4] =
        [("relevance", Self::Relevance), ("units", Self::Units), ("revenue", Self::Revenue), ("margin", Self::Margin)];

    /// The name.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, objective)| *objective == self).map_or("relevance", |(name, _)| name)
    }
}

/// What an offer changes in a basket.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Deltas {
    /// Money more in the basket, after the discount; `None` where a price is unknown.
    pub(crate) value: Option<Money>,
    /// Margin more, after the discount; estimated where the shop does not say it.
    pub(crate) margin: Option<Money>,
    /// Whether `margin`, or the gain, rests on an estimate.
    pub(crate) estimated: bool,
    /// What revenue counts.
    revenue: Gain,
}

impl Deltas {
    /// Of an item that is added, or that replaces `anchor`, for `discount` less than its shelf price.
    pub(crate) fn of(
        items: &OfferItems,
        item: ItemId,
        anchor: Option<ItemId>,
        discount: Money,
        margin_rate: f64,
    ) -> Self {
        let less = |amount: Money, other: Money| Money(amount.0 - other.0);
        let known = |item: ItemId| items.get(item).price;
        let value = match anchor {
            None => known(item),
            Some(anchor) => known(item).zip(known(anchor)).map(|(to, from)| less(to, from)),
        };
        let price = match anchor {
            None => items.estimated_price(item),
            Some(anchor) => difference(items.estimated_price(item), items.estimated_price(anchor)),
        };
        let margin = match anchor {
            None => items.estimated_margin(item, margin_rate),
            Some(anchor) => {
                let of = |item| items.estimated_margin(item, margin_rate);
                difference(of(item), of(anchor))
            }
        };
        Self {
            value: value.map(|value| less(value, discount)),
            margin: margin.map(|(margin, _)| less(margin, discount)),
            estimated: margin.is_some_and(|(_, estimated)| estimated),
            revenue: price.map_or(Gain::Unknown, |(price, _)| Gain::Price(less(price, discount))),
        }
    }

    /// What an objective counts; `None` where it counts pieces and the offer adds none.
    pub(crate) fn factor(&self, objective: Objective, kind: OfferKind, exponent: f64) -> f64 {
        match objective {
            Objective::Relevance => 1.0,
            Objective::Units if kind == OfferKind::Upsell => 0.0,
            Objective::Units => 1.0,
            Objective::Revenue => self.revenue.factor(exponent),
            Objective::Margin => self.margin.map_or(Gain::Unknown, Gain::Margin).factor(exponent),
        }
    }
}

fn difference(to: Option<(Money, bool)>, from: Option<(Money, bool)>) -> Option<(Money, bool)> {
    let ((to, a), (from, b)) = to.zip(from)?;
    Some((Money(to.0 - from.0), a || b))
}
