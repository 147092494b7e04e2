use sidecart_core::{Customer, IdTable, ItemId, Money, Time, power};

use super::features::BEFORE;
use super::{
    Family, Label, LadderPast, LadderTable, LogisticModel, Market, N_FEATURES, Periods, PromotionPlan, PropensityModel,
    RateKind, RateTable, Regime, Situation, SwitchTable, TargetModels, TargetSituation, UpsellSettings, own_rate,
    shares,
};
use crate::error::{Error, Result};
use crate::scorer::MAX_K;
use crate::settings::Mode;
use crate::trees::TreeEnsemble;

/// Everything the upsell part of a model knows.
#[derive(Clone, Debug)]
pub struct UpsellModel {
    /// How it is used.
    pub settings: UpsellSettings,
    /// Periods of the history.
    pub periods: Periods,
    /// Ladders and the items on them.
    pub ladders: LadderTable,
    /// What sold before the end of training.
    pub market: Market,
    /// Shrunk rates.
    pub rates: RateTable,
    /// Logistic models.
    pub logistic: Family<LogisticModel>,
    /// Boosted trees; empty where none were kept.
    pub trees: Family<TreeEnsemble>,
    /// What target items are worth.
    pub targets: TargetModels,
    /// Which dearer items customers went to.
    pub switches: SwitchTable,
    /// The plan of promotions that reaches beyond the end of training.
    pub promotions: Option<PromotionPlan>,
    /// Outside ids of the stores of that plan; the position is the store's number in it.
    pub stores: IdTable,
}

/// One question for an upgrade.
#[derive(Clone, Copy, Debug)]
pub struct UpsellQuery<'a> {
    /// The cart; its last item that stands on a ladder below the top is the anchor.
    pub basket: &'a [ItemId],
    /// What is known of the customer; only what is before the period of `time` is used.
    pub customer: Option<&'a Customer>,
    /// The segment, in place of the customer's own.
    pub segment: Option<u16>,
    /// When the question is asked.
    pub time: Time,
    /// Where, as a position among the stores of the plan of promotions.
    pub store: Option<u32>,
    /// How many answers, 1..=[`MAX_K`].
    pub k: usize,
    /// Whether items that the customer bought before may come back.
    pub mode: Mode,
    /// What says how probable an upgrade is.
    pub using: PropensityModel,
    /// Items that may not come back.
    pub exclude: &'a [ItemId],
    /// What sold, where more is known than at the end of training: [`Market::extended`].
    pub market: Option<&'a Market>,
    /// A plan of promotions in place of the model's own.
    pub promotions: Option<&'a PromotionPlan>,
}

impl Default for UpsellQuery<'_> {
    fn default() -> Self {
        Self {
            basket: &[],
            customer: None,
            segment: None,
            time: Time(i64::MAX),
            store: None,
            k: 10,
            mode: Mode::Completion,
            using: PropensityModel::Default,
            exclude: &[],
            market: None,
            promotions: None,
        }
    }
}

/// What an upgrade earns per piece.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Gain {
    /// Difference of the margins, which are both known.
    Margin(Money),
    /// Difference of the shelf prices.
    Price(Money),
    /// Neither is known.
    Unknown,
}

impl Gain {
    /// From one row to another.
    #[must_use]
    pub fn between(ladders: &LadderTable, from: u32, to: u32) -> Self {
        let (a, b) = (ladders.row(from), ladders.row(to));
        match (a.margin.zip(b.margin), price_delta(ladders, from, to)) {
            (Some((a, b)), _) => Self::Margin(Money(b.0 - a.0)),
            (None, Some(delta)) => Self::Price(delta),
            (None, None) => Self::Unknown,
        }
    }

    /// The factor of an offer's value: the gain to the power of the exponent; 0 for a loss, 1
    /// where nothing is known.
    #[must_use]
    pub fn factor(self, exponent: f64) -> f64 {
        match self {
            Self::Margin(gain) | Self::Price(gain) if gain > Money(0) => power(gain.to_f64(), exponent),
            Self::Margin(_) | Self::Price(_) => 0.0,
            Self::Unknown => 1.0,
        }
    }
}

/// Difference of two shelf prices; `None` where one is unknown.
fn price_delta(ladders: &LadderTable, from: u32, to: u32) -> Option<Money> {
    let (a, b) = (ladders.row(from).price, ladders.row(to).price);
    (a > Money(0) && b > Money(0)).then(|| Money(b.0 - a.0))
}

/// A dearer item.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct UpsellOffer {
    /// The item.
    pub item: ItemId,
    /// P(upgrade) x P(this item, if any) x gain to the power of the exponent; greater is better.
    pub score: f64,
    /// P(this item | an upgrade), 0..=1.
    pub share: f64,
    /// What it earns.
    pub gain: Gain,
    /// Shelf price above the anchor's, per piece, where both are known.
    pub price_delta: Option<Money>,
    /// How often the customer bought it before, in lines.
    pub n_bought: u32,
    /// How often customers went from the anchor to it.
    pub n_switches: u32,
}

