//! What a segment is like, for people.

use serde::Serialize;
use sidecart_core::{ItemId, Money};
use sidecart_data::Ledger;

use super::Segmentation;
use super::behaviour::CategoryMeans;
use super::mix::{CategoryMix, MixTracker};
use crate::catalogue::Catalogue;
use crate::ladders::Ladders;

/// What cards are made of; all over the items and customers of the ledger.
#[derive(Clone, Copy)]
pub struct CardInputs<'a> {
    /// The history.
    pub ledger: &'a Ledger,
    /// What is known of items.
    pub catalogue: &'a Catalogue,
    /// Items that substitute each other.
    pub ladders: &'a Ladders,
    /// Means that the price position is measured against.
    pub means: &'a CategoryMeans,
    /// Who is in which segment.
    pub segmentation: &'a Segmentation,
    /// Most categories and most ladders on a card.
    pub n_top: usize,
}

/// All segments beside all customers together.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SegmentCards {
    /// Every basket, also those of customers without a segment and without a name.
    pub everyone: SegmentCard,
    /// One card for each segment, by its number.
    pub segments: Vec<SegmentCard>,
}

/// One segment. A number that the data cannot give is `None`.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SegmentCard {
    /// The segment's name.
    pub name: String,
    /// Customers in it.
    pub customers: u32,
    /// The same as a share of the shop's known customers, 0 to 1.
    pub share: f64,
    /// Their baskets.
    pub baskets: u64,
    /// Mean paid total of a basket, in the shop's currency, over baskets with prices.
    pub average_order_value: Option<f64>,
    /// Share of the baskets with both items of at least one shown association, 0 to 1.
    pub attach_rate: Option<f64>,
    /// Discounts as a share of what the lines cost on the shelf, 0 to 1.
    pub discount_share: Option<f64>,
    /// Mean over ladder lines of tier / top tier minus the mean of the line's category, -1 to 1.
    pub price_position: Option<f64>,
    /// The largest categories of the shop, by falling share of the segment's spend.
    pub categories: Vec<CategoryShare>,
    /// The ladders bought from most, by falling number of lines.
    pub ladders: Vec<LadderUse>,
}

/// A category on a card.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct CategoryShare {
    /// The category.
    pub name: String,
    /// Share of the segment's spend (of its lines where there are no prices), 0 to 1.
    pub share: f64,
}

/// A ladder on a card.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LadderUse {
    /// Position in [`Ladders::ladders`].
    pub ladder: u32,
    /// Its name.
    pub name: String,
    /// Lines of the segment in it.
    pub lines: u64,
    /// How often the segment trades up in it; left empty by [`cards`], for the caller to fill.
    pub upgrades: Option<UpgradeRate>,
}

/// How often customers took a dearer item than their usual one.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct UpgradeRate {
    /// Occasions.
    pub events: u64,
    /// Share of them that were upgrades, 0 to 1.
    pub raw: f64,
    /// The same pulled towards the rate of all segments, 0 to 1.
    pub shrunk: f64,
    /// Lower end of the interval, 0 to 1.
    pub low: f64,
    /// Upper end of the interval, 0 to 1.
    pub high: f64,
}

/// Running sums of one card.
struct Sums<'a> {
    baskets: u64,
    priced_baskets: u64,
    paid: i64,
    gross: i64,
    discount: i64,
    attached: u64,
    has_priced_lines: bool,
    position: f64,
    n_positions: u64,
    spend: MixTracker<'a>,
    ladder_lines: Vec<u64>,
}

/// What one basket adds to a card, computed once for its segment and for everyone.
struct BasketFacts {
    paid: Option<i64>,
    gross: i64,
    discount: i64,
    has_priced_lines: bool,
    attached: bool,
    position: f64,
    n_positions: u64,
}

impl<'a> Sums<'a> {
    fn new(mix: &'a CategoryMix, n_ladders: usize) -> Self {
        Self {
            baskets: 0,
            priced_baskets: 0,
            paid: 0,
            gross: 0,
            discount: 0,
            attached: 0,
            has_priced_lines: false,
            position: 0.0,
            n_positions: 0,
            spend: MixTracker::new(mix),
            ladder_lines: vec![0; n_ladders],
        }
    }

    fn add(&mut self, inputs: &CardInputs<'_>, basket: usize, facts: &BasketFacts) {
        self.baskets += 1;
        self.priced_baskets += u64::from(facts.paid.is_some());
        self.paid += facts.paid.unwrap_or(0);
        self.gross += facts.gross;
        self.discount += facts.discount;
        self.has_priced_lines |= facts.has_priced_lines;
        self.attached += u64::from(facts.attached);
        self.position += facts.position;
        self.n_positions += facts.n_positions;
        self.spend.add_basket(inputs.ledger, basket);
        for item in inputs.ledger.baskets().get(basket) {
            let ladder = inputs.ladders.item_ladder[item.index()] as usize;
            if let Some(lines) = self.ladder_lines.get_mut(ladder) {
                *lines += 1;
            }
        }
    }

