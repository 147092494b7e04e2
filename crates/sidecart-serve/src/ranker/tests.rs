//! The ranker over small models made by hand.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sidecart_artifact::{Container, ContainerWriter, Dtype};
use sidecart_core::{Clock, History, IdTable, ItemId, Rng, Scored, Time};

use super::*;
use crate::error::Error;
use crate::sections as names;
use crate::settings::{Mode, ServingSettings, Source};
use crate::trees::{TreeEnsemble, TreeParts};
use crate::{Query, Scorer};

const N_ITEMS: usize = 24;
const N_KINDS: usize = 5;
const N_LINES: usize = 6;
const N_STORES: usize = 3;
const DAY: i64 = 86_400_000_000;

fn number(rng: &mut Rng) -> f32 {
    rng.normal() as f32
}

/// A group below `n`, or none.
fn group(rng: &mut Rng, n: usize) -> u32 {
    if rng.chance(0.15) { NO_GROUP } else { rng.below(n) as u32 }
}

/// Distinct positions below `n`, in any order.
fn some_of(rng: &mut Rng, n: usize, most: usize) -> Vec<u32> {
    let mut all: Vec<u32> = (0..n as u32).collect();
    rng.shuffle(&mut all);
    all.truncate(rng.below(most + 1));
    all
}

fn tables(rng: &mut Rng) -> RankerTables {
    let items = (0..N_ITEMS)
        .map(|_| ItemFacts {
            kind: group(rng, N_KINDS),
            family: group(rng, 2),
            maker: group(rng, 3),
            line: group(rng, N_LINES),
            log_price: number(rng),
            private_label: [0.0, 0.5, 1.0][rng.below(3)],
            log_baskets: number(rng).abs(),
            log_recent: number(rng).abs(),
            log_week: number(rng).abs(),
            log_first_recent: number(rng).abs(),
            first_rate: rng.unit() as f32,
            share: rng.unit() as f32,
            first_share: rng.unit() as f32,
            log_first_share: -number(rng).abs(),
        })
        .collect();
    let kinds = (0..N_KINDS)
        .map(|_| KindFacts {
            log_share: -1.0 - number(rng).abs(),
            first_rate: rng.unit() as f32,
            log_price: number(rng),
        })
        .collect();
    let pairs = (0..N_KINDS)
        .map(|_| {
            let others = some_of(rng, N_KINDS, N_KINDS);
            others.iter().map(|&kind| KindPair { kind, lift: number(rng), first_lift: number(rng) }).collect()
        })
        .collect::<Vec<_>>();
    let lists = |rng: &mut Rng, n: usize| Rows::new((0..n).map(|_| some_of(rng, N_ITEMS, 8)).collect::<Vec<_>>());
    let store_items = lists(rng, N_STORES);
    let n_sales = (0..N_STORES as u32).map(|store| store_items.row(store).len()).sum();
    RankerTables {
        stores: IdTable::from_ints((0..N_STORES as i64).collect()),
        store_items,
        store_counts: (0..n_sales).map(|_| number(rng)).collect(),
        items,
        kinds,
        pairs: Rows::new(pairs),
        kind_items: lists(rng, N_KINDS),
        line_items: lists(rng, N_LINES),
        recent: some_of(rng, N_ITEMS, 10),
        n_families: 2,
        n_makers: 3,
    }
}

fn linear(rng: &mut Rng, n: usize) -> LinearRanker {
    let numbers = |rng: &mut Rng| (0..n).map(|_| number(rng)).collect();
    LinearRanker {
        means: numbers(rng),
        inverse_scales: (0..n).map(|_| rng.unit() as f32).collect(),
        coefficients: numbers(rng),
    }
}

/// Four trees of one split each.
fn stumps(rng: &mut Rng) -> TreeEnsemble {
    let features: Vec<u16> = (0..4).map(|_| rng.below(N_FEATURES) as u16).collect();
    let thresholds: Vec<f32> = (0..4).map(|_| number(rng)).collect();
    let leaves: Vec<f32> = (0..8).map(|_| number(rng)).collect();
    let parts = TreeParts {
        offsets: &[0, 1, 2, 3, 4],
        features: &features,
        thresholds: &thresholds,
        left: &[-1; 4],
        right: &[-2; 4],
        leaves: &leaves,
    };
    TreeEnsemble::from_parts(N_FEATURES, parts).unwrap()
}