/// What is known about an upgrade from an anchor.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Upgrade {
    /// The item to go up from.
    pub anchor: ItemId,
    /// Its ladder.
    pub ladder: u32,
    /// Its tier in the ladder, 0 = cheapest.
    pub level: u32,
    /// Number of tiers of the ladder.
    pub n_levels: u32,
    /// What the probability is one of.
    pub label: Label,
    /// The rates behind it.
    pub kind: RateKind,
    /// P(upgrade), 0..1.
    pub propensity: f64,
    /// What said so.
    pub using: PropensityModel,
    /// The customer's records in the ladder.
    pub n_records: u32,
    /// Those above the anchor's tier.
    pub n_above: u32,
    /// The segment that counted.
    pub segment: Option<u16>,
    /// Whether a plan of promotions was known.
    pub knows_promotions: bool,
}

/// Why there is no upgrade to speak of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum NoUpgrade {
    /// Nothing was in the cart.
    EmptyBasket,
    /// No item of the cart stands on a ladder.
    NoLadder,
    /// The ladder's tiers are bought side by side: they are no substitutes.
    NotSubstitutes,
    /// The item is in the highest tier already.
    HighestTier,
    /// Higher tiers have nothing to offer: excluded, bought before, out of stock or not selling.
    NothingLeft,
}

impl NoUpgrade {
    /// In words.
    #[must_use]
    pub fn text(self) -> &'static str {
        match self {
            Self::EmptyBasket => "the basket is empty",
            Self::NoLadder => "no item of the basket stands on a ladder",
            Self::NotSubstitutes => {
                "the tiers of the ladder are bought side by side, so they do not replace each other"
            }
            Self::HighestTier => "the item is in the highest tier of its ladder",
            Self::NothingLeft => "no dearer item of the ladder is left to offer",
        }
    }
}

/// What an upsell query is answered with.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct UpsellAnswer<'s> {
    /// The upgrade, where the cart has an anchor.
    pub upgrade: Option<Upgrade>,
    /// At most `k` dearer items, best first.
    pub offers: &'s [UpsellOffer],
    /// Why there is no offer.
    pub reason: Option<NoUpgrade>,
}

/// Memory of one thread for upsell queries.
#[derive(Debug)]
pub struct UpsellScratch {
    past: LadderPast,
    candidates: Vec<u32>,
    utilities: Vec<f64>,
    offers: Vec<UpsellOffer>,
    features: [f32; N_FEATURES],
}

impl Default for UpsellScratch {
    fn default() -> Self {
        Self {
            past: LadderPast::default(),
            candidates: Vec::new(),
            utilities: Vec::new(),
            offers: Vec::new(),
            features: [0.0; N_FEATURES],
        }
    }
}

/// The moment of a query as the tables see it.
#[derive(Clone, Copy, Debug)]
struct Moment<'a> {
    market: &'a Market,
    period: i32,
    market_period: i32,
    plan: Option<&'a PromotionPlan>,
    plan_period: i32,
}

impl UpsellModel {
    /// Answers a query. No allocation once `scratch` is warm. O(lines of the customer's past +
    /// candidates x the customer's lines in the ladder).
    ///
    /// # Errors
    /// [`Error::Query`] for a `k` out of range or an item the model does not have,
    /// [`Error::NoSuchPart`] for a kind of model it lacks.
    pub fn recommend<'s>(&self, query: &UpsellQuery<'_>, scratch: &'s mut UpsellScratch) -> Result<UpsellAnswer<'s>> {
        if query.k == 0 || query.k > MAX_K {
            return Err(Error::Query { field: "k", got: query.k.to_string(), expected: format!("1..={MAX_K}") });
        }
        if !self.has(query.using) {
            return Err(Error::NoSuchPart { what: query.using.to_string(), available: self.models().join(", ") });
        }
        scratch.offers.clear();
        let anchor = match self.anchor(query.basket) {
            Ok(anchor) => anchor,
            Err(reason) => return Ok(UpsellAnswer { upgrade: None, offers: &[], reason: Some(reason) }),
        };
        let (upgrade, moment) = self.upgrade(query, anchor, scratch);
        let used = self.ladders.ladder(upgrade.ladder).used;
        if used {
            self.rank_targets(query, anchor, &upgrade, moment, scratch);
        }
        let none = if used { NoUpgrade::NothingLeft } else { NoUpgrade::NotSubstitutes };
        let reason = scratch.offers.is_empty().then_some(none);
        Ok(UpsellAnswer { upgrade: Some(upgrade), offers: &scratch.offers, reason })
    }

