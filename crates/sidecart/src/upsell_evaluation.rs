//! How good upgrades are, measured on purchases the models have not seen.

use std::collections::BTreeSet;

use rayon::prelude::*;
use sidecart_core::{Customer, Money, Progress, Time};
use sidecart_eval::propensity::{
    GroupRow, MIN_CUSTOMERS, MIN_UPGRADES, Predictions, Rankings, Sensitivity, TargetCases, UpgradeCases,
    UpsellInputs as ReportInputs, UpsellParams as ReportParams, UpsellReport,
};
use sidecart_serve::Mode;
use sidecart_serve::upsell::{
    Label, LadderPast, LadderTable, Market, Periods, PromotionKinds, PromotionPlan, PropensityModel, Regime, TRAITS,
    TargetSituation, UpsellModel, UpsellQuery, UpsellScratch,
};
use sidecart_train::customer_histories;
use sidecart_train::upsell::{Event, LadderHistories, UpsellFit, day_starts_at, fit, plan, plan_stores, repeat_events};

use crate::config::Config;
use crate::dataset::Dataset;
use crate::error::{Error, Result};

/// Offers asked for; what is bought beyond them is a miss, for simple rules too.
const OFFERS: usize = 50;
/// Periods of sales that a scorer keeps, and that simple rules count popularity over.
const KEPT_PERIODS: i32 = 16;
const POPULAR_PERIODS: i32 = 12;
/// The expected gain of a step up without examples, as a share of the anchor's price, and the
/// number of examples it counts as.
const USUAL_GAIN: f64 = 0.35;
const GAIN_STRENGTH: f64 = 5.0;
/// What customers with little past are called among the groups of the report.
const FEW_PURCHASES: &str = "1-2 (few purchases, beside the total)";
/// Traits that say how price-sensitive a customer is, and whether high values mean it.
const SENSITIVITIES: [(&str, bool); 3] =
    [("deal_rate_beyond_mix", true), ("discount_share", true), ("price_position", false)];