/// A network with a hidden layer of three.
fn network(rng: &mut Rng) -> NeuralRanker {
    let numbers = |rng: &mut Rng, n: usize| -> Vec<f32> { (0..n).map(|_| number(rng)).collect() };
    let hidden = DenseLayer { weights: numbers(rng, 3 * N_FEATURES), biases: numbers(rng, 3) };
    let last = DenseLayer { weights: numbers(rng, 3), biases: numbers(rng, 1) };
    NeuralRanker::new(numbers(rng, N_FEATURES), numbers(rng, N_FEATURES), vec![hidden, last]).unwrap()
}

const STAGES: [Stage; 5] = [Stage::Mixture, Stage::Fast, Stage::Linear, Stage::Trees, Stage::Neural];

/// A ranker for every situation, so narrow that the pool, the quotas and the first stage all cut.
fn ranker(rng: &mut Rng) -> RankerModel {
    let quotas = Quotas {
        neighbours: 5,
        baskets: 4,
        ease: 3,
        own: 6,
        embeddings: 3,
        popular: 3,
        pool: 6,
        kinds: 2,
        items_per_kind: 2,
        items_per_line: 2,
        own_lines: 1,
        recent: 2,
        store: 2,
    };
    RankerModel {
        settings: RankerSettings {
            stages: std::array::from_fn(|_| STAGES[rng.below(STAGES.len())]),
            kept: 5,
            quotas,
            fast: Quotas { pool: 4, ..Quotas::FAST.at_most(&quotas) },
        },
        tables: tables(rng),
        situations: std::array::from_fn(|_| {
            let [light, fast] = [linear(rng, N_LIGHT), linear(rng, N_LIGHT)];
            Some(SituationRanker {
                light,
                fast,
                linear: linear(rng, N_FEATURES),
                trees: Some(stumps(rng)),
                neural: Some(network(rng)),
            })
        }),
    }
}

fn add(writer: &mut ContainerWriter<'_>, name: &str, values: Vec<u32>) {
    let n = values.len();
    writer.add_owned(name, values, &[n]).unwrap();
}

fn add_lists(writer: &mut ContainerWriter<'_>, offsets: &str, values: &str, lists: &[Vec<u32>]) {
    let ends = lists.iter().scan(0, |end, list| {
        *end += list.len() as u32;
        Some(*end)
    });
    add(writer, offsets, std::iter::once(0).chain(ends).collect());
    add(writer, values, lists.concat());
}

/// A model with every part that gives the ranker candidates.
fn scorer(seed: u64) -> Scorer {
    let rng = &mut Rng::new(seed, 1);
    let mut writer = ContainerWriter::new();
    let ids: Vec<i64> = (0..N_ITEMS as i64).collect();
    writer.add_owned(&format!("{}.ints", names::ITEM_IDS), ids, &[N_ITEMS]).unwrap();
    let counts: Vec<u32> = (0..N_ITEMS).map(|_| 1 + rng.below(60) as u32).collect();
    add(&mut writer, names::ITEM_BASKETS, counts.clone());
    add(&mut writer, names::ITEM_CUSTOMERS, counts);
    add(&mut writer, names::POPULAR_ITEMS, some_of(rng, N_ITEMS, N_ITEMS));
    let neighbours: Vec<Vec<u32>> = (0..N_ITEMS).map(|_| some_of(rng, N_ITEMS, 5)).collect();
    let scores: Vec<f32> = neighbours.iter().flatten().map(|_| rng.unit() as f32).collect();
    writer.add(names::NEIGHBOUR_SCORES, &scores, &[scores.len()]).unwrap();
    add_lists(&mut writer, names::NEIGHBOUR_OFFSETS, names::NEIGHBOUR_ITEMS, &neighbours);
    let baskets: Vec<Vec<u32>> = (0..9)
        .map(|_| {
            let mut basket = some_of(rng, N_ITEMS, 4);
            basket.sort_unstable();
            basket
        })
        .collect();
    let holding = |item: u32| (0..9u32).filter(|&b| baskets[b as usize].contains(&item)).collect();
    let postings: Vec<Vec<u32>> = (0..N_ITEMS as u32).map(holding).collect();
    add_lists(&mut writer, names::BASKET_OFFSETS, names::BASKET_ITEMS, &baskets);
    add_lists(&mut writer, names::POSTING_OFFSETS, names::POSTING_BASKETS, &postings);
    for name in [names::EMBEDDING_INPUT_ITEMS, names::EMBEDDING_OUTPUT_ITEMS] {
        add(&mut writer, name, (0..N_ITEMS as u32).collect());
    }
    for name in [names::EMBEDDING_INPUT, names::EMBEDDING_OUTPUT] {
        let vectors: Vec<f32> = (0..4 * N_ITEMS).map(|_| number(rng)).collect();
        writer.add_owned(name, vectors, &[N_ITEMS, 4]).unwrap();
    }
    let bias: Vec<f32> = (0..N_ITEMS).map(|_| number(rng)).collect();
    writer.add(names::EMBEDDING_BIAS, &bias, &[N_ITEMS]).unwrap();
    let container = Container::from_bytes("by hand", &writer.to_bytes().unwrap()).unwrap();
    let settings = ServingSettings { n_baskets: 200, nearest_baskets: 4, ..ServingSettings::default() };
    let clock = [Clock::Calendar, Clock::Order, Clock::None][rng.below(3)];
    let mut scorer = Scorer::in_memory(container, settings, clock, Time(0)).unwrap();
    scorer.set_ranker(ranker(rng));
    scorer
}

