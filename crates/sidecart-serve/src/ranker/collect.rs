use sidecart_core::{Clock, History, ItemId, Time, exp, ln};

use super::memory::{CandidateFacts, RankerMemory};
use super::model::RankerModel;
use super::quotas::Quotas;
use super::tables::{KindPair, RankerTables};
use crate::model::Model;
use crate::scratch::Scratch;
use crate::sources::signal;
use sidecart_kernels::prefetch_read;

/// Days after which a line of the past counts 1/e for kinds, makers and lines.
const GROUP_TAU: f64 = 120.0;
/// Imaginary lines with everybody's shares among the customer's.
const AFFINITY_LINES: f64 = 8.0;
/// Weight of the lift against the kind's share.
pub(super) const LIFT_WEIGHT: f32 = 2.0;
/// The same of the customer's affinity, among kinds as candidates.
const AFFINITY_WEIGHT: f32 = 0.6;
/// Newest lines of the past whose substitutes count, and how many of each.
const SUBSTITUTED_LINES: usize = 200;
const SUBSTITUTES_PER_ITEM: usize = 5;
/// Longest age that counts, in days.
const MAX_AGE: f64 = 1_000.0;

fn facts_of(facts: &mut Vec<CandidateFacts>, place: usize) -> &mut CandidateFacts {
    if facts.len() <= place {
        facts.resize(place + 1, CandidateFacts::default());
    }
    &mut facts[place]
}

/// Neighbours of the basket's items: sum, 4-norm, the two strongest and their number.
pub(crate) fn neighbours(model: &Model, quota: u32, scratch: &mut Scratch, memory: &mut RankerMemory) {
    for at in 0..scratch.basket.len() {
        let (items, scores) = model.neighbours(scratch.basket[at]);
        for (&item, &score) in items.iter().zip(scores).take(quota as usize) {
            let Some(place) = scratch.candidate(item) else { continue };
            let square = score * score;
            let signals = &mut scratch.candidates[place].signals;
            signals[signal::NEIGHBOURS] += score;
            signals[signal::NEIGHBOURS_MAX] += square * square;
            let facts = facts_of(&mut memory.facts, place);
            facts.n_hits += 1.0;
            facts.second = facts.second.max(score.min(facts.best));
            facts.best = facts.best.max(score);
        }
    }
    for candidate in &mut scratch.candidates {
        let value = &mut candidate.signals[signal::NEIGHBOURS_MAX];
        *value = value.sqrt().sqrt();
    }
}

/// What the basket says of kinds, families, makers and lines.
pub(crate) fn basket(tables: &RankerTables, scratch: &Scratch, memory: &mut RankerMemory) {
    let epoch = memory.epoch;
    let mut prices = 0.0;
    for &item in &scratch.basket {
        let facts = &tables.items[item.index()];
        prices += facts.log_price;
        if let Some(kind) = memory.kinds.touch(epoch, facts.kind) {
            kind.in_basket += 1.0;
        }
        for (groups, group) in
            [(&mut memory.families, facts.family), (&mut memory.makers, facts.maker), (&mut memory.lines, facts.line)]
        {
            if let Some(state) = groups.touch(epoch, group) {
                state.in_basket += 1.0;
            }
        }
    }
    let n = scratch.basket.len() as f32;
    memory.totals.n_basket = n;
    memory.totals.basket_price = prices / n.max(1.0);
    let n_kinds = memory.kinds.touched.len();
    for at in 0..n_kinds {
        let from = memory.kinds.touched[at];
        let weight = memory.kinds.get(epoch, from).in_basket / n;
        for &KindPair { kind, lift, first_lift } in tables.pairs.row(from) {
            if let Some(state) = memory.kinds.touch(epoch, kind) {
                state.lift += weight * lift;
                state.lift_max = state.lift_max.max(lift);
                state.first_lift += weight * first_lift;
                state.first_lift_max = state.first_lift_max.max(first_lift);
            }
        }
    }
}

