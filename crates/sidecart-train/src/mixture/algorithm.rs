use rayon::prelude::*;
use serde::Serialize;
use sidecart_core::{History, ItemId, Progress};
use sidecart_eval::Case;
use sidecart_serve::{MixtureWeights, Mode, N_SIGNALS, Query, Scorer, Weights};

use super::MixtureParams;
use crate::error::Result;
use crate::hold_out::HoldOut;

/// What tuning found.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Tuning {
    /// The weights.
    pub weights: MixtureWeights,
    /// Baskets behind them; 0 = not tuned.
    pub n_cases: usize,
    /// Objective before and after, by situation: mean of 1 / log2(rank + 1) over ranks up to 50.
    pub gains: Vec<(&'static str, f64, f64)>,
}

/// Candidates of one case: normalised signals, and which row is the hidden item.
struct CaseTable {
    rows: Vec<Weights>,
    items: Vec<ItemId>,
    target: Option<usize>,
}

/// Best candidates of each signal that are kept for tuning.
const PER_SIGNAL: usize = 60;
/// Ranks beyond this gain nothing.
const DEPTH: usize = 50;
/// Factors tried on a weight that is not zero.
const FACTORS: [f32; 6] = [0.0, 0.4, 0.7, 1.4, 2.5, 5.0];
/// Values tried for a weight that is zero.
const VALUES: [f32; 4] = [0.05, 0.2, 0.6, 1.5];
/// A change must gain more than this to be kept, so that noise does not drive weights to extremes.
const LEAST_GAIN: f64 = 1e-4;

/// Tunes the weights for each situation by coordinate ascent over a fixed grid: a fixed number of
/// trials, no clock, the same result at any thread count.
///
/// `scorer` must have been trained on `split.before` only.
///
/// # Errors
/// Any error of the scorer.
pub fn tune(scorer: &Scorer, split: &HoldOut, params: &MixtureParams, progress: &dyn Progress) -> Result<Tuning> {
    let mut tuning = Tuning { weights: params.weights, n_cases: 0, gains: Vec::new() };
    let cases: Vec<&Case> = split.cases.cases.iter().collect();
    if cases.len() < params.min_cases as usize {
        progress.note(&format!(
            "{} baskets to tune on, fewer than {}: the mixture keeps its starting weights",
            cases.len(),
            params.min_cases
        ));
        return Ok(tuning);
    }
    tuning.n_cases = cases.len();
    let known: Vec<&Case> = cases.iter().copied().filter(|c| has_past(split, c)).collect();
    let new: Vec<&Case> = known.iter().copied().filter(|c| c.is_new).collect();
    progress.begin("tuning the mixture", 3, "situations");
    for (name, cases, mode, with_history) in [
        ("completion_anonymous", &cases, Mode::Completion, false),
        ("completion_known", &known, Mode::Completion, true),
        ("discovery_known", &new, Mode::Discovery, true),
    ] {
        if cases.len() >= params.min_cases as usize {
            let start = *params.weights.of(mode, with_history);
            let tables = tables(scorer, split, cases, mode, with_history)?;
            let (weights, before, after) = ascend(&tables, start, params.rounds);
            tuning.gains.push((name, before, after));
            match name {
                "completion_anonymous" => {
                    tuning.weights.completion_anonymous = weights;
                    // Nothing is known of the customer, so both modes ask the same question.
                    tuning.weights.discovery_anonymous = weights;
                }
                "completion_known" => tuning.weights.completion_known = weights,
                _ => tuning.weights.discovery_known = weights,
            }
        }
        progress.advance(1);
    }
    progress.end();
    Ok(tuning)
}

fn history_of<'a>(split: &'a HoldOut, case: &Case) -> Option<&'a History> {
    case.customer.map(|customer| &split.histories[customer.index()])
}

fn has_past(split: &HoldOut, case: &Case) -> bool {
    history_of(split, case).is_some_and(|h| h.as_of(case.time).len() > 0)
}

