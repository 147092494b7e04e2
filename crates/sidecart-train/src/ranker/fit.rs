use serde::Serialize;
use sidecart_core::Cancelled;
use sidecart_serve::ranker::{
    LinearRanker, N_FEATURES, Quotas, RankerModel, RankerSettings, Situation, SituationRanker, Stage,
};

use super::boosted::TreesLearner;
use super::cases::RankingCase;
use super::compare::{Results, compare};
use super::examples::{Asked, CaseRows, Recall};
use super::fold::Fold;
use super::learner::RankerLearner;
use super::left_out::LeftOut;
use super::linear::{self, LINEAR_CASES, LinearLearner};
use super::network::NetworkLearner;
use super::params::RankerParams;
use crate::error::Result;
use crate::train::TrainOptions;

/// Candidates of a case that the first stage learns from.
const LIGHT_CANDIDATES: usize = 100;
/// Cases that sources and rankers are compared on.
const COMPARED: usize = 2_500;
/// Times as many candidates of the first stage as it keeps that the second learns from, so that it
/// knows what it will not see.
const LEARNED_FROM: usize = 2;
/// Most cases of one situation.
const MAX_CASES: usize = 24_000;
/// The same where nothing is known of the customer, so that less depends on each case.
const MAX_ANONYMOUS: usize = 14_000;

/// How rankers and sources did on the newest held-out baskets.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct RankerTuning {
    /// By situation.
    pub situations: Vec<SituationTuning>,
}

/// One situation's comparison.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SituationTuning {
    /// The situation.
    pub situation: Situation,
    /// Cases learned from and compared on.
    pub cases: (usize, usize),
    /// The hidden items in the pool, of a sample of the cases learned from.
    pub pool: Recall,
    /// The hidden items of the cases compared on in the best of it that the second stage learns from, twice what the first keeps.
    pub candidates: Recall,
    /// NDCG@10 and HR@10 by what answered.
    pub results: Results,
    /// Trees grown.
    pub n_trees: u32,
    /// Passes over the cases that the neural network made; none where there is no such ranker.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub n_epochs: Option<u32>,
    /// What answers by default.
    pub stage: Stage,
}

/// Learns the rankers of every situation and finds out whether they beat what there is without
/// them.
///
/// Cases to learn from are those of the `newest` fold and all of the `older` ones; stopping and
/// comparing is done on the newest cases of the newest fold alone. Its scorer is left with the
/// rankers that have not seen these, and answers by default as the model that is returned.
///
/// # Errors
/// Any error of the scorer or a learner; [`Error::Cancelled`](crate::Error::Cancelled).
pub fn fit(
    newest: &mut Fold,
    older: &mut [Fold],
    params: &RankerParams,
    options: &TrainOptions<'_>,
) -> Result<(RankerModel, RankerTuning)> {
    let progress = options.progress;
    let mut model = prepared(newest, older, params);
    let own = OwnLearners::new(params);
    let learners = own.with(options.learners);
    let mut unseen = model.clone();
    let mut tuning = RankerTuning::default();
    progress.begin("learning rankers", 3, "situations");
    for situation in Situation::ALL {
        if progress.is_cancelled() {
            return Err(Cancelled.into());
        }
        let asked = SituationCases { older, situation, params, left_out: LeftOut::Nothing, seed: options.seed };
        if let Some(fitted) = fit_situation(newest, &model, &asked, &learners)? {
            unseen.situations[situation as usize] = Some(fitted.ranker.clone());
            let (ranker, found) = choose(newest, &asked, &learners, fitted)?;
            unseen.settings.stages[situation as usize] = found.stage;
            model.settings.stages[situation as usize] = found.stage;
            model.situations[situation as usize] = Some(ranker);
            tuning.situations.push(found);
        }
        progress.advance(1);
    }
    progress.end();
    newest.scorer.set_ranker(unseen);
    Ok((model, tuning))
}

/// Learns the ranker of one situation without a source or a group of features, stopped on the newer
/// cases and compared with nothing. The network answers by default; where none is learned the trees,
/// else the linear ranker. Trees beside a network are not grown, which takes longest. `None` where
/// there are too few cases.
///
/// # Errors
/// As [`fit`].
pub fn fit_without(
    left_out: LeftOut,
    newest: &mut Fold,
    older: &mut [Fold],
    situation: Situation,
    params: &RankerParams,
    options: &TrainOptions<'_>,
) -> Result<Option<RankerModel>> {
    let params = RankerParams { quotas: left_out.quotas(params.quotas), ..params.clone() };
    let mut model = prepared(newest, older, &params);
    let own = OwnLearners::new(&params);
    let mut learners = own.with(options.learners);
    let has = |learners: &[&dyn RankerLearner], stage| learners.iter().any(|learner| learner.stage() == stage);
    let stages = [Stage::Neural, Stage::Trees, Stage::Linear];
    let stage = stages.into_iter().find(|&stage| has(&learners, stage)).unwrap_or(Stage::Linear);
    learners.retain(|learner| [stage, Stage::Linear].contains(&learner.stage()));
    let asked = SituationCases { older, situation, params: &params, left_out, seed: options.seed };
    let Some(fitted) = fit_situation(newest, &model, &asked, &learners)? else { return Ok(None) };
    model.settings.stages[situation as usize] = stage;
    model.situations[situation as usize] = Some(fitted.ranker);
    Ok(Some(model))
}