/// A query with what it borrows.
#[derive(Clone, Debug)]
struct Asked {
    basket: Vec<ItemId>,
    history: Option<History>,
    time: Time,
    mode: Mode,
    k: usize,
    store: Option<u32>,
    exclude: Vec<ItemId>,
}

impl Asked {
    fn query(&self, using: Source) -> Query<'_> {
        let Self { basket, history, time, mode, k, store, exclude } = self;
        Query { basket, history: history.as_ref(), time: *time, k: *k, mode: *mode, using, store: *store, exclude }
    }

    fn situation(&self) -> Situation {
        let knows_customer = self.history.as_ref().is_some_and(|h| h.as_of(self.time).len() > 0);
        Situation::of(self.mode, knows_customer)
    }
}

fn asked() -> impl Strategy<Value = Asked> {
    let items = |most| prop::collection::vec((0..N_ITEMS as u32).prop_map(ItemId), 0..most);
    let past = prop::collection::vec((0i64..20, prop::collection::btree_set(0..N_ITEMS as u32, 1..4)), 0..7);
    let time = prop_oneof![Just(Time(i64::MAX)), (0i64..120).prop_map(|day| Time(day * DAY))];
    let mode = prop_oneof![Just(Mode::Completion), Just(Mode::Discovery)];
    // One store more than there are.
    let store = prop::option::of(0..=N_STORES as u32);
    (items(5), prop::option::of(past), time, mode, 1usize..9, store, items(4)).prop_map(
        |(basket, past, time, mode, k, store, exclude)| {
            let history = past.map(|past| {
                let (mut history, mut day) = (History::default(), 0);
                for (gap, items) in past {
                    day += gap;
                    let items: Vec<ItemId> = items.into_iter().map(ItemId).collect();
                    history.push(Time(day * DAY), &items);
                }
                history
            });
            Asked { basket, history, time, mode, k, store, exclude }
        },
    )
}

type RowsByItem<const N: usize> = BTreeMap<u32, [f32; N]>;

fn light_rows(scorer: &Scorer, asked: &Asked, stage: Stage) -> RowsByItem<N_LIGHT> {
    let (mut rows, mut scratch) = (BTreeMap::new(), scorer.scratch());
    let visit = |item: ItemId, row: &[f32; N_LIGHT]| assert!(rows.insert(item.0, *row).is_none(), "an item twice");
    scorer.ranker_pool(&asked.query(Source::Linear), stage, &mut scratch, visit).unwrap();
    rows
}

/// All features of the `n` candidates that `light` puts first.
fn rows(scorer: &Scorer, asked: &Asked, light: &LinearRanker, n: usize) -> RowsByItem<N_FEATURES> {
    let (mut rows, mut scratch) = (BTreeMap::new(), scorer.scratch());
    let visit = |item: ItemId, row: &[f32; N_FEATURES]| assert!(rows.insert(item.0, *row).is_none(), "an item twice");
    scorer.ranker_candidates(&asked.query(Source::Linear), light, n, &mut scratch, visit).unwrap();
    rows
}

fn best(mut scored: Vec<Scored>, k: usize) -> Vec<Scored> {
    scored.sort_by(Scored::rank_order);
    scored.truncate(k);
    scored
}

