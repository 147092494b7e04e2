use sidecart_serve::ranker::{LinearRanker, Stage};

use super::learner::{Learned, LearnedRanker, RankerLearner, RankingLists};
use crate::choice;
use crate::error::Result;

/// Lists that a linear ranker learns from, evenly taken.
pub(super) const LINEAR_CASES: usize = 2_000;
/// Penalty on its squared coefficients.
const PENALTY: f64 = 20.0;

/// Learns linear rankers: a [conditional logit](choice) over some of the lists. It has no steps, and
/// neither newer lists nor the seed matter.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LinearLearner;

impl RankerLearner for LinearLearner {
    fn stage(&self) -> Stage {
        Stage::Linear
    }

    fn learn(
        &self,
        train: &RankingLists<'_>,
        _valid: Option<&RankingLists<'_>>,
        _n_steps: Option<u32>,
        _seed: u64,
    ) -> Result<Learned> {
        Ok(Learned { ranker: LearnedRanker::Linear(fit(train)), n_steps: 0 })
    }
}

/// A conditional logit over about [`LINEAR_CASES`] of the lists.
pub(super) fn fit(lists: &RankingLists<'_>) -> LinearRanker {
    let step = lists.len().div_ceil(LINEAR_CASES).max(1);
    let (mut rows, mut offsets, mut chosen) = (Vec::new(), vec![0], Vec::new());
    for case in (0..lists.len()).step_by(step) {
        rows.extend_from_slice(lists.list(case));
        offsets.push(rows.len() / lists.n_features);
        chosen.push(lists.chosen[case]);
    }
    let cases = choice::Cases { rows: &rows, n_columns: lists.n_features, offsets: &offsets, chosen: &chosen };
    let fitted = choice::fit(&cases, PENALTY);
    let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect();
    LinearRanker {
        means: single(&fitted.mean),
        inverse_scales: fitted.scale.iter().map(|&s| (1.0 / s) as f32).collect(),
        coefficients: single(&fitted.coefficients),
    }
}
