//! How a customer shops, as of a period, from the ledger alone.

use sidecart_core::{Money, ln};
use sidecart_data::{Ledger, Line};
use sidecart_serve::upsell::{N_TRAITS, Periods, TRAITS};

use super::categories::{ItemCategories, NONE};
use crate::catalogue::Catalogue;
use crate::ladders::Ladders;

/// Names of the numbers in a [`Behaviour`], in their order.
///
/// | name | value |
/// |---|---|
/// | `trips` | ln(1 + baskets per period since the history began) |
/// | `spend` | ln(1 + paid per period since the history began), in the shop's currency |
/// | `basket` | `spend` - `trips` |
/// | `recency` | ln(1 + periods since the newest basket) |
/// | `tenure` | ln(1 + periods since the first basket) |
/// | `discount_share` | discounts as a share of what the lines cost on the shelf, 0 to 1 |
/// | `private_label_share` | lines of the shop's own brand among those whose brand is known, 0 to 1 |
/// | `discounted_lines` | lines paid below the shelf price among those with prices, 0 to 1 |
/// | `deal_rate_beyond_mix` | mean of (line discounted - mean of its category), shrunk by 20 lines |
/// | `private_label_beyond_mix` | the same for the own brand |
/// | `price_position` | mean of (tier / top tier - mean of its category) over ladder lines, shrunk by 20 |
/// | `n_types` | ln(1 + distinct finest categories) |
pub const BEHAVIOUR: [&str; N_TRAITS - 2] = {
    let mut names = [""; N_TRAITS - 2];
    let mut at = 0;
    while at < names.len() {
        names[at] = TRAITS[at];
        at += 1;
    }
    names
};

/// A customer's behaviour, see [`BEHAVIOUR`]; a part whose prices or tables are unknown is 0.
pub type Behaviour = [f32; BEHAVIOUR.len()];

/// Lines of average behaviour added to the three shrunk means.
const SHRINKAGE_LINES: f64 = 20.0;
/// A line is discounted when it costs this much less than on the shelf: half a hundredth.
const DISCOUNT_FROM: Money = Money(Money::SCALE / 200);
/// What a column of own brands says of them, in lower case.
const PRIVATE: [&str; 15] = [
    "private",
    "private label",
    "private brand",
    "pl",
    "own",
    "own brand",
    "own label",
    "store",
    "store brand",
    "house brand",
    "true",
    "yes",
    "y",
    "1",
    "t",
];

/// Whether a label of the column `private_label` means the shop's own brand.
#[must_use]
pub fn is_private_label(label: &str) -> bool {
    let label = label.trim().to_lowercase().replace(['-', '_'], " ");
    PRIVATE.contains(&label.as_str())
}

/// What one line says.
#[derive(Clone, Copy, Debug)]
pub(super) struct LineFacts {
    /// The finest category; the last group holds lines without one.
    pub(super) group: usize,
    pub(super) has_category: bool,
    pub(super) paid: Option<Money>,
    /// Shelf total and discount, where both prices are known.
    pub(super) gross: Option<(Money, Money)>,
    pub(super) private_label: Option<bool>,
    /// Tier / top tier.
    pub(super) position: Option<f64>,
}

impl LineFacts {
    pub(super) fn discounted(&self) -> Option<bool> {
        self.gross.map(|(_, discount)| discount > DISCOUNT_FROM)
    }
}

/// Sum and number of the values of a group.
#[derive(Clone, Copy, Default, Debug)]
struct Mean {
    sum: f64,
    n: u64,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.n += 1;
    }

    fn get(self) -> Option<f64> {
        (self.n > 0).then(|| self.sum / self.n as f64)
    }
}

/// What items are, and what lines of their finest category are on average in a history.
///
/// Categories that the history does not have stand at the average of all lines.
#[derive(Clone, PartialEq, Debug)]
pub struct CategoryMeans {
    item_group: Vec<u32>,
    item_private_label: Vec<Option<bool>>,
    item_position: Vec<Option<f64>>,
    discounted: Vec<f64>,
    private_label: Vec<f64>,
    position: Vec<f64>,
}

