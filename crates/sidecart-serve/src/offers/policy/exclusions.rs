use std::fmt;

use serde::{Deserialize, Serialize};
use sidecart_core::{IdTable, ItemId};

/// An item as the shop writes it: a text or a whole number.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ItemName {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
}

impl ItemName {
    /// The item of that name.
    #[must_use]
    pub fn find(&self, items: &IdTable) -> Option<ItemId> {
        match self {
            Self::Int(id) => items.find_typed(&id.to_string()),
            Self::Text(id) => items.find_typed(id),
        }
        .map(ItemId)
    }
}

impl fmt::Display for ItemName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(id) => write!(f, "{id}"),
            Self::Text(id) => f.write_str(id),
        }
    }
}

/// What is never offered.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Exclusions {
    /// Items. Default none.
    pub items: Vec<ItemName>,
    /// Categories with everything below them, by label or by labels joined by ` > ` from the top.
    /// Default none.
    pub categories: Vec<String>,
    /// Brands. Default none.
    pub brands: Vec<String>,
}
