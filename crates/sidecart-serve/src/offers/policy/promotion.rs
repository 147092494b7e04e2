use std::fmt;

use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use sidecart_core::{Clock, IdTable, ItemId, Money, Time};

use super::exclusions::ItemName;
use super::settings::number;

/// A time as people type it: a date, a text or a number.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
pub struct PolicyTime(pub String);

impl<'de> Deserialize<'de> for PolicyTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ByForm;
        impl<'de> Visitor<'de> for ByForm {
            type Value = PolicyTime;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a date such as 2025-06-30, or a number where times are numbers")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                Ok(PolicyTime(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Self::Value, E> {
                Ok(PolicyTime(number.to_string()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Self::Value, E> {
                Ok(PolicyTime(number.to_string()))
            }

            // A bare date of TOML arrives as a map of one text.
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let (_, text) = map.next_entry::<String, String>()?.ok_or_else(|| de::Error::custom("no date"))?;
                Ok(PolicyTime(text))
            }
        }
        deserializer.deserialize_any(ByForm)
    }
}

/// A price cut of an item for a time.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promotion {
    /// The item.
    pub item: ItemName,
    /// Share of the shelf price that it costs less, above 0 to 1 (1 = a free gift).
    pub discount: f64,
    /// First moment at which it holds.
    pub starts_at: PolicyTime,
    /// First moment at which it does not hold any more.
    pub ends_at: PolicyTime,
    /// An item that has to be in the basket. Default none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requires_item: Option<ItemName>,
}

/// Parts of a price in which discounts are counted: a millionth.
const DISCOUNT_SCALE: i64 = 1_000_000;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct CompiledPromotion {
    pub(super) item: ItemId,
    discount: i64,
    starts_at: Time,
    ends_at: Time,
    requires: Option<ItemId>,
}

/// What a promotion does to an offer now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct ActivePromotion {
    /// Less than the shelf price.
    pub(crate) discount: Money,
    pub(crate) ends_at: Time,
}

impl Promotion {
    pub(super) fn check(&self) -> Result<(), String> {
        number("promotions.discount", self.discount, 1.0 / DISCOUNT_SCALE as f64, 1.0)
    }

    /// `None` where the model does not know an item, which goes to `unknown`.
    pub(super) fn compile(
        &self,
        items: &IdTable,
        clock: Clock,
        unknown: &mut Vec<String>,
    ) -> Result<Option<CompiledPromotion>, String> {
        let time = |name: &str, time: &PolicyTime| {
            clock.parse(&time.0).ok_or_else(|| format!("promotions.{name} = {}: expected {}", time.0, clock.expected()))
        };
        let (starts_at, ends_at) = (time("starts_at", &self.starts_at)?, time("ends_at", &self.ends_at)?);
        if ends_at <= starts_at {
            return Err(format!("promotions.ends_at = {}: expected a time after starts_at", self.ends_at.0));
        }
        let mut find = |name: &ItemName| {
            let found = name.find(items);
            if found.is_none() {
                unknown.push(format!("item {name} of a promotion"));
            }
            found
        };
        let item = find(&self.item);
        let requires = self.requires_item.as_ref().map(find);
        let (Some(item), None | Some(Some(_))) = (item, requires) else { return Ok(None) };
        let discount = (self.discount * DISCOUNT_SCALE as f64).round() as i64;
        Ok(Some(CompiledPromotion { item, discount, starts_at, ends_at, requires: requires.flatten() }))
    }
}

impl CompiledPromotion {
    /// Whether it holds at a time for a basket.
    pub(super) fn holds(&self, time: Time, basket: &[ItemId]) -> bool {
        (self.starts_at..self.ends_at).contains(&time) && self.requires.is_none_or(|needed| basket.contains(&needed))
    }

    /// What it takes off a price at a time for a basket; `None` where it does not hold.
    pub(super) fn at(&self, time: Time, basket: &[ItemId], price: Money) -> Option<ActivePromotion> {
        let holds = self.holds(time, basket);
        let scaled = i128::from(price.0) * i128::from(self.discount) + i128::from(DISCOUNT_SCALE / 2);
        let discount = Money((scaled / i128::from(DISCOUNT_SCALE)) as i64);
        holds.then_some(ActivePromotion { discount, ends_at: self.ends_at })
    }
}