fn answer(scorer: &Scorer, asked: &Asked, using: Source) -> Vec<Scored> {
    scorer.recommend(&asked.query(using), &mut scorer.scratch()).unwrap().offers.to_vec()
}

proptest! {
    #[test]
    fn the_first_stage_sees_the_numbers_of_the_second(seed in any::<u64>(), asked in asked()) {
        let scorer = scorer(seed);
        let light = light_rows(&scorer, &asked, Stage::Trees);
        let all = rows(&scorer, &asked, &linear(&mut Rng::new(seed, 2), N_LIGHT), usize::MAX);
        prop_assert!(light.keys().eq(all.keys()), "{:?} {:?}", light.keys(), all.keys());
        for (item, light) in &light {
            for (name, value) in LIGHT.iter().zip(light) {
                let position = FEATURES.iter().position(|feature| feature == name).unwrap();
                let full = all[item][position];
                prop_assert_eq!(full.to_bits(), value.to_bits(), "{} of {}: {} {}", name, item, full, value);
                prop_assert!(value.is_finite(), "{} of {}: {}", name, item, value);
            }
            prop_assert!(all[item].iter().all(|value| value.is_finite()), "{:?}", all[item]);
        }
    }

    #[test]
    fn an_answer_is_the_cascade_worked_out_with_sorts(seed in any::<u64>(), asked in asked()) {
        let scorer = scorer(seed);
        let model = scorer.model().ranker().unwrap();
        let rankers = model.of(asked.situation()).unwrap();
        let light = light_rows(&scorer, &asked, Stage::Trees);
        let score = |(&item, row): (&u32, &[f32; N_LIGHT])| Scored { item: ItemId(item), score: rankers.light.score(row) };
        let n_kept = (model.settings.kept as usize).max(asked.k);
        let kept = best(light.iter().map(score).collect(), n_kept);
        let all = rows(&scorer, &asked, &rankers.light, usize::MAX);
        let twin = |score: &dyn Fn(&[f32]) -> f32| {
            best(kept.iter().map(|s| Scored { score: score(&all[&s.item.0]), ..*s }).collect(), asked.k)
        };
        let by_line = twin(&|row| rankers.linear.score(row));
        prop_assert_eq!(answer(&scorer, &asked, Source::Linear), by_line);
        let trees = rankers.trees.as_ref().unwrap();
        prop_assert_eq!(answer(&scorer, &asked, Source::Trees), twin(&|row| trees.score_plain(row)));
        let neural = rankers.neural.as_ref().unwrap();
        prop_assert_eq!(answer(&scorer, &asked, Source::Neural), twin(&|row| neural.score_plain(row)));
    }

    #[test]
    fn the_fast_profile_ranks_fewer_candidates_by_its_own_line(seed in any::<u64>(), asked in asked()) {
        let scorer = scorer(seed);
        let rankers = scorer.model().ranker().unwrap().of(asked.situation()).unwrap();
        let (few, many) = (light_rows(&scorer, &asked, Stage::Fast), light_rows(&scorer, &asked, Stage::Linear));
        prop_assert!(few.len() <= many.len(), "{} of {}", few.len(), many.len());
        let scored = few.iter().map(|(&item, row)| Scored { item: ItemId(item), score: rankers.fast.score(row) });
        prop_assert_eq!(answer(&scorer, &asked, Source::Fast), best(scored.collect(), asked.k));
    }

    #[test]
    fn nothing_forbidden_comes_back(seed in any::<u64>(), asked in asked()) {
        let scorer = scorer(seed);
        let mut forbidden: BTreeSet<ItemId> = asked.basket.iter().chain(&asked.exclude).copied().collect();
        if asked.mode == Mode::Discovery {
            let past = asked.history.iter().flat_map(|h| h.as_of(asked.time));
            forbidden.extend(past.flat_map(|basket| basket.items.iter().copied()));
        }
        for using in [Source::Fast, Source::Linear, Source::Trees, Source::Neural, Source::Default] {
            let query = asked.query(using);
            let mut scratch = scorer.scratch();
            let given = scorer.recommend(&query, &mut scratch).unwrap();
            let offers = given.offers;
            prop_assert!(offers.len() <= asked.k, "{}: {} of {}", using, offers.len(), asked.k);
            let wrong: Vec<_> = offers.iter().filter(|offer| forbidden.contains(&offer.item)).collect();
            prop_assert!(wrong.is_empty(), "{}: {:?} of {:?}", using, wrong, forbidden);
            let own = &offers[..given.fallback_from];
            prop_assert!(own.is_sorted_by(|a, b| a.rank_order(b).is_lt()), "{}: {:?}", using, own);
            let distinct: BTreeSet<ItemId> = offers.iter().map(|offer| offer.item).collect();
            prop_assert_eq!(distinct.len(), offers.len(), "{}: an item twice", using);
        }
    }

    #[test]
    fn the_default_is_what_the_settings_name(seed in any::<u64>(), asked in asked()) {
        let scorer = scorer(seed);
        let mut scratch = scorer.scratch();
        let given = scorer.recommend(&asked.query(Source::Default), &mut scratch).unwrap();
        let own = given.offers[..given.fallback_from].to_vec();
        let using = match scorer.model().ranker().unwrap().settings.stages[asked.situation() as usize] {
            Stage::Fast => Source::Fast,
            Stage::Linear => Source::Linear,
            Stage::Trees => Source::Trees,
            Stage::Neural => Source::Neural,
            Stage::Mixture => Source::Mixture,
        };
        let expected = answer(&scorer, &asked, using);
        // Popular items stand in where the mixture has nothing else.
        prop_assert!(own == expected || (using == Source::Mixture && own.is_empty()), "{}: {:?} {:?}", using, own, expected);
    }

    #[test]
    fn a_query_leaves_nothing_behind(seed in any::<u64>(), asked in prop::collection::vec(asked(), 2..6)) {
        let scorer = scorer(seed);
        let other = self::scorer(seed.wrapping_add(1));
        let mut scratch = scorer.scratch();
        for (at, asked) in asked.iter().enumerate() {
            for using in [Source::Fast, Source::Linear, Source::Trees, Source::Neural] {
                let fresh = answer(&scorer, asked, using);
                let warm = scorer.recommend(&asked.query(using), &mut scratch).unwrap().offers;
                prop_assert_eq!(warm, &fresh[..], "query {} by {}", at, using);
            }
            if at % 2 == 1 {
                // Another model of the same sizes with the same memory.
                let fresh = answer(&other, asked, Source::Trees);
                let warm = other.recommend(&asked.query(Source::Trees), &mut scratch).unwrap().offers;
                prop_assert_eq!(warm, &fresh[..], "the other model after query {}", at);
            }
        }
    }

    #[test]
    fn what_is_written_is_read(seed in any::<u64>(), without in prop::array::uniform3(0u8..4)) {
        let mut model = ranker(&mut Rng::new(seed, 3));
        for (situation, without) in without.into_iter().enumerate() {
            match without {
                0 => model.situations[situation] = None,
                1 => model.situations[situation].as_mut().unwrap().trees = None,
                2 => model.situations[situation].as_mut().unwrap().neural = None,
                _ => continue,
            }
            model.settings.stages[situation] = Stage::Mixture;
        }
        let read = read(&tensors(&model), &model.settings).unwrap().unwrap();
        prop_assert_eq!(read, model);
    }
}

