use super::collect::LIFT_WEIGHT;
use super::memory::{CandidateFacts, KindState, RankerMemory};
use super::tables::{ItemFacts, RankerTables};
use crate::scratch::{Candidate, Scratch};
use crate::settings::{N_SIGNALS, Weights};
use crate::sources::signal;

/// A group of features that say something of one kind.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FeatureGroup {
    /// Its name.
    pub name: &'static str,
    /// Its features, in order.
    pub features: &'static [&'static str],
}

/// All features by group, in order.
///
/// | features | values |
/// |---|---|
/// | `neighbours` .. `ease`, `own_frequency`, `own_together` | fourth root of the candidate's share of the signal's sum, 0..=1 |
/// | `embeddings` | fourth root of its probability over the best candidate's by the vectors, 0..=1 |
/// | `pair_best`, `pair_second` | greatest and second greatest neighbour score towards the candidate, >= 0 |
/// | `pair_hits` | share of the basket's items that have it as a neighbour, 0..=1 |
/// | `own_count` | the customer's lines of it per basket, >= 0 |
/// | `own_7`, `own_30` | its lines decayed over so many days, >= 0 |
/// | `*_recency` | 1 / (1 + age of the newest line in weeks); 0 where never bought |
/// | `*_due` | age over usual gap, x / (1 + x); -0.25 where bought less than twice |
/// | `log_*` | natural logarithm of 1 + baskets (all, newest four weeks, newest week, first purchases of four weeks) |
/// | `store_recent` | ln(1 + baskets of the newest four weeks in the query's store); 0 where it is none of the store's best sellers |
/// | `trend` | `log_recent` - `log_baskets` |
/// | `first_rate`, `kind_first_rate` | share of purchases that are a customer's first of the item, 0..=1 |
/// | `kind_lift` .. `kind_first_lift_max` | ln lift of the basket's kinds towards the candidate's (mean, greatest; all and first purchases) |
/// | `*_in_basket` | items of its kind, family, line, maker in the basket |
/// | `share`, `first_share` | square root of its share of the kind's newest sales and first purchases, 0..=1 |
/// | `kind_fit` | ln of kind share x lift x share in the kind |
/// | `kind_affinity` | ln of the customer's share of the kind over everybody's |
/// | `kind_weight`, `family_weight`, `maker_weight` | share of the customer's decayed lines, 0..=1 |
/// | `kind_distinct`, `line_distinct` | distinct items the customer bought of it |
/// | `line_weight` | the customer's decayed lines of its line |
/// | `line_price` | least distance in ln price to the basket's items of the line; 2 where there is none |
/// | `price_*` | ln price minus the mean of basket, customer, customer's lines of the kind, kind |
/// | `private_affinity` | how well own brand or not fits the customer's share of own brands, 0..=1 |
/// | `instead_of_basket`, `instead_of_own` | how surely it is bought instead of an item of the basket, and (in discovery) of the customer's newest lines, 0..=1 |
/// | `n_basket`, `n_past` | items of the basket, baskets of the past, x / (x + 10) |
pub const GROUPS: [FeatureGroup; 9] = [
    FeatureGroup {
        name: "context",
        features: &[
            "neighbours",
            "neighbours_max",
            "baskets",
            "embeddings",
            "ease",
            "pair_best",
            "pair_second",
            "pair_hits",
        ],
    },
    FeatureGroup {
        name: "own",
        features: &[
            "own_frequency",
            "own_together",
            "own_count",
            "own_7",
            "own_30",
            "own_recency",
            "own_due",
            "is_own",
        ],
    },
    FeatureGroup {
        name: "popularity",
        features: &["log_baskets", "log_recent", "log_week", "trend", "log_first_recent", "first_rate", "store_recent"],
    },
    FeatureGroup {
        name: "kinds",
        features: &[
            "kind_lift",
            "kind_lift_max",
            "kind_first_lift",
            "kind_first_lift_max",
            "kind_in_basket",
            "family_in_basket",
            "kind_first_rate",
            "share",
            "first_share",
            "kind_fit",
        ],
    },
    FeatureGroup {
        name: "customer_kinds",
        features: &[
            "kind_affinity",
            "kind_weight",
            "kind_recency",
            "kind_due",
            "kind_distinct",
            "family_weight",
            "maker_weight",
        ],
    },
    FeatureGroup {
        name: "lines",
        features: &["line_in_basket", "maker_in_basket", "line_price", "line_weight", "line_distinct"],
    },
    FeatureGroup {
        name: "price",
        features: &["price_to_basket", "price_to_past", "price_to_own_kind", "price_in_kind", "private_affinity"],
    },
    FeatureGroup { name: "substitutes", features: &["instead_of_basket", "instead_of_own"] },
    FeatureGroup { name: "sizes", features: &["n_basket", "n_past"] },
];