fn tables(
    scorer: &Scorer,
    split: &HoldOut,
    cases: &[&Case],
    mode: Mode,
    with_history: bool,
) -> Result<Vec<CaseTable>> {
    cases
        .par_chunks(64)
        .map(|chunk| {
            let mut scratch = scorer.scratch();
            chunk
                .iter()
                .map(|case| {
                    let history = history_of(split, case).filter(|_| with_history);
                    let query =
                        Query { basket: &case.basket, history, time: case.time, mode, k: DEPTH, ..Query::default() };
                    let mut rows: Vec<(ItemId, Weights)> = Vec::new();
                    scorer.candidates(&query, &mut scratch, |item, signals| rows.push((item, *signals)))?;
                    Ok(CaseTable::new(rows, case.target))
                })
                .collect::<Result<Vec<_>>>()
        })
        .collect::<Result<Vec<_>>>()
        .map(|chunks| chunks.into_iter().flatten().collect())
}

impl CaseTable {
    fn new(mut rows: Vec<(ItemId, Weights)>, target: ItemId) -> Self {
        let mut keep = vec![false; rows.len()];
        rows.sort_unstable_by_key(|(item, _)| *item);
        let mut order: Vec<usize> = (0..rows.len()).collect();
        for signal in 0..N_SIGNALS {
            let n = PER_SIGNAL.min(order.len());
            if n < order.len() {
                order.select_nth_unstable_by(n, |&a, &b| {
                    rows[b].1[signal].total_cmp(&rows[a].1[signal]).then(a.cmp(&b))
                });
            }
            order[..n].iter().filter(|&&at| rows[at].1[signal] > 0.0).for_each(|&at| keep[at] = true);
        }
        let kept: Vec<(ItemId, Weights)> = rows
            .into_iter()
            .zip(keep)
            .filter(|((item, _), keep)| *keep || *item == target)
            .map(|(row, _)| row)
            .collect();
        Self {
            target: kept.iter().position(|(item, _)| *item == target),
            items: kept.iter().map(|(item, _)| *item).collect(),
            rows: kept.into_iter().map(|(_, row)| row).collect(),
        }
    }

    fn gain(&self, weights: &Weights) -> f64 {
        let Some(target) = self.target else { return 0.0 };
        let score = |row: &Weights| -> f32 { weights.iter().zip(row).map(|(w, x)| w * x).sum() };
        let mine = score(&self.rows[target]);
        if mine <= 0.0 {
            return 0.0;
        }
        let better = self
            .rows
            .iter()
            .zip(&self.items)
            .filter(|(row, item)| {
                let theirs = score(row);
                theirs > mine || (theirs == mine && **item < self.items[target])
            })
            .count();
        if better < DEPTH { 1.0 / ((better + 2) as f64).log2() } else { 0.0 }
    }
}

fn objective(tables: &[CaseTable], weights: &Weights) -> f64 {
    let gains: Vec<f64> = tables.par_iter().map(|t| t.gain(weights)).collect();
    gains.iter().sum::<f64>() / tables.len().max(1) as f64
}

fn ascend(tables: &[CaseTable], start: Weights, rounds: u32) -> (Weights, f64, f64) {
    let mut weights = start;
    let before = objective(tables, &weights);
    let mut best = before;
    for _ in 0..rounds {
        let at_start = best;
        for signal in 0..N_SIGNALS {
            let old = weights[signal];
            let trials: Vec<f32> =
                if old > 0.0 { FACTORS.iter().map(|f| f * old).collect() } else { VALUES.to_vec() };
            let mut chosen = old;
            for trial in trials {
                weights[signal] = trial;
                let value = objective(tables, &weights);
                if value > best + LEAST_GAIN {
                    best = value;
                    chosen = trial;
                }
            }
            weights[signal] = chosen;
        }
        if best <= at_start {
            break;
        }
    }
    let sum: f32 = weights.iter().sum();
    (weights.map(|w| w / sum), before, best)
}
