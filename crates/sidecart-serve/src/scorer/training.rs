//! What training asks a model.

use sidecart_core::ItemId;

use super::mixture::share_scales;
use super::recommend::mark;
use super::{Query, Scorer};
use crate::error::{Error, Result};
use crate::ranker::{self, LinearRanker, N_FEATURES, N_LIGHT, RankerModel, Stage};
use crate::scratch::Scratch;
use crate::settings::{N_SIGNALS, Source, Weights};

impl Scorer {
    /// Answers a query and calls `visit(item, ln share)` for every offer that the model speaks for,
    /// best first, where its scores are shares of the candidates: for learning probabilities.
    ///
    /// # Errors
    /// As [`recommend`](Self::recommend).
    pub fn offer_shares(
        &self,
        query: &Query<'_>,
        scratch: &mut Scratch,
        mut visit: impl FnMut(ItemId, f64),
    ) -> Result<()> {
        let popular_from = self.recommend(query, scratch)?.popular_from;
        for offer in &scratch.ranked[..popular_from] {
            if let Some(log_share) = scratch.shares.log_share(offer.score) {
                visit(offer.item, log_share);
            }
        }
        Ok(())
    }

    /// The pool of the ranker, or of its fast profile, with the features of its first stage, for
    /// training: calls `visit(item, features)` for every candidate.
    ///
    /// # Errors
    /// As [`recommend`](Self::recommend); [`Error::NoSuchPart`] for a model without ranker.
    pub fn ranker_pool(
        &self,
        query: &Query<'_>,
        stage: Stage,
        scratch: &mut Scratch,
        visit: impl FnMut(ItemId, &[f32; N_LIGHT]),
    ) -> Result<()> {
        let model = self.gathered(query, stage, scratch)?;
        ranker::visit_light(model, scratch, visit);
        Ok(())
    }

    /// The `n` candidates that `light` keeps of the pool with all their features, in no order, for
    /// training.
    ///
    /// # Errors
    /// As [`ranker_pool`](Self::ranker_pool).
    pub fn ranker_candidates(
        &self,
        query: &Query<'_>,
        light: &LinearRanker,
        n: usize,
        scratch: &mut Scratch,
        visit: impl FnMut(ItemId, &[f32; N_FEATURES]),
    ) -> Result<()> {
        let model = self.gathered(query, Stage::Linear, scratch)?;
        ranker::visit_features(model, light, n, scratch, visit);
        Ok(())
    }

    fn gathered(&self, query: &Query<'_>, stage: Stage, scratch: &mut Scratch) -> Result<&RankerModel> {
        self.check(&Query { using: Source::Linear, ..*query })?;
        let missing = || Error::NoSuchPart { what: "ranker".into(), available: self.parts().join(", ") };
        let model = self.model.ranker().ok_or_else(missing)?;
        scratch.prepare(self.model.n_items(), self.model.n_kept_baskets());
        mark(query, scratch);
        ranker::gather(&self.model, model, model.quotas(stage), query, scratch)?;
        Ok(model)
    }

    /// The candidates of the mixture with their normalised signals, for tuning weights: calls
    /// `visit(item, signals)` for every candidate that may be offered.
    ///
    /// # Errors
    /// As [`recommend`](Self::recommend).
    pub fn candidates(
        &self,
        query: &Query<'_>,
        scratch: &mut Scratch,
        mut visit: impl FnMut(ItemId, &Weights),
    ) -> Result<()> {
        self.check(query)?;
        scratch.prepare(self.model.n_items(), self.model.n_kept_baskets());
        mark(query, scratch);
        let knows_customer = query.history.is_some_and(|h| h.as_of(query.time).len() > 0);
        self.gather(query, knows_customer, scratch)?;
        let scales = share_scales(&[1.0; N_SIGNALS], scratch);
        for candidate in &scratch.candidates {
            let signals = std::array::from_fn(|s| candidate.signals[s] * scales[s]);
            visit(ItemId(candidate.item), &signals);
        }
        Ok(())
    }
}
