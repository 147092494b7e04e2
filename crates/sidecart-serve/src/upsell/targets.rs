use sidecart_core::{Money, exp, ln};

use super::past::LadderPast;
use super::{LadderTable, MAX_PROMOTION_KINDS, Market};
use crate::settings::Mode;

/// Number of features of a target item.
pub const N_TARGET_FEATURES: usize = 13 + MAX_PROMOTION_KINDS;
/// Where the promotion features of a target begin.
pub const TARGET_PROMOTION_FEATURES: usize = N_TARGET_FEATURES - MAX_PROMOTION_KINDS;

/// Names of the features of a target item, in order.
pub const TARGET_FEATURES: [&str; N_TARGET_FEATURES] = [
    "log_sold",
    "log_sold_recent",
    "bought",
    "log_bought",
    "bought_lately",
    "log_bought_maker",
    "log_switches",
    "same_maker",
    "same_private_label",
    "same_size",
    "log_price_ratio",
    "log_price_ratio_squared",
    "next_tier",
    "on_promotion_1",
    "on_promotion_2",
    "on_promotion_3",
    "on_promotion_4",
];

/// How often customers went from one item of a ladder to a dearer one: lists of rows by row.
#[derive(Clone, PartialEq, Debug)]
pub struct SwitchTable {
    offsets: Vec<u32>,
    targets: Vec<u32>,
    counts: Vec<u32>,
}

impl SwitchTable {
    /// Checks and takes stored lists; targets rise within a list.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn new(ladders: &LadderTable, offsets: Vec<u32>, targets: Vec<u32>, counts: Vec<u32>) -> Result<Self, String> {
        let spans = offsets.len() == ladders.n_rows() + 1
            && offsets.first() == Some(&0)
            && offsets.last().map(|&o| o as usize) == Some(targets.len())
            && offsets.windows(2).all(|w| w[0] <= w[1])
            && counts.len() == targets.len();
        if !spans {
            return Err(format!(
                "{} offsets for {} rows and {} switches",
                offsets.len(),
                ladders.n_rows(),
                targets.len()
            ));
        }
        let table = Self { offsets, targets, counts };
        for row in 0..ladders.n_rows() as u32 {
            let (targets, _) = table.of(row);
            let rises = targets.windows(2).all(|w| w[0] < w[1]);
            let tier = ladders.tier_of(row);
            let rows = ladders.rows_of(ladders.row(row).ladder);
            let higher = |&to: &u32| rows.contains(&to) && ladders.tier_of(to) > tier;
            if !rises || !targets.iter().all(higher) {
                return Err(format!("the switches of row {row} do not lead to higher tiers of its ladder"));
            }
        }
        Ok(table)
    }

    /// The lists: offsets by row, targets, counts.
    #[must_use]
    pub fn parts(&self) -> (&[u32], &[u32], &[u32]) {
        (&self.offsets, &self.targets, &self.counts)
    }

    /// Targets of a row with their counts.
    #[must_use]
    pub fn of(&self, row: u32) -> (&[u32], &[u32]) {
        let range = self.offsets[row as usize] as usize..self.offsets[row as usize + 1] as usize;
        (&self.targets[range.clone()], &self.counts[range])
    }

    /// Switches from one row to another.
    #[must_use]
    pub fn count(&self, from: u32, to: u32) -> u32 {
        let (targets, counts) = self.of(from);
        targets.binary_search(&to).map_or(0, |at| counts[at])
    }
}

/// Everything a target's features are made of, as of the beginning of a period.
#[derive(Clone, Copy, Debug)]
pub struct TargetSituation<'a> {
    /// The ladders.
    pub ladders: &'a LadderTable,
    /// What sold, read strictly before `market_period`.
    pub market: &'a Market,
    /// The customer's past in the ladder before `period`.
    pub past: &'a LadderPast,
    /// The item to go up from.
    pub anchor: u32,
    /// The period the question is asked in.
    pub period: i32,
    /// The period whose beginning the market is read at.
    pub market_period: i32,
}

/// Periods of sales that say what sells.
const SOLD: i32 = 12;
const RECENT: i32 = 4;

