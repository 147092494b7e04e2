use std::collections::BTreeMap;

use rayon::prelude::*;
use sidecart_core::ln;
use sidecart_data::Ledger;
use sidecart_serve::upsell::{
    LadderTable, Market, N_FEATURES, N_RATES, N_TRAITS, Periods, PromotionPlan, RateKind, Situation, TIER_RATE_STRENGTH,
};

use super::events::{Event, EventRules};
use super::histories::LadderHistories;
use super::traits::snapshots;
use crate::segments::{CategoryMeans, Segmentation};

/// What is known of the catalogue and the plan when cases are made. It is knowledge of items, not
/// of what customers did after an event.
#[derive(Clone, Copy)]
pub struct Knowledge<'a> {
    /// Ladders, tiers and usual prices.
    pub ladders: &'a LadderTable,
    /// Averages of the categories, against which behaviour is measured.
    pub means: &'a CategoryMeans,
    /// How time is cut.
    pub periods: Periods,
    /// What is on promotion where, with the plan's number of every store of the ledger.
    pub plan: Option<(&'a PromotionPlan, &'a [Option<u32>])>,
    /// Which customers belong together.
    pub segmentation: &'a Segmentation,
    /// What makes an event.
    pub rules: EventRules,
    /// Periods after which behaviour is summed up anew.
    pub behaviour_periods: u32,
}

/// Events with their features, ordered by period, customer and ladder.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Cases {
    /// The events.
    pub events: Vec<Event>,
    /// Features, [`N_FEATURES`] for each event.
    pub features: Vec<f32>,
    /// Segment of the customer before the event.
    pub segments: Vec<Option<u16>>,
    /// Whether a plan of promotions covers the event's store and period.
    pub planned: Vec<bool>,
}

/// How much more often a customer upgraded than ladder and tier explain, and the logarithm of the
/// number of events.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Residual {
    sum: f64,
    n: u32,
}

/// Events that pull a customer's residual to zero.
const RESIDUAL_STRENGTH: f64 = 20.0;

impl Residual {
    fn add(&mut self, upgraded: bool, rate: f64) {
        self.sum += f64::from(u8::from(upgraded)) - rate;
        self.n += 1;
    }

    /// The two traits.
    #[must_use]
    pub fn traits(&self) -> [f32; 2] {
        let n = f64::from(self.n);
        [(self.sum / (n + RESIDUAL_STRENGTH)) as f32, ln(1.0 + n) as f32]
    }
}

/// Rates of ladder and tier over the events so far.
#[derive(Clone)]
struct RunningRates {
    globals: [(f64, f64); N_RATES],
    tiers: Vec<(f64, f64)>,
}

impl RunningRates {
    fn new(n_tiers: usize) -> Self {
        // A tenth of ten imaginary events keeps the very first rates in range.
        Self { globals: [(1.0, 10.0); N_RATES], tiers: vec![(0.0, 0.0); n_tiers * N_RATES] }
    }

    fn rate(&self, kind: RateKind, tier: u32) -> f64 {
        let (k, n) = self.tiers[tier as usize * N_RATES + kind as usize];
        let (all_k, all_n) = self.globals[kind as usize];
        (k + TIER_RATE_STRENGTH * all_k / all_n) / (n + TIER_RATE_STRENGTH)
    }

    fn add(&mut self, kind: RateKind, tier: u32, upgraded: bool) {
        let k = f64::from(u8::from(upgraded));
        let cell = &mut self.tiers[tier as usize * N_RATES + kind as usize];
        let global = &mut self.globals[kind as usize];
        (cell.0, cell.1) = (cell.0 + k, cell.1 + 1.0);
        (global.0, global.1) = (global.0 + k, global.1 + 1.0);
    }
}