/// Splits the history by time at the beginning of a period, trains on the part before, and asks the
/// scorer at every later purchase of an established customer how probable a step up was, always
/// beside the rate of all, of the segment, and of ladder and tier. The question is asked at the
/// beginning of the purchase's period: nothing of the period itself is seen.
///
/// `using` is the model that the groups and suppressions of the report are made with; all models
/// are measured in any case. Offers are ranked in both modes, in ladders whose tiers are not bought
/// side by side; of the others nothing is offered. `[evaluate]` gives the split and the
/// resamples; all test purchases count, whatever its `max_cases`.
///
/// # Errors
/// [`Error::OneTime`], [`Error::TestFrom`] and [`Error::NoPeriodToSplitAt`] where the history cannot
/// be cut, [`Error::NoLadders`] and [`Error::NoUpgradeCases`] where no test purchase could have been
/// a step up, [`Error::Setting`] where upsell is switched off, and any error of
/// training or evaluation, such as too few upgrades to measure anything.
pub fn evaluate_upsell(
    dataset: &Dataset,
    config: &Config,
    using: PropensityModel,
    progress: &dyn Progress,
) -> Result<UpsellReport> {
    let params = &config.upsell;
    if !params.enabled {
        return Err(Error::Setting {
            key: "upsell.enabled".into(),
            got: "false".into(),
            expected: "true where upgrades are measured".into(),
        });
    }
    let ledger = &dataset.ledger;
    let at = match config.evaluate.split_at(ledger)? {
        Some(at) => at,
        None => ledger.time_of_last(config.evaluate.test_share).ok_or(Error::OneTime)?,
    };
    let (Some(first), Some(last)) = (ledger.first_time(), ledger.last_time()) else { return Err(Error::OneTime) };
    let periods = Periods::new(ledger.clock(), params.period_days, day_starts_at(ledger));
    let split = begin_of_period(periods, at, first, last).ok_or_else(|| Error::NoPeriodToSplitAt {
        at: ledger.clock().show(at),
        first: ledger.clock().show(first),
        last: ledger.clock().show(last),
        period_days: params.period_days,
    })?;
    let before = ledger.filter(|basket| ledger.basket_times()[basket] < split);
    let n_test_baskets = ledger.n_baskets() - before.n_baskets();
    let fitted = fit(&before, &dataset.catalogue, &dataset.upsell_inputs(), params, config.seed, progress)?
        .ok_or(Error::NoLadders { n_training_baskets: before.n_baskets() })?;

    let model = &fitted.model;
    let periods = model.periods;
    let first_test = match periods.of(split) {
        // A period that training saw a part of is no test.
        period if periods.start(period) < split => period + 1,
        period => period,
    };
    let world = World::new(dataset, &fitted, first_test, periods.of(last))?;
    let rules = params.event_rules();
    let mut events = repeat_events(&world.histories, &model.ladders, &rules, periods.of(first)..periods.of(last) + 1);
    let test = events.split_off(events.partition_point(|event| event.period < first_test));
    let gains = ExpectedGains::new(&model.ladders, &world.histories, &events);
    let is_few = |event: &Event| event.regime == Regime::Few;
    let (established, others): (Vec<Event>, Vec<Event>) =
        test.into_iter().partition(|event| event.regime == Regime::Established);
    let few: Vec<Event> = others.into_iter().filter(is_few).collect();

    progress.begin("asking for upgrades", (established.len() + few.len()) as u64, "purchases");
    let asked = [world.ask(&established, progress)?, world.ask(&few, progress)?];
    progress.end();
    if asked[0].is_empty() {
        return Err(Error::NoUpgradeCases { n_test_baskets, min_records: params.min_records });
    }
    let measure =
        ReportParams { seed: config.seed, resamples: config.evaluate.resamples as usize, ..ReportParams::default() };
    let mut known = vec![false; ledger.customers().len()];
    for customer in (0..before.n_baskets()).filter_map(|basket| before.customer_of(basket)) {
        known[customer.index()] = true;
    }
    let [established, few] = asked.map(|asked| Measured::new(&world, &gains, asked, &known));
    let targets = [Mode::Completion, Mode::Discovery].map(|mode| established.targets(mode));
    let mut report = established.report(model, using, Some([&targets[0], &targets[1]]), &measure)?;
    if let Some(row) = few.few_purchases(model, using, &measure)? {
        report.histories.insert(0, row);
    }
    let facts = &report.facts;
    let rate = 100.0 * facts.upgrade_rate.value;
    report.warnings.insert(
        0,
        format!(
            "trained on what was before {}; {} test purchases of {} customers with an upgrade rate of {rate:.2} %",
            ledger.clock().show(split),
            facts.n_cases,
            facts.n_customers
        ),
    );
    Ok(report)
}

/// The beginning of a period that is nearest to a time, with baskets before and from it on; `None`
/// where neither of its neighbours is one.
fn begin_of_period(periods: Periods, at: Time, first: Time, last: Time) -> Option<Time> {
    let period = periods.of(at);
    let (begin, next) = (periods.start(period), periods.start(period.saturating_add(1)));
    let is_nearer = at.0.saturating_sub(begin.0) <= next.0.saturating_sub(at.0);
    let by_distance = if is_nearer { [begin, next] } else { [next, begin] };
    by_distance.into_iter().find(|&split| first < split && split <= last)
}

/// What a question can be asked with: the model, and the whole history to be read up to an event.
struct World<'a> {
    fitted: &'a UpsellFit,
    histories: LadderHistories,
    customers: Vec<Customer>,
    market: Market,
    plan: Option<PromotionPlan>,
    stores: Vec<Option<u32>>,
    /// Whether every line says what was paid, so that 0 means a gift.
    knows_all_paid: bool,
}

/// An event with what the scorer said of it before.
struct Asked {
    event: Event,
    /// By model, in the order of [`World::models`].
    p: Vec<f64>,
    /// Ranks of what was bought by ranking, in completion and in discovery; none without upgrade.
    ranks: [[Option<u32>; RANKINGS.len()]; 2],
    /// Whether the customer had never bought the item.
    is_new: bool,
    /// Whether it is an upgrade in a ladder that is offered.
    is_offered: bool,
}