/// A model without rankers; the scorers of all folds know it, with the tables of their own time.
fn prepared(newest: &mut Fold, older: &mut [Fold], params: &RankerParams) -> RankerModel {
    let settings = settings(params);
    let of = |fold: &Fold| RankerModel { settings, tables: fold.tables.clone(), situations: [const { None }; 3] };
    for fold in older {
        fold.scorer.set_ranker(of(fold));
    }
    let model = of(newest);
    newest.scorer.set_ranker(model.clone());
    model
}

fn settings(params: &RankerParams) -> RankerSettings {
    RankerSettings {
        stages: [Stage::Mixture; 3],
        kept: params.kept,
        quotas: params.quotas,
        fast: Quotas::FAST.at_most(params.quotas),
    }
}

/// What there is to learn rankers without others' help.
struct OwnLearners {
    trees: Option<TreesLearner>,
    network: Option<NetworkLearner>,
}

impl OwnLearners {
    fn new(params: &RankerParams) -> Self {
        Self {
            trees: params.grow_trees.then(|| TreesLearner { params: params.trees.clone() }),
            network: params.learn_network.then(|| NetworkLearner { params: params.network.clone() }),
        }
    }

    /// With those of others, which take the place of an own one of their stage.
    fn with<'a>(&'a self, others: &[&'a dyn RankerLearner]) -> Vec<&'a dyn RankerLearner> {
        let trees = self.trees.as_ref().map(|trees| trees as &dyn RankerLearner);
        let network = self.network.as_ref().map(|network| network as &dyn RankerLearner);
        let own = [Some(&LinearLearner as &dyn RankerLearner), trees, network].into_iter().flatten();
        let is_needed = |own: &&dyn RankerLearner| !others.iter().any(|other| other.stage() == own.stage());
        own.filter(is_needed).chain(others.iter().copied()).collect()
    }
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

/// What the rankers of a situation are learned from beside the newest fold, and how.
struct SituationCases<'a> {
    older: &'a [Fold],
    situation: Situation,
    params: &'a RankerParams,
    left_out: LeftOut,
    seed: u64,
}

impl SituationCases<'_> {
    /// What random choices of learners depend on.
    fn key(&self) -> u64 {
        self.seed ^ (self.situation as u64 + 1) << 40
    }

    fn of<'a>(&self, fold: &'a Fold) -> Asked<'a> {
        Asked { scorer: &fold.scorer, split: &fold.split, situation: self.situation, left_out: self.left_out }
    }
}

/// Rankers of a situation, learned from the older cases, and what they were learned and stopped on.
struct Fitted {
    ranker: SituationRanker,
    n_steps: Vec<(Stage, u32)>,
    rows: CaseRows,
    valid_rows: CaseRows,
    n_cases: (usize, usize),
    pool: Recall,
}

/// The cases of a fold that are learned from.
type FoldCases<'a> = (Asked<'a>, Vec<&'a RankingCase>);

/// The rows of several folds, one below the other.
fn joined(folds: &[FoldCases<'_>], rows: impl Fn(&FoldCases<'_>) -> Result<CaseRows>) -> Result<CaseRows> {
    let (newest, older) = folds.split_first().expect("there is a newest fold");
    let mut all = rows(newest)?;
    for fold in older {
        all.append(&rows(fold)?);
    }
    Ok(all)
}

