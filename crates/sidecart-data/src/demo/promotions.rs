use sidecart_core::{ItemId, Rng, Time};

use super::catalogue::{Catalogue, Role};
use super::{ONLINE_IDX, STORES, STREAM_PROMOTIONS, week_start};

/// How an item is promoted.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PromotionKind {
    /// A price cut of 10 to 30 percent.
    Discount,
    /// In the weekly mailer with a price cut of 10 percent.
    Mailer,
    /// On display at the full price.
    Display,
}

impl PromotionKind {
    /// The name in `promotions.parquet`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Discount => "discount",
            Self::Mailer => "mailer",
            Self::Display => "display",
        }
    }

    /// Factor on the probability that the item is bought while promoted.
    #[must_use]
    pub fn sales_lift(self) -> f64 {
        match self {
            Self::Discount => 2.0,
            Self::Mailer => 1.7,
            Self::Display => 1.5,
        }
    }
}

/// A promotion, one row of `promotions.parquet`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DemoPromotion {
    /// The promoted item.
    pub item: ItemId,
    /// First moment of the promotion, a Monday at 00:00 UTC.
    pub starts_at: Time,
    /// First moment after the promotion, a Monday at 00:00 UTC.
    pub ends_at: Time,
    /// The only store that runs it; `None` for all stores and the web shop.
    pub store: Option<&'static str>,
    /// How the item is promoted.
    pub kind: PromotionKind,
    /// The price cut in percent, from 0 to 30.
    pub discount_percent: u32,
}

/// The promotions of one seed, looked up by week, item and store.
pub(super) struct PromotionCalendar {
    pub rows: Vec<DemoPromotion>,
    /// Position in `rows` plus one, or 0, for each week and item.
    by_week: Vec<u32>,
    n_items: usize,
}

/// Promotions go on for this many weeks after the history, so that some run when it ends.
const WEEKS_AFTER: u32 = 4;
const STARTS_PER_WEEK: usize = 6;

impl PromotionCalendar {
    /// Draws the promotions of all weeks; an item has at most one at a time.
    pub(super) fn draw(seed: u64, n_weeks: u32, catalogue: &Catalogue) -> Self {
        let mut rng = Rng::new(seed, STREAM_PROMOTIONS);
        let n_items = catalogue.items.len();
        let upper_tiers: Vec<ItemId> = catalogue
            .with_role(Role::LadderTier)
            .filter(|item| catalogue.items[item.index()].tier.is_some_and(|tier| tier > 0))
            .collect();
        let others: Vec<ItemId> = [Role::Staple, Role::Accessory, Role::Noise]
            .into_iter()
            .flat_map(|role| catalogue.with_role(role))
            .filter(|item| catalogue.first_week[item.index()] == 0)
            .collect();

        let last_week = n_weeks + WEEKS_AFTER;
        let mut by_week = vec![0; last_week as usize * n_items];
        let mut rows = Vec::new();
        for week in 0..last_week {
            for start in 0..STARTS_PER_WEEK {
                let pool = if start % 3 == 0 { &upper_tiers } else { &others };
                let item = pool[rng.below(pool.len())];
                let end = (week + 1 + rng.below(2) as u32).min(last_week);
                let (kind, discount_percent) = match rng.below(4) {
                    0 => (PromotionKind::Display, 0),
                    1 => (PromotionKind::Mailer, 10),
                    _ => (PromotionKind::Discount, 10 + 5 * rng.below(5) as u32),
                };
                let store = rng.chance(0.25).then(|| STORES[rng.below(STORES.len())]);
                let slots: Vec<usize> = (week..end).map(|w| w as usize * n_items + item.index()).collect();
                if slots.iter().all(|&slot| by_week[slot] == 0) {
                    let (starts_at, ends_at) = (week_start(week), week_start(end));
                    rows.push(DemoPromotion { item, starts_at, ends_at, store, kind, discount_percent });
                    slots.iter().for_each(|&slot| by_week[slot] = rows.len() as u32);
                }
            }
        }
        Self { rows, by_week, n_items }
    }

    /// The promotion of an item in a week, as a customer of the store (or of the web shop) sees it.
    pub(super) fn active(&self, week: u32, item: ItemId, store_idx: usize) -> Option<&DemoPromotion> {
        let position = self.by_week[week as usize * self.n_items + item.index()].checked_sub(1)?;
        let promotion = &self.rows[position as usize];
        let here = promotion.store.is_none_or(|store| store_idx != ONLINE_IDX && STORES[store_idx] == store);
        here.then_some(promotion)
    }

    /// Factor on the item's sales in a week and store; 1 without a promotion.
    pub(super) fn sales_lift(&self, week: u32, item: ItemId, store_idx: usize) -> f64 {
        self.active(week, item, store_idx).map_or(1.0, |promotion| promotion.kind.sales_lift())
    }
}