    fn card(&self, name: &str, customers: u32, mix: &CategoryMix, inputs: &CardInputs<'_>) -> SegmentCard {
        let share = |part: f64, whole: u64| (whole > 0).then(|| part / whole as f64);
        let spend = self.spend.spend();
        let total = spend.iter().sum::<i64>().max(1) as f64;
        let mut order: Vec<usize> = (0..mix.len()).filter(|&c| spend[c] > 0).collect();
        order.sort_by_key(|&category| (std::cmp::Reverse(spend[category]), category));
        let categories = order.iter().take(inputs.n_top);
        let lines = &self.ladder_lines;
        let has_tiers = |&ladder: &usize| inputs.ladders.ladders[ladder].tiers.len() > 1 && lines[ladder] > 0;
        let mut ladders: Vec<usize> = (0..lines.len()).filter(has_tiers).collect();
        ladders.sort_by_key(|&ladder| (std::cmp::Reverse(lines[ladder]), ladder));
        SegmentCard {
            name: name.to_owned(),
            customers,
            share: share(f64::from(customers), inputs.ledger.customers().len() as u64).unwrap_or(0.0),
            baskets: self.baskets,
            average_order_value: share(Money(self.paid).to_f64(), self.priced_baskets),
            attach_rate: share(self.attached as f64, self.baskets),
            discount_share: self.has_priced_lines.then(|| self.discount as f64 / self.gross as f64),
            price_position: share(self.position, self.n_positions),
            categories: categories
                .map(|&c| CategoryShare { name: mix.names[c].clone(), share: spend[c] as f64 / total })
                .collect(),
            ladders: ladders
                .iter()
                .take(inputs.n_top)
                .map(|&ladder| LadderUse {
                    ladder: ladder as u32,
                    name: inputs.ladders.ladders[ladder].name.clone(),
                    lines: lines[ladder],
                    upgrades: None,
                })
                .collect(),
        }
    }
}

/// Describes every segment from all baskets of the ledger. `shown` gives the items shown beside an
/// item. O(lines * items shown * log basket size).
pub fn cards<I: IntoIterator<Item = ItemId>>(inputs: &CardInputs<'_>, shown: impl Fn(ItemId) -> I) -> SegmentCards {
    let CardInputs { ledger, segmentation, .. } = *inputs;
    let mix = CategoryMix::new(ledger, inputs.catalogue, |_| true);
    let new = || Sums::new(&mix, inputs.ladders.ladders.len());
    let mut everyone = new();
    let mut sums: Vec<Sums<'_>> = segmentation.names.iter().map(|_| new()).collect();
    for basket in 0..ledger.n_baskets() {
        let facts = basket_facts(inputs, basket, &shown);
        everyone.add(inputs, basket, &facts);
        if let Some(segment) = ledger.customer_of(basket).and_then(|customer| segmentation.of(customer)) {
            sums[usize::from(segment)].add(inputs, basket, &facts);
        }
    }
    let mut customers = vec![0u32; segmentation.names.len()];
    for segment in segmentation.of_customer.iter().flatten() {
        customers[usize::from(*segment)] += 1;
    }
    let segments = segmentation.names.iter().zip(&sums).zip(customers);
    SegmentCards {
        everyone: everyone.card("everyone", ledger.customers().len() as u32, &mix, inputs),
        segments: segments.map(|((name, sums), n)| sums.card(name, n, &mix, inputs)).collect(),
    }
}

fn basket_facts<I: IntoIterator<Item = ItemId>>(
    inputs: &CardInputs<'_>,
    basket: usize,
    shown: &impl Fn(ItemId) -> I,
) -> BasketFacts {
    let items = inputs.ledger.baskets().get(basket);
    let attached = items.len() > 1
        && items.iter().any(|&item| shown(item).into_iter().any(|other| items.binary_search(&other).is_ok()));
    let mut facts = BasketFacts {
        paid: None,
        gross: 0,
        discount: 0,
        has_priced_lines: false,
        attached,
        position: 0.0,
        n_positions: 0,
    };
    for line in inputs.ledger.lines(basket) {
        let line = inputs.means.facts(&line);
        if let Some(paid) = line.paid {
            facts.paid = Some(facts.paid.unwrap_or(0) + paid.0);
        }
        if let Some((shelf, discount)) = line.gross {
            facts.has_priced_lines = true;
            facts.gross += shelf.0;
            facts.discount += discount.0;
        }
        if let Some(beyond) = inputs.means.position_beyond_mix(&line) {
            facts.position += beyond;
            facts.n_positions += 1;
        }
    }
    facts
}
