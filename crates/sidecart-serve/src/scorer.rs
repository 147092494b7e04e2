//! Opens a model and answers queries.

use std::path::Path;

use sidecart_artifact::{Container, CustomerStore, Manifest, Mode as OpenMode, ModelFiles, RecordScratch};
use sidecart_core::{Clock, Customer, EventLog, ExternalIdRef, History, IdKind, ItemId, Scored, Time, ln};

use crate::cold_start::{StandIn, stand_in};
use crate::error::{Error, Result};
use crate::model::Model;
use crate::probability::Shares;
use crate::ranker::{self, LinearRanker, N_FEATURES, N_LIGHT, RankerModel, Situation, Stage};
use crate::scratch::Scratch;
use crate::settings::{MixtureWeights, Mode, N_SIGNALS, ServingSettings, Source, Weights};
use crate::sources::{self, signal};
use crate::upsell::UpsellModel;

/// Largest `k`.
pub const MAX_K: usize = 1_000;
/// Longest basket; of a longer one the last items count.
pub const MAX_BASKET: usize = 1_000;

/// One question.
#[derive(Clone, Copy, Debug)]
pub struct Query<'a> {
    /// The basket so far; repeats count once.
    pub basket: &'a [ItemId],
    /// The customer's past; only what is strictly before `time` is used.
    pub history: Option<&'a History>,
    /// When the question is asked.
    pub time: Time,
    /// How many answers, 1..=[`MAX_K`].
    pub k: usize,
    /// What the list is for.
    pub mode: Mode,
    /// The part of the model that answers.
    pub using: Source,
    /// The store, as [`Scorer::store`] numbers it; without one, or with one that the model does not
    /// know, what sells in all of them counts. Used where a ranker other than `fast` answers.
    pub store: Option<u32>,
    /// Items that may not come back.
    pub exclude: &'a [ItemId],
    /// What is on promotion where and when the question is asked, the most important first: a
    /// ranker other than `fast` looks at the first of them, too, and ranks them like all others.
    pub promoted: &'a [ItemId],
}

impl Default for Query<'_> {
    fn default() -> Self {
        Self {
            basket: &[],
            history: None,
            time: Time(i64::MAX),
            k: 10,
            mode: Mode::Completion,
            using: Source::Default,
            store: None,
            exclude: &[],
            promoted: &[],
        }
    }
}

/// The best items, best first.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Answer<'s> {
    /// At most `k` items; never one of the basket or of the exclusions.
    pub offers: &'s [Scored],
    /// Offers from this position on stand in because the model had no more of its own. Equal to
    /// `offers.len()` when none does.
    pub fallback_from: usize,
    /// Those from this position on are the most popular items; what stands in before them rests on
    /// categories. At least `fallback_from`.
    pub popular_from: usize,
    /// For every offer the probability that the basket ends up with the item, had nothing been
    /// shown; empty where the model does not know it, and for [sources](Source) that are named.
    pub probabilities: &'s [f32],
}

impl Answer<'_> {
    /// The probability that the basket ends up with the item at a position; `None` where it is not
    /// known.
    #[must_use]
    pub fn probability(&self, position: usize) -> Option<f64> {
        self.probabilities.get(position).map(|&p| f64::from(p))
    }

    /// What the offer at a position stands in by; `None` where the model speaks for it.
    #[must_use]
    pub fn stand_in(&self, position: usize) -> Option<StandIn> {
        match position {
            position if position >= self.popular_from => Some(StandIn::Popular),
            position if position >= self.fallback_from => Some(StandIn::Category),
            _ => None,
        }
    }
}

/// A model that answers. Immutable; share it between threads, give each thread its own
/// [`Scratch`].
pub struct Scorer {
    model: Model,
    manifest: Option<Manifest>,
    trained_through: Time,
    customers: Option<CustomerStore>,
}

/// A reader of stored customers with its own memory.
#[derive(Default)]
pub struct CustomerReader {
    record: RecordScratch,
}

