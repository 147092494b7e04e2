//! The built-in demo shop: a made-up year of purchases in which the right answers are known.
//!
//! A shop with phones, beds, cars, a nail salon, software plans and everyday groceries.
//! [`DemoShop::generate`] draws it from a seed, [`DemoShop::write_to`] writes the Parquet files
//! and a configuration, and [`DemoTruth`] holds what was planted: directed pairs with their
//! probabilities, add-ons, ladders, upgrade rates per segment, slow movers and noise.
//! [`DemoShop::shuffled`] is the negative control, a copy without any pair.

mod baskets;
mod catalogue;
mod customers;
mod durables;
mod groceries;
mod promotions;
mod shuffle;
mod tables;
#[cfg(test)]
mod tests;
mod truth;

use sidecart_core::{Baskets, CustomerId, ItemId, MICROS_PER_DAY, Money, Time};

pub use catalogue::DemoItem;
pub use customers::{DemoCustomer, Segment};
pub use promotions::{DemoPromotion, PromotionKind};
pub use truth::{AddOn, Complement, DemoTruth, Ladder, LadderUse, SegmentRates, UpgradeDecision};

/// Streams of the seeded generator, one for each purpose. The last two are first ones of a range
/// with a stream for each customer.
const STREAM_CATALOGUE: u64 = 1;
const STREAM_AFFINITY: u64 = 2;
const STREAM_PROMOTIONS: u64 = 3;
const STREAM_RATES: u64 = 4;
const STREAM_WALK_INS: u64 = 5;
const STREAM_SHUFFLE: u64 = 6;
const STREAM_CUSTOMERS: u64 = 1 << 32;
const STREAM_BASKETS: u64 = 2 << 32;

const STORES: [&str; 6] = ["s1", "s2", "s3", "s4", "s5", "s6"];
const REGIONS: [&str; 3] = ["north", "coast", "south"];
/// The web shop in the column of stores, and its position after the stores.
const ONLINE: &str = "web";
const ONLINE_IDX: usize = STORES.len();

/// Monday 2024-01-01, the first day of every demo shop.
const FIRST_DAY: i64 = 19_723;

/// The Monday on which a week starts, at 00:00 UTC.
fn week_start(week: u32) -> Time {
    Time((FIRST_DAY + 7 * i64::from(week)) * MICROS_PER_DAY)
}

/// Where the upgrade rates of the segments come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UpgradeRates {
    /// The same four pairs of rates for every seed; the default.
    #[default]
    Fixed,
    /// Drawn by the seed: repeat rates from Beta(2, 14), replacement rates from Beta(2, 4).
    Drawn,
}

/// What a demo shop is drawn from; equal parameters give equal shops, byte for byte.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoParams {
    /// Any number; another seed is another shop with the same assortment. Default 1.
    pub seed: u64,
    /// Known customers, 1 to 1,000,000. Default 4,000.
    pub n_customers: u32,
    /// Length of the history in weeks, 1 to 520. Default 52.
    pub n_weeks: u32,
    /// Where the upgrade rates of the segments come from.
    pub upgrade_rates: UpgradeRates,
    /// Whether all pairs are destroyed, see [`DemoShop::shuffled`]. Default false.
    pub shuffle: bool,
}

impl Default for DemoParams {
    fn default() -> Self {
        Self { seed: 1, n_customers: 4_000, n_weeks: 52, upgrade_rates: UpgradeRates::Fixed, shuffle: false }
    }
}

/// A basket without its lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DemoBasket {
    /// The external id; ascending in time.
    pub basket_id: i64,
    /// Position in [`DemoShop::customers`]; `None` for an anonymous basket.
    pub customer: Option<CustomerId>,
    /// When it was bought.
    pub time: Time,
    /// `s1` to `s6`, or `web`.
    pub store: &'static str,
}

impl DemoBasket {
    /// `store` or `online`.
    #[must_use]
    pub fn channel(&self) -> &'static str {
        if self.store == ONLINE { "online" } else { "store" }
    }
}

/// One item in one basket; a basket holds an item at most once.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct DemoLine {
    /// Position in [`DemoShop::items`].
    pub item: ItemId,
    /// Pieces, at least 1.
    pub quantity: u32,
    /// Shelf price of one piece.
    pub unit_price: Money,
    /// What was paid for all pieces, at most `quantity` times the shelf price.
    pub paid_total: Money,
}

/// A drawn shop: rows in memory and the truth behind them.
///
/// Items and customers are sorted by external id, so an [`ItemId`] or [`CustomerId`] here is a
/// position and equals the rank of the external id.
///
/// ```
/// use sidecart_data::demo::{DemoParams, DemoShop};
///
/// let shop = DemoShop::generate(&DemoParams { n_customers: 200, ..DemoParams::default() });
/// let phone = shop.item("phone-s22").unwrap();
/// let beside_it: Vec<&str> = shop.truth.complements.iter()
///     .filter(|pair| pair.anchor == phone)
///     .map(|pair| shop.items[pair.attached.index()].id.as_str())
///     .collect();
/// assert_eq!(beside_it, ["case-s22", "protector-s22", "charger-galaxo"]);
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct DemoShop {
    /// What the shop was drawn from.
    pub params: DemoParams,
    /// The assortment, sorted by id.
    pub items: Vec<DemoItem>,
    /// The known customers, sorted by id.
    pub customers: Vec<DemoCustomer>,
    /// The promotions by start; some run beyond the end of the history.
    pub promotions: Vec<DemoPromotion>,
    /// The baskets in time order.
    pub baskets: Vec<DemoBasket>,
    /// What was planted.
    pub truth: DemoTruth,
    /// Lines of basket `b` are `lines[offsets[b]..offsets[b + 1]]`, ascending by item.
    offsets: Vec<usize>,
    lines: Vec<DemoLine>,
}

impl DemoShop {
    /// Draws a shop; values outside the documented ranges are moved to the nearest bound.
    ///
    /// Takes time and memory in proportion to customers times weeks.
    #[must_use]
    pub fn generate(params: &DemoParams) -> Self {
        let params = DemoParams {
            n_customers: params.n_customers.clamp(1, 1_000_000),
            n_weeks: params.n_weeks.clamp(1, 520),
            ..params.clone()
        };
        let shop = baskets::simulate(&params);
        if params.shuffle { shop.shuffled(params.seed) } else { shop }
    }

    /// The item of an external id.
    #[must_use]
    pub fn item(&self, id: &str) -> Option<ItemId> {
        let position = self.items.binary_search_by(|item| item.id.as_str().cmp(id)).ok()?;
        Some(ItemId(position as u32))
    }

    /// The lines of one basket, ascending by item.
    #[must_use]
    pub fn lines(&self, basket_idx: usize) -> &[DemoLine] {
        &self.lines[self.offsets[basket_idx]..self.offsets[basket_idx + 1]]
    }

    /// The lines of all baskets together.
    #[must_use]
    pub fn n_lines(&self) -> usize {
        self.lines.len()
    }

    /// The items of all baskets, in the order of [`baskets`](Self::baskets).
    #[must_use]
    pub fn item_baskets(&self) -> Baskets {
        let mut table = Baskets::with_capacity(self.baskets.len(), self.lines.len());
        for basket_idx in 0..self.baskets.len() {
            table.push(self.lines(basket_idx).iter().map(|line| line.item));
        }
        table
    }

    /// The first moment after the history.
    #[must_use]
    pub fn ends_at(&self) -> Time {
        week_start(self.params.n_weeks)
    }
}
