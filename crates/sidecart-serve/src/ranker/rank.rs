use sidecart_core::{ItemId, Scored, ln};
use sidecart_kernels::prefetch_read;

use super::collect;
use super::features::{Features, N_FEATURES, N_LIGHT};
use super::memory::RankerMemory;
use super::model::{LinearRanker, RankerModel, Situation, SituationRanker, Stage};
use super::quotas::Quotas;
use crate::error::Result;
use crate::model::Model;
use crate::probability::Shares;
use crate::scorer::Query;
use crate::scratch::Scratch;
use crate::settings::{N_SIGNALS, Weights};
use crate::sources::{self, signal};

/// Candidates whose facts are asked for ahead of their use.
const PREFETCHED: usize = 8;

/// Fills the scratch with the candidates of a query, their signals and what the features need.
/// The basket must be marked.
pub(crate) fn gather(
    model: &Model,
    ranker: &RankerModel,
    quotas: &Quotas,
    query: &Query<'_>,
    scratch: &mut Scratch,
) -> Result<()> {
    let tables = &ranker.tables;
    let mut memory = std::mem::take(&mut scratch.ranker);
    memory.prepare(tables);
    collect::neighbours(model, quotas.neighbours, scratch, &mut memory);
    sources::similar_baskets(model, quotas.baskets as usize, scratch);
    sources::ease(model, quotas.ease as usize, scratch);
    collect::basket(tables, scratch, &mut memory);
    if let Some(history) = query.history {
        collect::past(model, ranker, quotas.own, (history, query.time), scratch, &mut memory);
        collect::affinities(tables, &mut memory);
    }
    sources::popular(model, quotas.popular as usize, scratch);
    let situation = Situation::of(query.mode, memory.totals.n_past > 0.0);
    let is_discovery = situation == Situation::DiscoveryKnown;
    // For completion a search of all vectors costs much and adds little where others find enough:
    // their scores are a feature of every candidate in any case.
    let mut outcome = Ok(());
    if is_discovery || scratch.candidates.len() < ranker.settings.kept as usize {
        outcome = sources::embeddings(model, quotas.embeddings as usize, scratch);
    }
    let pool = if is_discovery { quotas.discovery_pool } else { quotas.pool };
    fill_pool(model.settings().weights.of_situation(situation), pool as usize, scratch, &mut memory);
    let n_signals = scratch.candidates.len();
    collect::groups(tables, quotas, scratch, &mut memory);
    if let Some(store) = query.store.filter(|store| quotas.store > 0 && (*store as usize) < tables.store_items.len()) {
        collect::store(tables, quotas.store, store, scratch, &mut memory);
    }
    for &item in query.promoted.iter().take(quotas.promoted as usize) {
        scratch.candidate(item.0);
    }
    // Last, so that every candidate knows what it is bought instead of.
    let past = query.history.map(|history| (history, query.time)).filter(|_| is_discovery);
    collect::substitutes(model, quotas.substitutes, past, scratch, &mut memory);
    memory.pool.extend(n_signals as u32..scratch.candidates.len() as u32);
    sources::embeddings_of(model, &memory.pool, scratch);
    // What the vectors say is relative to the best of them, and no share of a sum.
    memory.scales[signal::EMBEDDINGS] = 1.0;
    scratch.ranker = memory;
    outcome
}

/// The best candidates by the mixture's weights.
fn fill_pool(weights: &Weights, pool: usize, scratch: &Scratch, memory: &mut RankerMemory) {
    let mut sums = [0.0f64; N_SIGNALS];
    for candidate in &scratch.candidates {
        for (sum, &signal) in sums.iter_mut().zip(&candidate.signals) {
            *sum += f64::from(signal);
        }
    }
    memory.scales = sums.map(|sum| if sum > 0.0 { (1.0 / sum) as f32 } else { 0.0 });
    let n = scratch.candidates.len();
    if n <= pool {
        memory.pool.extend(0..n as u32);
        return;
    }
    let weights: [f32; N_SIGNALS] = std::array::from_fn(|s| weights[s] * memory.scales[s]);
    let mut order = std::mem::take(&mut memory.order);
    order.clear();
    for (place, candidate) in (0u32..).zip(&scratch.candidates) {
        let score: f32 = weights.iter().zip(&candidate.signals).map(|(weight, signal)| weight * signal).sum();
        order.push((score, place));
    }
    keep_best(&mut order, pool, scratch);
    memory.pool.extend(order.iter().map(|&(_, place)| place));
    memory.order = order;
}

/// Cuts a list of scored candidates to the `n` best, in no order; ties by item.
fn keep_best(order: &mut Vec<(f32, u32)>, n: usize, scratch: &Scratch) {
    if n < order.len() {
        let item = |place: u32| scratch.candidates[place as usize].item;
        let best = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then_with(|| item(a.1).cmp(&item(b.1)));
        order.select_nth_unstable_by(n, best);
        order.truncate(n);
    }
}

/// Calls `visit` with every candidate of the pool and its light features.
pub(crate) fn visit_light(ranker: &RankerModel, scratch: &Scratch, mut visit: impl FnMut(ItemId, &[f32; N_LIGHT])) {
    let features = Features::new(&ranker.tables, scratch, &scratch.ranker);
    let mut row = [0.0; N_LIGHT];
    for &place in &scratch.ranker.pool {
        features.write_light(place as usize, &mut row);
        visit(ItemId(scratch.candidates[place as usize].item), &row);
    }
}

