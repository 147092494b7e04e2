//! Every source against a twin that scores the whole catalogue with maps and sorts it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sidecart_core::{Clock, History, ItemId, Time};
use sidecart_serve::{Mode, N_SIGNALS, Query, SIGNALS, Scorer, Source, Weights};
use support::{Shop, shop};

/// Signals by item, computed the slow way, of everything that may be offered.
fn signals(shop: &Shop, query: &Query<'_>, with_own: bool, k_embeddings: usize) -> BTreeMap<u32, [f64; N_SIGNALS]> {
    let mut all: BTreeMap<u32, [f64; N_SIGNALS]> = BTreeMap::new();
    let past: Vec<_> = query.history.iter().flat_map(|h| h.as_of(query.time)).collect();
    let mut blocked: BTreeSet<u32> = query.basket.iter().chain(query.exclude).map(|i| i.0).collect();
    if query.mode == Mode::Discovery {
        blocked.extend(past.iter().flat_map(|b| b.items).map(|i| i.0));
    }
    let mut basket: Vec<u32> = Vec::new();
    for item in query.basket {
        if !basket.contains(&item.0) {
            basket.push(item.0);
        }
    }
    let n_training = shop.settings.n_baskets as f64;
    let rarity = |item: u32| (n_training / f64::from(shop.item_baskets[item as usize].max(1))).ln().max(0.0) + 1e-3;

    for &item in &basket {
        for &(neighbour, score) in &shop.neighbours[item as usize] {
            let row = all.entry(neighbour).or_default();
            row[0] += f64::from(score);
            row[1] += f64::from(score).powi(4);
        }
    }
    all.values_mut().for_each(|row| row[1] = row[1].powf(0.25));
    for &item in &basket {
        for &(other, score) in &shop.ease[item as usize] {
            all.entry(other).or_default()[7] += f64::from(score);
        }
    }

    // In single precision and the basket's order: which basket is nearer must not hang on rounding.
    let mut likeness: Vec<(f32, u32)> = Vec::new();
    for (number, kept) in shop.baskets.iter().enumerate() {
        let posted = |item: &&u32| shop.postings[**item as usize].contains(&(number as u32));
        let shared: f32 = basket.iter().filter(posted).map(|&item| rarity(item) as f32).sum();
        if shared > 0.0 {
            likeness.push((shared * (1.0 / (kept.len() as f32).sqrt()), number as u32));
        }
    }
    likeness.sort_by(|a, b| b.0.total_cmp(&a.0).then(b.1.cmp(&a.1)));
    likeness.truncate(shop.settings.nearest_baskets as usize);
    for (score, number) in likeness {
        for &item in &shop.baskets[number as usize] {
            all.entry(item).or_default()[2] += f64::from(score) * rarity(item).sqrt();
        }
    }

    if basket.iter().any(|item| shop.inputs.contains_key(item)) {
        let vectors: Vec<&Vec<f32>> = basket.iter().filter_map(|item| shop.inputs.get(item)).collect();
        let pooling = (vectors.len() as f64).powf(-f64::from(shop.settings.embedding_pooling));
        let query_vector: Vec<f64> =
            (0..vectors[0].len()).map(|d| vectors.iter().map(|v| f64::from(v[d])).sum::<f64>() * pooling).collect();
        let mut hits: Vec<(f64, u32)> = shop
            .outputs
            .iter()
            .filter(|(item, _)| !blocked.contains(item))
            .map(|(&item, (vector, bias))| {
                let dot: f64 = vector.iter().zip(&query_vector).map(|(&x, y)| f64::from(x) * y).sum();
                (dot + f64::from(*bias), item)
            })
            .collect();
        hits.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        hits.truncate(k_embeddings);
        for &(score, item) in &hits {
            all.entry(item).or_default()[3] += (score - hits[0].0).exp();
        }
    }

    if with_own && let Some(newest) = past.first() {
        for (position, b) in past.iter().enumerate() {
            let age = match shop.clock {
                Clock::None => 0.0,
                Clock::Order => position as f64,
                Clock::Calendar | Clock::Days => newest.time.days_since(b.time),
            };
            let shared: f64 = b.items.iter().filter(|i| basket.contains(&i.0)).map(|i| rarity(i.0)).sum();
            for item in b.items {
                let row = all.entry(item.0).or_default();
                row[4] += (-age / shop.settings.own_frequency_tau).exp();
                row[5] += shared * (-age / shop.settings.own_together_tau).exp();
            }
        }
    }
    let n_popular = 50.max(query.k);
    for &item in shop.popular.iter().filter(|i| !blocked.contains(i)).take(n_popular) {
        all.entry(item).or_default()[6] = f64::from(shop.item_baskets[item as usize]);
    }
    all.retain(|item, _| !blocked.contains(item));
    all
}

