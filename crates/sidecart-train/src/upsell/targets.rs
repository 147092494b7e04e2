use std::collections::HashMap;

use rayon::prelude::*;
use serde::Serialize;
use sidecart_serve::Mode;
use sidecart_serve::upsell::{
    Gain, LadderPast, LadderTable, Market, N_TARGET_FEATURES, SwitchTable, TARGET_PROMOTION_FEATURES, TargetModel,
    TargetModels, TargetSituation, shares,
};

use super::cases::{Cases, Knowledge};
use super::histories::LadderHistories;
use super::params::UpsellParams;
use crate::choice;

/// Most upgrades that target models learn from; of more the newest count.
const MAX_TARGET_CASES: usize = 30_000;
/// Penalty on the squared coefficients of a target model.
const PENALTY: f64 = 1.0;
/// A learned model must beat the rule's mean reciprocal rank by so much.
const MUST_WIN: f64 = 1e-3;

/// A step up from one item of a ladder to another.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Switch {
    period: i32,
    from: u32,
    to: u32,
}

/// Every step up between two records that follow each other, by period.
fn switches(histories: &LadderHistories, ladders: &LadderTable) -> Vec<Switch> {
    let mut found: Vec<Switch> = histories
        .groups
        .iter()
        .flat_map(|group| histories.records_of(group).windows(2))
        .filter(|pair| ladders.tier_of(pair[1].row) > ladders.tier_of(pair[0].row))
        .map(|pair| Switch { period: pair[1].period, from: pair[0].row, to: pair[1].row })
        .collect();
    found.sort_unstable();
    found
}

/// Counts all steps up.
#[must_use]
pub fn count_switches(histories: &LadderHistories, ladders: &LadderTable) -> SwitchTable {
    let mut steps: Vec<(u32, u32)> = switches(histories, ladders).iter().map(|s| (s.from, s.to)).collect();
    steps.sort_unstable();
    let (mut offsets, mut targets, mut counts) = (vec![0u32; ladders.n_rows() + 1], Vec::new(), Vec::new());
    for same in steps.chunk_by(|a, b| a == b) {
        targets.push(same[0].1);
        counts.push(same.len() as u32);
        offsets[same[0].0 as usize + 1] += 1;
    }
    for row in 0..ladders.n_rows() {
        offsets[row + 1] += offsets[row];
    }
    SwitchTable::new(ladders, offsets, targets, counts).expect("steps lead up their ladder")
}

/// One upgrade with the items it could have gone to.
#[derive(Clone, Debug)]
pub struct TargetCase {
    /// Position among the events.
    pub event: usize,
    /// The candidates' rows.
    pub candidates: Vec<u32>,
    /// Their features.
    pub features: Vec<[f32; N_TARGET_FEATURES]>,
    /// Position of what was bought; `None` where it is no candidate.
    pub taken: Option<usize>,
    /// Whether the customer had bought it before.
    pub was_new: bool,
}

/// The upgrades among the events with their candidates, as of the beginning of their periods.
#[must_use]
pub fn target_cases(
    cases: &Cases,
    histories: &LadderHistories,
    market: &Market,
    knowledge: &Knowledge<'_>,
) -> Vec<TargetCase> {
    let ladders = knowledge.ladders;
    let upgrades: Vec<usize> = (0..cases.events.len()).filter(|&i| cases.events[i].upgraded).collect();
    let newest = &upgrades[upgrades.len().saturating_sub(MAX_TARGET_CASES)..];
    let mut bare: Vec<(usize, Vec<u32>)> = newest
        .par_iter()
        .map(|&event| {
            let mut candidates = Vec::new();
            let past = LadderPast::default();
            situation(cases, event, market, knowledge, &past)
                .candidates(knowledge.rules.min_price_ratio, &mut candidates);
            (event, candidates)
        })
        .collect();
    // Steps count as far as they were seen before the event's period.
    let steps = switches(histories, ladders);
    let mut seen: HashMap<(u32, u32), u32> = HashMap::new();
    let mut next = 0;
    let counts: Vec<Vec<u32>> = bare
        .iter()
        .map(|(event, candidates)| {
            let event = &cases.events[*event];
            while let Some(step) = steps.get(next).filter(|step| step.period < event.period) {
                *seen.entry((step.from, step.to)).or_default() += 1;
                next += 1;
            }
            candidates.iter().map(|&row| seen.get(&(event.anchor, row)).copied().unwrap_or(0)).collect()
        })
        .collect();
    bare.par_iter_mut()
        .zip(&counts)
        .map(|((event, candidates), counts)| {
            let of = &cases.events[*event];
            let group = &histories.groups[of.group as usize];
            let lines = histories.lines_before(group, of.period);
            let past = LadderPast::new(Vec::new(), lines.to_vec());
            let bought = histories.records_of(group)[of.record as usize].row;
            let situation = situation(cases, *event, market, knowledge, &past);
            let detail = &histories.details[group.records.start + of.record as usize];
            let planned = knowledge
                .plan
                .map(|(plan, stores)| plan.at(stores.get(detail.store as usize).copied().flatten(), of.period));
            let features = candidates
                .iter()
                .zip(counts)
                .map(|(&row, &n)| {
                    let promoted = planned.map_or(0, |planned| u16::from(planned.kinds_of(ladders.row(row).item)));
                    situation.features(row, n, promoted)
                })
                .collect();
            let candidates = std::mem::take(candidates);
            TargetCase {
                event: *event,
                features,
                taken: candidates.iter().position(|&row| row == bought),
                candidates,
                was_new: past.own(bought).0 == 0,
            }
        })
        .collect()
}