#[test]
fn memory_is_forgotten_also_when_the_numbers_of_queries_run_out() {
    let tables = tables(&mut Rng::new(1, 0));
    let mut memory = RankerMemory::default();
    memory.prepare(&tables);
    assert_eq!(memory.epoch, 1);
    memory.kinds.touch(1, 2).unwrap().in_basket = 3.0;
    memory.lines.touch(1, 4).unwrap().weight = 3.0;
    memory.seen[5] = 1;
    assert!(memory.kinds.touch(1, NO_GROUP).is_none() && memory.kinds.get(1, NO_GROUP).in_basket == 0.0);
    assert_eq!((memory.kinds.get(1, 2).in_basket, &memory.kinds.touched[..]), (3.0, &[2][..]));

    memory.epoch = u32::MAX;
    memory.prepare(&tables);
    assert_eq!((memory.epoch, memory.seen[5]), (1, 0), "a number that was used before must not be found again");
    assert_eq!((memory.kinds.get(1, 2).in_basket, memory.lines.get(1, 4).weight), (0.0, 0.0));
    assert!(memory.kinds.touched.is_empty() && memory.lines.touched.is_empty());
}

#[test]
fn what_a_situation_has_not_learned_answers_nothing_unless_it_is_the_default() {
    let mut scorer = scorer(4);
    let mut model = scorer.model().ranker().unwrap().clone();
    model.situations[Situation::Anonymous as usize] = None;
    scorer.set_ranker(model);
    let basket = [ItemId(0), ItemId(1), ItemId(2)];
    let ask = |using| Query { basket: &basket, using, ..Query::default() };
    for using in [Source::Fast, Source::Linear, Source::Trees, Source::Neural] {
        assert!(scorer.recommend(&ask(using), &mut scorer.scratch()).unwrap().offers.is_empty());
    }
    assert!(!scorer.recommend(&ask(Source::Default), &mut scorer.scratch()).unwrap().offers.is_empty());
}

