//! Upgrade propensity and target items.
//!
//! [`fit`] goes from a ledger to an [`UpsellModel`]: ladders, every customer's past in them, events
//! and their features as of the moment they happened, shrunk rates, learned models compared on the
//! newest periods, target items. The features are those of the scorer's own code.

mod cases;
mod day;
mod events;
mod histories;
mod params;
mod plan;
mod propensity;
mod rates;
mod table;
mod targets;
#[cfg(test)]
mod tests;
mod traits;

use serde::Serialize;
use sidecart_core::{Cancelled, CustomerId, ItemId, Progress, Time};
use sidecart_data::{CustomerTable, Ledger, Promotions};
use sidecart_serve::upsell::{
    Label, LadderTable, Market, N_RATES, NONE, Periods, PromotionKinds, PromotionPlan, RateKind, Regime, UpsellModel,
    UpsellSettings, own_rate,
};

pub use cases::{Cases, Knowledge, Residual};
pub use day::day_starts_at;
pub use events::{Event, EventRules, LabelRules, Trial, first_purchases, labels, repeat_events, replacements};
pub use histories::{Group, LadderHistories, RecordDetail};
pub use params::UpsellParams;
pub use plan::{PLANNED_PERIODS, plan, plan_stores};
pub use propensity::PropensityTuning;
pub use rates::{ChainStrengths, Observation, learn as learn_rates};
pub use table::ladder_table;
pub use targets::{TargetCase, TargetTuning, count_switches, target_cases};
pub use traits::{Snapshot, snapshots};

use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::ladders::{self, Ladders};
use crate::segments::{CategoryMeans, SegmentInputs, SegmentSpec, Segmentation};

/// What upgrades are learned from beside ledger and catalogue.
#[derive(Clone, Copy, Default)]
pub struct UpsellInputs<'a> {
    /// The plan of promotions, past and to come.
    pub promotions: Option<&'a Promotions>,
    /// The customer table.
    pub customers: Option<&'a CustomerTable>,
    /// Which customers belong together.
    pub segments: Option<&'a SegmentSpec>,
}

/// What was learned about upgrades.
pub struct UpsellFit {
    /// For the scorer.
    pub model: UpsellModel,
    /// Traits of every customer at the end of the ledger, by [`CustomerId`].
    pub traits: Vec<Vec<f32>>,
    /// Segment of every customer.
    pub segmentation: Segmentation,
    /// Ladders with everything that was found out about them.
    pub ladders: Ladders,
    /// Counts and comparisons, for people and the manifest.
    pub summary: UpsellSummary,
}

/// Counts and comparisons of one training.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct UpsellSummary {
    /// Ladders by what becomes of them: label, or `not_used` for those bought side by side.
    pub ladders: Vec<(String, u32)>,
    /// Events of established customers and upgrades among them.
    pub events: (u32, u32),
    /// The same of customers with few records or no usual tier.
    pub sparse_events: (u32, u32),
    /// Customers behind the events.
    pub customers: u32,
    /// Strength of every link of the chain, by kind of rate.
    pub chain: Vec<ChainStrengths>,
    /// How models of the propensity did on the newest periods.
    pub propensity: PropensityTuning,
    /// How models of the target item did.
    pub targets: TargetTuning,
}

/// Cells of the market in training: rows x periods. Of a longer history the newest periods count.
const MAX_MARKET_CELLS: usize = 200_000_000;
/// Periods of sales that a scorer keeps.
const KEPT_PERIODS: usize = 16;

