use sidecart_core::{ItemId, Scored};

use super::collect;
use super::features::{Features, N_FEATURES, N_LIGHT};
use super::memory::RankerMemory;
use super::model::{LinearRanker, RankerModel, Situation, Stage};
use crate::error::Result;
use crate::model::Model;
use crate::scorer::Query;
use crate::scratch::Scratch;
use crate::settings::N_SIGNALS;
use crate::sources::{self, signal};

/// Fills the scratch with the candidates of a query, their signals and what the features need.
/// The basket must be marked.
pub(crate) fn gather(model: &Model, ranker: &RankerModel, query: &Query<'_>, scratch: &mut Scratch) -> Result<()> {
    let (tables, quotas) = (&ranker.tables, &ranker.settings.quotas);
    let mut memory = std::mem::take(&mut scratch.ranker);
    memory.prepare(tables);
    collect::neighbours(model, scratch, &mut memory);
    sources::similar_baskets(model, scratch);
    sources::ease(model, scratch);
    let outcome = sources::embeddings(model, quotas.embeddings as usize, scratch);
    collect::basket(tables, scratch, &mut memory);
    if let Some(history) = query.history {
        collect::past(model, tables, history, query.time, scratch, &mut memory);
        collect::affinities(tables, &mut memory);
    }
    sources::popular(model, quotas.popular as usize, scratch);
    let situation = Situation::of(query.mode, memory.totals.n_past > 0.0);
    fill_pool(model, ranker, situation, scratch, &mut memory);
    let n_signals = scratch.candidates.len();
    collect::groups(tables, quotas, scratch, &mut memory);
    memory.pool.extend(n_signals as u32..scratch.candidates.len() as u32);
    sources::embeddings_of(model, &memory.pool, scratch);
    let sum: f64 =
        memory.pool.iter().map(|&at| f64::from(scratch.candidates[at as usize].signals[signal::EMBEDDINGS])).sum();
    memory.scales[signal::EMBEDDINGS] = if sum > 0.0 { (1.0 / sum) as f32 } else { 0.0 };
    scratch.ranker = memory;
    outcome
}

/// The best candidates by the mixture's weights.
fn fill_pool(model: &Model, ranker: &RankerModel, situation: Situation, scratch: &Scratch, memory: &mut RankerMemory) {
    let mut sums = [0.0f64; N_SIGNALS];
    for candidate in &scratch.candidates {
        for (sum, &signal) in sums.iter_mut().zip(&candidate.signals) {
            *sum += f64::from(signal);
        }
    }
    memory.scales = sums.map(|sum| if sum > 0.0 { (1.0 / sum) as f32 } else { 0.0 });
    let n = scratch.candidates.len();
    let pool = ranker.settings.pool as usize;
    if n <= pool {
        memory.pool.extend(0..n as u32);
        return;
    }
    let weights = model.settings().weights.of_situation(situation);
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
    for &(_, place) in &memory.order {
        features.write(place as usize, &mut row);
        visit(ItemId(scratch.candidates[place as usize].item), &row);
    }
    scratch.ranker = memory;
}

/// The `n` best candidates of the pool by the first stage, in no order, in `memory.order`.
fn first_stage(ranker: &RankerModel, light: &LinearRanker, n: usize, scratch: &Scratch, memory: &mut RankerMemory) {
    let mut order = std::mem::take(&mut memory.order);
    order.clear();
    let features = Features::new(&ranker.tables, scratch, memory);
    let mut row = [0.0; N_LIGHT];
    for &place in &memory.pool {
        features.write_light(place as usize, &mut row);
        order.push((light.score(&row), place));
    }
    keep_best(&mut order, n, scratch);
    memory.order = order;
}

/// Ranks what the first stage keeps of the candidates that [`gather`] found. Nothing where the
/// situation has no ranker.
pub(crate) fn rank(ranker: &RankerModel, situation: Situation, stage: Stage, k: usize, scratch: &mut Scratch) {
    let Some(rankers) = ranker.of(situation) else { return };
    let mut memory = std::mem::take(&mut scratch.ranker);
    first_stage(ranker, &rankers.light, (ranker.settings.kept as usize).max(k), scratch, &mut memory);
    let n = memory.order.len();
    let (mut rows, mut scores) = (std::mem::take(&mut memory.features), std::mem::take(&mut memory.scores));
    rows.resize(n * N_FEATURES, 0.0);
    scores.resize(n, 0.0);
    let features = Features::new(&ranker.tables, scratch, &memory);
    for (&(_, place), row) in memory.order.iter().zip(rows.as_chunks_mut::<N_FEATURES>().0) {
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
    for (&(_, place), &score) in memory.order.iter().zip(&scores) {
        scratch.ranked.push(Scored { item: ItemId(scratch.candidates[place as usize].item), score });
    }
    if k < n {
        scratch.ranked.select_nth_unstable_by(k, Scored::rank_order);
        scratch.ranked.truncate(k);
    }
    scratch.ranked.sort_unstable_by(Scored::rank_order);
    (memory.features, memory.scores) = (rows, scores);
    scratch.ranker = memory;
}