impl CategoryMeans {
    /// Means over all baskets of a ledger. O(lines).
    ///
    /// `ladders` must be over the items of the ledger, which are those of the catalogue.
    #[must_use]
    pub fn new(ledger: &Ledger, catalogue: &Catalogue, ladders: &Ladders) -> Self {
        Self::over(ledger, catalogue, ladders, |_| true)
    }

    /// Means over the baskets before a period. O(lines).
    #[must_use]
    pub fn before(ledger: &Ledger, catalogue: &Catalogue, ladders: &Ladders, periods: &Periods, period: i32) -> Self {
        Self::over(ledger, catalogue, ladders, |basket| periods.of(ledger.basket_times()[basket]) < period)
    }

    fn over(ledger: &Ledger, catalogue: &Catalogue, ladders: &Ladders, keep: impl Fn(usize) -> bool) -> Self {
        let categories = ItemCategories::at(catalogue, usize::MAX);
        let n_groups = categories.len() + 1;
        let position = |item: usize| -> Option<f64> {
            let ladder = ladders.ladders.get(*ladders.item_ladder.get(item)? as usize)?;
            let top = ladder.tiers.len().checked_sub(1).filter(|&top| top > 0)?;
            Some(f64::from(ladders.item_tier[item]) / top as f64)
        };
        let mut means = Self {
            item_private_label: catalogue.private_labels(),
            item_position: (0..catalogue.len()).map(position).collect(),
            item_group: categories.of_item,
            discounted: vec![0.0; n_groups],
            private_label: vec![0.0; n_groups],
            position: vec![0.0; n_groups],
        };
        let mut sums = vec![[Mean::default(); 3]; n_groups];
        let mut all = [Mean::default(); 3];
        for line in (0..ledger.n_baskets()).filter(|&b| keep(b)).flat_map(|basket| ledger.lines(basket)) {
            let facts = means.facts(&line);
            let values = [
                facts.discounted().map(|d| f64::from(u8::from(d))),
                facts.private_label.map(|p| f64::from(u8::from(p))),
                facts.position,
            ];
            for ((sum, all), value) in sums[facts.group].iter_mut().zip(&mut all).zip(values) {
                if let Some(value) = value {
                    sum.add(value);
                    all.add(value);
                }
            }
        }
        let mean = |which: usize| -> Vec<f64> {
            let overall = all[which].get().unwrap_or(0.0);
            sums.iter().map(|group| group[which].get().unwrap_or(overall)).collect()
        };
        (means.discounted, means.private_label, means.position) = (mean(0), mean(1), mean(2));
        means
    }

    pub(super) fn facts(&self, line: &Line) -> LineFacts {
        let item = line.item.index();
        let category = self.item_group[item];
        let gross = line.shelf.zip(line.paid).filter(|(shelf, _)| shelf.0 > 0);
        LineFacts {
            group: if category == NONE { self.discounted.len() - 1 } else { category as usize },
            has_category: category != NONE,
            paid: line.paid,
            gross: gross.map(|(shelf, paid)| (shelf, Money((shelf.0 - paid.0).max(0)))),
            private_label: self.item_private_label[item],
            position: self.item_position[item],
        }
    }

    /// How far the price position of a ladder line lies above its category's mean.
    pub(super) fn position_beyond_mix(&self, facts: &LineFacts) -> Option<f64> {
        facts.position.map(|position| position - self.position[facts.group])
    }
}

/// One customer's running sums: baskets go in in order of time, the behaviour comes out as of any
/// moment between them.
///
/// Adding costs O(lines of the basket) and [`as_of`](Self::as_of) O(1), so one walk over a
/// customer's baskets gives its behaviour before every period of interest.
#[derive(Clone, Debug)]
pub struct BehaviourTracker<'a> {
    means: &'a CategoryMeans,
    history_start: i32,
    /// One bit for every category, set when bought.
    bought: Vec<u64>,
    /// The categories bought, for [`clear`](Self::clear).
    categories: Vec<u32>,
    sums: Sums,
}

#[derive(Clone, Default, Debug)]
struct Sums {
    first: i32,
    last: i32,
    n_baskets: u32,
    n_priced: u32,
    n_discounted: u32,
    n_brand_known: u32,
    n_private_label: u32,
    n_ladder: u32,
    has_paid: bool,
    paid: i64,
    gross: i64,
    discount: i64,
    deal: f64,
    private_label: f64,
    position: f64,
}