/// Learns ladders, rates and models of upgrades; `None` where no item stands on a ladder.
///
/// A pure function of its arguments. O(lines log lines) and about a kilobyte for every event.
///
/// # Errors
/// [`Error::Parameter`], [`Error::Segments`] for segments that cannot be made, [`Error::Cancelled`].
pub fn fit(
    ledger: &Ledger,
    catalogue: &Catalogue,
    inputs: &UpsellInputs<'_>,
    params: &UpsellParams,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Option<UpsellFit>> {
    params.check().map_err(|source| Error::Parameter { section: "upsell", source })?;
    let cancelled = || if progress.is_cancelled() { Err(Error::from(Cancelled)) } else { Ok(()) };
    let day_starts_at = day_starts_at(ledger);
    let periods = Periods::new(ledger.clock(), params.period_days, day_starts_at);
    let (Some(first), Some(last)) = (ledger.first_time(), ledger.last_time()) else { return Ok(None) };
    let (first, last) = (periods.of(first), periods.of(last));

    progress.begin("finding ladders", 1, "steps");
    let ladders = ladders::find(ledger, catalogue, &params.ladders)?;
    progress.end();
    cancelled()?;
    if ladders.ladders.is_empty() {
        return Ok(None);
    }
    let mut table = ladder_table(&ladders, catalogue)?;
    let histories = LadderHistories::read(ledger, &table, periods);
    let found = labels(&histories, table.n_ladders(), params.min_records as usize, &params.label_rules());
    table.set_labels(&found);
    let market = market(ledger, &table, periods, first..=last);
    let means = CategoryMeans::new(ledger, catalogue, &ladders);
    let segmentation = segmentation(ledger, catalogue, inputs, &ladders, periods, last + 1, seed)?;
    cancelled()?;

    progress.begin("events and features", 1, "steps");
    let promotions = inputs.promotions.filter(|p| !p.is_empty());
    let kinds =
        promotions.map(|p| PromotionKinds::by_rows(p.kinds(), p.iter().map(|row| row.kind))).unwrap_or_default();
    let stores = promotions.map(|p| plan_stores(ledger.stores(), p)).unwrap_or_default();
    let past_plan = promotions.map(|p| plan(p, kinds.clone(), &table, periods, first..=last)).transpose()?;
    let knowledge = Knowledge {
        ladders: &table,
        means: &means,
        periods,
        plan: past_plan.as_ref().map(|plan| (plan, &stores[..])),
        segmentation: &segmentation,
        rules: params.event_rules(),
        behaviour_periods: params.behaviour_periods,
    };
    let warm = first.saturating_add(i32::try_from(params.warm_up_periods).unwrap_or(i32::MAX));
    let (market_first, ..) = market.parts();
    let mut events = repeat_events(&histories, &table, &knowledge.rules, warm.max(market_first)..last + 1);
    let n_over = events.len().saturating_sub(params.max_events as usize);
    events.drain(..n_over);
    let (cases, residuals) = Cases::new(ledger, &histories, events, &market, &knowledge);
    progress.end();
    cancelled()?;

    progress.begin("learning upgrades", 1, "steps");
    let customers: Vec<u32> = cases.events.iter().map(|e| histories.groups[e.group as usize].customer.0).collect();
    let validation_from = last + 1 - i32::try_from(params.validation_periods).unwrap_or(i32::MAX);
    let n_inner = cases.events.partition_point(|event| event.period < validation_from);
    let n_segments = segmentation.names.len();
    let observe = |i: usize| {
        let event = &cases.events[i];
        Observation {
            kind: event.kind(),
            tier: table.tier_of(event.anchor),
            customer: customers[i],
            segment: cases.segments[i],
            upgraded: event.upgraded,
        }
    };
    let (inner_rates, _) = learn_rates(&(0..n_inner).map(observe).collect::<Vec<_>>(), &table, n_segments);
    let rate_of = |i: usize| {
        let event = &cases.events[i];
        inner_rates.rate(event.kind(), cases.segments[i], table.tier_of(event.anchor))
    };
    let past_of = |i: usize| {
        let event = &cases.events[i];
        let records = &histories.records_of(&histories.groups[event.group as usize])[..event.record as usize];
        let tier = table.tier_of(event.anchor);
        (records.iter().filter(|r| table.tier_of(r.row) > tier).count(), records.len())
    };
    let validation: Vec<usize> = (n_inner..cases.events.len()).collect();
    let own_strength = propensity::tune_own_strength(&cases, &validation, rate_of, past_of);
    let chain = |i: usize| {
        let (n_above, n) = past_of(i);
        own_rate(rate_of(i), n_above, n, own_strength)
    };
    let mut tuning = PropensityTuning { validation_from, own_strength, ..PropensityTuning::default() };
    for &i in validation.iter().filter(|&&i| cases.events[i].regime == Regime::Established) {
        tuning.events += 1;
        tuning.upgrades += u32::from(cases.events[i].upgraded);
    }
    let inputs_of_fit =
        propensity::PropensityInputs { cases: &cases, customers: &customers, n_inner, chain: &chain, n_segments };
    let fitted = propensity::fit(&inputs_of_fit, params, seed, &mut tuning)?;
    cancelled()?;

    let mut observations: Vec<Observation> = (0..cases.events.len()).map(observe).collect();
    observations.extend(other_observations(&histories, &table, &segmentation));
    let (rates, strengths) = learn_rates(&observations, &table, n_segments);
    let of_targets = target_cases(&cases, &histories, &market, &knowledge);
    let mut target_tuning = TargetTuning::default();
    let targets = targets::fit(&of_targets, &cases, &table, n_inner, params, &mut target_tuning);
    let switches = count_switches(&histories, &table);
    progress.end();

    let traits = traits_at_end(ledger, &knowledge, &residuals, last + 1);
    let future = future_plan(promotions, &kinds, &table, periods, last)?;
    let summary = summary(&table, &cases, &customers, strengths, tuning, target_tuning);
    let settings = UpsellSettings {
        period_days: params.period_days,
        day_starts_at,
        min_records: params.min_records,
        window: params.window,
        min_share: params.min_share,
        min_price_ratio: params.min_price_ratio,
        own_strength,
        gain_exponent: params.gain_exponent,
        propensity: fitted.chosen[0],
        propensity_with_promotions: fitted.chosen[1],
        promotion_kinds: kinds.names().iter().map(str::to_owned).collect(),
        segments: segmentation.names.clone(),
    };
    let model = UpsellModel {
        settings,
        periods,
        market: market.newest(&table, KEPT_PERIODS),
        rates,
        logistic: fitted.logistic,
        trees: fitted.trees,
        targets,
        switches,
        stores: future.as_ref().and(promotions).map(|p| p.stores().clone()).unwrap_or_default(),
        promotions: future,
        ladders: table,
    };
    Ok(Some(UpsellFit { model, traits, segmentation, ladders, summary }))
}

/// What every ladder item sold in every period, anonymous baskets included.
fn market(ledger: &Ledger, table: &LadderTable, periods: Periods, span: std::ops::RangeInclusive<i32>) -> Market {
    let wanted = (span.end() - span.start()) as usize + 1;
    let n_periods = wanted.min((MAX_MARKET_CELLS / table.n_rows().max(1)).max(KEPT_PERIODS));
    let first = span.end() - n_periods as i32 + 1;
    let sales = (0..ledger.n_baskets()).flat_map(|basket| {
        let period = periods.of(ledger.basket_times()[basket]);
        ledger.baskets().get(basket).iter().filter_map(move |&item: &ItemId| Some((table.row_of(item)?, period)))
    });
    Market::count(table, first, n_periods, sales)
}

fn segmentation(
    ledger: &Ledger,
    catalogue: &Catalogue,
    inputs: &UpsellInputs<'_>,
    ladders: &Ladders,
    periods: Periods,
    as_of: i32,
    seed: u64,
) -> Result<Segmentation> {
    let none = || Segmentation { names: Vec::new(), of_customer: vec![None; ledger.customers().len()], learned: None };
    Ok(match (inputs.segments, inputs.customers) {
        (Some(SegmentSpec::Columns(columns)), Some(table)) => Segmentation::from_columns(ledger, table, columns)?,
        (Some(SegmentSpec::Learned(params)), _) => {
            let inputs = SegmentInputs { ledger, catalogue, ladders, periods: &periods };
            Segmentation::learn(&inputs, as_of, params, seed)?
        }
        _ => none(),
    })
}

/// Replacements and first purchases in the ladders whose label they are.
fn other_observations(
    histories: &LadderHistories,
    table: &LadderTable,
    segmentation: &Segmentation,
) -> Vec<Observation> {
    let observe = |kind: RateKind, wanted: Label| {
        move |trial: Trial| {
            let group = &histories.groups[trial.group as usize];
            (table.ladder(group.ladder).label == wanted).then(|| Observation {
                kind,
                tier: trial.tier,
                customer: group.customer.0,
                segment: segmentation.of(group.customer),
                upgraded: trial.upgraded,
            })
        }
    };
    let replaced = replacements(histories, table).filter_map(observe(RateKind::Replacement, Label::Replacement));
    let bought = first_purchases(histories, table).filter_map(observe(RateKind::TierShare, Label::TierShare));
    replaced.chain(bought).collect()
}

/// Traits of every customer at the end of the ledger.
fn traits_at_end(ledger: &Ledger, knowledge: &Knowledge<'_>, residuals: &[Residual], end: i32) -> Vec<Vec<f32>> {
    let wanted = vec![vec![end]; ledger.customers().len()];
    let known = snapshots(ledger, knowledge.means, knowledge.segmentation, &knowledge.periods, &wanted);
    let traits = |(customer, snapshots): (usize, Vec<Snapshot>)| {
        let mut traits: Vec<f32> = snapshots.first().map_or_else(Vec::new, |s| s.behaviour.to_vec());
        traits.extend(residuals[CustomerId(customer as u32).index()].traits());
        traits
    };
    known.into_iter().enumerate().map(traits).collect()
}

/// The plan beyond the end of training, where there is one.
fn future_plan(
    promotions: Option<&Promotions>,
    kinds: &PromotionKinds,
    table: &LadderTable,
    periods: Periods,
    last: i32,
) -> Result<Option<PromotionPlan>> {
    let begins = periods.start(last + 1);
    let Some(promotions) = promotions.filter(|p| p.windows().iter().any(|&(_, ends): &(Time, Time)| ends > begins))
    else {
        return Ok(None);
    };
    let planned = last + 1..=last.saturating_add(PLANNED_PERIODS);
    let plan = plan(promotions, kinds.clone(), table, periods, planned)?;
    Ok((!plan.arrays().groups.is_empty()).then_some(plan))
}

fn summary(
    table: &LadderTable,
    cases: &Cases,
    customers: &[u32],
    strengths: [ChainStrengths; N_RATES],
    propensity: PropensityTuning,
    targets: TargetTuning,
) -> UpsellSummary {
    let of = |label: Label| table.ladders().iter().filter(|l| l.used && l.label == label).count() as u32;
    let mut ladders: Vec<(String, u32)> = Label::ALL.iter().map(|&label| (label.to_string(), of(label))).collect();
    ladders.push(("not_used".into(), table.ladders().iter().filter(|l| !l.used).count() as u32));
    let count = |regime: Regime| {
        let of = || cases.events.iter().filter(move |e| e.regime == regime);
        (of().count() as u32, of().filter(|e| e.upgraded).count() as u32)
    };
    let mut distinct = customers.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    UpsellSummary {
        ladders,
        events: count(Regime::Established),
        sparse_events: count(Regime::Sparse),
        customers: distinct.len() as u32,
        chain: strengths.to_vec(),
        propensity,
        targets,
    }
}

/// No row, no ladder.
const _: () = assert!(NONE == ladders::NONE);
