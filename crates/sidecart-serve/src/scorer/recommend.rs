use sidecart_core::{ItemId, Scored};

use super::mixture::{rank_mixture, rank_one};
use super::{Answer, MAX_BASKET, MAX_K, Query, Scorer};
use crate::cold_start::{StandIn, stand_in};
use crate::error::{Error, Result};
use crate::ranker::{self, RankerModel, Situation, Stage};
use crate::scratch::Scratch;
use crate::settings::{Mode, N_SIGNALS, Source};
use crate::sources::{self, signal};

impl Scorer {
    /// Answers a query. No allocation once `scratch` is warm; the scratch of another model is
    /// made anew.
    ///
    /// Items of the basket and `exclude` never come back; in [`Mode::Discovery`] neither does
    /// anything the customer bought before. With [`Source::Default`] an answer shorter than `k`
    /// is filled with popular items, and where nothing is known of the basket but categories, these
    /// answer; both are marked. Other sources answer alone.
    ///
    /// # Errors
    /// [`Error::Query`] for a `k` out of range or an item (of basket, exclusions or a past that is
    /// used) the model does not have,
    /// [`Error::NoSuchPart`] for a source the model lacks.
    pub fn recommend<'s>(&self, query: &Query<'_>, scratch: &'s mut Scratch) -> Result<Answer<'s>> {
        self.check(query)?;
        scratch.prepare(self.model.n_items(), self.model.n_kept_baskets());
        mark(query, scratch);
        let knows_customer = query.history.is_some_and(|h| h.as_of(query.time).len() > 0);
        let situation = Situation::of(query.mode, knows_customer);
        let is_default = query.using == Source::Default;
        let stand_in = if is_default { stand_in(&self.model, knows_customer, scratch) } else { None };
        match self.stage(query.using, situation) {
            // A ranker has never seen a question that says nothing.
            Some(_) if stand_in == Some(StandIn::Popular) => {}
            Some((model, stage)) => self.rank(query, model, situation, stage, scratch)?,
            None => self.answer_from(query, knows_customer, scratch)?,
        }
        let popular_from = scratch.ranked.len();
        let fallback_from = if stand_in == Some(StandIn::Category) { 0 } else { popular_from };
        if is_default {
            self.fill_up(query.k, scratch);
            self.say_probabilities(situation, popular_from, scratch);
        }
        Ok(Answer { offers: &scratch.ranked, fallback_from, popular_from, probabilities: &scratch.probabilities })
    }

    /// The ranker that answers, where one does.
    fn stage(&self, using: Source, situation: Situation) -> Option<(&RankerModel, Stage)> {
        let model = self.model.ranker()?;
        let stage = match using {
            Source::Default => model.settings.stages[situation as usize],
            Source::Fast => Stage::Fast,
            Source::Linear => Stage::Linear,
            Source::Trees => Stage::Trees,
            Source::Neural => Stage::Neural,
            _ => return None,
        };
        (stage != Stage::Mixture).then_some((model, stage))
    }

    fn rank(
        &self,
        query: &Query<'_>,
        model: &RankerModel,
        situation: Situation,
        stage: Stage,
        scratch: &mut Scratch,
    ) -> Result<()> {
        let quotas = model.quotas(stage);
        ranker::gather(&self.model, model, quotas, query, scratch)?;
        ranker::rank(model, situation, stage, query.k, scratch);
        Ok(())
    }

