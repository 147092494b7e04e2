use rayon::prelude::*;
use serde::Serialize;
use sidecart_core::{Cancelled, ItemId, NoProgress, Progress, ln, mix64};
use sidecart_serve::ranker::{
    LinearRanker, N_FEATURES, N_LIGHT, Quotas, RankerModel, RankerSettings, RankerTables, Situation, SituationRanker, Stage,
};
use sidecart_serve::{Mode, Query, Scorer, Scratch, Source};

use super::cases::{RankingCase, RankingCases};
use super::objective::LambdaRank;
use super::params::RankerParams;
use crate::choice;
use crate::error::Result;
use crate::hold_out::HoldOut;
use crate::trees::{self, FeatureRows, Sample, TreeParams};

/// Where the trees' settings stand in the configuration.
const SECTION: &str = "models.ranker.trees";
/// Cases that the linear stage learns from, and candidates of each.
const LINEAR_CASES: usize = 2_000;
const LIGHT_CANDIDATES: usize = 100;
/// Penalty on the squared coefficients of the linear stage.
const PENALTY: f64 = 20.0;
/// Cases that sources and rankers are compared on.
const COMPARED: usize = 2_500;
/// A ranker must beat the best without it by so much NDCG@10, in standard errors of the difference.
const MUST_WIN: f64 = 1.0;
/// Times as many candidates of the first stage as it keeps that the second learns from, so that it
/// knows what it will not see.
const LEARNED_FROM: usize = 2;
/// Places of a list in which an order matters to trees.
const TRUNCATION: usize = 20;
/// Depth of the lists that are compared.
const DEPTH: usize = 10;
/// Most cases of one situation.
const MAX_CASES: usize = 14_000;
/// The same where nothing is known of the customer, so that less depends on each case.
const MAX_ANONYMOUS: usize = 9_000;

/// How rankers and sources did on the newest held-out baskets.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct RankerTuning {
    /// By situation.
    pub situations: Vec<SituationTuning>,
}

/// NDCG@10 and HR@10 by name of what answered.
pub type Results = Vec<(String, f64, f64)>;

/// One situation's comparison.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SituationTuning {
    /// The situation.
    pub situation: Situation,
    /// Cases learned from and compared on.
    pub cases: (usize, usize),
    /// Share of the hidden items in the pool, and mean size of the pool.
    pub pool: (f64, f64),
    /// The same of the best of it that the second stage learns from, twice what the first keeps.
    pub candidates: (f64, f64),
    /// NDCG@10 and HR@10 by what answered.
    pub results: Results,
    /// Trees grown.
    pub n_trees: u32,
    /// What answers by default.
    pub stage: Stage,
}

fn query_of<'a>(case: &'a RankingCase, situation: Situation, split: &'a HoldOut) -> Query<'a> {
    let history = case.customer.filter(|_| situation != Situation::Anonymous);
    Query {
        basket: &case.basket,
        history: history.map(|customer| &split.histories[customer.index()]),
        time: case.time,
        mode: if situation == Situation::DiscoveryKnown { Mode::Discovery } else { Mode::Completion },
        k: DEPTH,
        ..Query::default()
    }
}

/// What the cases of one situation are made with.
#[derive(Clone, Copy)]
struct Asked<'a> {
    scorer: &'a Scorer,
    split: &'a HoldOut,
    situation: Situation,
}