/// Number of features.
pub const N_FEATURES: usize = {
    let (mut n, mut at) = (0, 0);
    while at < GROUPS.len() {
        n += GROUPS[at].features.len();
        at += 1;
    }
    n
};

/// Names of the features, in order.
pub const FEATURES: [&str; N_FEATURES] = {
    let mut names = [""; N_FEATURES];
    let (mut n, mut at) = (0, 0);
    while at < GROUPS.len() {
        let mut feature = 0;
        while feature < GROUPS[at].features.len() {
            names[n] = GROUPS[at].features[feature];
            n += 1;
            feature += 1;
        }
        at += 1;
    }
    names
};

/// Number of [`LIGHT`] features.
pub const N_LIGHT: usize = 17;

/// Features that the first stage looks at, in their order among [`FEATURES`].
pub const LIGHT: [&str; N_LIGHT] = [
    "neighbours",
    "neighbours_max",
    "baskets",
    "embeddings",
    "ease",
    "pair_hits",
    "own_frequency",
    "own_together",
    "own_recency",
    "log_baskets",
    "log_recent",
    "first_rate",
    "kind_first_lift_max",
    "kind_fit",
    "kind_affinity",
    "line_in_basket",
    "line_weight",
];

/// Price distance where no item of the line is in the basket.
const NO_LINE_PRICE: f32 = 2.0;
/// A rhythm of fewer than two purchases.
const NO_RHYTHM: f32 = -0.25;

fn recency(n: f32, age: f32) -> f32 {
    if n > 0.0 { 1.0 / (1.0 + age / 7.0) } else { 0.0 }
}

/// Age of the newest purchase over the usual gap between purchases.
fn due(n: f32, newest: f32, oldest: f32) -> f32 {
    if n < 2.0 {
        return NO_RHYTHM;
    }
    let ratio = newest * (n - 1.0) / (oldest - newest).max(0.5);
    ratio / (1.0 + ratio)
}

/// Fourth roots of the shares of all signals, four or eight at a time.
#[inline]
fn fourth_roots(signals: &Weights, scales: &Weights) -> Weights {
    let mut roots = [0.0; N_SIGNALS];
    for ((root, signal), scale) in roots.iter_mut().zip(signals).zip(scales) {
        *root = (signal * scale).max(0.0).sqrt().sqrt();
    }
    roots
}

/// Everything that the features of a query's candidates have in common.
pub(crate) struct Features<'a> {
    tables: &'a RankerTables,
    scratch: &'a Scratch,
    memory: &'a RankerMemory,
    per_basket: f32,
    per_past: f32,
    per_weight: f32,
}

impl<'a> Features<'a> {
    pub(crate) fn new(tables: &'a RankerTables, scratch: &'a Scratch, memory: &'a RankerMemory) -> Self {
        let per = |n: f32| 1.0 / n.max(1.0);
        let totals = &memory.totals;
        Self {
            tables,
            scratch,
            memory,
            per_basket: per(totals.n_basket),
            per_past: per(totals.n_past),
            per_weight: per(totals.weight),
        }
    }

    /// The [`LIGHT`] features of the candidate at a position: the same numbers as in
    /// [`write`](Self::write), from fewer tables.
    pub(crate) fn write_light(&self, place: usize, out: &mut [f32; N_LIGHT]) {
        let Self { tables, scratch, memory, .. } = self;
        let Candidate { item, signals } = &scratch.candidates[place];
        let facts = &tables.items[*item as usize];
        let none = CandidateFacts::default();
        let own = memory.facts.get(place).unwrap_or(&none);
        let kind = memory.kinds.get(memory.epoch, facts.kind);
        let line = memory.lines.get(memory.epoch, facts.line);
        let roots = fourth_roots(signals, &memory.scales);
        *out = [
            roots[signal::NEIGHBOURS],
            roots[signal::NEIGHBOURS_MAX],
            roots[signal::BASKETS],
            roots[signal::EMBEDDINGS],
            roots[signal::EASE],
            own.n_hits * self.per_basket,
            roots[signal::OWN_FREQUENCY],
            roots[signal::OWN_TOGETHER],
            recency(own.n_own, own.newest),
            facts.log_baskets,
            facts.log_recent,
            facts.first_rate,
            kind.first_lift_max,
            self.kind_fit(facts, kind),
            self.affinity(kind),
            line.in_basket,
            line.weight,
        ];
    }

    fn kind_fit(&self, facts: &ItemFacts, kind: &KindState) -> f32 {
        let share = self.tables.kinds.get(facts.kind as usize).map_or(0.0, |k| k.log_share);
        share + LIFT_WEIGHT * kind.first_lift + facts.log_first_share
    }

