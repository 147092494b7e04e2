//! The ranker over small models made by hand.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sidecart_artifact::{Container, ContainerWriter, Dtype};
use sidecart_core::{Clock, History, IdTable, ItemId, Rng, Scored, Time};

use super::*;
use crate::cold_start::StandIn;
use crate::error::Error;
use crate::sections as names;
use crate::settings::{Mode, ServingSettings, Source};
use crate::trees::{TreeEnsemble, TreeParts};
use crate::{Query, Scorer};

mod by_hand;
mod damage;
mod queries;

const N_ITEMS: usize = 24;
const N_KINDS: usize = 5;
const N_LINES: usize = 6;
const N_STORES: usize = 3;
/// An item that the item table names and nobody has bought.
const UNSOLD: usize = N_ITEMS - 1;
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
        discovery_pool: 7,
        kinds: 2,
        items_per_kind: 2,
        items_per_line: 2,
        own_lines: 1,
        substitutes: 4,
        recent: 2,
        store: 2,
        promoted: 2,
    };
    RankerModel {
        settings: RankerSettings {
            stages: std::array::from_fn(|_| STAGES[rng.below(STAGES.len())]),
            kept: 5,
            quotas,
            fast: Quotas { pool: 4, discovery_pool: 4, ..Quotas::FAST.at_most(quotas) },
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
    let neighbours: Vec<Vec<u32>> =
        (0..N_ITEMS).map(|item| if item == UNSOLD { Vec::new() } else { some_of(rng, N_ITEMS, 5) }).collect();
    let scores: Vec<f32> = neighbours.iter().flatten().map(|_| rng.unit() as f32).collect();
    writer.add(names::NEIGHBOUR_SCORES, &scores, &[scores.len()]).unwrap();
    add_lists(&mut writer, names::NEIGHBOUR_OFFSETS, names::NEIGHBOUR_ITEMS, &neighbours);
    let substitutes: Vec<Vec<u32>> = (0..N_ITEMS).map(|_| some_of(rng, N_ITEMS, 3)).collect();
    let strengths: Vec<f32> = substitutes.iter().flatten().map(|_| rng.unit() as f32).collect();
    writer.add(names::SUBSTITUTE_SCORES, &strengths, &[strengths.len()]).unwrap();
    add_lists(&mut writer, names::SUBSTITUTE_OFFSETS, names::SUBSTITUTE_ITEMS, &substitutes);
    let baskets: Vec<Vec<u32>> = (0..9)
        .map(|_| {
            let mut basket = some_of(rng, UNSOLD, 4);
            basket.sort_unstable();
            basket
        })
        .collect();
    let holding = |item: u32| (0..9u32).filter(|&b| baskets[b as usize].contains(&item)).collect();
    let postings: Vec<Vec<u32>> = (0..N_ITEMS as u32).map(holding).collect();
    add_lists(&mut writer, names::BASKET_OFFSETS, names::BASKET_ITEMS, &baskets);
    add_lists(&mut writer, names::POSTING_OFFSETS, names::POSTING_BASKETS, &postings);
    for name in [names::EMBEDDING_INPUT_ITEMS, names::EMBEDDING_OUTPUT_ITEMS] {
        add(&mut writer, name, (0..UNSOLD as u32).collect());
    }
    for name in [names::EMBEDDING_INPUT, names::EMBEDDING_OUTPUT] {
        let vectors: Vec<f32> = (0..4 * UNSOLD).map(|_| number(rng)).collect();
        writer.add_owned(name, vectors, &[UNSOLD, 4]).unwrap();
    }
    let bias: Vec<f32> = (0..UNSOLD).map(|_| number(rng)).collect();
    writer.add(names::EMBEDDING_BIAS, &bias, &[UNSOLD]).unwrap();
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
    promoted: Vec<ItemId>,
}

impl Asked {
    fn query(&self, using: Source) -> Query<'_> {
        let Self { basket, history, time, mode, k, store, exclude, promoted } = self;
        let (history, time, k, mode, store) = (history.as_ref(), *time, *k, *mode, *store);
        Query { basket, history, time, k, mode, using, store, exclude, promoted }
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
    (items(5), prop::option::of(past), time, mode, 1usize..9, store, items(4), items(4)).prop_map(
        |(basket, past, time, mode, k, store, exclude, promoted)| {
            let history = past.map(|past| {
                let (mut history, mut day) = (History::default(), 0);
                for (gap, items) in past {
                    day += gap;
                    let items: Vec<ItemId> = items.into_iter().map(ItemId).collect();
                    history.push(Time(day * DAY), &items);
                }
                history
            });
            Asked { basket, history, time, mode, k, store, exclude, promoted }
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