    /// Whether a kind of model can be asked.
    #[must_use]
    pub fn has(&self, model: PropensityModel) -> bool {
        match model {
            PropensityModel::Default | PropensityModel::Rates => true,
            PropensityModel::Logistic => !self.logistic.is_empty(),
            PropensityModel::Trees => !self.trees.is_empty(),
        }
    }

    /// Names of the models that can be asked.
    #[must_use]
    pub fn models(&self) -> Vec<&'static str> {
        PropensityModel::NAMES.iter().filter(|(_, model)| self.has(*model)).map(|(name, _)| *name).collect()
    }

    /// The last item of a basket from which one can go up; of a ladder that is not used only where
    /// there is no other.
    fn anchor(&self, basket: &[ItemId]) -> std::result::Result<u32, NoUpgrade> {
        let mut reason = if basket.is_empty() { NoUpgrade::EmptyBasket } else { NoUpgrade::NoLadder };
        let mut flagged = None;
        for &item in basket.iter().rev() {
            let Some(row) = self.ladders.row_of(item) else { continue };
            let ladder = self.ladders.row(row).ladder;
            if self.ladders.tier_of(row) + 1 == self.ladders.tiers_of(ladder).end {
                reason = NoUpgrade::HighestTier;
            } else if self.ladders.ladder(ladder).used {
                return Ok(row);
            } else {
                flagged = flagged.or(Some(row));
            }
        }
        flagged.ok_or(reason)
    }

    /// The moment of a query. Beyond the newest data nothing is known, so that a question asked
    /// long after is one asked right after them; before the end of training the market is the one
    /// at its end.
    fn moment<'a>(&'a self, query: &UpsellQuery<'a>) -> Moment<'a> {
        let market = query.market.unwrap_or(&self.market);
        let asked = self.periods.of(query.time);
        let newest = query.customer.and_then(|c| {
            let history = &c.history;
            history.as_of(query.time).next().map(|basket| self.periods.of(basket.time))
        });
        let known = newest.map_or(market.last(), |newest| newest.max(market.last()));
        let (first, _, _) = market.parts();
        Moment {
            market,
            period: asked.min(known + 1),
            market_period: asked.clamp(first.saturating_add(BEFORE).min(market.last() + 1), market.last() + 1),
            plan: query.promotions.or(self.promotions.as_ref()),
            plan_period: asked,
        }
    }

    fn upgrade<'a>(
        &'a self,
        query: &UpsellQuery<'a>,
        anchor: u32,
        scratch: &mut UpsellScratch,
    ) -> (Upgrade, Moment<'a>) {
        let row = self.ladders.row(anchor);
        let tiers = self.ladders.tiers_of(row.ladder);
        let tier = self.ladders.tier_of(anchor);
        let label = self.ladders.ladder(row.ladder).label;
        let moment = self.moment(query);
        match query.customer {
            Some(c) => scratch.past.read(&c.history, &self.ladders, self.periods, row.ladder, moment.period),
            None => {
                scratch.past.records.clear();
                scratch.past.lines.clear();
            }
        }
        let known_segment = |s: &u16| usize::from(*s) < self.settings.segments.len();
        let segment = query.segment.or(query.customer.and_then(|c| c.segment)).filter(known_segment);
        let promoted = moment
            .plan
            .filter(|plan| plan.covers(query.store, moment.plan_period))
            .map(|plan| plan.masks(query.store, moment.plan_period, row.ladder));
        let situation = Situation {
            ladders: &self.ladders,
            market: moment.market,
            records: &scratch.past.records,
            anchor,
            period: moment.period,
            market_period: moment.market_period,
            window: self.settings.window as usize,
            tier_rate: 0.0,
            traits: query.customer.map_or(&[], |c| &c.traits),
            promoted,
        };
        let n_above = situation.n_above();
        // Whoever buys a ladder again and again is asked about the next purchase, whatever others do.
        let regime = self.regime(&situation);
        let label = match label {
            _ if regime == Regime::Established => Label::Repeat,
            // Whoever owns a tier is not making a first purchase.
            Label::TierShare if !situation.records.is_empty() => Label::Replacement,
            label => label,
        };
        let kind = match (label, regime) {
            (Label::Repeat, Regime::Mixed | Regime::Few) if !situation.records.is_empty() => RateKind::Sparse,
            (Label::Replacement, _) if self.ladders.ladder(row.ladder).label != Label::Replacement => RateKind::Sparse,
            _ => RateKind::from(label),
        };
        let asked = if regime == Regime::Established { RateKind::Repeat } else { RateKind::Sparse };
        let situation = Situation { tier_rate: self.rates.feature_rate(asked, tier), ..situation };
        let rate = self.rates.rate(kind, segment, tier);
        let (propensity, using) =
            self.propensity(query.using, (label, kind, regime), rate, segment, &situation, &mut scratch.features);
        let upgrade = Upgrade {
            anchor: row.item,
            ladder: row.ladder,
            level: row.level,
            n_levels: tiers.end - tiers.start,
            label,
            kind,
            propensity,
            using,
            n_records: scratch.past.records.len() as u32,
            n_above: n_above as u32,
            segment,
            knows_promotions: promoted.is_some(),
        };
        (upgrade, moment)
    }

    /// P(upgrade), and what said so. Models over the customer's records answer for the label they
    /// were learned from and where there are records; else the chain of rates does.
    fn propensity(
        &self,
        using: PropensityModel,
        (label, kind, regime): (Label, RateKind, Regime),
        rate: f64,
        segment: Option<u16>,
        situation: &Situation<'_>,
        features: &mut [f32; N_FEATURES],
    ) -> (f64, PropensityModel) {
        let n = situation.records.len();
        let chain = match label {
            _ if kind == RateKind::Sparse => own_rate(rate, situation.n_above(), n, self.settings.own_strength),
            Label::Repeat => own_rate(rate, situation.n_above(), n, self.settings.own_strength),
            Label::Replacement | Label::TierShare => rate,
        };
        let plan = situation.promoted.is_some();
        let rates_know = kind == RateKind::Replacement && !self.settings.replacements_learned;
        let model = match using {
            PropensityModel::Default if label == Label::Replacement && rates_know => PropensityModel::Rates,
            PropensityModel::Default if plan => self.settings.propensity_with_promotions,
            PropensityModel::Default => self.settings.propensity,
            asked => asked,
        };
        if n == 0 || model == PropensityModel::Rates {
            return (chain, PropensityModel::Rates);
        }
        situation.features(features);
        let trees = self.trees.get(regime, plan).filter(|_| model == PropensityModel::Trees);
        let logistic = self.logistic.get(regime, plan);
        match (trees, logistic) {
            (Some(trees), _) => (trees.probability(features, segment), PropensityModel::Trees),
            (None, Some(logistic)) => (logistic.probability(features, segment), PropensityModel::Logistic),
            (None, None) => (chain, PropensityModel::Rates),
        }
    }

    /// How much of a past a situation has.
    #[must_use]
    pub fn regime(&self, situation: &Situation<'_>) -> Regime {
        Regime::of(situation.records.len(), situation.usual().share, self.settings.min_records, self.settings.min_share)
    }

    fn rank_targets(
        &self,
        query: &UpsellQuery<'_>,
        anchor: u32,
        upgrade: &Upgrade,
        moment: Moment<'_>,
        scratch: &mut UpsellScratch,
    ) {
        let UpsellScratch { past, candidates, utilities, offers, .. } = scratch;
        let situation = TargetSituation {
            ladders: &self.ladders,
            market: moment.market,
            past,
            anchor,
            period: moment.period,
            market_period: moment.market_period,
        };
        situation.candidates(self.settings.min_price_ratio, candidates);
        let blocked = |item: ItemId| query.exclude.contains(&item) || query.basket.contains(&item);
        candidates.retain(|&row| !blocked(self.ladders.row(row).item));
        if query.mode == Mode::Discovery {
            // Of this ladder the past holds every line before the period; what was bought since counts too.
            candidates.retain(|&row| past.own(row).0 == 0);
            let recent = query.customer.into_iter().flat_map(|c| c.history.as_of(query.time));
            let recent = recent.take_while(|basket| self.periods.of(basket.time) >= moment.period);
            for row in recent.flat_map(|basket| basket.items).filter_map(|&item| self.ladders.row_of(item)) {
                candidates.retain(|&candidate| candidate != row);
            }
        }
        let model = self.targets.get(query.mode, upgrade.knows_promotions);
        let planned =
            moment.plan.filter(|_| upgrade.knows_promotions).map(|plan| plan.at(query.store, moment.plan_period));
        utilities.clear();
        for &row in candidates.iter() {
            let item = self.ladders.row(row).item;
            let n_switches = self.switches.count(anchor, row);
            let promoted = planned.map_or(0, |planned| u16::from(planned.kinds_of(item)));
            utilities.push(model.utility(&situation.features(row, n_switches, promoted)));
            offers.push(UpsellOffer {
                item,
                score: 0.0,
                share: 0.0,
                gain: Gain::between(&self.ladders, anchor, row),
                price_delta: price_delta(&self.ladders, anchor, row),
                n_bought: past.own(row).0,
                n_switches,
            });
        }
        shares(utilities);
        for (offer, &share) in offers.iter_mut().zip(utilities.iter()) {
            offer.share = share;
            offer.score = upgrade.propensity * share * offer.gain.factor(self.settings.gain_exponent);
        }
        offers.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.item.cmp(&b.item)));
        offers.truncate(query.k);
    }
}