/// What the customer's past strictly before `at` says: of items (of which the newest become
/// candidates unless they are blocked), kinds, families, makers and lines.
pub(crate) fn past(
    model: &Model,
    ranker: &RankerModel,
    quota: u32,
    (history, at): (&History, Time),
    scratch: &mut Scratch,
    memory: &mut RankerMemory,
) {
    let (tables, epoch) = (&ranker.tables, memory.epoch);
    let settings = model.settings();
    let most = scratch.candidates.len() + quota as usize;
    let clock = model.clock();
    let Some(newest) = history.as_of(at).next().map(|basket| basket.time) else { return };
    // Without a time of asking, the customer is asked right after the newest basket.
    let now = if at == Time(i64::MAX) { newest } else { at };
    let (mut prices, mut private, mut n_lines, mut weights) = (0.0f32, 0.0f32, 0.0f32, 0.0f32);
    let mut n_baskets = 0u32;
    let mut ahead = history.as_of(at);
    let mut ask_for_next = || {
        for item in ahead.next().iter().flat_map(|basket| basket.items) {
            prefetch_read(&tables.items, item.index());
        }
    };
    ask_for_next();
    for (position, basket) in history.as_of(at).enumerate() {
        ask_for_next();
        n_baskets += 1;
        let age_of = |now: Time| match clock {
            Clock::None => 0.0,
            Clock::Order => position as f64,
            Clock::Calendar | Clock::Days => now.days_since(basket.time),
        };
        let from_newest = age_of(newest);
        let age = age_of(now).clamp(0.0, MAX_AGE);
        let mut decays = [
            -from_newest / settings.own_frequency_tau,
            -from_newest / settings.own_together_tau,
            -age / 7.0,
            -age / 30.0,
            -age / GROUP_TAU,
        ]
        .map(|exponent| exponent as f32);
        sidecart_kernels::exp(&mut decays);
        let [frequency, together, week, month, group_decay] = decays;
        let age = age as f32;
        let shared: f32 = (basket.items.iter())
            .filter(|&&item| scratch.is_in_basket(item))
            .map(|item| model.rarity[item.index()])
            .sum();
        for &ItemId(item) in basket.items {
            let facts = &tables.items[item as usize];
            let is_first = std::mem::replace(&mut memory.seen[item as usize], epoch) != epoch;
            let distinct = f32::from(u8::from(is_first));
            n_lines += 1.0;
            weights += group_decay;
            prices += facts.log_price;
            private += facts.private_label;
            let has_room = scratch.candidates.len() < most;
            let place = if has_room { scratch.candidate(item) } else { scratch.known_candidate(item) };
            if let Some(place) = place {
                if quota > 0 {
                    let signals = &mut scratch.candidates[place].signals;
                    signals[signal::OWN_FREQUENCY] += frequency;
                    signals[signal::OWN_TOGETHER] += shared * together;
                }
                let own = facts_of(&mut memory.facts, place);
                if own.n_own == 0.0 {
                    own.newest = age;
                }
                own.n_own += 1.0;
                own.own_7 += week;
                own.own_30 += month;
                own.oldest = age;
            }
            if let Some(kind) = memory.kinds.touch(epoch, facts.kind) {
                if kind.n_lines == 0.0 {
                    kind.newest = age;
                }
                kind.n_lines += 1.0;
                kind.weight += group_decay;
                kind.n_distinct += distinct;
                kind.oldest = age;
                kind.price_sum += facts.log_price;
                if kind.last_basket != n_baskets {
                    kind.last_basket = n_baskets;
                    kind.n_baskets += 1.0;
                }
            }
            for (groups, group) in [
                (&mut memory.families, facts.family),
                (&mut memory.makers, facts.maker),
                (&mut memory.lines, facts.line),
            ] {
                if let Some(state) = groups.touch(epoch, group) {
                    state.weight += group_decay;
                    state.n_distinct += distinct;
                }
            }
        }
    }
    let totals = &mut memory.totals;
    totals.n_past = n_baskets as f32;
    totals.past_price = prices / n_lines.max(1.0);
    totals.past_private = private / n_lines.max(1.0);
    totals.weight = weights;
}

/// How much more than others the customer buys of every kind.
pub(crate) fn affinities(tables: &RankerTables, memory: &mut RankerMemory) {
    let weight = f64::from(memory.totals.weight);
    memory.totals.no_affinity = ln(AFFINITY_LINES / (weight + AFFINITY_LINES)) as f32;
    for at in 0..memory.kinds.touched.len() {
        let kind = memory.kinds.touched[at];
        let Some(state) = memory.kinds.touch(memory.epoch, kind) else { continue };
        state.affinity = memory.totals.no_affinity;
        if state.n_lines > 0.0 {
            let own = f64::from(state.weight) / exp(f64::from(tables.kinds[kind as usize].log_share)).max(1e-9);
            state.affinity = ln((own + AFFINITY_LINES) / (weight + AFFINITY_LINES)) as f32;
        }
    }
}

