//! A small model made by hand.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::collections::BTreeMap;

use proptest::prelude::*;
use sidecart_artifact::{Container, ContainerWriter};
use sidecart_core::{Clock, Time};
use sidecart_serve::{Scorer, ServingSettings, sections};

/// What a model holds, as plain lists.
#[derive(Clone, Debug)]
pub(crate) struct Shop {
    pub(crate) n_items: usize,
    pub(crate) clock: Clock,
    pub(crate) item_baskets: Vec<u32>,
    pub(crate) popular: Vec<u32>,
    pub(crate) neighbours: Vec<Vec<(u32, f32)>>,
    pub(crate) ease: Vec<Vec<(u32, f32)>>,
    pub(crate) inputs: BTreeMap<u32, Vec<f32>>,
    pub(crate) outputs: BTreeMap<u32, (Vec<f32>, f32)>,
    pub(crate) baskets: Vec<Vec<u32>>,
    pub(crate) postings: Vec<Vec<u32>>,
    pub(crate) settings: ServingSettings,
}

fn offsets<T>(lists: &[Vec<T>]) -> Vec<u32> {
    let ends = lists.iter().scan(0, |end, list| {
        *end += list.len() as u32;
        Some(*end)
    });
    std::iter::once(0).chain(ends).collect()
}

impl Shop {
    /// The tensors; outside ids are ten times the inside ones.
    pub(crate) fn writer(&self) -> ContainerWriter<'_> {
        let n = self.n_items;
        let mut writer = ContainerWriter::new();
        let ids = (0..n as i64).map(|i| i * 10).collect();
        writer.add_owned::<i64>(&format!("{}.ints", sections::ITEM_IDS), ids, &[n]).unwrap();
        writer.add(sections::ITEM_BASKETS, &self.item_baskets, &[n]).unwrap();
        writer.add(sections::ITEM_CUSTOMERS, &self.item_baskets, &[n]).unwrap();
        writer.add(sections::POPULAR_ITEMS, &self.popular, &[self.popular.len()]).unwrap();
        let mut add = |name: &str, values: Vec<u32>| {
            let n = values.len();
            writer.add_owned(name, values, &[n]).unwrap();
        };
        add(sections::NEIGHBOUR_OFFSETS, offsets(&self.neighbours));
        add(sections::NEIGHBOUR_ITEMS, self.neighbours.iter().flatten().map(|n| n.0).collect());
        add(sections::EASE_OFFSETS, offsets(&self.ease));
        add(sections::EASE_ITEMS, self.ease.iter().flatten().map(|n| n.0).collect());
        add(sections::BASKET_OFFSETS, offsets(&self.baskets));
        add(sections::BASKET_ITEMS, self.baskets.concat());
        add(sections::POSTING_OFFSETS, offsets(&self.postings));
        add(sections::POSTING_BASKETS, self.postings.concat());
        add(sections::EMBEDDING_INPUT_ITEMS, self.inputs.keys().copied().collect());
        add(sections::EMBEDDING_OUTPUT_ITEMS, self.outputs.keys().copied().collect());
        for (name, lists) in [(sections::NEIGHBOUR_SCORES, &self.neighbours), (sections::EASE_SCORES, &self.ease)] {
            let scores: Vec<f32> = lists.iter().flatten().map(|n| n.1).collect();
            let n_scores = scores.len();
            writer.add_owned(name, scores, &[n_scores]).unwrap();
        }
        let input: Vec<f32> = self.inputs.values().flatten().copied().collect();
        let output: Vec<f32> = self.outputs.values().flat_map(|o| o.0.clone()).collect();
        let bias: Vec<f32> = self.outputs.values().map(|o| o.1).collect();
        writer.add_owned(sections::EMBEDDING_INPUT, input, &[self.inputs.len(), 4]).unwrap();
        writer.add_owned(sections::EMBEDDING_OUTPUT, output, &[self.outputs.len(), 4]).unwrap();
        writer.add_owned(sections::EMBEDDING_BIAS, bias, &[self.outputs.len()]).unwrap();
        writer
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.writer().to_bytes().unwrap()
    }

    pub(crate) fn scorer(&self) -> Scorer {
        let container = Container::from_bytes("by hand", &self.bytes()).unwrap();
        Scorer::in_memory(container, self.settings.clone(), self.clock, Time(100)).unwrap()
    }
}

/// Any shop of `n` items.
pub(crate) fn shop(n: u32) -> impl Strategy<Value = Shop> {
    let vector = || proptest::collection::vec(-1.0f32..1.0, 4);
    let score = prop_oneof![Just(0.5f32), 0.01f32..1.0];
    let list = || proptest::collection::btree_map(0..n, score.clone(), 0..5);
    let lists = || proptest::collection::vec(list(), n as usize);
    let weight = || prop_oneof![Just(0.0f32), 0.05f32..1.0];
    (
        proptest::collection::vec(1u32..40, n as usize),
        (lists(), lists()),
        proptest::collection::btree_map(0..n, vector(), 1..8),
        proptest::collection::btree_map(0..n, (vector(), -1.0f32..1.0), 1..10),
        proptest::collection::vec(proptest::collection::btree_set(0..n, 2..5), 0..12),
        (1u32..6, 1u32..6, 1usize..5),
        prop::array::uniform4(prop::array::uniform8(weight())),
        prop_oneof![Just(Clock::Calendar), Just(Clock::Order), Just(Clock::None)],
    )
        .prop_map(move |(item_baskets, (neighbours, ease), inputs, outputs, baskets, sizes, weights, clock)| {
            let (nearest_baskets, embedding_candidates, per_item) = sizes;
            let mut popular: Vec<u32> = (0..n).filter(|&i| item_baskets[i as usize] >= 8).collect();
            popular.sort_by_key(|&i| (std::cmp::Reverse(item_baskets[i as usize]), i));
            let baskets: Vec<Vec<u32>> = baskets.into_iter().map(|b| b.into_iter().collect()).collect();
            let postings = (0..n)
                .map(|item| {
                    let held: Vec<u32> =
                        (0..baskets.len() as u32).filter(|&b| baskets[b as usize].contains(&item)).collect();
                    held[held.len().saturating_sub(per_item)..].to_vec()
                })
                .collect();
            let mut settings =
                ServingSettings { n_baskets: 200, nearest_baskets, embedding_candidates, ..ServingSettings::default() };
            [
                settings.weights.completion_known,
                settings.weights.completion_anonymous,
                settings.weights.discovery_known,
                settings.weights.discovery_anonymous,
            ] = weights;
            Shop {
                n_items: n as usize,
                clock,
                item_baskets,
                popular,
                neighbours: neighbours.into_iter().map(|l| l.into_iter().collect()).collect(),
                ease: ease.into_iter().map(|l| l.into_iter().collect()).collect(),
                inputs,
                outputs,
                baskets,
                postings,
                settings,
            }
        })
}