#[test]
fn features_of_a_hand_made_past() {
    let mut scorer = scorer(9);
    let mut model = scorer.model().ranker().unwrap().clone();
    let settings = &mut model.settings;
    (settings.quotas.pool, settings.kept) = (100, 100);
    // Items 0, 1 and 2 are one line of kind 3; nobody else is.
    for (item, facts) in model.tables.items.iter_mut().enumerate() {
        let in_line = item < 3;
        (facts.kind, facts.line) = if in_line { (3, 5) } else { (0, 0) };
        (facts.family, facts.maker) = if in_line { (1, 2) } else { (0, 0) };
        facts.log_price = if in_line { item as f32 } else { 5.0 };
        facts.private_label = if in_line { 1.0 } else { 0.0 };
    }
    model.tables.line_items = Rows::new((0..N_LINES).map(|line| if line == 5 { vec![0, 1, 2] } else { Vec::new() }));
    model.tables.store_items = Rows::new([vec![0, 1], vec![7, 1], vec![]]);
    model.tables.store_counts = vec![1.0, 2.0, 3.0, 4.0];
    scorer.set_ranker(model);
    let mut history = History::default();
    history.push(Time(0), &[ItemId(0), ItemId(7)]);
    history.push(Time(14 * DAY), &[ItemId(0)]);
    history.push(Time(21 * DAY), &[ItemId(9)]);
    let asked = Asked {
        basket: vec![ItemId(2), ItemId(2), ItemId(10)],
        history: Some(history),
        time: Time(21 * DAY),
        mode: Mode::Completion,
        k: 5,
        store: Some(1),
        exclude: Vec::new(),
    };
    let rows = rows(&scorer, &asked, &linear(&mut Rng::new(1, 1), N_LIGHT), usize::MAX);
    let of = |item: u32, name: &str| rows[&item][FEATURES.iter().position(|f| *f == name).unwrap()];
    let calendar = scorer.model().clock() == Clock::Calendar;
    assert!(!rows.contains_key(&2) && !rows.contains_key(&10), "the basket is no candidate");
    assert!(!calendar || (of(0, "own_recency") - 0.5).abs() < 1e-6, "7 days ago");
    // Twice in two baskets of the past; the third is bought at the very time of the question.
    for (item, name, expected) in [
        (0, "own_count", 1.0),
        (0, "is_own", 1.0),
        (1, "is_own", 0.0),
        (1, "own_count", 0.0),
        (1, "kind_in_basket", 1.0),
        (7, "kind_in_basket", 1.0),
        (1, "line_in_basket", 1.0),
        (0, "line_price", 2.0),
        (1, "line_price", 1.0),
        (1, "line_distinct", 1.0),
        (1, "kind_distinct", 1.0),
        (1, "price_to_basket", 1.0 - 3.5),
        (0, "store_recent", 0.0),
        (1, "store_recent", 4.0),
        (7, "store_recent", 3.0),
        (1, "price_to_own_kind", 1.0),
        (1, "price_to_past", 1.0 - 5.0 / 3.0),
        (1, "private_affinity", 2.0 / 3.0),
        (7, "private_affinity", 1.0 / 3.0),
        (1, "n_basket", 2.0 / 12.0),
        (1, "n_past", 2.0 / 12.0),
    ] {
        assert!((of(item, name) - expected).abs() < 1e-6, "{name} of {item}: {} for {expected}", of(item, name));
    }
}

/// One tensor of a container, for damage.
#[derive(Clone, Debug)]
enum Tensor {
    Floats(Vec<f32>, Vec<usize>),
    Numbers(Vec<u32>, Vec<usize>),
    Features(Vec<u16>, Vec<usize>),
    Children(Vec<i32>, Vec<usize>),
    Ids(Vec<i64>, Vec<usize>),
}

