use rayon::prelude::*;
use serde::Serialize;
use sidecart_core::{Cancelled, History, ItemId, Progress};
use sidecart_eval::Case;
use sidecart_serve::{MixtureWeights, Mode, N_SIGNALS, Query, Scorer, Weights};

use super::MixtureParams;
use crate::error::Result;
use crate::hold_out::HoldOut;
use sidecart_core::ln;

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
#[derive(Clone, Debug)]
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
    let discounts = discounts();
    progress.begin("tuning the mixture", 3, "situations");
    for (name, cases, mode, with_history) in [
        ("completion_anonymous", &cases, Mode::Completion, false),
        ("completion_known", &known, Mode::Completion, true),
        ("discovery_known", &new, Mode::Discovery, true),
    ] {
        if progress.is_cancelled() {
            return Err(Cancelled.into());
        }
        if cases.len() >= params.min_cases as usize {
            let start = *params.weights.of(mode, with_history);
            let tables = tables(scorer, split, cases, mode, with_history)?;
            let (weights, before, after) = ascend(&tables, start, params.rounds, &discounts);
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

fn tables(scorer: &Scorer, split: &HoldOut, cases: &[&Case], mode: Mode, with_history: bool) -> Result<Vec<CaseTable>> {
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

    /// The discount of the hidden item's rank; 0 where it is no candidate, has no score or ranks
    /// beyond [`DEPTH`].
    fn gain(&self, weights: &Weights, discounts: &[f64; DEPTH]) -> f64 {
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
        discounts.get(better).copied().unwrap_or(0.0)
    }
}

/// `1 / log2(rank + 1)` for the ranks from 1, by IEEE arithmetic alone.
fn discounts() -> [f64; DEPTH] {
    std::array::from_fn(|better| ln(2.0) / ln((better + 2) as f64))
}

fn objective(tables: &[CaseTable], weights: &Weights, discounts: &[f64; DEPTH]) -> f64 {
    let gains: Vec<f64> = tables.par_iter().map(|t| t.gain(weights, discounts)).collect();
    gains.iter().sum::<f64>() / tables.len().max(1) as f64
}

/// Coordinate ascent; the weights it ends at (their sum is one), the objective before and after.
fn ascend(tables: &[CaseTable], start: Weights, rounds: u32, discounts: &[f64; DEPTH]) -> (Weights, f64, f64) {
    let mut weights = start;
    let before = objective(tables, &weights, discounts);
    let mut best = before;
    for _ in 0..rounds {
        let at_start = best;
        for signal in 0..N_SIGNALS {
            let old = weights[signal];
            let trials: Vec<f32> = if old > 0.0 { FACTORS.iter().map(|f| f * old).collect() } else { VALUES.to_vec() };
            let mut chosen = old;
            for trial in trials {
                weights[signal] = trial;
                let value = objective(tables, &weights, discounts);
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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table() -> impl Strategy<Value = CaseTable> {
        let signal = prop_oneof![Just(0.0f32), Just(0.25f32), 0.0f32..1.0];
        let row = prop::array::uniform8(signal);
        (proptest::collection::btree_map(0u32..300, row, 1..150), 0u32..300).prop_map(|(rows, target)| {
            CaseTable::new(rows.into_iter().map(|(item, row)| (ItemId(item), row)).collect(), ItemId(target))
        })
    }

    fn weights() -> impl Strategy<Value = Weights> {
        prop::array::uniform8(prop_oneof![Just(0.0f32), 0.01f32..2.0])
    }

    /// The discount of the target's place in the fully sorted list.
    fn gain_by_sorting(table: &CaseTable, weights: &Weights) -> f64 {
        let Some(target) = table.target else { return 0.0 };
        let score = |row: &Weights| -> f32 { weights.iter().zip(row).map(|(w, x)| w * x).sum() };
        let mut order: Vec<(f32, ItemId)> = table.rows.iter().map(score).zip(table.items.iter().copied()).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let rank = order.iter().position(|(_, item)| *item == table.items[target]).unwrap() + 1;
        let has_score = order[rank - 1].0 > 0.0;
        if has_score && rank <= DEPTH { 1.0 / ((rank + 1) as f64).log2() } else { 0.0 }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_gain_is_the_discount_of_the_rank(table in table(), weights in weights()) {
            let gain = table.gain(&weights, &discounts());
            prop_assert!((gain - gain_by_sorting(&table, &weights)).abs() < 1e-12);
        }

        #[test]
        fn tuning_never_loses(tables in proptest::collection::vec(table(), 1..12), start in weights()) {
            prop_assume!(start.iter().sum::<f32>() > 0.0);
            let discounts = discounts();
            let (tuned, before, after) = ascend(&tables, start, 2, &discounts);
            prop_assert_eq!(before, objective(&tables, &start, &discounts));
            prop_assert!(after >= before);
            prop_assert!(tuned.iter().all(|w| *w >= 0.0) && (tuned.iter().sum::<f32>() - 1.0).abs() < 1e-5);
        }
    }

    #[test]
    fn the_signal_that_knows_the_answer_wins() {
        // The target leads by signal 2 alone; signal 0 misleads.
        let tables: Vec<CaseTable> = (0..20)
            .map(|case| {
                let rows = (0..30).map(|item| {
                    let mut row = [0.0; N_SIGNALS];
                    row[0] = if item == case { 0.0 } else { 1.0 / 30.0 };
                    row[2] = if item == case { 0.5 } else { 0.02 };
                    (ItemId(item), row)
                });
                CaseTable::new(rows.collect(), ItemId(case))
            })
            .collect();
        let mut start = [0.0; N_SIGNALS];
        start[0] = 1.0;
        let (tuned, before, after) = ascend(&tables, start, 3, &discounts());
        assert!(before < 0.3 && (after - 1.0).abs() < 1e-12, "{before} {after}");
        assert!(tuned[2] > 0.0);
    }

    #[test]
    fn the_best_of_every_signal_and_the_target_are_kept() {
        let rows = (0..1_000u32).map(|item| {
            let mut row = [0.0; N_SIGNALS];
            row[1] = 1.0 / (item + 1) as f32;
            row[4] = item as f32;
            (ItemId(item), row)
        });
        let table = CaseTable::new(rows.collect(), ItemId(500));
        let expected: Vec<u32> = (0..60).chain([500]).chain(940..1_000).collect();
        assert_eq!(table.items.iter().map(|i| i.0).collect::<Vec<_>>(), expected);
        assert_eq!(table.target, Some(60));
    }
}
