use std::collections::BTreeMap;

use sidecart_core::{ItemId, Money, Quantity, Time};

use super::{Attributes, CategoryTree, HostTable, NO_GROUP};
use crate::upsell::LadderTable;

/// What offers need to know of an item.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct OfferItem {
    /// Shelf price of a piece, above 0.
    pub price: Option<Money>,
    /// Margin of a piece.
    pub margin: Option<Money>,
    /// Pieces in stock, at least 0; `None` = not counted, or without limit.
    pub stock: Option<Quantity>,
    /// When it was first sold.
    pub first_sold: Option<Time>,
    /// Pieces sold a day lately, at least 0; `None` where times are no days.
    pub sold_per_day: Option<f32>,
    /// Finest category, or [`NO_GROUP`].
    pub category: u32,
    /// Brand, or [`NO_GROUP`].
    pub brand: u32,
}

impl Default for OfferItem {
    fn default() -> Self {
        Self {
            price: None,
            margin: None,
            stock: None,
            first_sold: None,
            sold_per_day: None,
            category: NO_GROUP,
            brand: NO_GROUP,
        }
    }
}

/// Facts of all items for offers.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct OfferItems {
    items: Vec<OfferItem>,
    categories: CategoryTree,
    brands: sidecart_core::TextTable,
    hosts: HostTable,
    attributes: Attributes,
    /// By category: median price, and median share of the price that is margin.
    medians: Vec<Medians>,
    /// The same over the whole catalogue.
    overall: Medians,
    /// Whether the model was written with these facts.
    stored: bool,
}

/// What is usual where an item's own figure is missing.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
struct Medians {
    price: Option<Money>,
    margin_rate: Option<f64>,
}

impl Medians {
    fn of(items: &[&OfferItem]) -> Self {
        let mut prices: Vec<i64> = items.iter().filter_map(|item| item.price).map(|price| price.0).collect();
        prices.sort_unstable();
        let rate = |item: &&OfferItem| Some(item.margin?.0 as f64 / item.price?.0 as f64);
        let mut rates: Vec<f64> = items.iter().filter_map(rate).collect();
        rates.sort_unstable_by(f64::total_cmp);
        // Of an even number the lower of the middle two, which is a figure of the shop.
        let middle = |n: usize| n.saturating_sub(1) / 2;
        Self {
            price: prices.get(middle(prices.len())).map(|&price| Money(price)),
            margin_rate: rates.get(middle(rates.len())).copied(),
        }
    }
}

