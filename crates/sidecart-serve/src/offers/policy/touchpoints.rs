use serde::{Deserialize, Serialize};

use super::super::OfferKind::{self, AddOn, CrossSell, Upsell};
use super::super::{OfferKinds, Touchpoint};

/// Which kinds of offers are made where. Upgrades come early, while the choice is open, and never at
/// the checkout; what to add waits until something is chosen; add-ons need their host.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct TouchpointTable {
    /// At the door. Default upsell.
    pub home: Vec<OfferKind>,
    /// On a list of items. Default upsell.
    pub category: Vec<OfferKind>,
    /// On the page of an item. Default cross-sell, upsell, add-on.
    pub product: Vec<OfferKind>,
    /// In the cart. Default cross-sell, upsell, add-on.
    pub cart: Vec<OfferKind>,
    /// At the checkout. Default cross-sell, add-on.
    pub checkout: Vec<OfferKind>,
    /// After the order. Default cross-sell.
    pub post_purchase: Vec<OfferKind>,
    /// In a message. Default cross-sell.
    pub email: Vec<OfferKind>,
}

impl Default for TouchpointTable {
    fn default() -> Self {
        Self {
            home: vec![Upsell],
            category: vec![Upsell],
            product: vec![CrossSell, Upsell, AddOn],
            cart: vec![CrossSell, Upsell, AddOn],
            checkout: vec![CrossSell, AddOn],
            post_purchase: vec![CrossSell],
            email: vec![CrossSell],
        }
    }
}

impl TouchpointTable {
    /// The kinds that are offered at a touchpoint.
    ///
    /// ```
    /// use sidecart_serve::offers::{OfferKind, Touchpoint, TouchpointTable};
    ///
    /// let table = TouchpointTable::default();
    /// assert!(table.allowed(Touchpoint::Cart).contains(OfferKind::Upsell));
    /// assert!(!table.allowed(Touchpoint::Checkout).contains(OfferKind::Upsell));
    /// ```
    #[must_use]
    pub fn allowed(&self, touchpoint: Touchpoint) -> OfferKinds {
        OfferKinds::of(match touchpoint {
            Touchpoint::Home => &self.home,
            Touchpoint::Category => &self.category,
            Touchpoint::Product => &self.product,
            Touchpoint::Cart => &self.cart,
            Touchpoint::Checkout => &self.checkout,
            Touchpoint::PostPurchase => &self.post_purchase,
            Touchpoint::Email => &self.email,
        })
    }
}