impl TargetSituation<'_> {
    /// Items of higher tiers that are dearer by the ratio, in stock, and sold in the last twelve
    /// periods (where none of the ladder was, that were ever sold).
    pub fn candidates(&self, min_price_ratio: f64, out: &mut Vec<u32>) {
        out.clear();
        let ladder = self.ladders.row(self.anchor).ladder;
        let rows = self.ladders.rows_of(ladder);
        let first = self.ladders.rows_of_tier(self.ladders.tier_of(self.anchor)).end;
        let now = self.market_period;
        let dearer =
            |row: &u32| self.ladders.row(*row).in_stock && self.ladders.is_upgrade(self.anchor, *row, min_price_ratio);
        let sold = |row: &u32| self.market.sold(*row, now - SOLD, now - 1) > 0;
        out.extend((first..rows.end).filter(|row| sold(row) && dearer(row)));
        if out.is_empty() {
            // A plan that the shop lists is for sale whether or not anybody took it yet.
            let given = self.ladders.ladder(ladder).given;
            let ever = |row: &u32| given || self.market.sold(*row, i32::MIN, now - 1) > 0;
            out.extend((first..rows.end).filter(|row| ever(row) && dearer(row)));
        }
    }

    /// The features of a candidate, with the kinds of promotion it is on (bit = kind).
    #[must_use]
    pub fn features(&self, row: u32, n_switches: u32, promoted: u16) -> [f32; N_TARGET_FEATURES] {
        let Self { ladders, market, past, anchor, .. } = *self;
        let (a, b) = (ladders.row(anchor), ladders.row(row));
        let now = self.market_period;
        let count = |n: u32| ln(1.0 + f64::from(n)) as f32;
        let (n_own, newest) = past.own(row);
        let maker = |line: &&super::PastLine| b.maker != u32::MAX && ladders.row(line.row).maker == b.maker;
        let n_maker = past.lines.iter().filter(maker).count() as u32;
        let flag = |yes: bool| if yes { 1.0 } else { 0.0 };
        let ratio =
            if a.price > Money(0) && b.price > Money(0) { ln(b.price.0 as f64 / a.price.0 as f64) } else { 0.0 };
        let same_size = a.log_size.zip(b.log_size).is_some_and(|(a, b)| (a - b).abs() < 0.02);
        let mut features = [0.0; N_TARGET_FEATURES];
        features[..TARGET_PROMOTION_FEATURES].copy_from_slice(&[
            count(market.sold(row, now - SOLD, now - 1)),
            count(market.sold(row, now - RECENT, now - 1)),
            flag(n_own > 0),
            count(n_own),
            newest.map_or(0.0, |p| 1.0 / (self.period - p).max(1) as f32),
            count(n_maker),
            count(n_switches),
            flag(a.maker != u32::MAX && a.maker == b.maker),
            flag(a.private_label == b.private_label),
            flag(same_size),
            ratio as f32,
            (ratio * ratio) as f32,
            flag(b.level == a.level + 1),
        ]);
        for (kind, feature) in features[TARGET_PROMOTION_FEATURES..].iter_mut().enumerate() {
            *feature = flag(promoted >> kind & 1 == 1);
        }
        features
    }
}

/// What each target is worth to the customer.
#[derive(Clone, PartialEq, Debug)]
pub enum TargetModel {
    /// What the customer bought before, then what others went to from the anchor, then what sells.
    Rule,
    /// Conditional logit over standardised features (McFadden 1974).
    Logit {
        /// Mean of each feature.
        means: Vec<f32>,
        /// One over the standard deviation of each feature; 0 where constant.
        inverse_scales: Vec<f32>,
        /// Utility for each standard deviation.
        coefficients: Vec<f32>,
    },
}

impl TargetModel {
    /// Utility of a candidate; differences between candidates count.
    #[must_use]
    pub fn utility(&self, features: &[f32; N_TARGET_FEATURES]) -> f64 {
        match self {
            Self::Rule => {
                let [sold, _, _, bought, _, _, switches, ..] = features.map(f64::from);
                10.0 * bought + switches + 1e-3 * sold
            }
            Self::Logit { means, inverse_scales, coefficients } => {
                let columns = means.iter().zip(inverse_scales).zip(coefficients);
                let terms = features.iter().zip(columns).map(|(&feature, ((&mean, &scale), &coefficient))| {
                    f64::from((feature - mean) * scale) * f64::from(coefficient)
                });
                terms.sum()
            }
        }
    }
}

/// Turns utilities into shares that add up to one.
pub fn shares(utilities: &mut [f64]) {
    let most = utilities.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let mut sum = 0.0;
    for utility in utilities.iter_mut() {
        *utility = exp((*utility - most).max(-700.0));
        sum += *utility;
    }
    for utility in utilities.iter_mut() {
        *utility /= sum;
    }
}

/// The target models: for each list mode, without and with promotion context.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct TargetModels {
    models: [Option<TargetModel>; 4],
}