    /// Answers from one part, or from the mixture.
    fn answer_from(&self, query: &Query<'_>, knows_customer: bool, scratch: &mut Scratch) -> Result<()> {
        match query.using {
            Source::Default | Source::Mixture => {
                let has_own = self.gather(query, knows_customer, scratch)?;
                let weights = *self.model.settings().weights.of(query.mode, knows_customer);
                // Where only popularity is left, it stands in and is marked so.
                if has_own || query.using == Source::Mixture {
                    rank_mixture(&weights, query.k, scratch);
                }
            }
            Source::Neighbours => {
                sources::neighbours(&self.model, scratch);
                rank_one(signal::NEIGHBOURS, query.k, scratch);
            }
            Source::Ease => {
                sources::ease(&self.model, usize::MAX, scratch);
                rank_one(signal::EASE, query.k, scratch);
            }
            Source::Embeddings => {
                sources::embeddings(&self.model, query.k, scratch)?;
                rank_one(signal::EMBEDDINGS, query.k, scratch);
            }
            Source::Baskets => {
                sources::similar_baskets(&self.model, self.model.settings().nearest_baskets as usize, scratch);
                rank_one(signal::BASKETS, query.k, scratch);
            }
            Source::Own | Source::OwnFrequency => {
                if let Some(history) = query.history {
                    sources::own(&self.model, history, query.time, scratch);
                }
                if query.using == Source::OwnFrequency {
                    rank_one(signal::OWN_FREQUENCY, query.k, scratch);
                } else {
                    let mut weights = [0.0; N_SIGNALS];
                    weights[signal::OWN_FREQUENCY] = 1.0;
                    weights[signal::OWN_TOGETHER] = 1.0;
                    rank_mixture(&weights, query.k, scratch);
                }
            }
            Source::Popular => {
                sources::popular(&self.model, query.k, scratch);
                rank_one(signal::POPULAR, query.k, scratch);
            }
            // Refused before where the model has no ranker.
            Source::Fast | Source::Linear | Source::Trees | Source::Neural => {}
        }
        Ok(())
    }

    pub(super) fn check(&self, query: &Query<'_>) -> Result<()> {
        if query.k == 0 || query.k > MAX_K {
            return Err(Error::Query { field: "k", got: query.k.to_string(), expected: format!("1..={MAX_K}") });
        }
        let n_items = self.model.n_items();
        if let Some(item) =
            query.basket.iter().chain(query.exclude).chain(query.promoted).find(|item| item.index() >= n_items)
        {
            return Err(Error::Query {
                field: "item",
                got: item.0.to_string(),
                expected: format!("an item of this model, 0..{n_items}"),
            });
        }
        let needs_past = query.mode == Mode::Discovery
            || matches!(
                query.using,
                Source::Default
                    | Source::Mixture
                    | Source::Own
                    | Source::OwnFrequency
                    | Source::Fast
                    | Source::Linear
                    | Source::Trees
                    | Source::Neural
            );
        if let Some(history) = query.history.filter(|_| needs_past) {
            let largest = history.as_of(query.time).flat_map(|basket| basket.items).fold(0, |most, i| most.max(i.0));
            if largest as usize >= n_items.max(1) {
                return Err(Error::Query {
                    field: "item of the history",
                    got: largest.to_string(),
                    expected: format!("an item of this model, 0..{n_items}"),
                });
            }
        }
        if !self.has(query.using) {
            return Err(Error::NoSuchPart { what: query.using.to_string(), available: self.parts().join(", ") });
        }
        Ok(())
    }

    fn fill_up(&self, k: usize, scratch: &mut Scratch) {
        for at in 0..scratch.ranked.len() {
            scratch.block(scratch.ranked[at].item.0);
        }
        for &item in self.model.popular() {
            if scratch.ranked.len() >= k {
                break;
            }
            if scratch.block(item) {
                scratch.ranked.push(Scored { item: ItemId(item), score: 0.0 });
            }
        }
    }

    /// How probable every offer is: by its share of the candidates, of popular items by the share
    /// of all baskets that hold them.
    fn say_probabilities(&self, situation: Situation, popular_from: usize, scratch: &mut Scratch) {
        let settings = self.model.settings();
        let known = settings.probabilities.and_then(|probabilities| probabilities[situation as usize]);
        let Some(probability) = known else { return };
        let n_baskets = settings.n_baskets.max(1) as f32;
        let Scratch { ranked, shares, basket, probabilities, .. } = scratch;
        for (position, offer) in ranked.iter().enumerate() {
            let share = if position < popular_from { shares.log_share(offer.score) } else { None };
            probabilities.push(match share {
                Some(share) => probability.of(share, basket.len()) as f32,
                None => self.model.item_baskets()[offer.item.index()] as f32 / n_baskets,
            });
        }
    }
}

/// Notes the basket and blocks what may not be offered, before any source speaks.
pub(super) fn mark(query: &Query<'_>, scratch: &mut Scratch) {
    let (older, newest) = query.basket.split_at(query.basket.len().saturating_sub(MAX_BASKET));
    for &item in newest {
        scratch.put_in_basket(item);
    }
    for item in older.iter().chain(query.exclude) {
        scratch.block(item.0);
    }
    if let (Mode::Discovery, Some(history)) = (query.mode, query.history) {
        sources::block_owned(history, query.time, scratch);
    }
}
