use rayon::prelude::*;
use sidecart_core::{Cancelled, ItemId, Progress};

use crate::metrics::{Metric, coverage, gini, mean, popularity, position_of, tail_share};
use crate::{Case, CaseSet, EvalError, Ranker};

/// Offers of a list that coverage, popularity and the spread of offers look at.
const SHOWN: usize = 10;

/// Cases per session: enough to make up for opening one, few enough to share the work evenly.
const CASES_PER_SESSION: usize = 256;

/// What one ranker answered to all cases: the position of every hidden item, and what describes
/// the lists as a whole. 16 bytes a case.
pub struct Answers {
    /// Position of the hidden item by case.
    pub(crate) positions: Vec<Option<usize>>,
    /// Cases that got no offer.
    pub(crate) n_empty: usize,
    pub(crate) coverage: Option<f64>,
    pub(crate) popularity: Option<f64>,
    pub(crate) tail_share: Option<f64>,
    pub(crate) gini: Option<f64>,
}

struct Answer {
    position: Option<usize>,
    shown: Vec<ItemId>,
}

#[derive(Default)]
struct Faults {
    first_query_id: Option<i64>,
    context_items: u64,
    duplicates: u64,
    surplus: u64,
}

impl Answers {
    /// Asks a ranker for 50 items per case, on the current rayon pool.
    ///
    /// # Errors
    /// [`EvalError::InvalidLists`], [`EvalError::Ranker`] and [`EvalError::Cancelled`].
    pub fn collect(ranker: &dyn Ranker, case_set: &CaseSet, progress: &dyn Progress) -> Result<Self, EvalError> {
        progress.begin(&format!("evaluate {}", ranker.name()), case_set.cases.len() as u64, "cases");
        let chunks: Vec<Result<(Vec<Answer>, Faults), EvalError>> = case_set
            .cases
            .par_chunks(CASES_PER_SESSION)
            .map(|cases| {
                let answered = ask(ranker, cases, progress);
                progress.advance(cases.len() as u64);
                answered
            })
            .collect();
        progress.end();

        let mut answers = Vec::with_capacity(case_set.cases.len());
        let mut faults = Faults::default();
        for chunk in chunks {
            let (chunk, of_chunk) = chunk?;
            answers.extend(chunk);
            faults.merge(&of_chunk);
        }
        if let Some(query_id) = faults.first_query_id {
            return Err(EvalError::InvalidLists {
                ranker: ranker.name().into(),
                query_id,
                context_items: faults.context_items,
                duplicates: faults.duplicates,
                surplus: faults.surplus,
            });
        }
        let vocabulary = &case_set.vocabulary;
        // What describes lists as a whole is of the same cases, whatever else is asked.
        let asked =
            || answers.iter().zip(&case_set.cases).filter(|(_, case)| !case.is_cold_item).map(|(answer, _)| answer);
        let shown = || asked().flat_map(|answer| answer.shown.iter().copied());
        Ok(Self {
            positions: answers.iter().map(|answer| answer.position).collect(),
            n_empty: asked().filter(|answer| answer.shown.is_empty()).count(),
            coverage: coverage(shown(), vocabulary),
            popularity: mean(asked().filter_map(|answer| popularity(&answer.shown, vocabulary))),
            tail_share: tail_share(shown(), vocabulary),
            gini: gini(shown(), vocabulary),
        })
    }
}

fn ask(ranker: &dyn Ranker, cases: &[Case], progress: &dyn Progress) -> Result<(Vec<Answer>, Faults), EvalError> {
    if progress.is_cancelled() {
        return Err(Cancelled.into());
    }
    let mut session = ranker.session();
    let mut ranked = Vec::with_capacity(Metric::MAX_K);
    let mut faults = Faults::default();
    let mut answers = Vec::with_capacity(cases.len());
    for case in cases {
        ranked.clear();
        session.rank(case.query(), Metric::MAX_K, &mut ranked).map_err(|source| EvalError::Ranker {
            ranker: ranker.name().into(),
            query_id: case.query_id,
            source,
        })?;
        faults.inspect(case, &ranked);
        answers.push(Answer {
            position: position_of(case.target, &ranked),
            shown: ranked.iter().copied().take(SHOWN).collect(),
        });
    }
    Ok((answers, faults))
}

impl Faults {
    fn inspect(&mut self, case: &Case, ranked: &[ItemId]) {
        let context_items = ranked.iter().filter(|item| case.basket.contains(item)).count() as u64;
        let mut sorted = ranked.to_vec();
        sorted.sort_unstable();
        let duplicates = sorted.windows(2).filter(|pair| pair[0] == pair[1]).count() as u64;
        let surplus = ranked.len().saturating_sub(Metric::MAX_K) as u64;
        let is_faulty = context_items + duplicates + surplus > 0;
        self.merge(&Self { first_query_id: is_faulty.then_some(case.query_id), context_items, duplicates, surplus });
    }

    fn merge(&mut self, other: &Self) {
        self.first_query_id = self.first_query_id.or(other.first_query_id);
        self.context_items += other.context_items;
        self.duplicates += other.duplicates;
        self.surplus += other.surplus;
    }
}
