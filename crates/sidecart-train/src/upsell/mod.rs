//! Upgrade propensity and target items.
//!
//! [`fit`] goes from a ledger to an [`UpsellModel`]: ladders, every customer's past in them, events
//! and their features as of the moment they happened, shrunk rates, learned models compared on the
//! newest periods, target items. The features are those of the scorer's own code.

mod cards;
mod cases;
mod chain;
mod day;
mod events;
mod foundation;
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
use sidecart_core::{Cancelled, Progress};
use sidecart_data::{CustomerTable, Ledger, Promotions};
use sidecart_serve::upsell::{Label, LadderTable, N_RATES, PromotionKinds, Regime, UpsellModel, UpsellSettings};

pub use cards::{UpgradeCard, UpgradeCards, segment_cards};
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

use self::chain::{Counted, InnerChain};
use self::foundation::Foundation;
use self::propensity::PropensityInputs;
use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::ladders::Ladders;
use crate::segments::{SegmentSpec, Segmentation};

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
    /// Traits of every customer at the end of the ledger, by [`CustomerId`](sidecart_core::CustomerId).
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
    let Some(foundation) = Foundation::lay(ledger, catalogue, inputs, params, seed, progress)? else { return Ok(None) };
    let Foundation { periods, first, last, table, histories, market, segmentation, .. } = &foundation;
    let (periods, first, last) = (*periods, *first, *last);

    progress.begin("events and features", 1, "steps");
    let promotions = inputs.promotions.filter(|p| !p.is_empty());
    let kinds =
        promotions.map(|p| PromotionKinds::by_rows(p.kinds(), p.iter().map(|row| row.kind))).unwrap_or_default();
    let stores = promotions.map(|p| plan_stores(ledger.stores(), p)).unwrap_or_default();
    let past_plan = promotions.map(|p| plan(p, kinds.clone(), table, periods, first..=last)).transpose()?;
    let knowledge = Knowledge {
        ladders: table,
        means: &foundation.means,
        periods,
        plan: past_plan.as_ref().map(|plan| (plan, &stores[..])),
        segmentation,
        rules: params.event_rules(),
        behaviour_periods: params.behaviour_periods,
    };
    let warm = first.saturating_add(i32::try_from(params.warm_up_periods).unwrap_or(i32::MAX));
    let (market_first, ..) = market.parts();
    let mut events = repeat_events(histories, table, &knowledge.rules, warm.max(market_first)..last + 1);
    let n_over = events.len().saturating_sub(params.max_events as usize);
    events.drain(..n_over);
    let (cases, residuals) = Cases::new(ledger, histories, events, market, &knowledge);
    progress.end();
    cancelled()?;

    progress.begin("learning upgrades", 1, "steps");
    let customers: Vec<u32> = cases.events.iter().map(|e| histories.groups[e.group as usize].customer.0).collect();
    let validation_from = last + 1 - i32::try_from(params.validation_periods).unwrap_or(i32::MAX);
    let counted = Counted { cases: &cases, histories, table, segmentation };
    let chain = InnerChain::learn(counted, validation_from);
    let propensity = PropensityInputs {
        cases: &cases,
        customers: &customers,
        n_inner: cases.events.partition_point(|event| event.period < validation_from),
        chain: &chain,
        n_segments: segmentation.names.len(),
    };
    let mut tuning = propensity.tuning(validation_from);
    let fitted = propensity::fit(&propensity, params, seed, &mut tuning)?;
    cancelled()?;
    let (rates, strengths) = counted.chain(i32::MAX);
    let of_targets = target_cases(&cases, histories, market, &knowledge);
    let (targets, target_tuning) = targets::fit(&of_targets, &cases, table, propensity.n_inner, params);
    let switches = count_switches(histories, table);
    progress.end();

    let traits = traits::traits_at_end(ledger, &knowledge, &residuals, last + 1);
    let future = plan::future_plan(promotions, &kinds, table, periods, last)?;
    let summary = summary(table, &cases, customers.clone(), strengths, tuning, target_tuning);
    let settings = UpsellSettings {
        period_days: params.period_days,
        day_starts_at: foundation.day_starts_at,
        min_records: params.min_records,
        window: params.window,
        min_share: params.min_share,
        min_price_ratio: params.min_price_ratio,
        own_strength: chain.own_strength,
        gain_exponent: params.gain_exponent,
        propensity: fitted.chosen[0],
        propensity_with_promotions: fitted.chosen[1],
        replacements_learned: fitted.replacements_learned,
        promotion_kinds: kinds.names().iter().map(str::to_owned).collect(),
        segments: segmentation.names.clone(),
    };
    let market = market.newest(table, KEPT_PERIODS);
    let Foundation { table, segmentation, ladders, .. } = foundation;
    let model = UpsellModel {
        settings,
        periods,
        market,
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

fn summary(
    table: &LadderTable,
    cases: &Cases,
    mut customers: Vec<u32>,
    strengths: [ChainStrengths; N_RATES],
    propensity: PropensityTuning,
    targets: TargetTuning,
) -> UpsellSummary {
    let of = |label: Label| table.ladders().iter().filter(|l| l.used && l.label == label).count() as u32;
    let mut ladders: Vec<(String, u32)> = Label::ALL.iter().map(|&label| (label.to_string(), of(label))).collect();
    ladders.push(("not_used".into(), table.ladders().iter().filter(|l| !l.used).count() as u32));
    let count = |established: bool| {
        let of = || cases.events.iter().filter(move |e| (e.regime == Regime::Established) == established);
        (of().count() as u32, of().filter(|e| e.upgraded).count() as u32)
    };
    customers.sort_unstable();
    customers.dedup();
    UpsellSummary {
        ladders,
        events: count(true),
        sparse_events: count(false),
        customers: customers.len() as u32,
        chain: strengths.to_vec(),
        propensity,
        targets,
    }
}