/// Calls `visit` with the `n` candidates of the pool that the first stage puts first, in no order,
/// and their features.
pub(crate) fn visit_features(
    ranker: &RankerModel,
    light: &LinearRanker,
    n: usize,
    scratch: &mut Scratch,
    mut visit: impl FnMut(ItemId, &[f32; N_FEATURES]),
) {
    let mut memory = std::mem::take(&mut scratch.ranker);
    first_stage(ranker, light, n, scratch, &mut memory);
    let features = Features::new(&ranker.tables, scratch, &memory);
    let mut row = [0.0; N_FEATURES];
    for &place in &memory.kept {
        features.write(place as usize, &mut row);
        visit(ItemId(scratch.candidates[place as usize].item), &row);
    }
    scratch.ranker = memory;
}

/// Every candidate of the pool with its score over the light features.
fn score_pool(
    ranker: &RankerModel,
    linear: &LinearRanker,
    scratch: &Scratch,
    memory: &RankerMemory,
    scored: &mut Vec<(f32, u32)>,
) {
    scored.clear();
    let features = Features::new(&ranker.tables, scratch, memory);
    let mut row = [0.0; N_LIGHT];
    for (at, &place) in memory.pool.iter().enumerate() {
        if let Some(&later) = memory.pool.get(at + PREFETCHED) {
            prefetch_read(&ranker.tables.items, scratch.candidates[later as usize].item as usize);
        }
        features.write_light(place as usize, &mut row);
        scored.push((linear.score(&row), place));
    }
}

/// The `n` best candidates of the pool by the first stage, in no order, in `memory.kept`.
fn first_stage(ranker: &RankerModel, light: &LinearRanker, n: usize, scratch: &Scratch, memory: &mut RankerMemory) {
    let mut order = std::mem::take(&mut memory.order);
    score_pool(ranker, light, scratch, memory, &mut order);
    keep_best(&mut order, n, scratch);
    memory.kept.clear();
    memory.kept.extend(order.iter().map(|&(_, place)| place));
    memory.order = order;
}

/// Ranks what the first stage keeps of the candidates that [`gather`] found. Nothing where the
/// situation has no ranker.
pub(crate) fn rank(ranker: &RankerModel, situation: Situation, stage: Stage, k: usize, scratch: &mut Scratch) {
    let Some(rankers) = ranker.of(situation) else { return };
    let mut memory = std::mem::take(&mut scratch.ranker);
    if stage == Stage::Fast {
        let mut order = std::mem::take(&mut memory.order);
        score_pool(ranker, &rankers.fast, scratch, &memory, &mut order);
        let item = |place: u32| ItemId(scratch.candidates[place as usize].item);
        scratch.ranked.clear();
        scratch.ranked.extend(order.iter().map(|&(score, place)| Scored { item: item(place), score }));
        memory.order = order;
    } else {
        rank_kept(ranker, rankers, stage, k, scratch, &mut memory);
    }
    scratch.shares = softmax(&scratch.ranked, &mut memory.scores);
    if k < scratch.ranked.len() {
        scratch.ranked.select_nth_unstable_by(k, Scored::rank_order);
        scratch.ranked.truncate(k);
    }
    scratch.ranked.sort_unstable_by(Scored::rank_order);
    scratch.ranker = memory;
}

/// The sum that makes shares of utilities.
fn softmax(ranked: &[Scored], exponentials: &mut Vec<f32>) -> Shares {
    let greatest = ranked.iter().fold(f32::NEG_INFINITY, |most, offer| most.max(offer.score));
    if ranked.is_empty() {
        return Shares::None;
    }
    exponentials.clear();
    exponentials.extend(ranked.iter().map(|offer| offer.score - greatest));
    sidecart_kernels::exp(exponentials);
    let total: f64 = exponentials.iter().map(|&e| f64::from(e)).sum();
    Shares::Softmax(f64::from(greatest) + ln(total))
}

/// Scores what the first stage keeps by all features.
fn rank_kept(
    ranker: &RankerModel,
    rankers: &SituationRanker,
    stage: Stage,
    k: usize,
    scratch: &mut Scratch,
    memory: &mut RankerMemory,
) {
    first_stage(ranker, &rankers.light, (ranker.settings.kept as usize).max(k), scratch, memory);
    let n = memory.kept.len();
    let (mut rows, mut scores) = (std::mem::take(&mut memory.features), std::mem::take(&mut memory.scores));
    rows.resize(n * N_FEATURES, 0.0);
    scores.resize(n, 0.0);
    let features = Features::new(&ranker.tables, scratch, memory);
    for (&place, row) in memory.kept.iter().zip(rows.as_chunks_mut::<N_FEATURES>().0) {
        features.write(place as usize, row);
    }
    match (&rankers.trees, &rankers.neural, stage) {
        (Some(trees), _, Stage::Trees) => trees.score_block(&rows, &mut scores),
        (_, Some(neural), Stage::Neural) => neural.score_block(&rows, &mut scores),
        _ => {
            for (score, row) in scores.iter_mut().zip(rows.as_chunks::<N_FEATURES>().0) {
                *score = rankers.linear.score(row);
            }
        }
    }
    scratch.ranked.clear();
    for (&place, &score) in memory.kept.iter().zip(&scores) {
        scratch.ranked.push(Scored { item: ItemId(scratch.candidates[place as usize].item), score });
    }
    (memory.features, memory.scores) = (rows, scores);
}
