use sidecart_core::ln;
use sidecart_serve::upsell::{Label, LadderTable, RateKind, RateTable, Regime, own_rate};

use super::cases::Cases;
use super::events::{Trial, first_purchases, replacements};
use super::histories::LadderHistories;
use super::rates::{ChainStrengths, Observation, learn};
use crate::segments::Segmentation;

/// Strengths that are tried for the customer's own link of the chain.
const OWN_STRENGTHS: [f64; 8] = [1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0];

/// Log loss of one event.
pub(super) fn log_loss(p: f64, upgraded: bool) -> f64 {
    let p = p.clamp(1e-6, 1.0 - 1e-6);
    -ln(if upgraded { p } else { 1.0 - p })
}

/// Everything that rates are counted from.
#[derive(Clone, Copy)]
pub(super) struct Counted<'a> {
    /// The events, by period.
    pub cases: &'a Cases,
    /// Every customer's past.
    pub histories: &'a LadderHistories,
    /// The ladders.
    pub table: &'a LadderTable,
    /// Which customers belong together.
    pub segmentation: &'a Segmentation,
}

impl Counted<'_> {
    /// The chain of rates from everything that happened before a period.
    pub(super) fn chain(&self, before: i32) -> (RateTable, [ChainStrengths; sidecart_serve::upsell::N_RATES]) {
        let Self { cases, histories, table, segmentation } = *self;
        let n_events = cases.events.partition_point(|event| event.period < before);
        let of_event = |i: usize| {
            let event = &cases.events[i];
            Observation {
                kind: event.kind(),
                tier: table.tier_of(event.anchor),
                customer: histories.groups[event.group as usize].customer.0,
                segment: cases.segments[i],
                upgraded: event.upgraded,
            }
        };
        let of_trial = |kind: RateKind, wanted: Label| {
            move |trial: Trial| {
                let group = &histories.groups[trial.group as usize];
                let counts = trial.period < before && table.ladder(group.ladder).label == wanted;
                counts.then(|| Observation {
                    kind,
                    tier: trial.tier,
                    customer: group.customer.0,
                    segment: segmentation.of(group.customer),
                    upgraded: trial.upgraded,
                })
            }
        };
        let mut observations: Vec<Observation> = (0..n_events).map(of_event).collect();
        observations
            .extend(replacements(histories, table).filter_map(of_trial(RateKind::Replacement, Label::Replacement)));
        observations
            .extend(first_purchases(histories, table).filter_map(of_trial(RateKind::TierShare, Label::TierShare)));
        learn(&observations, table, segmentation.names.len())
    }

    /// The customer's earlier records of an event: above the anchor's tier, and all.
    pub(super) fn past(&self, event: usize) -> (usize, usize) {
        let event = &self.cases.events[event];
        let group = &self.histories.groups[event.group as usize];
        let records = &self.histories.records_of(group)[..event.record as usize];
        let tier = self.table.tier_of(event.anchor);
        (records.iter().filter(|r| self.table.tier_of(r.row) > tier).count(), records.len())
    }

    /// The label of an event's ladder.
    pub(super) fn label(&self, event: usize) -> Label {
        let group = &self.histories.groups[self.cases.events[event].group as usize];
        self.table.ladder(group.ladder).label
    }
}

/// What the chain said at the beginning of the validation periods.
pub(super) struct InnerChain<'a> {
    counted: Counted<'a>,
    rates: RateTable,
    /// How many earlier records the rate of ladder and tier weighs as much as.
    pub own_strength: f64,
}

impl<'a> InnerChain<'a> {
    /// Counts what was before the validation periods, and takes the strength of the customer's own
    /// link that loses least in them.
    pub(super) fn learn(counted: Counted<'a>, validation_from: i32) -> Self {
        let (rates, _) = counted.chain(validation_from);
        let mut found = Self { counted, rates, own_strength: OWN_STRENGTHS[0] };
        let events = &counted.cases.events;
        let loss = |strength: f64| -> f64 {
            (events.partition_point(|event| event.period < validation_from)..events.len())
                .filter(|&i| events[i].regime == Regime::Established)
                .map(|i| {
                    let (n_above, n) = counted.past(i);
                    log_loss(own_rate(found.rate(i, events[i].kind()), n_above, n, strength), events[i].upgraded)
                })
                .sum()
        };
        let losses = OWN_STRENGTHS.map(loss);
        let best = (1..losses.len()).fold(0, |best, at| if losses[at] < losses[best] { at } else { best });
        found.own_strength = OWN_STRENGTHS[best];
        found
    }

    fn rate(&self, event: usize, kind: RateKind) -> f64 {
        let cases = self.counted.cases;
        self.rates.rate(kind, cases.segments[event], self.counted.table.tier_of(cases.events[event].anchor))
    }

    /// P(upgrade) of an event of repeat purchases.
    pub(super) fn probability(&self, event: usize) -> f64 {
        let (n_above, n) = self.counted.past(event);
        own_rate(self.rate(event, self.counted.cases.events[event].kind()), n_above, n, self.own_strength)
    }

    /// P(upgrade) of an event on a ladder whose label is replacement; `None` where it is not.
    pub(super) fn replacement(&self, event: usize) -> Option<f64> {
        let established = self.counted.cases.events[event].regime == Regime::Established;
        let replaces = self.counted.label(event) == Label::Replacement && !established;
        replaces.then(|| self.rate(event, RateKind::Replacement))
    }
}
