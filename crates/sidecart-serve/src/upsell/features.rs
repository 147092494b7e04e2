use sidecart_core::{Money, ln};

use super::past::{Record, Usual};
use super::{LadderTable, MAX_PROMOTION_KINDS, Market};

/// Numbers of a customer that training keeps beside the past: behaviour, and how much more often
/// than expected the customer upgraded so far.
pub const TRAITS: [&str; N_TRAITS] = [
    "trips",
    "spend",
    "basket",
    "recency",
    "tenure",
    "discount_share",
    "private_label_share",
    "discounted_lines",
    "deal_rate_beyond_mix",
    "private_label_beyond_mix",
    "price_position",
    "n_types",
    "upgrades_beyond_expected",
    "log_events",
];

/// Number of [`TRAITS`].
pub const N_TRAITS: usize = 14;

/// Number of features of an upgrade.
pub const N_FEATURES: usize = 31 + N_TRAITS + 2 * MAX_PROMOTION_KINDS;

/// Where the promotion features begin; a model without promotion context stops before them.
pub const PROMOTION_FEATURES: usize = N_FEATURES - 2 * MAX_PROMOTION_KINDS;

/// Names of the features, in order. Logarithms are natural; a log odds is of a rate; shares lie in
/// 0..=1; flags are 0 or 1.
pub const FEATURES: [&str; N_FEATURES] = {
    let own = [
        // The customer's own past in the ladder.
        "log_records",
        "usual_share",
        "last_above",
        "last_below",
        "share_above",
        "share_below",
        "recent_share_above",
        "ever_above",
        "log_gap",
        "log_due",
        "level_trend",
        "items_per_record",
        "anchor_share",
        "rises_per_record",
        "log_last_price",
        "log_odds_own",
        "last_two_above",
        // The ladder and the anchor's place in it.
        "relative_level",
        "tiers_above",
        "anchor_private_label",
        "tier_private_label",
        "log_anchor_price",
        "market_above",
        "market_here",
        "log_step",
        "log_items_above",
        "log_odds_tier",
        // What sells now.
        "log_anchor_recent",
        "anchor_gone",
        "anchor_trend",
        "market_above_recent",
    ];
    let mut names = [""; N_FEATURES];
    let mut at = 0;
    while at < own.len() {
        names[at] = own[at];
        at += 1;
    }
    let mut customer = 0;
    while customer < N_TRAITS {
        names[at + customer] = TRAITS[customer];
        customer += 1;
    }
    at += N_TRAITS;
    let higher = ["higher_on_promotion_1", "higher_on_promotion_2", "higher_on_promotion_3", "higher_on_promotion_4"];
    let same = ["same_on_promotion_1", "same_on_promotion_2", "same_on_promotion_3", "same_on_promotion_4"];
    let mut kind = 0;
    while kind < MAX_PROMOTION_KINDS {
        names[at + kind] = higher[kind];
        names[at + MAX_PROMOTION_KINDS + kind] = same[kind];
        kind += 1;
    }
    names
};

/// Everything an upgrade's features are made of, as of the beginning of a period.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    /// The ladders.
    pub ladders: &'a LadderTable,
    /// What sold, read strictly before `period`.
    pub market: &'a Market,
    /// The customer's records in the ladder, all before `period`, at least one.
    pub records: &'a [Record],
    /// The item that is in the cart, or that the customer usually buys.
    pub anchor: u32,
    /// The period the question is asked in.
    pub period: i32,
    /// The period whose beginning the market is read at; `period`, except where what sold before
    /// it is not known.
    pub market_period: i32,
    /// Newest records that say what is usual.
    pub window: usize,
    /// Shrunk rate of ladder and tier before the period.
    pub tier_rate: f64,
    /// [`TRAITS`] before the period; empty where nothing is known.
    pub traits: &'a [f32],
    /// Tiers of the ladder on promotion by kind, bit = level; `None` where no plan is known.
    pub promoted: Option<[u16; MAX_PROMOTION_KINDS]>,
}

/// Records that the rate of ladder and tier counts as in the customer's own rate.
const OWN_STRENGTH: f64 = 4.0;

/// Weight of a record relative to the one after it.
const DECAY: f64 = 0.7;

/// Periods that say what sells now, and the ones before that they are compared with.
const RECENT: i32 = 4;
pub(super) const BEFORE: i32 = 12;

fn log_odds(p: f64) -> f64 {
    let p = p.clamp(1e-4, 1.0 - 1e-4);
    ln(p / (1.0 - p))
}

/// Log of a ratio of prices; 0 where one is unknown.
fn log_ratio(a: Money, b: Money) -> f64 {
    if a > Money(0) && b > Money(0) { ln(a.0 as f64 / b.0 as f64) } else { 0.0 }
}

