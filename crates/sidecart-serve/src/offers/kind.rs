use std::fmt;

use serde::{Deserialize, Serialize};

/// What an offer asks of the customer.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum OfferKind {
    /// Add something that goes with the basket.
    CrossSell = 0,
    /// Take a dearer version in the place of a basket item.
    Upsell = 1,
    /// Add something that is of use only with a basket item, such as a warranty.
    AddOn = 2,
}

impl OfferKind {
    /// All kinds in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::CrossSell, Self::Upsell, Self::AddOn];

    /// The name in answers and settings.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::CrossSell => "cross-sell",
            Self::Upsell => "upsell",
            Self::AddOn => "add-on",
        }
    }
}

impl fmt::Display for OfferKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A set of kinds.
///
/// ```
/// use sidecart_serve::offers::{OfferKind, OfferKinds};
///
/// let kinds = OfferKinds::of(&[OfferKind::AddOn, OfferKind::CrossSell]);
/// assert!(kinds.contains(OfferKind::AddOn) && !kinds.contains(OfferKind::Upsell));
/// assert_eq!(OfferKinds::ALL.and(kinds), kinds);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OfferKinds(u8);

impl OfferKinds {
    /// Every kind.
    pub const ALL: Self = Self(0b111);
    /// No kind.
    pub const NONE: Self = Self(0);

    /// The set of some kinds.
    #[must_use]
    pub fn of(kinds: &[OfferKind]) -> Self {
        Self(kinds.iter().fold(0, |bits, kind| bits | 1 << *kind as u8))
    }

    /// Whether a kind is in it.
    #[must_use]
    pub fn contains(self, kind: OfferKind) -> bool {
        self.0 >> kind as u8 & 1 == 1
    }

    /// Whether it is empty.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The kinds in both.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The kinds in it, in the order of [`OfferKind::ALL`].
    pub fn iter(self) -> impl Iterator<Item = OfferKind> {
        OfferKind::ALL.into_iter().filter(move |kind| self.contains(*kind))
    }
}

impl From<OfferKind> for OfferKinds {
    fn from(kind: OfferKind) -> Self {
        Self::of(&[kind])
    }
}