/// Names of the rankings of higher items; the first is the scorer's.
const RANKINGS: [&str; 4] = ["default", "next tier up", "cheapest higher item", "most popular higher item"];

impl<'a> World<'a> {
    fn new(dataset: &Dataset, fitted: &'a UpsellFit, first_test: i32, last: i32) -> Result<Self> {
        let (ledger, model) = (&dataset.ledger, &fitted.model);
        let customers = customer_histories(ledger)
            .into_iter()
            .zip(&fitted.traits)
            .zip(&fitted.segmentation.of_customer)
            .map(|((history, traits), &segment)| Customer { history, segment, traits: traits.clone() })
            .collect();
        // As many periods before the first question as a scorer has; older sales are one sum.
        let from = first_test.saturating_sub(KEPT_PERIODS);
        let sales = (0..ledger.n_baskets()).flat_map(|basket| {
            let period = model.periods.of(ledger.basket_times()[basket]);
            let items = ledger.baskets().get(basket).iter();
            items.filter_map(move |&item| Some((model.ladders.row_of(item)?, period)))
        });
        let market = Market::count(&model.ladders, from, (last - from) as usize + 1, sales);
        let promotions = Some(&dataset.promotions).filter(|promotions| !promotions.is_empty());
        let plan = promotions
            .map(|promotions| -> Result<PromotionPlan> {
                let kinds = model.settings.promotion_kinds.iter().map(String::as_str).collect();
                let kinds = PromotionKinds::from_names(kinds)?;
                Ok(plan(promotions, kinds, &model.ladders, model.periods, first_test..=last)?)
            })
            .transpose()?;
        Ok(Self {
            fitted,
            knows_all_paid: (0..ledger.n_baskets()).all(|basket| ledger.lines(basket).all(|line| line.paid.is_some())),
            histories: LadderHistories::read(ledger, &model.ladders, model.periods),
            customers,
            market,
            plan,
            stores: promotions.map(|promotions| plan_stores(ledger.stores(), promotions)).unwrap_or_default(),
        })
    }

