use sidecart_core::{Clock, IdTable, ItemId, Money, Time};

use super::super::{NO_GROUP, OfferItems, OfferKind, Rule};
use super::filter::CompiledFilter;
use super::promotion::{ActivePromotion, CompiledPromotion};
use super::settings::Policy;

/// A policy whose names are numbers of one model. Immutable; share it between threads.
#[derive(Clone, PartialEq, Debug)]
pub struct CompiledPolicy {
    policy: Policy,
    /// Rising.
    items: Vec<ItemId>,
    /// By category and by brand.
    categories: Vec<bool>,
    brands: Vec<bool>,
    filters: Vec<CompiledFilter>,
    /// By rising item.
    promotions: Vec<CompiledPromotion>,
    /// By segment.
    sensitivity: Vec<f64>,
    unknown: Vec<String>,
}

/// What a policy is compiled against.
#[derive(Clone, Copy)]
pub(crate) struct PolicyNames<'a> {
    pub(crate) ids: &'a IdTable,
    pub(crate) items: &'a OfferItems,
    pub(crate) segments: &'a [String],
    pub(crate) clock: Clock,
}

impl CompiledPolicy {
    /// Checks a policy and looks its names up.
    pub(crate) fn new(policy: Policy, names: PolicyNames<'_>) -> Result<Self, String> {
        policy.check()?;
        let PolicyNames { ids, items, segments, clock } = names;
        let mut unknown = Vec::new();
        let mut excluded: Vec<ItemId> = Vec::new();
        for name in &policy.exclude.items {
            match name.find(ids) {
                Some(item) => excluded.push(item),
                None => unknown.push(format!("excluded item {name}")),
            }
        }
        excluded.sort_unstable();
        excluded.dedup();
        let tree = items.categories();
        let mut categories = vec![false; tree.len()];
        for name in &policy.exclude.categories {
            let found = tree.find(name);
            if found.is_empty() {
                return Err(format!("exclude.categories: no category {name}"));
            }
            found.iter().for_each(|&node| categories[node as usize] = true);
        }
        // A parent stands before its children.
        for node in 0..categories.len() {
            categories[node] = tree.upwards(node as u32).any(|above| categories[above as usize]);
        }
        let mut brands = vec![false; items.brands().len()];
        for name in &policy.exclude.brands {
            let found = items.brands().iter().position(|brand| brand == name);
            brands[found.ok_or_else(|| format!("exclude.brands: no brand {name}"))?] = true;
        }
        let filters =
            policy.filters.iter().map(|filter| filter.compile(items, &mut unknown)).collect::<Result<_, _>>()?;
        let mut promotions = Vec::new();
        for promotion in &policy.promotions {
            promotions.extend(promotion.compile(ids, clock, &mut unknown)?);
        }
        promotions.sort_by_key(|promotion: &CompiledPromotion| promotion.item);
        let sensitivity =
            segments.iter().map(|name| policy.price_sensitivity.get(name).copied().unwrap_or(0.0)).collect();
        let strangers = policy.price_sensitivity.keys().filter(|name| !segments.contains(name));
        unknown.extend(strangers.map(|name| format!("segment {name} of price_sensitivity")));
        Ok(Self { policy, items: excluded, categories, brands, filters, promotions, sensitivity, unknown })
    }

    /// The settings it was made from.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.policy
    }

    /// Names that the model does not know, for people: items, segments and values of filters, which
    /// come and go. They have no effect; unknown categories, brands and attributes are errors.
    #[must_use]
    pub fn unknown(&self) -> &[String] {
        &self.unknown
    }

    /// The exclusion that takes an item out.
    pub(crate) fn exclusion(&self, items: &OfferItems, item: ItemId) -> Option<Rule> {
        let facts = items.get(item);
        let is_in = |flags: &[bool], group: u32| group != NO_GROUP && flags[group as usize];
        if self.items.binary_search(&item).is_ok() {
            Some(Rule::ExcludedItem)
        } else if is_in(&self.categories, facts.category) {
            Some(Rule::ExcludedCategory)
        } else {
            is_in(&self.brands, facts.brand).then_some(Rule::ExcludedBrand)
        }
    }

    /// Whether an offer passes every filter.
    pub(crate) fn passes(&self, items: &OfferItems, item: ItemId, anchor: Option<ItemId>, kind: OfferKind) -> bool {
        self.filters.iter().all(|filter| filter.passes(items, item, anchor, kind))
    }

    /// The promotion of an item that takes most off its price now; of equal ones that which ends
    /// first.
    pub(crate) fn promotion(
        &self,
        item: ItemId,
        price: Money,
        time: Time,
        basket: &[ItemId],
    ) -> Option<ActivePromotion> {
        let start = self.promotions.partition_point(|promotion| promotion.item < item);
        let of_item = self.promotions[start..].iter().take_while(|promotion| promotion.item == item);
        of_item
            .filter_map(|promotion| promotion.at(time, basket, price))
            .max_by_key(|active| (active.discount, std::cmp::Reverse(active.ends_at)))
    }

    /// Items on promotion at a time for a basket, by rising item.
    pub(crate) fn promoted(&self, time: Time, basket: &[ItemId]) -> impl Iterator<Item = ItemId> {
        self.promotions.iter().filter(move |promotion| promotion.holds(time, basket)).map(|promotion| promotion.item)
    }

    /// How much a segment looks at prices, 0..=1.
    pub(crate) fn sensitivity(&self, segment: Option<u16>) -> f64 {
        segment.and_then(|segment| self.sensitivity.get(usize::from(segment))).copied().unwrap_or(0.0)
    }
}
