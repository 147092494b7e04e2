use sidecart_core::{exp, ln};
use sidecart_serve::upsell::{LadderTable, N_RATES, RateCell, RateKind, RateParts, RateTable, cell_key};

use crate::rates::{segment_rate, segment_shifts, shrunk, strength};

/// One observation behind a rate.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Observation {
    /// What it is an observation of.
    pub kind: RateKind,
    /// The tier that could be left.
    pub tier: u32,
    /// The customer.
    pub customer: u32,
    /// The customer's segment.
    pub segment: Option<u16>,
    /// Whether a higher tier was taken.
    pub upgraded: bool,
}

/// How much each link of the chain was worth, in events.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct ChainStrengths {
    /// Of all ladders for a ladder's tier.
    pub tier: f64,
    /// Of the segments' mean for a segment.
    pub segment: f64,
    /// Of ladder, tier and segment's shift for their cell.
    pub cell: f64,
}

/// Counts of a cell, in customers too. Observations come in any order.
fn per_customer(observations: &[&Observation]) -> Vec<(u32, u32)> {
    let mut sorted: Vec<(u32, bool)> = observations.iter().map(|o| (o.customer, o.upgraded)).collect();
    sorted.sort_unstable();
    sorted.chunk_by(|a, b| a.0 == b.0).map(|of| (of.iter().filter(|o| o.1).count() as u32, of.len() as u32)).collect()
}

/// A rate with its interval.
fn cell(observations: &[&Observation], prior: f64, strength: f64) -> RateCell {
    let rate = segment_rate(&per_customer(observations), prior, strength);
    RateCell {
        events: u32::try_from(rate.events).unwrap_or(u32::MAX),
        upgrades: u32::try_from(rate.upgrades).unwrap_or(u32::MAX),
        customers: rate.customers,
        rate: rate.shrunk as f32,
        low: rate.low as f32,
        high: rate.high as f32,
    }
}

fn log_odds(p: f64) -> f64 {
    let p = p.clamp(1e-6, 1.0 - 1e-6);
    ln(p / (1.0 - p))
}

/// Learns the chain of rates: all ladders, ladder and tier, segment within them.
///
/// A tier is shrunk towards all ladders, a segment towards all customers, and a cell of both towards
/// the tier's rate moved by the segment's shift in log odds: so a segment that trades up everywhere
/// does so in ladders where it was never seen. Every strength is the one of greatest marginal
/// likelihood. The result does not depend on the order of the observations.
///
/// # Panics
/// Never for observations of the table's tiers and fewer segments than `n_segments`.
#[must_use]
pub fn learn(
    observations: &[Observation],
    ladders: &LadderTable,
    n_segments: usize,
) -> (RateTable, [ChainStrengths; N_RATES]) {
    let none = RateCell::default();
    let mut parts = RateParts {
        globals: vec![none; N_RATES],
        segments: vec![none; n_segments * N_RATES],
        tiers: vec![none; ladders.n_tiers() * N_RATES],
        keys: Vec::new(),
        cells: Vec::new(),
    };
    let mut strengths = [ChainStrengths { tier: 0.0, segment: 0.0, cell: 0.0 }; N_RATES];
    let mut keyed = Vec::new();
    for kind in RateKind::ALL {
        let mut of_kind: Vec<&Observation> = observations.iter().filter(|o| o.kind == kind).collect();
        of_kind.sort_unstable_by_key(|o| (o.tier, o.segment, o.customer, o.upgraded));
        let upgrades = of_kind.iter().filter(|o| o.upgraded).count() as f64;
        // Half an upgrade in five imaginary events where nothing was seen.
        let base = (upgrades + 0.5) / (of_kind.len() as f64 + 5.0);
        parts.globals[kind as usize] = cell(&of_kind, base, 0.0);
        let counted = |observations: &[&Observation], prior: f64| {
            let k = observations.iter().filter(|o| o.upgraded).count() as f64;
            (k, observations.len() as f64, prior)
        };

        let by_tier: Vec<&[&Observation]> = of_kind.chunk_by(|a, b| a.tier == b.tier).collect();
        let of_tier = strength(&by_tier.iter().map(|of| counted(of, base)).collect::<Vec<_>>());
        for tier in 0..ladders.n_tiers() {
            parts.tiers[tier * N_RATES + kind as usize] = RateCell { rate: base as f32, ..none };
        }
        let mut tier_rates = vec![base; ladders.n_tiers()];
        for of in &by_tier {
            let tier = of[0].tier as usize;
            let (k, n, _) = counted(of, base);
            tier_rates[tier] = shrunk(k, n, base, of_tier);
            parts.tiers[tier * N_RATES + kind as usize] = cell(of, base, of_tier);
        }

        let known: Vec<&Observation> = of_kind.iter().copied().filter(|o| o.segment.is_some()).collect();
        let mut by_segment: Vec<Vec<&Observation>> = vec![Vec::new(); n_segments];
        for o in &known {
            by_segment[usize::from(o.segment.unwrap_or_default())].push(o);
        }
        let seen: Vec<_> = by_segment.iter().filter(|of| !of.is_empty()).map(|of| counted(of, base)).collect();
        let of_segment = strength(&seen);
        for (segment, of) in by_segment.iter().enumerate() {
            parts.segments[segment * N_RATES + kind as usize] =
                if of.is_empty() { RateCell { rate: base as f32, ..none } } else { cell(of, base, of_segment) };
        }

        let offsets: Vec<f64> = known.iter().map(|o| log_odds(tier_rates[o.tier as usize])).collect();
        let labels: Vec<bool> = known.iter().map(|o| o.upgraded).collect();
        let segments: Vec<u16> = known.iter().map(|o| o.segment.unwrap_or_default()).collect();
        let shifts = segment_shifts(&offsets, &labels, &segments, n_segments);
        let prior = |o: &Observation| {
            let shift = shifts[usize::from(o.segment.unwrap_or_default())].shift;
            let odds = exp(log_odds(tier_rates[o.tier as usize]) + shift);
            odds / (1.0 + odds)
        };
        let cells: Vec<&[&Observation]> = known.chunk_by(|a, b| (a.tier, a.segment) == (b.tier, b.segment)).collect();
        let of_cell = strength(&cells.iter().map(|of| counted(of, prior(of[0]))).collect::<Vec<_>>());
        for of in cells {
            let segment = of[0].segment.unwrap_or_default();
            keyed.push((cell_key(segment, kind, of[0].tier), cell(of, prior(of[0]), of_cell)));
        }
        // Cells that were never observed still move with their segment.
        if shifts.iter().any(|shift| shift.shift != 0.0) {
            for (segment, shift) in (0u16..).zip(&shifts).filter(|(_, shift)| shift.shift != 0.0) {
                for of in &by_tier {
                    let key = cell_key(segment, kind, of[0].tier);
                    let odds = exp(log_odds(tier_rates[of[0].tier as usize]) + shift.shift);
                    keyed.push((key, RateCell { rate: (odds / (1.0 + odds)) as f32, ..none }));
                }
            }
        }
        strengths[kind as usize] = ChainStrengths { tier: of_tier, segment: of_segment, cell: of_cell };
    }
    // Observed cells stand before the imagined ones of the same key.
    keyed.sort_by_key(|(key, _)| *key);
    keyed.dedup_by_key(|(key, _)| *key);
    (parts.keys, parts.cells) = keyed.into_iter().unzip();
    let table = RateTable::new(parts, ladders, n_segments).expect("counts of one set of ladders fit together");
    (table, strengths)
}