/// Scores of the catalogue by a source; only what scores above 0.
fn scores(shop: &Shop, query: &Query<'_>) -> BTreeMap<u32, f64> {
    let knows_customer = query.history.is_some_and(|h| h.as_of(query.time).len() > 0);
    let is_mixture = matches!(query.using, Source::Default | Source::Mixture);
    let with_own = !is_mixture || query.mode == Mode::Completion;
    let k_embeddings = if is_mixture { shop.settings.embedding_candidates as usize } else { query.k };
    let all = signals(shop, query, with_own, k_embeddings);
    if query.using == Source::Default
        && all.values().all(|row| row.iter().enumerate().all(|(s, &v)| s == 6 || v == 0.0))
    {
        return BTreeMap::new();
    }
    let only = |at: usize| std::array::from_fn(|s| if s == at { 1.0 } else { 0.0 });
    let (weights, as_shares): (Weights, bool) = match query.using {
        Source::Default | Source::Mixture => (*shop.settings.weights.of(query.mode, knows_customer), true),
        Source::Own => ([0.0, 0.0, 0.0, 0.0, 1.0, 1.0, 0.0, 0.0], true),
        Source::Neighbours => (only(0), false),
        Source::Baskets => (only(2), false),
        Source::Embeddings => (only(3), false),
        Source::OwnFrequency => (only(4), false),
        Source::Popular => (only(6), false),
        Source::Ease => (only(7), false),
        Source::Fast | Source::Linear | Source::Trees | Source::Neural => unreachable!("the shop has no ranker"),
    };
    let sum = |s: usize| if as_shares { all.values().map(|row| row[s]).sum::<f64>() } else { 1.0 };
    let sums: Vec<f64> = (0..N_SIGNALS).map(sum).collect();
    let score = |row: &[f64; N_SIGNALS]| -> f64 {
        (0..N_SIGNALS).filter(|&s| sums[s] > 0.0).map(|s| f64::from(weights[s]) * row[s] / sums[s]).sum()
    };
    all.iter().map(|(&item, row)| (item, score(row))).filter(|(_, score)| *score > 0.0).collect()
}

/// Checks an answer against the twin's scores: the same scores up to rounding, nothing better
/// left out, and as many answers as there are.
fn check(scorer: &Scorer, shop: &Shop, query: &Query<'_>) -> Result<(), TestCaseError> {
    let mut scratch = scorer.scratch();
    let answer = scorer.recommend(query, &mut scratch).unwrap();
    let own = &answer.offers[..answer.fallback_from];
    let expected = scores(shop, query);
    let close = |a: f64, b: f64| (a - b).abs() <= 1e-4 * b.abs() + 1e-9;
    prop_assert_eq!(own.len(), expected.len().min(query.k), "{}: {:?} of {:?}", query.using, own, expected);
    for offer in own {
        let Some(&score) = expected.get(&offer.item.0) else {
            return Err(TestCaseError::fail(format!("{}: {} is no candidate", query.using, offer.item.0)));
        };
        prop_assert!(close(f64::from(offer.score), score), "{}: {} for {score}", query.using, offer.score);
    }
    prop_assert!(own.windows(2).all(|w| w[0].rank_order(&w[1]).is_lt()));
    if let Some(last) = own.last() {
        let left_out = expected.iter().filter(|(item, _)| !own.iter().any(|o| o.item.0 == **item));
        let best = left_out.map(|(_, &score)| score).fold(0.0, f64::max);
        prop_assert!(best <= f64::from(last.score) * (1.0 + 1e-4) + 1e-9, "{}: {best} left out", query.using);
    }
    let fallback = &answer.offers[answer.fallback_from..];
    prop_assert!(query.using == Source::Default || fallback.is_empty());
    if query.using == Source::Default {
        let blocked = |item: u32| {
            let given = query.basket.iter().chain(query.exclude).any(|i| i.0 == item);
            let owned = query.history.is_some_and(|h| h.as_of(query.time).any(|b| b.items.contains(&ItemId(item))));
            given || (query.mode == Mode::Discovery && owned)
        };
        let stand_ins: Vec<u32> = shop
            .popular
            .iter()
            .copied()
            .filter(|&item| !blocked(item) && !own.iter().any(|o| o.item.0 == item))
            .take(query.k - own.len())
            .collect();
        prop_assert_eq!(fallback.iter().map(|o| o.item.0).collect::<Vec<_>>(), stand_ins);
    }
    Ok(())
}