impl OfferItems {
    /// Checks and takes facts, one an item.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn new(
        items: Vec<OfferItem>,
        categories: CategoryTree,
        brands: sidecart_core::TextTable,
        hosts: HostTable,
        attributes: Attributes,
    ) -> Result<Self, String> {
        let limit = (Money::MAX_ROW * Money::SCALE as f64) as i64;
        let is_good = |item: &&OfferItem| {
            item.price.is_none_or(|price| (1..=limit).contains(&price.0))
                && item.margin.is_none_or(|margin| (-limit..=limit).contains(&margin.0))
                && item.stock.is_none_or(|stock| stock >= Quantity(0))
                && item.sold_per_day.is_none_or(|sold| sold >= 0.0 && sold.is_finite())
                && (item.category == NO_GROUP || (item.category as usize) < categories.len())
                && (item.brand == NO_GROUP || (item.brand as usize) < brands.len())
        };
        if let Some(at) = items.iter().position(|item| !is_good(&item)) {
            return Err(format!("item {at} has {:?}", items[at]));
        }
        let mut by_category: BTreeMap<u32, Vec<&OfferItem>> = BTreeMap::new();
        for item in items.iter().filter(|item| item.category != NO_GROUP) {
            by_category.entry(item.category).or_default().push(item);
        }
        let mut medians = vec![Medians::default(); categories.len()];
        for (category, items) in by_category {
            medians[category as usize] = Medians::of(&items);
        }
        let overall = Medians::of(&items.iter().collect::<Vec<_>>());
        Ok(Self { items, categories, brands, hosts, attributes, medians, overall, stored: true })
    }

    /// What a model without these facts knows: prices, margins and stock of items on ladders.
    #[must_use]
    pub fn without(n_items: usize, ladders: Option<&LadderTable>) -> Self {
        let mut items = vec![OfferItem::default(); n_items];
        for row in ladders.iter().flat_map(|ladders| ladders.rows()) {
            let item = &mut items[row.item.index()];
            item.price = Some(row.price).filter(|&price| price > Money(0));
            item.margin = row.margin;
            item.stock = (!row.in_stock).then_some(Quantity(0));
        }
        let overall = Medians::of(&items.iter().collect::<Vec<_>>());
        Self { items, overall, ..Self::default() }
    }

    /// Whether the model was written with these facts; else only those of ladders are known.
    #[must_use]
    pub fn are_stored(&self) -> bool {
        self.stored
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The facts of an item.
    #[inline]
    #[must_use]
    pub fn get(&self, item: ItemId) -> &OfferItem {
        &self.items[item.index()]
    }

    /// All facts; the position is the item.
    #[must_use]
    pub fn all(&self) -> &[OfferItem] {
        &self.items
    }

    /// The shop's categories.
    #[must_use]
    pub fn categories(&self) -> &CategoryTree {
        &self.categories
    }

    /// Names of the brands.
    #[must_use]
    pub fn brands(&self) -> &sidecart_core::TextTable {
        &self.brands
    }

    /// Add-ons and their hosts.
    #[must_use]
    pub fn hosts(&self) -> &HostTable {
        &self.hosts
    }

    /// Further columns for filters.
    #[must_use]
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    fn medians(&self, item: ItemId) -> Medians {
        self.medians.get(self.get(item).category as usize).copied().unwrap_or_default()
    }

    /// The shelf price of an item, else the median of its category, else that of the catalogue, and
    /// whether it is such an estimate; `None` in a shop without prices.
    #[must_use]
    pub fn estimated_price(&self, item: ItemId) -> Option<(Money, bool)> {
        let known = self.get(item).price.map(|price| (price, false));
        known.or_else(|| self.medians(item).price.or(self.overall.price).map(|price| (price, true)))
    }

    /// The margin of an item and whether it is an estimate: where the shop does not say it, the
    /// price times the median share of margin in its category, else in the catalogue, else
    /// `margin_rate`. Never 0 for not being known; `None` in a shop without prices.
    #[must_use]
    pub fn estimated_margin(&self, item: ItemId, margin_rate: f64) -> Option<(Money, bool)> {
        if let Some(margin) = self.get(item).margin {
            return Some((margin, false));
        }
        let (price, _) = self.estimated_price(item)?;
        let rate = self.medians(item).margin_rate.or(self.overall.margin_rate).unwrap_or(margin_rate);
        Some((Money((price.0 as f64 * rate).round() as i64), true))
    }

    /// Days that the stock lasts at the newest rate of sales; infinite where it does not sell,
    /// `None` where stock or rate is unknown.
    #[must_use]
    pub fn days_of_cover(&self, item: ItemId) -> Option<f64> {
        let facts = self.get(item);
        let (stock, sold) = (facts.stock?.to_f64(), f64::from(facts.sold_per_day?));
        Some(if sold > 0.0 { stock / sold } else { f64::INFINITY })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(price: i64, margin: Option<i64>, category: u32) -> OfferItem {
        OfferItem {
            price: (price > 0).then_some(Money(price)),
            margin: margin.map(Money),
            category,
            ..OfferItem::default()
        }
    }

    fn shop(items: Vec<OfferItem>) -> OfferItems {
        let categories = CategoryTree::new(["a", "b"].into_iter().collect(), vec![NO_GROUP; 2]).unwrap();
        OfferItems::new(items, categories, Default::default(), HostTable::default(), Attributes::default()).unwrap()
    }

    #[test]
    fn concept_24_missing_margins_are_estimated_never_zero() {
        let items = shop(vec![
            item(1_000, Some(200), 0),
            item(1_000, Some(300), 0),
            item(1_000, Some(600), 0),
            item(2_000, None, 0),
            item(5_000, None, 1),
            item(0, None, NO_GROUP),
        ]);
        let margin = |n| items.estimated_margin(ItemId(n), 0.1);
        assert_eq!(margin(0), Some((Money(200), false)));
        assert_eq!(margin(3), Some((Money(600), true)), "the median rate of the category, 0.3");
        assert_eq!(margin(4), Some((Money(1_500), true)), "the median rate of the catalogue");
        assert_eq!(margin(5), Some((Money(300), true)), "of the median price, 1000");
        let bare = shop(vec![item(1_000, None, 0), item(0, None, 0)]);
        assert_eq!(bare.estimated_margin(ItemId(0), 0.25), Some((Money(250), true)), "the stated rate");
        assert_eq!(shop(vec![item(0, None, 0)]).estimated_margin(ItemId(0), 0.25), None);
    }

    #[test]
    fn cover_is_stock_over_sales() {
        let with = |stock: Option<i64>, sold: Option<f32>| {
            let facts = OfferItem {
                stock: stock.map(|n| Quantity(n * Quantity::SCALE)),
                sold_per_day: sold,
                ..OfferItem::default()
            };
            shop(vec![facts]).days_of_cover(ItemId(0))
        };
        assert_eq!(with(Some(30), Some(1.5)), Some(20.0));
        assert_eq!(with(Some(30), Some(0.0)), Some(f64::INFINITY));
        assert_eq!((with(None, Some(1.0)), with(Some(3), None)), (None, None));
    }

    #[test]
    fn impossible_facts_are_refused() {
        let good = item(1_000, Some(-5), 1);
        let wrong = [
            OfferItem { price: Some(Money(0)), ..good },
            OfferItem { price: Some(Money(i64::MAX)), ..good },
            OfferItem { margin: Some(Money(i64::MIN + 1)), ..good },
            OfferItem { stock: Some(Quantity(-1)), ..good },
            OfferItem { sold_per_day: Some(f32::NAN), ..good },
            OfferItem { category: 2, ..good },
            OfferItem { brand: 0, ..good },
        ];
        let categories = CategoryTree::new(["a", "b"].into_iter().collect(), vec![NO_GROUP; 2]).unwrap();
        let new = |items| {
            OfferItems::new(items, categories.clone(), Default::default(), HostTable::default(), Attributes::default())
        };
        assert!(new(vec![good]).is_ok());
        for item in wrong {
            assert!(new(vec![item]).is_err(), "{item:?}");
        }
    }
}