impl Scorer {
    /// Opens a model folder (its live version) or one version folder, with all checks.
    ///
    /// # Errors
    /// Any [`Error`] about the files.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let files = ModelFiles::open(path.as_ref(), OpenMode::Owned)?;
        let (manifest, container, customers) = files.into_parts();
        let settings = manifest
            .settings
            .get("serving")
            .cloned()
            .ok_or_else(|| Error::Settings { problem: "the manifest has no `serving`".into() })?;
        let settings: ServingSettings =
            serde_json::from_value(settings).map_err(|e| Error::Settings { problem: e.to_string() })?;
        let model = Model::read(container, settings, manifest.clock)?;
        if let Some(store) = customers.as_ref().filter(|store| store.n_items() != model.n_items() as u64) {
            return Err(Error::Model {
                section: "customers",
                problem: "another number of items than the model",
                expected: model.n_items().to_string(),
                got: store.n_items().to_string(),
            });
        }
        Ok(Self { model, trained_through: manifest.trained_through, manifest: Some(manifest), customers })
    }

    /// A model that was never written: for evaluation and tuning inside training.
    ///
    /// # Errors
    /// As [`Model::read`].
    pub fn in_memory(
        container: Container,
        settings: ServingSettings,
        clock: Clock,
        trained_through: Time,
    ) -> Result<Self> {
        Ok(Self { model: Model::read(container, settings, clock)?, manifest: None, trained_through, customers: None })
    }

    /// Replaces the weights of the mixture: for training, which tunes them over the model's own
    /// candidates.
    pub fn set_weights(&mut self, weights: MixtureWeights) {
        self.model.set_weights(weights);
    }

    /// Puts a ranker in: for training, which learns one over the model's own candidates.
    pub fn set_ranker(&mut self, ranker: RankerModel) {
        self.model.set_ranker(ranker);
    }

    /// The tensors.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What is known about upgrades.
    ///
    /// # Errors
    /// [`Error::NoSuchPart`] for a model that was trained without.
    pub fn upsell(&self) -> Result<&UpsellModel> {
        self.model
            .upsell()
            .ok_or_else(|| Error::NoSuchPart { what: "upsell".into(), available: self.parts().join(", ") })
    }

    /// What the model says of itself; `None` for a model that was never written.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// The newest time the model has learned from.
    #[must_use]
    pub fn trained_through(&self) -> Time {
        self.trained_through
    }

    /// Memory for one thread.
    #[must_use]
    pub fn scratch(&self) -> Scratch {
        Scratch::new(self.model.n_items(), self.model.n_kept_baskets())
    }

    /// Number of customers whose past is stored with the model.
    #[must_use]
    pub fn n_customers(&self) -> usize {
        self.customers.as_ref().map_or(0, CustomerStore::len)
    }

    /// The number of a store for queries; `None` where the model does not know it.
    #[must_use]
    pub fn store(&self, id: ExternalIdRef<'_>) -> Option<u32> {
        self.model.ranker().and_then(|ranker| ranker.tables.stores.find(id))
    }

    /// The same of a typed id; a number can be meant as a number or as a text.
    #[must_use]
    pub fn typed_store(&self, typed: &str) -> Option<u32> {
        self.model.ranker().and_then(|ranker| ranker.tables.stores.find_typed(typed))
    }

    /// The form of the ids of those customers; `None` where none are stored.
    #[must_use]
    pub fn customer_kind(&self) -> Option<IdKind> {
        self.customers.as_ref().map(CustomerStore::kind)
    }

    /// Replaces `customer` by what is known of one: what is stored with the model, then what the
    /// log has seen since the end of training (what it holds from before, the model knows
    /// already). False when nothing is known.
    ///
    /// # Errors
    /// [`Error::Artifact`] when a stored record is damaged or cannot be read.
    pub fn load_customer(
        &self,
        id: ExternalIdRef<'_>,
        log: Option<&EventLog>,
        reader: &mut CustomerReader,
        customer: &mut Customer,
    ) -> Result<bool> {
        customer.clear();
        if let Some(store) = &self.customers {
            store.read(id, &mut reader.record, customer)?;
        }
        if let Some(since) = log.and_then(|log| log.customer(id)) {
            for at in 0..since.len() {
                let basket = since.get(at);
                if basket.time > self.trained_through() {
                    customer.history.push_basket(basket);
                }
            }
        }
        Ok(!customer.history.is_empty())
    }

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

    fn check(&self, query: &Query<'_>) -> Result<()> {
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

    /// Names of the sources this model can answer with.
    #[must_use]
    pub fn parts(&self) -> Vec<&'static str> {
        Source::NAMES.iter().filter(|(_, source)| self.has(*source)).map(|(name, _)| *name).collect()
    }

    fn has(&self, source: Source) -> bool {
        match source {
            Source::Neighbours => self.model.has_neighbours(),
            Source::Ease => self.model.has_ease(),
            Source::Embeddings => self.model.embeddings().is_some(),
            Source::Baskets => self.model.baskets().is_some(),
            Source::Fast | Source::Linear => self.model.ranker().is_some(),
            Source::Trees => self.model.ranker().is_some_and(RankerModel::has_trees),
            Source::Neural => self.model.ranker().is_some_and(RankerModel::has_neural),
            _ => true,
        }
    }

    /// Fills the signals of the mixture; false when nothing but popularity has a candidate.
    fn gather(&self, query: &Query<'_>, knows_customer: bool, scratch: &mut Scratch) -> Result<bool> {
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

/// Popular items among the candidates of the mixture.
const POPULAR_CANDIDATES: usize = 50;

/// Notes the basket and blocks what may not be offered, before any source speaks.
fn mark(query: &Query<'_>, scratch: &mut Scratch) {
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

/// Weight of each signal over the signal's sum, so that every signal counts as a share.
fn share_scales(weights: &Weights, scratch: &Scratch) -> Weights {
    let mut sums = [0.0f64; N_SIGNALS];
    for candidate in &scratch.candidates {
        for (sum, &signal) in sums.iter_mut().zip(&candidate.signals) {
            *sum += f64::from(signal);
        }
    }
    std::array::from_fn(|s| if sums[s] > 0.0 { (f64::from(weights[s]) / sums[s]) as f32 } else { 0.0 })
}

fn rank_mixture(weights: &Weights, k: usize, scratch: &mut Scratch) {
    let scales = share_scales(weights, scratch);
    let score = |signals: &Weights| scales.iter().zip(signals).map(|(scale, signal)| scale * signal).sum();
    // Every signal with a candidate brings its whole weight.
    let total: f64 = weights.iter().zip(&scales).filter(|(_, scale)| **scale > 0.0).map(|(w, _)| f64::from(*w)).sum();
    scratch.shares = if total > 0.0 { Shares::Parts(ln(total)) } else { Shares::None };
    rank(k, scratch, score);
}

fn rank_one(signal: usize, k: usize, scratch: &mut Scratch) {
    rank(k, scratch, |signals| signals[signal]);
}

/// Keeps the `k` best candidates that have any score.
fn rank(k: usize, scratch: &mut Scratch, score: impl Fn(&Weights) -> f32) {
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
