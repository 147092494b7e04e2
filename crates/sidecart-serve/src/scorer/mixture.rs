//! The weighted mixture of all sources, and the order of one.

use sidecart_core::{ItemId, ln};

use super::{Query, Scorer};
use crate::error::Result;
use crate::probability::Shares;
use crate::scratch::Scratch;
use crate::settings::{Mode, N_SIGNALS, Weights};
use crate::sources;

/// Popular items among the candidates of the mixture.
const POPULAR_CANDIDATES: usize = 50;

impl Scorer {
    /// Fills the signals of the mixture; false when nothing but popularity has a candidate.
    pub(super) fn gather(&self, query: &Query<'_>, knows_customer: bool, scratch: &mut Scratch) -> Result<bool> {
        let settings = self.model.settings();
        sources::neighbours_and_max(&self.model, scratch);
        sources::ease(&self.model, usize::MAX, scratch);
        sources::similar_baskets(&self.model, settings.nearest_baskets as usize, scratch);
        sources::embeddings(&self.model, settings.embedding_candidates as usize, scratch)?;
        if let Some(history) = query.history.filter(|_| knows_customer && query.mode == Mode::Completion) {
            sources::own(&self.model, history, query.time, scratch);
        }
        let has_own = !scratch.candidates.is_empty();
        sources::popular(&self.model, POPULAR_CANDIDATES.max(query.k), scratch);
        Ok(has_own)
    }
}

/// Weight of each signal over the signal's sum, so that every signal counts as a share.
pub(super) fn share_scales(weights: &Weights, scratch: &Scratch) -> Weights {
    let mut sums = [0.0f64; N_SIGNALS];
    for candidate in &scratch.candidates {
        for (sum, &signal) in sums.iter_mut().zip(&candidate.signals) {
            *sum += f64::from(signal);
        }
    }
    std::array::from_fn(|s| if sums[s] > 0.0 { (f64::from(weights[s]) / sums[s]) as f32 } else { 0.0 })
}

pub(super) fn rank_mixture(weights: &Weights, k: usize, scratch: &mut Scratch) {
    let scales = share_scales(weights, scratch);
    let score = |signals: &Weights| scales.iter().zip(signals).map(|(scale, signal)| scale * signal).sum();
    // Every signal with a candidate brings its whole weight.
    let total: f64 = weights.iter().zip(&scales).filter(|(_, scale)| **scale > 0.0).map(|(w, _)| f64::from(*w)).sum();
    scratch.shares = if total > 0.0 { Shares::Parts(ln(total)) } else { Shares::None };
    rank(k, scratch, score);
}

pub(super) fn rank_one(signal: usize, k: usize, scratch: &mut Scratch) {
    rank(k, scratch, |signals| signals[signal]);
}

/// Keeps the `k` best candidates that have any score.
pub(super) fn rank(k: usize, scratch: &mut Scratch, score: impl Fn(&Weights) -> f32) {
    let Scratch { top, candidates, ranked, .. } = scratch;
    top.reset(k);
    for candidate in candidates.iter() {
        let score = score(&candidate.signals);
        // The plain comparison spares most offers the full order.
        if score > 0.0 && top.floor().is_none_or(|floor| score >= floor) {
            top.offer(ItemId(candidate.item), score);
        }
    }
    ranked.clear();
    ranked.extend_from_slice(top.sorted());
}