type Tensors = BTreeMap<String, Tensor>;

/// The tensors of a ranker by name.
fn tensors(model: &RankerModel) -> Tensors {
    let mut writer = ContainerWriter::new();
    model.write(&mut writer).unwrap();
    let container = Container::from_bytes("ranker", &writer.to_bytes().unwrap()).unwrap();
    let tensor = |name: &str, dtype: Dtype, shape: Vec<usize>| match dtype {
        Dtype::F32 => Tensor::Floats(container.get(&container.section(name).unwrap()).to_vec(), shape),
        Dtype::U32 => Tensor::Numbers(container.get(&container.section(name).unwrap()).to_vec(), shape),
        Dtype::U16 => Tensor::Features(container.get(&container.section(name).unwrap()).to_vec(), shape),
        Dtype::I64 => Tensor::Ids(container.get(&container.section(name).unwrap()).to_vec(), shape),
        Dtype::I32 => Tensor::Children(container.get(&container.section(name).unwrap()).to_vec(), shape),
        other => panic!("{name} is {other}"),
    };
    container.tensors().map(|(name, info)| (name.to_owned(), tensor(name, info.dtype, info.shape.to_vec()))).collect()
}

fn read(tensors: &Tensors, settings: &RankerSettings) -> crate::Result<Option<RankerModel>> {
    let mut writer = ContainerWriter::new();
    for (name, tensor) in tensors {
        match tensor {
            Tensor::Floats(values, shape) => writer.add(name, values, shape).unwrap(),
            Tensor::Numbers(values, shape) => writer.add(name, values, shape).unwrap(),
            Tensor::Features(values, shape) => writer.add(name, values, shape).unwrap(),
            Tensor::Ids(values, shape) => writer.add(name, values, shape).unwrap(),
            Tensor::Children(values, shape) => writer.add(name, values, shape).unwrap(),
        }
    }
    let container = Container::from_bytes("ranker", &writer.to_bytes().unwrap()).unwrap();
    RankerModel::read(&container, Some(settings), N_ITEMS)
}

fn numbers<'t>(tensors: &'t mut Tensors, name: &str) -> &'t mut Vec<u32> {
    match tensors.get_mut(name) {
        Some(Tensor::Numbers(values, _)) => values,
        other => panic!("{name}: {other:?}"),
    }
}