fn situation<'a>(
    cases: &Cases,
    event: usize,
    market: &'a Market,
    knowledge: &Knowledge<'a>,
    past: &'a LadderPast,
) -> TargetSituation<'a> {
    let event = &cases.events[event];
    TargetSituation {
        ladders: knowledge.ladders,
        market,
        past,
        anchor: event.anchor,
        period: event.period,
        market_period: event.period,
    }
}

/// How target models did on the newest upgrades.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct TargetTuning {
    /// Mean reciprocal rank of what was bought: variant, rule, learned model.
    pub mean_reciprocal_rank: Vec<(String, f64, f64)>,
}

/// Position of "bought before" among the features: such candidates do not exist in discovery.
const BOUGHT: usize = 2;

/// Candidates that a mode may offer.
fn kept(case: &TargetCase, mode: Mode) -> Vec<usize> {
    (0..case.candidates.len()).filter(|&i| mode == Mode::Completion || case.features[i][BOUGHT] == 0.0).collect()
}

fn learn(cases: &[&TargetCase], mode: Mode, n_columns: usize) -> TargetModel {
    let (mut rows, mut offsets, mut chosen) = (Vec::new(), vec![0], Vec::new());
    for case in cases {
        let kept = kept(case, mode);
        let Some(taken) = case.taken.and_then(|taken| kept.iter().position(|&i| i == taken)) else { continue };
        for &i in &kept {
            rows.extend_from_slice(&case.features[i][..n_columns]);
        }
        offsets.push(offsets[offsets.len() - 1] + kept.len());
        chosen.push(taken as u32);
    }
    let fitted = choice::fit(&choice::Cases { rows: &rows, n_columns, offsets: &offsets, chosen: &chosen }, PENALTY);
    let padded = |values: &mut dyn Iterator<Item = f32>| {
        let mut all: Vec<f32> = values.collect();
        all.resize(N_TARGET_FEATURES, 0.0);
        all
    };
    TargetModel::Logit {
        means: padded(&mut fitted.mean.iter().map(|&v| v as f32)),
        inverse_scales: padded(&mut fitted.scale.iter().map(|&v| (1.0 / v) as f32)),
        coefficients: padded(&mut fitted.coefficients.iter().map(|&v| v as f32)),
    }
}

/// Mean reciprocal rank of what was bought, ranked as offers are.
fn mean_reciprocal_rank(
    cases: &[&TargetCase],
    mode: Mode,
    model: &TargetModel,
    events: &Cases,
    ladders: &LadderTable,
    exponent: f64,
) -> f64 {
    let mut sum = 0.0;
    for case in cases {
        let kept = kept(case, mode);
        let Some(taken) = case.taken.and_then(|taken| kept.iter().position(|&i| i == taken)) else { continue };
        let mut scores: Vec<f64> = kept.iter().map(|&i| model.utility(&case.features[i])).collect();
        shares(&mut scores);
        let anchor = events.events[case.event].anchor;
        for (score, &i) in scores.iter_mut().zip(&kept) {
            *score *= Gain::between(ladders, anchor, case.candidates[i]).factor(exponent);
        }
        let before =
            (0..scores.len()).filter(|&i| scores[i] > scores[taken] || (scores[i] == scores[taken] && i < taken));
        sum += 1.0 / (1 + before.count()) as f64;
    }
    sum / cases.len().max(1) as f64
}

/// Learns the target models of every mode that beat the rule on the upgrades from event `n_inner`
/// on, then from all upgrades.
#[must_use]
pub(super) fn fit(
    targets: &[TargetCase],
    cases: &Cases,
    ladders: &LadderTable,
    n_inner: usize,
    params: &UpsellParams,
) -> (TargetModels, TargetTuning) {
    let (mut models, mut tuning) = (TargetModels::default(), TargetTuning::default());
    for mode in [Mode::Completion, Mode::Discovery] {
        for promotions in [false, true] {
            let n_columns = if promotions { N_TARGET_FEATURES } else { TARGET_PROMOTION_FEATURES };
            let of_variant: Vec<&TargetCase> = targets
                .iter()
                .filter(|t| t.taken.is_some() && (mode == Mode::Completion || t.was_new))
                .filter(|t| !promotions || cases.planned[t.event])
                .collect();
            let (inner, valid): (Vec<&TargetCase>, Vec<&TargetCase>) =
                of_variant.iter().partition(|t| t.event < n_inner);
            if inner.len() < params.min_upgrades as usize || valid.len() < params.min_upgrades as usize / 2 {
                continue;
            }
            let rank =
                |model: &TargetModel| mean_reciprocal_rank(&valid, mode, model, cases, ladders, params.gain_exponent);
            let (rule, learned) = (rank(&TargetModel::Rule), rank(&learn(&inner, mode, n_columns)));
            tuning.mean_reciprocal_rank.push((TargetModels::name(mode, promotions).into(), rule, learned));
            if learned > rule + MUST_WIN {
                models.set(mode, promotions, learn(&of_variant, mode, n_columns));
            }
        }
    }
    (models, tuning)
}