impl Asked<'_> {
    /// For every case whose hidden item is in the pool of a stage: that one and others by hash, `n` in all,
    /// with the features of the first stage.
    fn light_rows(&self, cases: &[&RankingCase], stage: Stage, n: usize) -> Result<CaseRows> {
        self.collect(cases, n, N_LIGHT, |query, scratch, found| {
            self.scorer.ranker_pool(query, stage, scratch, |item, row| found.push(item, row))
        })
    }

    /// For every case whose hidden item is among the `best` that the first stage puts first: that
    /// one and others of them by hash, `n` in all, with all features.
    ///
    /// A hidden item that the first stage drops cannot be ranked; were it put among those that are
    /// kept, what the first stage prefers would look wrong.
    fn rows(&self, cases: &[&RankingCase], light: &LinearRanker, best: usize, n: usize) -> Result<CaseRows> {
        self.collect(cases, n, N_FEATURES, |query, scratch, found| {
            self.scorer.ranker_candidates(query, light, best, scratch, |item, row| found.push(item, row))
        })
    }

    fn collect(
        &self,
        cases: &[&RankingCase],
        n: usize,
        width: usize,
        find: impl Fn(&Query<'_>, &mut Scratch, &mut Found) -> sidecart_serve::Result<()> + Sync,
    ) -> Result<CaseRows> {
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
struct CaseRows {
    width: usize,
    rows: Vec<f32>,
    offsets: Vec<usize>,
    relevant: Vec<bool>,
    chosen: Vec<u32>,
    n_candidates: u64,
    n_cases: usize,
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
            n_cases: 0,
        }
    }

    fn add(&mut self, case: &RankingCase, found: &Found, n: usize) {
        self.n_cases += 1;
        self.n_candidates += found.items.len() as u64;
        let Some(target) = found.items.iter().position(|item| *item == case.target) else { return };
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

    fn append(&mut self, other: &Self) {
        let start = self.relevant.len();
        self.offsets.extend(other.offsets[1..].iter().map(|&o| o + start));
        self.rows.extend_from_slice(&other.rows);
        self.relevant.extend_from_slice(&other.relevant);
        self.chosen.extend_from_slice(&other.chosen);
        self.n_candidates += other.n_candidates;
        self.n_cases += other.n_cases;
    }

    /// A conditional logit over about `n_cases` of the cases.
    fn linear(&self, n_cases: usize) -> LinearRanker {
        let step = self.chosen.len().div_ceil(n_cases).max(1);
        let (mut rows, mut offsets, mut chosen) = (Vec::new(), vec![0], Vec::new());
        for case in (0..self.chosen.len()).step_by(step) {
            let range = self.offsets[case]..self.offsets[case + 1];
            rows.extend_from_slice(&self.rows[range.start * self.width..range.end * self.width]);
            offsets.push(offsets[offsets.len() - 1] + range.len());
            chosen.push(self.chosen[case]);
        }
        let cases = choice::Cases { rows: &rows, n_columns: self.width, offsets: &offsets, chosen: &chosen };
        let fitted = choice::fit(&cases, PENALTY);
        let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect();
        LinearRanker {
            means: single(&fitted.mean),
            inverse_scales: fitted.scale.iter().map(|&s| (1.0 / s) as f32).collect(),
            coefficients: single(&fitted.coefficients),
        }
    }

    /// Share of the cases whose hidden item was found, and mean number of candidates.
    fn recall(&self) -> (f64, f64) {
        let n = self.n_cases.max(1) as f64;
        (self.chosen.len() as f64 / n, self.n_candidates as f64 / n)
    }
}

/// Learns the rankers of every situation and finds out whether they beat what there is without
/// them; `scorer` must know only what was before the split, and gets the rankers.
///
/// # Errors
/// Any error of the scorer; [`Error::Cancelled`](crate::Error::Cancelled).
pub fn fit(
    scorer: &mut Scorer,
    tables: RankerTables,
    split: &HoldOut,
    cases: &RankingCases,
    params: &RankerParams,
    seed: u64,
    progress: &dyn Progress,
) -> Result<(RankerModel, RankerTuning)> {
    let settings = RankerSettings {
        stages: [Stage::Mixture; 3],
        kept: params.kept,
        quotas: params.quotas,
        fast: Quotas::FAST.at_most(&params.quotas),
    };
    let mut model = RankerModel { settings, tables, situations: [const { None }; 3] };
    scorer.set_ranker(model.clone());
    let mut tuning = RankerTuning::default();
    progress.begin("learning rankers", 3, "situations");
    for situation in Situation::ALL {
        if progress.is_cancelled() {
            return Err(Cancelled.into());
        }
        if let Some((ranker, found)) = fit_situation(scorer, &model, split, cases, situation, params, seed)? {
            model.settings.stages[situation as usize] = found.stage;
            model.situations[situation as usize] = Some(ranker);
            tuning.situations.push(found);
        }
        progress.advance(1);
    }
    progress.end();
    Ok((model, tuning))
}

fn sample(cases: &[RankingCase], situation: Situation, n: usize) -> Vec<&RankingCase> {
    let mut asked: Vec<&RankingCase> = cases.iter().filter(|case| case.asks(situation)).collect();
    if asked.len() > n {
        asked.sort_by_key(|case| case.hash);
        asked.truncate(n);
        asked.sort_by_key(|case| (case.time, case.hash));
    }
    asked
}

fn fit_situation(
    scorer: &mut Scorer,
    model: &RankerModel,
    split: &HoldOut,
    cases: &RankingCases,
    situation: Situation,
    params: &RankerParams,
    seed: u64,
) -> Result<Option<(SituationRanker, SituationTuning)>> {
    let most = if situation == Situation::Anonymous { MAX_ANONYMOUS } else { MAX_CASES };
    let train = sample(&cases.train, situation, most);
    let valid = sample(&cases.valid, situation, COMPARED);
    if train.len() < params.min_cases as usize || valid.len() < params.min_cases as usize / 4 {
        return Ok(None);
    }
    let asked = Asked { scorer: &*scorer, split, situation };
    let few: Vec<&RankingCase> = train.iter().step_by(train.len().div_ceil(LINEAR_CASES)).copied().collect();
    let light_rows = asked.light_rows(&few, Stage::Linear, LIGHT_CANDIDATES)?;
    let light = light_rows.linear(LINEAR_CASES);
    let fast = asked.light_rows(&few, Stage::Fast, LIGHT_CANDIDATES)?.linear(LINEAR_CASES);
    let (best, n) = (LEARNED_FROM * params.kept as usize, params.candidates_per_case as usize);
    let mut rows = asked.rows(&train, &light, best, n)?;
    let valid_rows = asked.rows(&valid, &light, best, n)?;
    if rows.chosen.len() < params.min_cases as usize || valid_rows.chosen.is_empty() {
        return Ok(None);
    }
    let recall = valid_rows.recall();
    let mut ranker = SituationRanker { linear: rows.linear(LINEAR_CASES), light, fast, trees: None };
    let key = seed ^ (situation as u64 + 1) << 40;
    let mut n_trees = 0;
    if params.grow_trees {
        let (trees, n) = grow(&rows, Some(&valid_rows), &params.trees, key)?;
        n_trees = n;
        ranker.trees = Some(trees);
    }
    let mut with = model.clone();
    with.situations[situation as usize] = Some(ranker.clone());
    scorer.set_ranker(with);
    let (results, stage) = compare(scorer, split, &valid, situation, ranker.trees.is_some())?;
    if stage != Stage::Mixture {
        // What answers is learned from all cases, the newest included.
        rows.append(&valid_rows);
        ranker.linear = rows.linear(LINEAR_CASES);
        if stage == Stage::Trees {
            let fixed = TreeParams { max_trees: n_trees.max(1), ..params.trees.clone() };
            ranker.trees = Some(grow(&rows, None, &fixed, key)?.0);
        }
    }
    let tuning = SituationTuning {
        situation,
        cases: (train.len(), valid.len()),
        pool: light_rows.recall(),
        candidates: recall,
        results,
        n_trees,
        stage,
    };
    Ok(Some((ranker, tuning)))
}

fn grow(
    rows: &CaseRows,
    valid: Option<&CaseRows>,
    params: &TreeParams,
    seed: u64,
) -> Result<(sidecart_serve::trees::TreeEnsemble, u32)> {
    let objective = LambdaRank::new(&rows.offsets, &rows.relevant, None, TRUNCATION)?;
    let train = Sample { rows: FeatureRows::new(&rows.rows, N_FEATURES)?, objective: &objective, clusters: None };
    let boosted = match valid {
        None => trees::fit_section(SECTION, &train, None, params, seed, &NoProgress)?,
        Some(valid) => {
            let objective = LambdaRank::new(&valid.offsets, &valid.relevant, None, TRUNCATION)?;
            let rows = FeatureRows::new(&valid.rows, N_FEATURES)?;
            trees::fit_section(
                SECTION,
                &train,
                Some(&Sample { rows, objective: &objective, clusters: None }),
                params,
                seed,
                &NoProgress,
            )?
        }
    };
    let n = boosted.trees.n_trees() as u32;
    Ok((boosted.trees, n))
}

/// NDCG@10 of every case, as the scorer answers.
fn gains(
    scorer: &Scorer,
    split: &HoldOut,
    cases: &[&RankingCase],
    situation: Situation,
    using: Source,
) -> Result<Vec<f64>> {
    let chunks: Vec<Result<Vec<f64>>> = cases
        .par_chunks(64)
        .map(|chunk| {
            let mut scratch = scorer.scratch();
            chunk
                .iter()
                .map(|case| {
                    let query = Query { using, ..query_of(case, situation, split) };
                    let offers = scorer.recommend(&query, &mut scratch)?.offers;
                    let rank = offers.iter().position(|offer| offer.item == case.target);
                    Ok(rank.map_or(0.0, |rank| ln(2.0) / ln(rank as f64 + 2.0)))
                })
                .collect()
        })
        .collect();
    let mut all = Vec::with_capacity(cases.len());
    for chunk in chunks {
        all.extend(chunk?);
    }
    Ok(all)
}

/// Every part, the mixture and the rankers on the same cases; what answers best.
fn compare(
    scorer: &Scorer,
    split: &HoldOut,
    cases: &[&RankingCase],
    situation: Situation,
    has_trees: bool,
) -> Result<(Results, Stage)> {
    let parts = scorer.parts();
    let mut results = Vec::new();
    let mut best_without: Option<(f64, Vec<f64>)> = None;
    let mut rankers: Vec<(Stage, f64, Vec<f64>)> = Vec::new();
    for (name, using) in Source::NAMES {
        let stage = match using {
            Source::Default => continue,
            Source::Trees if !has_trees => continue,
            Source::Fast => Stage::Fast,
            Source::Trees => Stage::Trees,
            Source::Linear => Stage::Linear,
            _ => Stage::Mixture,
        };
        if !parts.contains(&name) {
            continue;
        }
        let gains = gains(scorer, split, cases, situation, using)?;
        let n = gains.len().max(1) as f64;
        let mean = gains.iter().sum::<f64>() / n;
        let hits = gains.iter().filter(|gain| **gain > 0.0).count() as f64 / n;
        results.push((name.to_owned(), mean, hits));
        if stage == Stage::Mixture {
            if best_without.as_ref().is_none_or(|(best, _)| mean > *best) {
                best_without = Some((mean, gains));
            }
        } else {
            rankers.push((stage, mean, gains));
        }
    }
    let wins = |(_, mean, gains): &&(Stage, f64, Vec<f64>)| {
        let Some((best, without)) = &best_without else { return true };
        let n = gains.len().max(2) as f64;
        let difference = mean - best;
        let spread: f64 = gains.iter().zip(without).map(|(a, b)| (a - b - difference) * (a - b - difference)).sum();
        difference > MUST_WIN * (spread / (n - 1.0) / n).sqrt()
    };
    let best = rankers.iter().filter(wins).max_by(|a, b| a.1.total_cmp(&b.1));
    Ok((results, best.map_or(Stage::Mixture, |(stage, ..)| *stage)))
}