    /// The models that can be asked.
    fn models(&self) -> impl Iterator<Item = PropensityModel> + '_ {
        [PropensityModel::Rates, PropensityModel::Logistic, PropensityModel::Trees, PropensityModel::Default]
            .into_iter()
            .filter(|&using| self.fitted.model.has(using))
    }

    /// Asks the scorer about every event whose answer is about the next purchase, in parallel and in
    /// order.
    fn ask(&self, events: &[Event], progress: &dyn Progress) -> Result<Vec<Asked>> {
        let mut asked = Vec::with_capacity(events.len());
        for block in events.chunks(4_096) {
            if progress.is_cancelled() {
                return Err(sidecart_train::Error::from(sidecart_core::Cancelled).into());
            }
            let answers = block
                .par_iter()
                .map_init(UpsellScratch::default, |scratch, event| self.ask_one(event, scratch))
                .collect::<Result<Vec<Option<Asked>>>>()?;
            asked.extend(answers.into_iter().flatten());
            progress.advance(block.len() as u64);
        }
        Ok(asked)
    }

    fn ask_one(&self, event: &Event, scratch: &mut UpsellScratch) -> Result<Option<Asked>> {
        let model = &self.fitted.model;
        let group = &self.histories.groups[event.group as usize];
        let at = group.records.start + event.record as usize;
        let (bought, detail) = (self.histories.records[at].row, &self.histories.details[at]);
        let basket = [model.ladders.row(event.anchor).item];
        let query = UpsellQuery {
            basket: &basket,
            customer: Some(&self.customers[group.customer.index()]),
            time: model.periods.start(event.period),
            store: self.stores.get(detail.store as usize).copied().flatten(),
            k: OFFERS,
            market: Some(&self.market),
            promotions: self.plan.as_ref(),
            ..UpsellQuery::default()
        };
        let mut p = Vec::new();
        for using in self.models() {
            let answer = model.recommend(&UpsellQuery { using, ..query }, scratch)?;
            let Some(upgrade) = answer.upgrade.filter(|upgrade| upgrade.label == Label::Repeat) else {
                return Ok(None);
            };
            p.push(upgrade.propensity);
        }
        let past = LadderPast::new(Vec::new(), self.histories.lines_before(group, event.period).to_vec());
        let is_new = past.own(bought).0 == 0;
        let mut asked = Asked { event: *event, p, ranks: Default::default(), is_new, is_offered: false };
        // A flagged ladder has a propensity, but nothing of it is ever offered.
        asked.is_offered = event.upgraded && model.ladders.ladder(group.ladder).used;
        if asked.is_offered {
            let item = model.ladders.row(bought).item;
            for (mode, ranks) in [Mode::Completion, Mode::Discovery].into_iter().zip(&mut asked.ranks) {
                let answer = model.recommend(&UpsellQuery { mode, ..query }, scratch)?;
                let rank = answer.offers.iter().position(|offer| offer.item == item).map(|at| at as u32 + 1);
                let [next_tier, cheapest, popular] = self.simple_ranks(event, bought, mode, &past);
                *ranks = [rank, next_tier, cheapest, popular];
            }
        }
        Ok(Some(asked))
    }

    /// Ranks of what was bought by the simple rules, over the candidates that the scorer has.
    fn simple_ranks(&self, event: &Event, bought: u32, mode: Mode, past: &LadderPast) -> [Option<u32>; 3] {
        let model = &self.fitted.model;
        let ladders = &model.ladders;
        let period = event.period;
        let situation = TargetSituation {
            ladders,
            market: &self.market,
            past,
            anchor: event.anchor,
            period,
            market_period: period,
        };
        let mut candidates = Vec::new();
        situation.candidates(model.settings.min_price_ratio, &mut candidates);
        candidates.retain(|&row| mode == Mode::Completion || past.own(row).0 == 0);
        if !candidates.contains(&bought) {
            return [None; 3];
        }
        let unpopular = |row: u32| std::cmp::Reverse(self.market.sold(row, period - POPULAR_PERIODS, period - 1));
        let item = |row: u32| ladders.row(row).item;
        let next_tier = |row: u32| (ladders.tier_of(row), unpopular(row), item(row));
        let cheapest = |row: u32| (ladders.row(row).price, item(row));
        let popular = |row: u32| (unpopular(row), item(row));
        [rank(&candidates, bought, next_tier), rank(&candidates, bought, cheapest), rank(&candidates, bought, popular)]
    }
}

/// Rank of a row by a key, the smallest first; `None` beyond the number of offers.
fn rank<K: Ord>(rows: &[u32], of: u32, key: impl Fn(u32) -> K) -> Option<u32> {
    let own = key(of);
    let n_before = rows.iter().filter(|&&row| key(row) < own).count();
    (n_before < OFFERS).then_some(n_before as u32 + 1)
}

/// List price gain of the step from one row to another; 0 where a price is unknown.
fn price_gain(ladders: &LadderTable, from: u32, to: u32) -> f64 {
    let (from, to) = (ladders.row(from).price, ladders.row(to).price);
    if from > Money(0) && to > from { Money(to.0 - from.0).to_f64() } else { 0.0 }
}

/// Mean list price gain of the training upgrades from every tier, as sum and number.
struct ExpectedGains<'a> {
    ladders: &'a LadderTable,
    tiers: Vec<(f64, f64)>,
}

impl<'a> ExpectedGains<'a> {
    fn new(ladders: &'a LadderTable, histories: &LadderHistories, training: &[Event]) -> Self {
        let mut tiers = vec![(0.0, 0.0); ladders.n_tiers()];
        for event in training.iter().filter(|event| event.upgraded && event.regime == Regime::Established) {
            let bought = histories.records_of(&histories.groups[event.group as usize])[event.record as usize].row;
            let (sum, n) = &mut tiers[ladders.tier_of(event.anchor) as usize];
            *sum += price_gain(ladders, event.anchor, bought);
            *n += 1.0;
        }
        Self { ladders, tiers }
    }