fn fit_situation(
    newest: &mut Fold,
    model: &RankerModel,
    asked: &SituationCases<'_>,
    learners: &[&dyn RankerLearner],
) -> Result<Option<Fitted>> {
    let &SituationCases { older, situation, params, .. } = asked;
    let key = asked.key();
    let most = if situation == Situation::Anonymous { MAX_ANONYMOUS } else { MAX_CASES };
    let mut folds: Vec<FoldCases<'_>> = vec![(asked.of(newest), sample(&newest.cases.train, situation, most))];
    for fold in older {
        let left = most - folds.iter().map(|(_, cases)| cases.len()).sum::<usize>();
        let cases = [&fold.cases.train, &fold.cases.valid].map(|cases| sample(cases, situation, left));
        folds.push((asked.of(fold), cases.concat().into_iter().take(left).collect()));
    }
    let n_train: usize = folds.iter().map(|(_, cases)| cases.len()).sum();
    let valid = sample(&newest.cases.valid, situation, COMPARED);
    if n_train < params.min_cases as usize || valid.len() < params.min_cases as usize / 4 {
        return Ok(None);
    }
    let step = n_train.div_ceil(LINEAR_CASES);
    let light_of = |stage: Stage| {
        joined(&folds, |(asked, cases)| {
            let few: Vec<&RankingCase> = cases.iter().step_by(step).copied().collect();
            asked.light_rows(&few, stage, LIGHT_CANDIDATES)
        })
    };
    let light_rows = light_of(Stage::Linear)?;
    let fast = linear::fit(&light_of(Stage::Fast)?.lists());
    let light = linear::fit(&light_rows.lists());
    let (best, n) = (LEARNED_FROM * params.kept as usize, params.candidates_per_case as usize);
    let rows = joined(&folds, |(asked, cases)| asked.rows(cases, &light, best, n))?;
    let valid_rows = asked.of(newest).rows(&valid, &light, best, n)?;
    if rows.lists().len() < params.min_cases as usize || valid_rows.lists().is_empty() {
        return Ok(None);
    }
    let mut ranker = SituationRanker { light, fast, linear: LinearRanker::default(), trees: None, neural: None };
    let mut n_steps = Vec::with_capacity(learners.len());
    for learner in learners {
        let learned = learner.learn(&rows.lists(), Some(&valid_rows.lists()), None, key)?;
        learned.ranker.check(learner.stage(), N_FEATURES)?;
        learned.ranker.put(&mut ranker);
        n_steps.push((learner.stage(), learned.n_steps));
    }
    let mut with = model.clone();
    with.situations[situation as usize] = Some(ranker.clone());
    let (n_cases, pool) = ((n_train, valid.len()), light_rows.recall());
    newest.scorer.set_ranker(with);
    Ok(Some(Fitted { ranker, n_steps, rows, valid_rows, n_cases, pool }))
}

/// Finds out what ranks best on the newer cases and learns it once more from all of them.
fn choose(
    newest: &Fold,
    asked: &SituationCases<'_>,
    learners: &[&dyn RankerLearner],
    fitted: Fitted,
) -> Result<(SituationRanker, SituationTuning)> {
    let Fitted { mut ranker, n_steps, mut rows, valid_rows, n_cases, pool } = fitted;
    let valid = sample(&newest.cases.valid, asked.situation, COMPARED);
    let (results, stage) = compare(&newest.scorer, &newest.split, &valid, asked.situation, &ranker)?;
    let candidates = valid_rows.recall();
    if stage != Stage::Mixture {
        // What answers is learned from all cases, the newest included; so is what costs little. The
        // fast profile stays as it is: few numbers learned from few cases.
        rows.append(&valid_rows);
        for (learner, &(of, n)) in learners.iter().zip(&n_steps) {
            if of == stage || of != Stage::Trees {
                let learned = learner.learn(&rows.lists(), None, Some(n), asked.key())?;
                learned.ranker.check(of, N_FEATURES)?;
                learned.ranker.put(&mut ranker);
            }
        }
    }
    let steps_of = |stage: Stage| n_steps.iter().rev().find(|(of, _)| *of == stage).map(|&(_, n)| n);
    let tuning = SituationTuning {
        situation: asked.situation,
        cases: n_cases,
        pool,
        candidates,
        results,
        n_trees: steps_of(Stage::Trees).unwrap_or(0),
        n_epochs: steps_of(Stage::Neural),
        stage,
    };
    Ok((ranker, tuning))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_learner_of_others_takes_the_place_of_an_own_one() {
        let stages = |learners: &[&dyn RankerLearner]| learners.iter().map(|l| l.stage()).collect::<Vec<_>>();
        let own = OwnLearners::new(&RankerParams::default());
        let all = [Stage::Linear, Stage::Trees, Stage::Neural];
        assert_eq!(stages(&own.with(&[])), all);
        let other = NetworkLearner::default();
        let learners = own.with(&[&other]);
        assert_eq!(stages(&learners), all, "none of a stage is learned in vain");
        assert!(std::ptr::addr_eq(learners[2], &raw const other));
        let params = RankerParams { grow_trees: false, learn_network: false, ..RankerParams::default() };
        let own = OwnLearners::new(&params);
        assert_eq!(stages(&own.with(&[])), [Stage::Linear]);
        assert_eq!(stages(&own.with(&[&other])), [Stage::Linear, Stage::Neural]);
    }
}
