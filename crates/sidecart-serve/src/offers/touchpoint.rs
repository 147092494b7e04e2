use std::fmt;

use serde::{Deserialize, Serialize};

/// Where on the way to a purchase an offer is made.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Touchpoint {
    /// The door of the shop.
    Home = 0,
    /// A list of items of one category, or search results.
    Category = 1,
    /// The page of one item.
    Product = 2,
    /// The cart.
    Cart = 3,
    /// The checkout.
    Checkout = 4,
    /// After the order.
    PostPurchase = 5,
    /// A message.
    Email = 6,
}

impl Touchpoint {
    /// All touchpoints in the order of the journey.
    pub const ALL: [Self; 7] =
        [Self::Home, Self::Category, Self::Product, Self::Cart, Self::Checkout, Self::PostPurchase, Self::Email];

    /// The name in questions and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Home => "home",
            Self::Category => "category",
            Self::Product => "product",
            Self::Cart => "cart",
            Self::Checkout => "checkout",
            Self::PostPurchase => "post_purchase",
            Self::Email => "email",
        }
    }

    /// The touchpoint of a name; `-` counts as `_`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        let name = name.trim().replace('-', "_");
        Self::ALL.into_iter().find(|touchpoint| touchpoint.name() == name)
    }
}

impl fmt::Display for Touchpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lead_back() {
        for (number, touchpoint) in Touchpoint::ALL.into_iter().enumerate() {
            assert_eq!((touchpoint as usize, Touchpoint::from_name(touchpoint.name())), (number, Some(touchpoint)));
            let text = serde_json::to_string(&touchpoint).unwrap();
            assert_eq!(text, format!("{:?}", touchpoint.name()));
        }
        assert_eq!(Touchpoint::from_name("post-purchase"), Some(Touchpoint::PostPurchase));
        assert_eq!(Touchpoint::from_name("till"), None);
    }
}