impl Situation<'_> {
    /// Share of the customer's newest records in the anchor's tier.
    #[must_use]
    pub fn usual(&self) -> Usual {
        let tier = self.ladders.tier_of(self.anchor);
        let newest = &self.records[self.records.len().saturating_sub(self.window)..];
        let n = newest.iter().filter(|r| self.ladders.tier_of(r.row) == tier).count();
        Usual { tier, share: n as f64 / newest.len().max(1) as f64 }
    }

    /// Records above the anchor's tier.
    #[must_use]
    pub fn n_above(&self) -> usize {
        let tier = self.ladders.tier_of(self.anchor);
        self.records.iter().filter(|r| self.ladders.tier_of(r.row) > tier).count()
    }

    /// Works the features out. O(records).
    pub fn features(&self, out: &mut [f32; N_FEATURES]) {
        let Self { ladders, market, records, anchor, period, .. } = *self;
        let n = records.len();
        let anchor_row = ladders.row(anchor);
        let anchor_tier = ladders.tier_of(anchor);
        let tiers = ladders.tiers_of(anchor_row.ladder);
        let top = tiers.end - 1;
        let level = |record: &Record| f64::from(ladders.tier_of(record.row) - tiers.start);
        let above = |record: &Record| ladders.tier_of(record.row) > anchor_tier;
        let below = |record: &Record| ladders.tier_of(record.row) < anchor_tier;
        let count = |test: &dyn Fn(&Record) -> bool| records.iter().filter(|r| test(r)).count();
        let (n_above, n_below) = (count(&above), count(&below));
        let flag = |yes: bool| if yes { 1.0 } else { 0.0 };

        let (mut weight, mut weights, mut weighted) = (1.0, 0.0, 0.0);
        for record in records.iter().rev() {
            weights += weight;
            weighted += weight * flag(above(record));
            weight *= DECAY;
        }
        let mean_level = |records: &[Record]| records.iter().map(level).sum::<f64>() / records.len().max(1) as f64;
        let rises = records.windows(2).filter(|w| ladders.tier_of(w[1].row) > ladders.tier_of(w[0].row)).count();
        let distinct =
            records.iter().enumerate().filter(|(at, r)| records[..*at].iter().all(|o| o.row != r.row)).count();
        let last = records.last();
        let gap = last.map_or(0.0, |r| f64::from(period - r.period));
        let mean_gap = match records {
            [first, .., last] => f64::from(last.period - first.period) / (n - 1) as f64,
            _ => gap,
        };
        let per_record = 1.0 / n.max(1) as f64;

        let sold = |from: i32, to: i32| -> (f64, f64, f64) {
            let tier = |t: u32| f64::from(market.tier_sold(t, from, to));
            let here = tier(anchor_tier);
            let higher: f64 = (anchor_tier + 1..tiers.end).map(tier).sum();
            (here, higher, here + higher + (tiers.start..anchor_tier).map(tier).sum::<f64>())
        };
        let now = self.market_period;
        let (here, higher, all) = sold(i32::MIN, now - 1);
        let share_above = (higher + 1.0) / (all + 2.0);
        let (_, recent_higher, recent_all) = sold(now - RECENT, now - 1);
        let anchor_recent = f64::from(market.sold(anchor, now - RECENT, now - 1));
        let anchor_before = f64::from(market.sold(anchor, now - BEFORE, now - RECENT - 1));
        let before_scale = f64::from(RECENT) / f64::from(BEFORE - RECENT);
        let centres = &ladders.ladder(anchor_row.ladder).log_centres;
        let anchor_level = (anchor_tier - tiers.start) as usize;
        let step = centres.get(anchor_level + 1).map_or(0.0, |next| f64::from(next - centres[anchor_level]));
        let items_above = ladders.rows_of(anchor_row.ladder).end - ladders.rows_of_tier(anchor_tier).end;

        let values = [
            ln(1.0 + n as f64),
            self.usual().share,
            flag(last.is_some_and(above)),
            flag(last.is_some_and(below)),
            n_above as f64 / (n as f64 + 2.0),
            n_below as f64 / (n as f64 + 2.0),
            if weights > 0.0 { weighted / weights } else { 0.0 },
            flag(n_above > 0),
            ln(1.0 + gap.max(0.0)),
            ln((gap.max(0.0) + 0.5) / (mean_gap.max(0.0) + 0.5)),
            mean_level(&records[n.saturating_sub(3)..]) - mean_level(records),
            distinct as f64 * per_record,
            count(&|r: &Record| r.row == anchor) as f64 * per_record,
            rises as f64 * per_record,
            last.map_or(0.0, |r| log_ratio(ladders.row(r.row).price, anchor_row.price)),
            log_odds(super::own_rate(self.tier_rate, n_above, n, OWN_STRENGTH)),
            flag(n >= 2 && records[n - 2..].iter().all(above)),
            f64::from(anchor_tier - tiers.start) / f64::from(top - tiers.start),
            f64::from(top - anchor_tier),
            flag(anchor_row.private_label),
            f64::from(ladders.private_share(anchor_tier)),
            log_ratio(anchor_row.price, Money(Money::SCALE)),
            share_above,
            (here + 1.0) / (all + 2.0),
            step,
            ln(1.0 + f64::from(items_above)),
            log_odds(self.tier_rate),
            ln(1.0 + anchor_recent),
            flag(anchor_recent == 0.0),
            ln((anchor_recent + 1.0) / (anchor_before * before_scale + 1.0)),
            (recent_higher + 3.0 * share_above) / (recent_all + 3.0),
        ];
        let (own, rest) = out.split_at_mut(values.len());
        for (feature, value) in own.iter_mut().zip(values) {
            *feature = value as f32;
        }
        let (traits, promotions) = rest.split_at_mut(N_TRAITS);
        traits.fill(0.0);
        for (feature, &value) in traits.iter_mut().zip(self.traits) {
            *feature = value;
        }
        promotions.fill(0.0);
        let (higher, same) = promotions.split_at_mut(MAX_PROMOTION_KINDS);
        for (kind, mask) in self.promoted.into_iter().flatten().enumerate() {
            let mask = u32::from(mask) >> anchor_level;
            higher[kind] = flag(mask > 1) as f32;
            same[kind] = flag(mask & 1 == 1) as f32;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::ladders::tests::table;
    use super::*;
    use proptest::prelude::*;

    fn named(features: &[f32; N_FEATURES], name: &str) -> f32 {
        features[FEATURES.iter().position(|f| *f == name).unwrap()]
    }

    #[test]
    fn every_feature_has_a_name() {
        let mut names = FEATURES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), N_FEATURES);
        assert!(!names.contains(&""));
        assert_eq!(FEATURES[PROMOTION_FEATURES], "higher_on_promotion_1");
    }

    #[test]
    fn features_say_what_their_names_say() {
        let ladders = table(&[&[2, 1, 1]]);
        let market = Market::count(&ladders, 0, 10, [(0, 1), (0, 8), (3, 7), (3, 9)].into_iter());
        let records: Vec<Record> =
            [(1, 0), (3, 0), (6, 2), (8, 0)].iter().map(|&(period, row)| Record { period, row }).collect();
        let situation = Situation {
            ladders: &ladders,
            market: &market,
            records: &records,
            anchor: 0,
            period: 9,
            market_period: 9,
            window: 8,
            tier_rate: 0.1,
            traits: &[1.5],
            promoted: Some([0b100, 0b001, 0, 0]),
        };
        let mut features = [f32::NAN; N_FEATURES];
        situation.features(&mut features);
        assert!(features.iter().all(|f| f.is_finite()));
        for (name, expected) in [
            ("usual_share", 0.75),
            ("last_above", 0.0),
            ("share_above", 1.0 / 6.0),
            ("ever_above", 1.0),
            ("items_per_record", 0.5),
            ("anchor_share", 0.75),
            ("rises_per_record", 0.25),
            ("relative_level", 0.0),
            ("tiers_above", 2.0),
            ("anchor_private_label", 1.0),
            ("market_above", 2.0 / 5.0),
            ("anchor_gone", 0.0),
            ("trips", 1.5),
            ("higher_on_promotion_1", 1.0),
            ("same_on_promotion_1", 0.0),
            ("higher_on_promotion_2", 0.0),
            ("same_on_promotion_2", 1.0),
        ] {
            assert!((named(&features, name) - expected).abs() < 1e-6, "{name}: {}", named(&features, name));
        }
        let own: f64 = (1.0 + 0.4) / 8.0;
        assert!((f64::from(named(&features, "log_odds_own")) - (own / (1.0 - own)).ln()).abs() < 1e-6);
    }

    proptest! {
        /// Whether the anchor sells in the very period asked about says who did not upgrade.
        #[test]
        fn sales_from_the_period_on_move_nothing(
            later in proptest::collection::vec((0u32..4, 6i32..12), 0..40),
            rows in proptest::collection::vec(0u32..4, 1..12),
        ) {
            let ladders = table(&[&[2, 1, 1]]);
            let before = [(0u32, 1), (1, 5), (2, 4), (3, 2)];
            let records: Vec<Record> = (-20..).zip(&rows).map(|(period, &row)| Record { period, row }).collect();
            let features = |market: &Market| {
                let mut out = [0.0; N_FEATURES];
                Situation {
                    ladders: &ladders, market, records: &records, anchor: 0, period: 6, market_period: 6, window: 8,
                    tier_rate: 0.1, traits: &[], promoted: None,
                }
                .features(&mut out);
                out
            };
            let known = Market::count(&ladders, 0, 12, before.into_iter());
            let leaked = Market::count(&ladders, 0, 12, before.into_iter().chain(later.iter().copied()));
            prop_assert_eq!(features(&known), features(&leaked));
        }
    }
}
