use std::fmt;

use serde::{Deserialize, Serialize};

/// What an offer does to a basket.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OfferKind {
    /// Adds a complement.
    CrossSell,
    /// Replaces an item with a dearer version.
    Upsell,
    /// Adds something that needs its host, such as a warranty.
    AddOn,
}

impl OfferKind {
    /// All kinds with the names used on command lines and in files.
    pub const NAMES: [(&'static str, Self); 3] =
        [("cross-sell", Self::CrossSell), ("upsell", Self::Upsell), ("add-on", Self::AddOn)];

    /// The name used on command lines and in files.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES[self.index()].0
    }

    /// The kind of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(known, _)| *known == name).map(|(_, kind)| *kind)
    }

    /// The kind as an index into tables of three.
    #[inline]
    #[must_use]
    pub fn index(self) -> usize {
        self as usize
    }
}

impl fmt::Display for OfferKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_files() {
        for (index, (name, kind)) in OfferKind::NAMES.into_iter().enumerate() {
            assert_eq!((kind.index(), kind.name(), OfferKind::from_name(name)), (index, name, Some(kind)));
            assert_eq!(serde_json::to_value(kind).unwrap(), name);
        }
        assert_eq!(OfferKind::from_name("any"), None);
    }
}
