use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sidecart_core::{ItemId, mix64};
use sidecart_serve::ranker::{FEATURES, LIGHT, LinearRanker, Situation, Stage};
use sidecart_serve::{Mode, Query, Scorer, Scratch};

use super::cases::RankingCase;
use super::learner::RankingLists;
use super::left_out::LeftOut;
use crate::error::Result;
use crate::hold_out::HoldOut;

/// Depth of the lists that are compared.
const DEPTH: usize = 10;

pub(super) fn query_of<'a>(case: &'a RankingCase, situation: Situation, split: &'a HoldOut) -> Query<'a> {
    let history = case.customer.filter(|_| situation != Situation::Anonymous);
    Query {
        basket: &case.basket,
        history: history.map(|customer| &split.histories[customer.index()]),
        time: case.time,
        store: case.store,
        mode: if situation == Situation::DiscoveryKnown { Mode::Discovery } else { Mode::Completion },
        k: DEPTH,
        ..Query::default()
    }
}

/// What the cases of one situation are made with.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) scorer: &'a Scorer,
    pub(super) split: &'a HoldOut,
    pub(super) situation: Situation,
    /// What is hidden from the rankers.
    pub(super) left_out: LeftOut,
}

impl Asked<'_> {
    /// For every case whose hidden item is in the pool of a stage: that one and others by hash, `n`
    /// in all, with the features of the first stage.
    pub(super) fn light_rows(&self, cases: &[&RankingCase], stage: Stage, n: usize) -> Result<CaseRows> {
        self.collect(cases, n, &LIGHT, |query, scratch, found| {
            self.scorer.ranker_pool(query, stage, scratch, |item, row| found.push(item, row))
        })
    }

    /// For every case whose hidden item is among the `best` that the first stage puts first: that
    /// one and others of them by hash, `n` in all, with all features.
    ///
    /// A hidden item that the first stage drops cannot be ranked; were it put among those that are
    /// kept, what the first stage prefers would look wrong.
    pub(super) fn rows(&self, cases: &[&RankingCase], light: &LinearRanker, best: usize, n: usize) -> Result<CaseRows> {
        self.collect(cases, n, &FEATURES, |query, scratch, found| {
            self.scorer.ranker_candidates(query, light, best, scratch, |item, row| found.push(item, row))
        })
    }

    fn collect(
        &self,
        cases: &[&RankingCase],
        n: usize,
        names: &[&str],
        find: impl Fn(&Query<'_>, &mut Scratch, &mut Found) -> sidecart_serve::Result<()> + Sync,
    ) -> Result<CaseRows> {
        let width = names.len();
        let hidden: Vec<usize> = (0..width).filter(|&at| self.left_out.hidden().contains(&names[at])).collect();
        let chunks: Vec<Result<CaseRows>> = cases
            .par_chunks(64)
            .map(|chunk| {
                let mut scratch = self.scorer.scratch();
                let mut out = CaseRows::new(width);
                let mut found = Found::default();
                for case in chunk {
                    found.items.clear();
                    found.rows.clear();
                    find(&query_of(case, self.situation, self.split), &mut scratch, &mut found)?;
                    // A feature that never varies is worth nothing to any learner.
                    for row in found.rows.chunks_exact_mut(width) {
                        hidden.iter().for_each(|&at| row[at] = 0.0);
                    }
                    out.add(case, &found, n);
                }
                Ok(out)
            })
            .collect();
        let mut all = CaseRows::new(width);
        for chunk in chunks {
            all.append(&chunk?);
        }
        Ok(all)
    }
}

/// The candidates of one query with their features.
#[derive(Default)]
struct Found {
    items: Vec<ItemId>,
    rows: Vec<f32>,
}

impl Found {
    fn push(&mut self, item: ItemId, row: &[f32]) {
        self.items.push(item);
        self.rows.extend_from_slice(row);
    }
}

/// Rows of candidates, case by case.
#[derive(Clone)]
pub(super) struct CaseRows {
    width: usize,
    rows: Vec<f32>,
    offsets: Vec<usize>,
    relevant: Vec<bool>,
    chosen: Vec<u32>,
    n_candidates: u64,
    /// Cases found and asked: all, those whose hidden item is new to the customer, and tail items.
    all: (u32, u32),
    new: (u32, u32),
    tail: (u32, u32),
}

/// How many of the hidden items are among the candidates.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Recall {
    /// Mean number of candidates.
    pub size: f64,
    /// Share of the hidden items that are among them, 0..=1.
    pub all: f64,
    /// The same of items that are new to their customer; `None` where there is no such case.
    pub new: Option<f64>,
    /// The same of items outside the head of bestsellers.
    pub tail: Option<f64>,
}

impl CaseRows {
    fn new(width: usize) -> Self {
        Self {
            width,
            rows: Vec::new(),
            offsets: vec![0],
            relevant: Vec::new(),
            chosen: Vec::new(),
            n_candidates: 0,
            all: (0, 0),
            new: (0, 0),
            tail: (0, 0),
        }
    }

    fn add(&mut self, case: &RankingCase, found: &Found, n: usize) {
        self.n_candidates += found.items.len() as u64;
        let target = found.items.iter().position(|item| *item == case.target);
        for (count, counts) in [(&mut self.all, true), (&mut self.new, case.is_new), (&mut self.tail, case.is_tail)] {
            count.0 += u32::from(counts && target.is_some());
            count.1 += u32::from(counts);
        }
        let Some(target) = target else { return };
        let by_hash = |at: &usize| (mix64(case.hash ^ u64::from(found.items[*at].0)), found.items[*at]);
        let mut kept: Vec<usize> = (0..found.items.len()).filter(|&at| at != target).collect();
        if n - 1 < kept.len() {
            kept.select_nth_unstable_by_key(n - 1, by_hash);
            kept.truncate(n - 1);
        }
        kept.push(target);
        // In the order of their ids, so that the position says nothing.
        kept.sort_unstable_by_key(|&at| found.items[at]);
        for (position, &at) in (0u32..).zip(&kept) {
            self.rows.extend_from_slice(&found.rows[at * self.width..][..self.width]);
            self.relevant.push(at == target);
            if at == target {
                self.chosen.push(position);
            }
        }
        self.offsets.push(self.relevant.len());
    }

    pub(super) fn append(&mut self, other: &Self) {
        let start = self.relevant.len();
        self.offsets.extend(other.offsets[1..].iter().map(|&o| o + start));
        self.rows.extend_from_slice(&other.rows);
        self.relevant.extend_from_slice(&other.relevant);
        self.chosen.extend_from_slice(&other.chosen);
        self.n_candidates += other.n_candidates;
        for (count, other) in [(&mut self.all, other.all), (&mut self.new, other.new), (&mut self.tail, other.tail)] {
            *count = (count.0 + other.0, count.1 + other.1);
        }
    }

    /// The rows as a learner takes them.
    pub(super) fn lists(&self) -> RankingLists<'_> {
        let Self { width, rows, offsets, relevant, chosen, .. } = self;
        RankingLists { rows, n_features: *width, offsets, relevant, chosen }
    }

    /// How many of the hidden items were found, and among how many.
    pub(super) fn recall(&self) -> Recall {
        let share = |(found, n): (u32, u32)| (n > 0).then(|| f64::from(found) / f64::from(n));
        let size = self.n_candidates as f64 / f64::from(self.all.1.max(1));
        Recall { size, all: share(self.all).unwrap_or(0.0), new: share(self.new), tail: share(self.tail) }
    }
}