/// What is bought instead of the basket's items, and in discovery of what the customer bought
/// lately: of each of the newest lines the surest few become candidates.
pub(crate) fn substitutes(
    model: &Model,
    quota: u32,
    past: Option<(&History, Time)>,
    scratch: &mut Scratch,
    memory: &mut RankerMemory,
) {
    if let Some((history, at)) = past.filter(|_| quota > 0) {
        let most = scratch.candidates.len() + quota as usize;
        let lines = history.as_of(at).flat_map(|basket| basket.items);
        for &item in lines.take(SUBSTITUTED_LINES) {
            let (items, scores) = model.substitutes(item);
            for (&other, &score) in items.iter().zip(scores).take(SUBSTITUTES_PER_ITEM) {
                let has_room = scratch.candidates.len() < most;
                let place = if has_room { scratch.candidate(other) } else { scratch.known_candidate(other) };
                if let Some(place) = place {
                    let own = facts_of(&mut memory.facts, place);
                    own.instead_of_own = own.instead_of_own.max(score);
                }
            }
        }
    }
    for at in 0..scratch.basket.len() {
        let (items, scores) = model.substitutes(scratch.basket[at]);
        for (&other, &score) in items.iter().zip(scores) {
            if let Some(place) = scratch.known_candidate(other) {
                let facts = facts_of(&mut memory.facts, place);
                facts.instead_of_basket = facts.instead_of_basket.max(score);
            }
        }
    }
}

/// What sells in the store of the query; its best sellers become candidates.
pub(crate) fn store(tables: &RankerTables, quota: u32, store: u32, scratch: &mut Scratch, memory: &mut RankerMemory) {
    let counts = &tables.store_counts[tables.store_items.range(store)];
    for (&item, &count) in tables.store_items.row(store).iter().zip(counts) {
        memory.in_store[item as usize] = (memory.epoch, count);
    }
    add(tables.store_items.row(store), quota, scratch);
}

/// How well a kind goes with basket and customer, as a candidate.
fn kind_score(tables: &RankerTables, memory: &RankerMemory, kind: u32) -> f32 {
    let state = memory.kinds.get(memory.epoch, kind);
    tables.kinds[kind as usize].log_share + LIFT_WEIGHT * state.first_lift + AFFINITY_WEIGHT * state.affinity
}

/// Items of kinds and lines that go with basket and customer, and what sells now.
pub(crate) fn groups(tables: &RankerTables, quotas: &Quotas, scratch: &mut Scratch, memory: &mut RankerMemory) {
    let mut order = std::mem::take(&mut memory.order);
    let best = |order: &mut Vec<(f32, u32)>, n: u32| {
        let n = (n as usize).min(order.len());
        let by_score = |a: &(f32, u32), b: &(f32, u32)| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1));
        if n > 0 && n < order.len() {
            order.select_nth_unstable_by(n, by_score);
        }
        order.truncate(n);
        order.sort_unstable_by(by_score);
    };
    order.clear();
    order.extend(memory.kinds.touched.iter().map(|&kind| (kind_score(tables, memory, kind), kind)));
    best(&mut order, quotas.kinds);
    for &(_, kind) in &order {
        add(tables.kind_items.row(kind), quotas.items_per_kind, scratch);
    }
    order.clear();
    for &line in &memory.lines.touched {
        let state = memory.lines.get(memory.epoch, line);
        if state.in_basket > 0.0 {
            add(tables.line_items.row(line), quotas.items_per_line, scratch);
        } else {
            order.push((state.weight, line));
        }
    }
    best(&mut order, quotas.own_lines);
    for &(_, line) in &order {
        add(tables.line_items.row(line), quotas.items_per_line, scratch);
    }
    memory.order = order;
    add(&tables.recent, quotas.recent, scratch);
}

/// The first `n` items that are not blocked become candidates.
fn add(items: &[u32], n: u32, scratch: &mut Scratch) {
    let mut left = n;
    for &item in items {
        if left == 0 {
            break;
        }
        left -= u32::from(scratch.candidate(item).is_some());
    }
}