/// Removes the last number of a list.
fn shorten(tensors: &mut Tensors, name: &str) {
    match tensors.get_mut(name) {
        Some(Tensor::Numbers(values, shape)) if shape.len() == 1 => {
            values.pop();
            shape[0] -= 1;
        }
        other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn damaged_tables_are_refused() {
    let model = ranker(&mut Rng::new(6, 3));
    let whole = tensors(&model);
    let settings = model.settings;
    assert!(read(&whole, &settings).is_ok(), "undamaged");
    let refused = |what: &str, damage: &dyn Fn(&mut Tensors)| -> String {
        let mut tensors = whole.clone();
        damage(&mut tensors);
        match read(&tensors, &settings) {
            Err(error @ (Error::Model { .. } | Error::Artifact(_))) => error.to_string(),
            Err(other) => panic!("{what}: {other}"),
            Ok(_) => panic!("{what} is read"),
        }
    };

    for (group, limit) in [N_KINDS as u32, 2, 3, N_LINES as u32].into_iter().enumerate() {
        for bad in [limit, u32::MAX - 1] {
            let said = refused("a group", &|t| numbers(t, names::RANKER_ITEM_GROUPS)[4 * 7 + group] = bad);
            assert!(said.contains(names::RANKER_ITEM_GROUPS) && said.contains(&format!("< {limit}")), "{said}");
        }
    }
    for name in [
        names::RANKER_PAIR_OFFSETS,
        names::RANKER_KIND_OFFSETS,
        names::RANKER_LINE_OFFSETS,
        names::RANKER_STORE_OFFSETS,
    ] {
        let said = refused("falling offsets", &|t| numbers(t, name)[1] = u32::MAX);
        assert!(said.contains(name), "{said}");
        let said = refused("offsets that skip the first value", &|t| numbers(t, name)[0] = 1);
        assert!(said.contains(name), "{said}");
        let said = refused("offsets beyond the values", &|t| *numbers(t, name).last_mut().unwrap() += 1);
        assert!(said.contains(name), "{said}");
        refused("a row less", &|t| shorten(t, name));
    }
    for (name, limit) in [
        (names::RANKER_PAIR_KINDS, N_KINDS),
        (names::RANKER_KIND_ITEMS, N_ITEMS),
        (names::RANKER_LINE_ITEMS, N_ITEMS),
        (names::RANKER_RECENT, N_ITEMS),
        (names::RANKER_STORE_ITEMS, N_ITEMS),
    ] {
        let said = refused("a number out of range", &|t| numbers(t, name)[0] = limit as u32);
        assert!(said.contains(name) && said.contains(&format!("< {limit}")), "{said}");
    }
    for name in
        [names::RANKER_PAIR_KINDS, names::RANKER_KIND_ITEMS, names::RANKER_LINE_ITEMS, names::RANKER_STORE_ITEMS]
    {
        refused("a value less", &|t| shorten(t, name));
    }
    let said = refused("makers made up", &|t| numbers(t, names::RANKER_SIZES)[1] = u32::MAX);
    assert!(said.contains(names::RANKER_SIZES), "{said}");
    refused("one size", &|t| shorten(t, names::RANKER_SIZES));
    for name in [names::RANKER_ITEM_GROUPS, names::RANKER_ITEM_NUMBERS, names::RANKER_KINDS] {
        refused("a transposed table", &|t| match t.get_mut(name) {
            Some(Tensor::Floats(_, shape) | Tensor::Numbers(_, shape)) => shape.reverse(),
            other => panic!("{other:?}"),
        });
    }
    for name in whole.keys().filter(|name| !name.ends_with(".linear") && !name.ends_with("trees.offsets")) {
        refused(name, &|t| drop(t.remove(name)));
    }
    for part in ["light", "linear"] {
        refused("a narrower linear ranker", &|t| {
            let n = if part == "light" { N_LIGHT } else { N_FEATURES } - 1;
            t.insert(format!("{}.anonymous.{part}", names::RANKERS), Tensor::Floats(vec![0.0; 3 * n], vec![3, n]));
        });
    }
    refused("a feature that trees do not have", &|t| match t
        .get_mut(&format!("{}.anonymous.trees.features", names::RANKERS))
    {
        Some(Tensor::Features(values, _)) => values[0] = N_FEATURES as u16,
        other => panic!("{other:?}"),
    });
}

#[test]
fn settings_that_name_what_is_not_there_are_refused() {
    let mut model = ranker(&mut Rng::new(6, 3));
    model.situations[0] = None;
    model.situations[1].as_mut().unwrap().neural = None;
    model.situations[2].as_mut().unwrap().trees = None;
    let whole = tensors(&model);
    let with = |change: &dyn Fn(&mut RankerSettings)| {
        let mut settings = RankerSettings { stages: [Stage::Mixture; 3], ..model.settings };
        change(&mut settings);
        read(&whole, &settings)
    };
    assert!(with(&|_| ()).is_ok() && with(&|s| s.stages[1] = Stage::Trees).is_ok());
    assert!(with(&|s| s.stages[2] = Stage::Neural).is_ok());
    for (situation, stage) in
        [(0, Stage::Linear), (0, Stage::Trees), (0, Stage::Neural), (1, Stage::Neural), (2, Stage::Trees)]
    {
        let error = with(&|s| s.stages[situation] = stage).unwrap_err();
        let name = Situation::ALL[situation].name();
        assert!(matches!(&error, Error::Settings { problem } if problem.contains(name)), "{error}");
    }
    type Change = fn(&mut RankerSettings);
    let changes: [(&str, Change); 7] = [
        ("kept", |s| s.kept = 0),
        ("kept", |s| s.kept = u32::MAX),
        ("quotas.pool", |s| s.quotas.pool = 0),
        ("fast.pool", |s| s.fast.pool = 0),
        ("quotas.embeddings", |s| s.quotas.embeddings = u32::MAX),
        ("quotas.recent", |s| s.quotas.recent = 65_537),
        ("fast.own", |s| s.fast.own = u32::MAX),
    ];
    for (name, change) in changes {
        let error = with(&change).unwrap_err();
        assert!(matches!(&error, Error::Settings { problem } if problem.contains(name)), "{name}: {error}");
    }
}