impl TargetModels {
    fn at(mode: Mode, promotions: bool) -> usize {
        2 * usize::from(mode == Mode::Discovery) + usize::from(promotions)
    }

    /// Name of a variant in files.
    #[must_use]
    pub fn name(mode: Mode, promotions: bool) -> &'static str {
        ["completion", "completion_promotions", "discovery", "discovery_promotions"][Self::at(mode, promotions)]
    }

    /// Puts a model in its place.
    pub fn set(&mut self, mode: Mode, promotions: bool, model: TargetModel) {
        self.models[Self::at(mode, promotions)] = Some(model);
    }

    /// The model of a mode, with promotion context where known and learned; else the rule.
    #[must_use]
    pub fn get(&self, mode: Mode, promotions: bool) -> &TargetModel {
        let with = promotions.then(|| self.models[Self::at(mode, true)].as_ref()).flatten();
        with.or(self.models[Self::at(mode, false)].as_ref()).unwrap_or(&TargetModel::Rule)
    }

    /// The learned models.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &TargetModel)> {
        [Mode::Completion, Mode::Discovery].into_iter().flat_map(move |mode| {
            [false, true].into_iter().filter_map(move |promotions| {
                Some((Self::name(mode, promotions), self.models[Self::at(mode, promotions)].as_ref()?))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::ladders::tests::table;
    use super::super::{Periods, Record};
    use super::*;
    use sidecart_core::{Clock, History, ItemId, Time};

    #[test]
    fn candidates_are_dearer_and_sell() {
        let ladders = table(&[&[2, 2, 1]]);
        let sales = [(0, 1), (2, 20), (3, 1), (4, 20)];
        let market = Market::count(&ladders, 0, 30, sales.into_iter());
        let past = LadderPast::default();
        let at = |anchor, period| TargetSituation {
            ladders: &ladders,
            market: &market,
            past: &past,
            anchor,
            period,
            market_period: period,
        };
        let mut out = Vec::new();
        at(0, 21).candidates(1.1, &mut out);
        assert_eq!(out, [2, 4], "row 3 did not sell for twelve periods");
        at(0, 21).candidates(1.6, &mut out);
        assert_eq!(out, [4]);
        at(0, 20).candidates(1.1, &mut out);
        assert_eq!(out, [3], "where nothing sells, what was ever sold");
        at(4, 21).candidates(1.1, &mut out);
        assert!(out.is_empty(), "the highest tier has no upgrade");
    }

    #[test]
    fn what_was_bought_comes_first_then_switches_then_sales() {
        let ladders = table(&[&[1, 3, 1]]);
        let market = Market::count(&ladders, 0, 30, [(1, 9), (1, 9), (2, 9), (3, 9)].into_iter());
        let periods = Periods::new(Clock::Order, 1, 0);
        let mut history = History::default();
        history.push(Time(5), &[ItemId(3)]);
        let mut past = LadderPast::default();
        past.read(&history, &ladders, periods, 0, 10);
        assert_eq!(past.records, [Record { period: 5, row: 3 }]);
        let situation = TargetSituation {
            ladders: &ladders,
            market: &market,
            past: &past,
            anchor: 0,
            period: 10,
            market_period: 10,
        };
        let utility = |row, n| TargetModel::Rule.utility(&situation.features(row, n, 0));
        assert!(utility(3, 0) > utility(2, 50) && utility(2, 1) > utility(1, 0) && utility(1, 0) > utility(2, 0));
        let mut p = [0.3, 0.1, -2.0];
        shares(&mut p);
        assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12 && p[0] > p[1] && p[1] > p[2]);
    }

    #[test]
    fn switch_tables_lead_up_their_ladder() {
        let ladders = table(&[&[1, 1], &[1, 1]]);
        let new = |offsets: &[u32], targets: &[u32]| {
            SwitchTable::new(&ladders, offsets.to_vec(), targets.to_vec(), vec![7; targets.len()])
        };
        let good = new(&[0, 1, 1, 1, 1], &[1]).unwrap();
        assert_eq!((good.count(0, 1), good.count(2, 3)), (7, 0));
        for (offsets, targets) in
            [(&[0, 1, 1, 1, 1][..], &[0][..]), (&[0, 1, 1, 1, 1], &[3]), (&[0, 1, 1], &[1]), (&[0, 2, 1, 1, 1], &[1])]
        {
            assert!(new(offsets, targets).is_err(), "{offsets:?} {targets:?}");
        }
    }
}