impl<'a> BehaviourTracker<'a> {
    /// A customer without baskets; `history_start` is the period of the shop's first basket.
    #[must_use]
    pub fn new(means: &'a CategoryMeans, history_start: i32) -> Self {
        let bought = vec![0; means.discounted.len().div_ceil(64)];
        Self { means, history_start, bought, categories: Vec::new(), sums: Sums::default() }
    }

    /// Forgets the baskets, for the next customer. O(categories bought).
    pub fn clear(&mut self) {
        for category in self.categories.drain(..) {
            self.bought[category as usize / 64] = 0;
        }
        self.sums = Sums::default();
    }

    /// Adds a basket that is not older than those before it.
    pub fn add_basket(&mut self, ledger: &Ledger, basket_idx: usize, periods: &Periods) {
        let period = periods.of(ledger.basket_times()[basket_idx]);
        let sums = &mut self.sums;
        if sums.n_baskets == 0 {
            sums.first = period;
        }
        sums.last = period;
        sums.n_baskets += 1;
        for line in ledger.lines(basket_idx) {
            let facts = self.means.facts(&line);
            if let Some(paid) = facts.paid {
                sums.has_paid = true;
                sums.paid += paid.0.max(0);
            }
            if let Some((shelf, discount)) = facts.gross {
                sums.gross += shelf.0;
                sums.discount += discount.0;
            }
            if let Some(discounted) = facts.discounted() {
                sums.n_priced += 1;
                sums.n_discounted += u32::from(discounted);
                sums.deal += f64::from(u8::from(discounted)) - self.means.discounted[facts.group];
            }
            if let Some(private_label) = facts.private_label {
                sums.n_brand_known += 1;
                sums.n_private_label += u32::from(private_label);
                sums.private_label += f64::from(u8::from(private_label)) - self.means.private_label[facts.group];
            }
            if let Some(beyond) = self.means.position_beyond_mix(&facts) {
                sums.n_ladder += 1;
                sums.position += beyond;
            }
            let (word, bit) = (facts.group / 64, 1 << (facts.group % 64));
            if facts.has_category && self.bought[word] & bit == 0 {
                self.bought[word] |= bit;
                self.categories.push(facts.group as u32);
            }
        }
    }

    /// Number of baskets added.
    #[must_use]
    pub fn n_baskets(&self) -> u32 {
        self.sums.n_baskets
    }

    /// The behaviour known when a period begins; the baskets added must lie before it. All 0
    /// without baskets.
    #[must_use]
    pub fn as_of(&self, period: i32) -> Behaviour {
        let sums = &self.sums;
        if sums.n_baskets == 0 {
            return [0.0; BEHAVIOUR.len()];
        }
        let since = |earlier: i32| f64::from(period.saturating_sub(earlier).max(0));
        let log = |value: f64| ln(1.0 + value);
        let elapsed = since(self.history_start).max(1.0);
        let share = |part: f64, whole: f64| if whole > 0.0 { part / whole } else { 0.0 };
        let shrunk = |sum: f64, n: u32| sum / (f64::from(n) + SHRINKAGE_LINES);
        let trips = log(f64::from(sums.n_baskets) / elapsed);
        let spend = log(Money(sums.paid).to_f64() / elapsed);
        [
            trips,
            spend,
            if sums.has_paid { spend - trips } else { 0.0 },
            log(since(sums.last)),
            log(since(sums.first)),
            share(sums.discount as f64, sums.gross as f64),
            share(f64::from(sums.n_private_label), f64::from(sums.n_brand_known)),
            share(f64::from(sums.n_discounted), f64::from(sums.n_priced)),
            shrunk(sums.deal, sums.n_priced),
            shrunk(sums.private_label, sums.n_brand_known),
            shrunk(sums.position, sums.n_ladder),
            log(self.categories.len() as f64),
        ]
        .map(|value| value as f32)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_brands_are_recognised() {
        for label in ["Private", " own brand", "TRUE", "yes", "1", "Private-Label", "own", "store_brand"] {
            assert!(is_private_label(label), "{label}");
        }
        for label in ["National", "false", "no", "0", "", "privateer", "unknown"] {
            assert!(!is_private_label(label), "{label}");
        }
    }
}