    fn in_store(&self, item: u32) -> f32 {
        let (epoch, count) = self.memory.in_store[item as usize];
        if epoch == self.memory.epoch { count } else { 0.0 }
    }

    fn affinity(&self, kind: &KindState) -> f32 {
        match (self.memory.totals.n_past > 0.0, kind.n_lines > 0.0) {
            (false, _) => 0.0,
            (true, true) => kind.affinity,
            (true, false) => self.memory.totals.no_affinity,
        }
    }

    /// The features of the candidate at a position.
    pub(crate) fn write(&self, place: usize, out: &mut [f32; N_FEATURES]) {
        let Self { tables, scratch, memory, .. } = self;
        let Candidate { item, signals } = &scratch.candidates[place];
        let facts = &tables.items[*item as usize];
        let none = CandidateFacts::default();
        let own = memory.facts.get(place).unwrap_or(&none);
        let epoch = memory.epoch;
        let kind = memory.kinds.get(epoch, facts.kind);
        let family = memory.families.get(epoch, facts.family);
        let maker = memory.makers.get(epoch, facts.maker);
        let line = memory.lines.get(epoch, facts.line);
        let totals = &memory.totals;
        let [neighbours, neighbours_max, baskets, embeddings, frequency, together, _, ease] =
            fourth_roots(signals, &memory.scales);
        let of_kind = tables.kinds.get(facts.kind as usize);
        let (kind_first_rate, kind_price) = of_kind.map_or((0.0, facts.log_price), |k| (k.first_rate, k.log_price));
        let known_past = totals.n_past > 0.0;
        let line_price =
            if line.in_basket > 0.0 { self.line_price(facts.line, facts.log_price) } else { NO_LINE_PRICE };
        let private_affinity = match known_past {
            false => 0.5,
            true => {
                facts.private_label * totals.past_private + (1.0 - facts.private_label) * (1.0 - totals.past_private)
            }
        };
        *out = [
            neighbours,
            neighbours_max,
            baskets,
            embeddings,
            ease,
            own.best,
            own.second,
            own.n_hits * self.per_basket,
            frequency,
            together,
            own.n_own * self.per_past,
            own.own_7,
            own.own_30,
            recency(own.n_own, own.newest),
            due(own.n_own, own.newest, own.oldest),
            if own.n_own > 0.0 { 1.0 } else { 0.0 },
            facts.log_baskets,
            facts.log_recent,
            facts.log_week,
            facts.log_recent - facts.log_baskets,
            facts.log_first_recent,
            facts.first_rate,
            self.in_store(*item),
            kind.lift,
            kind.lift_max,
            kind.first_lift,
            kind.first_lift_max,
            kind.in_basket,
            family.in_basket,
            kind_first_rate,
            facts.share.sqrt(),
            facts.first_share.sqrt(),
            self.kind_fit(facts, kind),
            self.affinity(kind),
            kind.weight * self.per_weight,
            recency(kind.n_lines, kind.newest),
            due(kind.n_baskets, kind.newest, kind.oldest),
            kind.n_distinct,
            family.weight * self.per_weight,
            maker.weight * self.per_weight,
            line.in_basket,
            maker.in_basket,
            line_price,
            line.weight,
            line.n_distinct,
            facts.log_price - totals.basket_price,
            if known_past { facts.log_price - totals.past_price } else { 0.0 },
            if kind.n_lines > 0.0 { facts.log_price - kind.price_sum / kind.n_lines } else { 0.0 },
            facts.log_price - kind_price,
            private_affinity,
            own.instead_of_basket,
            own.instead_of_own,
            totals.n_basket / (totals.n_basket + 10.0),
            totals.n_past / (totals.n_past + 10.0),
        ];
    }

    /// Least distance in ln price to the basket's items of a line.
    fn line_price(&self, line: u32, log_price: f32) -> f32 {
        let in_line =
            self.scratch.basket.iter().map(|item| &self.tables.items[item.index()]).filter(|i| i.line == line);
        in_line.fold(NO_LINE_PRICE, |least, i| least.min((i.log_price - log_price).abs()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_feature_has_a_name_of_its_own() {
        let mut names = FEATURES.to_vec();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), N_FEATURES);
    }

    #[test]
    fn rhythm_is_age_over_gap() {
        assert_eq!(due(1.0, 3.0, 3.0), NO_RHYTHM);
        // Bought 5, 15 and 25 days ago: half a gap has passed.
        assert!((due(3.0, 5.0, 25.0) - 0.5 / 1.5).abs() < 1e-6);
        assert!(recency(0.0, 0.0) == 0.0 && recency(2.0, 7.0) == 0.5);
    }
}