fn past() -> impl Strategy<Value = History> {
    let basket = (0i64..40, proptest::collection::btree_set(0u32..14, 0..4));
    proptest::collection::vec(basket, 0..6).prop_map(|mut baskets| {
        baskets.sort();
        let mut history = History::default();
        for (day, items) in baskets {
            let items: Vec<ItemId> = items.into_iter().map(ItemId).collect();
            history.push(Time(day * sidecart_core::MICROS_PER_DAY), &items);
        }
        history
    })
}

fn items(most: usize) -> impl Strategy<Value = Vec<ItemId>> {
    proptest::collection::vec((0u32..14).prop_map(ItemId), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn every_source_answers_like_its_plain_twin(
        shop in shop(14),
        basket in items(6),
        exclude in items(4),
        history in past(),
        has_history: bool,
        day in 0i64..45,
        k in prop_oneof![1usize..6, Just(30)],
        discovery: bool,
    ) {
        let scorer = shop.scorer();
        for (_, using) in Source::NAMES.into_iter().filter(|(name, _)| scorer.parts().contains(name)) {
            let query = Query {
                basket: &basket,
                history: has_history.then_some(&history),
                time: Time(day * sidecart_core::MICROS_PER_DAY),
                k,
                mode: if discovery { Mode::Discovery } else { Mode::Completion },
                using,
                store: None, exclude: &exclude, promoted: &[],
            };
            check(&scorer, &shop, &query)?;
        }
    }

    #[test]
    fn candidates_are_what_the_mixture_ranks(shop in shop(14), basket in items(6), history in past(), discovery: bool) {
        let scorer = shop.scorer();
        let mode = if discovery { Mode::Discovery } else { Mode::Completion };
        let query = Query {
            basket: &basket, history: Some(&history), mode, k: 30, using: Source::Mixture, ..Query::default()
        };
        let mut scratch = scorer.scratch();
        let knows_customer = !history.is_empty();
        let weights = *shop.settings.weights.of(mode, knows_customer);
        let mut mixed: BTreeMap<u32, f32> = BTreeMap::new();
        let mut sums = [0.0f32; N_SIGNALS];
        scorer
            .candidates(&query, &mut scratch, |item, signals| {
                let score: f32 = weights.iter().zip(signals).map(|(w, s)| w * s).sum();
                assert!(mixed.insert(item.0, score).is_none(), "{} is visited twice", item.0);
                sums.iter_mut().zip(signals).for_each(|(sum, s)| *sum += s);
            })
            .unwrap();
        for (sum, name) in sums.iter().zip(SIGNALS) {
            prop_assert!(*sum == 0.0 || (sum - 1.0).abs() < 1e-5, "{name} sums to {sum}");
        }
        mixed.retain(|_, score| *score > 0.0);
        let answer = scorer.recommend(&query, &mut scratch).unwrap();
        prop_assert_eq!(answer.offers.len(), mixed.len());
        for offer in answer.offers {
            prop_assert!((offer.score - mixed[&offer.item.0]).abs() <= 1e-5 * offer.score);
        }
    }
}