    fn of(&self, anchor: u32) -> f64 {
        let (sum, n) = self.tiers[self.ladders.tier_of(anchor) as usize];
        let price = self.ladders.row(anchor).price.to_f64();
        (sum + GAIN_STRENGTH * USUAL_GAIN * price) / (n + GAIN_STRENGTH)
    }
}

/// Customers by fifths of a trait among those that training knew; `None` where all are alike.
fn fifths(fitted: &UpsellFit, known: &[bool], name: &str, high_is_sensitive: bool) -> Option<Vec<Option<u8>>> {
    let column = TRAITS.iter().position(|&known| known == name)?;
    let value = |customer: usize| {
        let value = fitted.traits[customer].get(column).copied()?;
        known[customer].then_some(if high_is_sensitive { value } else { -value })
    };
    let values: Vec<Option<f32>> = (0..fitted.traits.len()).map(value).collect();
    let mut sorted: Vec<f32> = values.iter().flatten().copied().collect();
    sorted.sort_unstable_by(f32::total_cmp);
    if sorted.first() == sorted.last() {
        return None;
    }
    // Equal values stay together, in the lowest fifth that they reach.
    let bounds = [1, 2, 3, 4].map(|fifth| sorted[(sorted.len() * fifth / 5).saturating_sub(1)]);
    let fifth = |value: f32| bounds.iter().filter(|&&bound| value > bound).count() as u8;
    Some(values.into_iter().map(|value| value.map(fifth)).collect())
}

/// Events that were asked about, as the report wants them.
struct Measured {
    asked: Vec<Asked>,
    cases: UpgradeCases,
    predictions: Vec<Predictions>,
}

impl Measured {
    fn new(world: &World<'_>, gains: &ExpectedGains<'_>, asked: Vec<Asked>, known: &[bool]) -> Self {
        let (histories, model) = (&world.histories, &world.fitted.model);
        let mut cases = UpgradeCases::default();
        for Asked { event, .. } in &asked {
            let group = &histories.groups[event.group as usize];
            let at = group.records.start + event.record as usize;
            let (record, detail) = (&histories.records[at], &histories.details[at]);
            cases.customers.push(group.customer.0);
            cases.segments.push(world.fitted.segmentation.of(group.customer));
            cases.periods.push(i64::from(event.period));
            cases.upgraded.push(event.upgraded);
            let gain = if event.upgraded { price_gain(&model.ladders, event.anchor, record.row) } else { 0.0 };
            cases.gains.push(gain);
            cases.net_gains.push(net_gain(histories, event, world.knows_all_paid));
            cases.full_price.push(event.upgraded && !detail.discounted);
            cases.expected_gains.push(gains.of(event.anchor));
            cases.labels.push(Label::Repeat);
            cases.n_prior.push(event.record);
        }
        for (name, high_is_sensitive) in SENSITIVITIES {
            if let Some(fifths) = fifths(world.fitted, known, name, high_is_sensitive) {
                let fifths = cases.customers.iter().map(|&customer| fifths[customer as usize]).collect();
                let name = if high_is_sensitive { name.to_owned() } else { format!("low {name}") };
                cases.sensitivities.push(Sensitivity { name, fifths });
            }
        }
        let rates = &model.rates;
        let simple = |name: &str, p: &dyn Fn(&Event, Option<u16>) -> f32| Predictions {
            name: name.to_owned(),
            p: asked.iter().zip(&cases.segments).map(|(a, &segment)| f64::from(p(&a.event, segment))).collect(),
            is_baseline: true,
        };
        let mut predictions = vec![simple("global rate", &|event, _| rates.global(event.kind()).rate)];
        if !model.settings.segments.is_empty() {
            predictions.push(simple("segment rate", &|event, segment| {
                let cell = segment.and_then(|segment| rates.segment(segment, event.kind()));
                cell.unwrap_or_else(|| rates.global(event.kind())).rate
            }));
        }
        predictions.push(simple("ladder and tier rate", &|event, _| {
            rates.tier(event.kind(), model.ladders.tier_of(event.anchor)).rate
        }));
        predictions.extend(world.models().enumerate().map(|(at, using)| Predictions {
            name: using.name().to_owned(),
            p: asked.iter().map(|asked| asked.p[at]).collect(),
            is_baseline: false,
        }));
        Self { asked, cases, predictions }
    }