/// Rates and residuals as they stood at the beginning of every event's period, and the customers'
/// residuals after the last event.
fn as_of_rates(
    events: &[Event],
    histories: &LadderHistories,
    ladders: &LadderTable,
    n_customers: usize,
) -> (Vec<(f64, [f32; 2])>, Vec<Residual>) {
    let mut rates = RunningRates::new(ladders.n_tiers());
    let mut residuals = vec![Residual::default(); n_customers];
    let mut known = Vec::with_capacity(events.len());
    for period in events.chunk_by(|a, b| a.period == b.period) {
        let first = known.len();
        for event in period {
            let customer = histories.groups[event.group as usize].customer;
            let rate = rates.rate(event.kind(), ladders.tier_of(event.anchor));
            known.push((rate, residuals[customer.index()].traits()));
        }
        for (event, &(rate, _)) in period.iter().zip(&known[first..]) {
            let customer = histories.groups[event.group as usize].customer;
            rates.add(event.kind(), ladders.tier_of(event.anchor), event.upgraded);
            residuals[customer.index()].add(event.upgraded, rate);
        }
    }
    (known, residuals)
}

impl Cases {
    /// Works out the features of events, which must be in order of period. Labels, rates, records,
    /// sales and behaviour enter as they stood at the beginning of an event's period. Also gives
    /// the residual of every customer after the last event.
    #[must_use]
    pub fn new(
        ledger: &Ledger,
        histories: &LadderHistories,
        events: Vec<Event>,
        market: &Market,
        knowledge: &Knowledge<'_>,
    ) -> (Self, Vec<Residual>) {
        let Knowledge { ladders, periods, .. } = *knowledge;
        let n_customers = ledger.customers().len();
        let (rates, residuals) = as_of_rates(&events, histories, ladders, n_customers);

        let first = ledger.first_time().map_or(0, |time| periods.of(time));
        let every = knowledge.behaviour_periods.max(1) as i32;
        let snapshot_of = |period: i32| first + (period - first) / every * every;
        let mut wanted: Vec<Vec<i32>> = vec![Vec::new(); n_customers];
        for event in &events {
            let customer = histories.groups[event.group as usize].customer;
            let list = &mut wanted[customer.index()];
            let snapshot = snapshot_of(event.period);
            if list.last() != Some(&snapshot) {
                list.push(snapshot);
            }
        }
        let known = snapshots(ledger, knowledge.means, knowledge.segmentation, &periods, &wanted);

        let mut features = vec![0.0f32; events.len() * N_FEATURES];
        let facts: Vec<(Option<u16>, bool)> = features
            .par_chunks_exact_mut(N_FEATURES)
            .zip(&events)
            .zip(&rates)
            .map(|((out, event), &(tier_rate, residual))| {
                let group = &histories.groups[event.group as usize];
                let records = &histories.records_of(group)[..event.record as usize];
                let of_customer = &known[group.customer.index()];
                let at = of_customer.partition_point(|s| s.period < snapshot_of(event.period));
                let snapshot = &of_customer[at];
                let mut traits = [0.0; N_TRAITS];
                traits[..N_TRAITS - 2].copy_from_slice(&snapshot.behaviour);
                traits[N_TRAITS - 2..].copy_from_slice(&residual);
                let detail = &histories.details[group.records.start + event.record as usize];
                let promoted = knowledge.plan.and_then(|(plan, stores)| {
                    let store = stores.get(detail.store as usize).copied().flatten();
                    let planned = plan.at(store, event.period);
                    planned.is_known().then(|| planned.masks(group.ladder))
                });
                let situation = Situation {
                    ladders,
                    market,
                    records,
                    anchor: event.anchor,
                    period: event.period,
                    market_period: event.period,
                    window: knowledge.rules.window,
                    tier_rate,
                    traits: &traits,
                    promoted,
                };
                let out: &mut [f32; N_FEATURES] = out.try_into().expect("chunks have that length");
                situation.features(out);
                (snapshot.segment, promoted.is_some())
            })
            .collect();
        let (segments, planned) = facts.into_iter().unzip();
        (Self { events, features, segments, planned }, residuals)
    }

    /// Features of an event.
    #[must_use]
    pub fn row(&self, event: usize) -> &[f32; N_FEATURES] {
        let row = &self.features[event * N_FEATURES..][..N_FEATURES];
        row.try_into().expect("rows have that length")
    }

    /// Events by period: how many, and how many upgrades.
    #[must_use]
    pub fn by_period(&self) -> BTreeMap<i32, (u32, u32)> {
        let mut counts: BTreeMap<i32, (u32, u32)> = BTreeMap::new();
        for event in &self.events {
            let count = counts.entry(event.period).or_default();
            count.0 += 1;
            count.1 += u32::from(event.upgraded);
        }
        counts
    }
}