    /// The upgrades that could be offered with the ranks of what was bought; in discovery those to items never bought.
    fn targets(&self, mode: Mode) -> TargetCases {
        let counts = |at: &usize| {
            let asked = &self.asked[*at];
            asked.is_offered && (mode == Mode::Completion || asked.is_new)
        };
        let rows: Vec<usize> = (0..self.asked.len()).filter(counts).collect();
        let ranking = |(at, name): (usize, &&str)| Rankings {
            name: (*name).to_owned(),
            ranks: rows.iter().map(|&row| self.asked[row].ranks_in(mode)[at]).collect(),
            is_baseline: at > 0,
        };
        TargetCases {
            customers: rows.iter().map(|&row| self.cases.customers[row]).collect(),
            is_new: rows.iter().map(|&row| self.asked[row].is_new).collect(),
            gains: rows.iter().map(|&row| self.cases.gains[row]).collect(),
            rankings: RANKINGS.iter().enumerate().map(ranking).collect(),
        }
    }

    fn report(
        &self,
        model: &UpsellModel,
        using: PropensityModel,
        targets: Option<[&TargetCases; 2]>,
        params: &ReportParams,
    ) -> Result<UpsellReport> {
        let reference =
            if model.has(PropensityModel::Logistic) { PropensityModel::Logistic } else { PropensityModel::Rates };
        let inputs = ReportInputs {
            cases: &self.cases,
            segments: &model.settings.segments,
            predictions: &self.predictions,
            default_model: using.name(),
            reference: reference.name(),
            targets: targets.map(|[completion, _]| completion),
            discovery: targets.map(|[_, discovery]| discovery),
        };
        Ok(UpsellReport::build(&inputs, params)?)
    }

    /// The group of customers with little past; `None` where there are too few to measure.
    fn few_purchases(
        &self,
        model: &UpsellModel,
        using: PropensityModel,
        params: &ReportParams,
    ) -> Result<Option<GroupRow>> {
        let enough = self.cases.upgraded.iter().filter(|&&upgraded| upgraded).count() >= MIN_UPGRADES
            && self.cases.customers.iter().collect::<BTreeSet<_>>().len() >= MIN_CUSTOMERS
            && self.cases.upgraded.contains(&false)
            && self.cases.gains.iter().sum::<f64>() > 0.0;
        if !enough {
            return Ok(None);
        }
        let report = self.report(model, using, None, params)?;
        let row = report.histories.into_iter().next();
        Ok(row.map(|row| GroupRow { name: FEW_PURCHASES.into(), ..row }))
    }
}

impl Asked {
    fn ranks_in(&self, mode: Mode) -> &[Option<u32>; RANKINGS.len()] {
        match mode {
            Mode::Completion => &self.ranks[0],
            Mode::Discovery => &self.ranks[1],
        }
    }
}

/// What the step brought in prices paid for a piece: against the customer's earlier purchases of
/// the usual item. `None` where a price is unknown, 0 without an upgrade.
fn net_gain(histories: &LadderHistories, event: &Event, knows_all_paid: bool) -> Option<f64> {
    if !event.upgraded {
        return Some(0.0);
    }
    let start = histories.groups[event.group as usize].records.start;
    let at = start + event.record as usize;
    let paid = |at: usize| Some(f64::from(histories.details[at].paid)).filter(|&paid| knows_all_paid || paid > 0.0);
    let usual = (start..at).filter(|&at| histories.records[at].row == event.anchor);
    let (sum, n) = usual.filter_map(paid).fold((0.0, 0.0), |(sum, n), paid| (sum + paid, n + 1.0));
    (n > 0.0).then_some(())?;
    Some(paid(at)? - sum / n)
}
