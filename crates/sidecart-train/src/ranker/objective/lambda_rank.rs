use std::ops::Range;

use rayon::prelude::*;

use super::discounts::Discounts;
use super::order::Order;
use super::pairs::Pairs;
use crate::trees::Objective;
use crate::{Error, Result};

/// The truncation that [`LambdaRank::new`] is usually given.
pub const DEFAULT_TRUNCATION: usize = 20;
/// Places of a list that the loss looks at.
const LOSS_DEPTH: usize = 20;
/// Rows that one task derives at a time, if a query is no longer.
const ROWS_PER_TASK: usize = 8192;

/// LambdaRank over query groups with binary relevance: scores order the rows of a query.
///
/// For every pair of a relevant and another row of a query, the loss is that of RankNet,
/// `ln(1 + e^-(s_relevant - s_other))`, times what exchanging the two would change in the query's
/// NDCG as it is ordered now (Burges, From RankNet to LambdaRank to LambdaMART, 2010). Gradients and
/// hessians are those of this sum with the NDCG changes held fixed. Pairs count of which at least
/// one row stands among the first `truncation` of the present order; the ideal gain is that of as
/// many places. Rows of equal score stand in the order of their positions, so rows should not be
/// given relevant first.
///
/// Lambdas are neither divided by score differences nor scaled by a query's sum, both of which
/// LightGBM does by default; learning rates do not carry over between the two.
///
/// A query without a relevant row, or with no other, has no pair and all zeros. Its rows still fall
/// through the trees, so leave such queries out.
///
/// Deriving takes `n log n` steps per query of `n` rows and one per pair, in parallel over queries;
/// results are the same bits at any number of threads.
///
/// ```
/// use sidecart_core::NoProgress;
/// use sidecart_train::ranker::objective::{DEFAULT_TRUNCATION, LambdaRank};
/// use sidecart_train::trees::{FeatureRows, Sample, TreeParams, fit};
///
/// // 100 queries of five rows; the greatest value is the relevant one.
/// let values: Vec<f32> = (0..500u16).map(|i| f32::from(i * 3 % 5)).collect();
/// let relevant: Vec<bool> = values.iter().map(|&v| v == 4.0).collect();
/// let offsets: Vec<usize> = (0..=100).map(|query| 5 * query).collect();
/// let objective = LambdaRank::new(&offsets, &relevant, None, DEFAULT_TRUNCATION)?;
/// let queries = objective.query_of_row();
/// let train = Sample { rows: FeatureRows::new(&values, 1)?, objective: &objective, clusters: Some(&queries) };
/// let params = TreeParams { max_trees: 20, min_leaf_rows: 20, ..TreeParams::default() };
/// let trees = fit(&train, None, &params, 7, &NoProgress)?.trees;
/// let scores: Vec<f64> = values.iter().map(|&v| f64::from(trees.score(&[v]))).collect();
/// assert_eq!(objective.ndcg(&scores, 1), 1.0);
/// # Ok::<(), sidecart_train::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct LambdaRank<'a> {
    offsets: &'a [usize],
    relevant: &'a [bool],
    weights: Option<&'a [f32]>,
    truncation: usize,
    discounts: Discounts,
    /// Relevant rows of each query.
    n_relevant: Vec<u32>,
    /// Sum of the weights of queries with a relevant row.
    total_weight: f64,
}

impl<'a> LambdaRank<'a> {
    /// An objective for queries of which query `i` has the rows `offsets[i]..offsets[i + 1]`, each
    /// counted `weights[i]` times, or once. `truncation` is at least 1.
    ///
    /// # Errors
    /// [`Error::Bug`] if the offsets do not rise from 0 to the number of rows, `truncation` is 0, a
    /// weight is negative or not finite or their number is not that of the queries, there are 2^32
    /// rows or more, or no query with a relevant row has a weight.
    pub fn new(
        offsets: &'a [usize],
        relevant: &'a [bool],
        weights: Option<&'a [f32]>,
        truncation: usize,
    ) -> Result<Self> {
        let bug = |what: String| Err(Error::Bug { what });
        if offsets.first() != Some(&0) || offsets.last() != Some(&relevant.len()) || !offsets.is_sorted() {
            return bug(format!("offsets of queries do not rise from 0 to the {} rows", relevant.len()));
        }
        if u32::try_from(relevant.len()).is_err() {
            return bug(format!("{} rows to rank are more than 2^32 - 1", relevant.len()));
        }
        if truncation == 0 {
            return bug("the truncation of a ranking loss is 0, expected at least 1".to_owned());
        }
        let n_queries = offsets.len() - 1;
        if let Some(weights) = weights {
            if weights.len() != n_queries {
                return bug(format!("{} weights for {n_queries} queries", weights.len()));
            }
            if let Some(weight) = weights.iter().find(|w| !(w.is_finite() && **w >= 0.0)) {
                return bug(format!("the weight of a query is {weight}, expected a finite number of at least 0"));
            }
        }
        let queries = offsets.windows(2).map(|rows| &relevant[rows[0]..rows[1]]);
        let n_relevant: Vec<u32> = queries.map(|rows| rows.iter().filter(|r| **r).count() as u32).collect();
        let n_ranks = offsets.windows(2).map(|rows| rows[1] - rows[0]).max().unwrap_or(0);
        let discounts = Discounts::new(n_ranks);
        let mut objective = Self { offsets, relevant, weights, truncation, discounts, n_relevant, total_weight: 0.0 };
        objective.total_weight =
            (0..n_queries).filter(|&q| objective.n_relevant[q] > 0).map(|q| objective.weight(q)).sum();
        if objective.total_weight <= 0.0 {
            return bug("no query with a relevant row has a weight".to_owned());
        }
        Ok(objective)
    }

    /// The query of each row, for [`Sample::clusters`](crate::trees::Sample::clusters).
    #[must_use]
    pub fn query_of_row(&self) -> Vec<u32> {
        let queries = self.offsets.windows(2).enumerate();
        queries.flat_map(|(query, rows)| std::iter::repeat_n(query as u32, rows[1] - rows[0])).collect()
    }

    /// NDCG of the order by `scores`, one for each row, counted down to `depth` places (at least 1):
    /// the weighted mean over queries with a relevant row, in 0..=1.
    #[must_use]
    pub fn ndcg(&self, scores: &[f64], depth: usize) -> f64 {
        let query_ndcg = |order: &mut Order, query: usize| {
            let n_relevant = self.n_relevant[query] as usize;
            if n_relevant == 0 || self.weight(query) == 0.0 {
                return 0.0;
            }
            let rows = self.rows(query);
            order.sort(&scores[rows.clone()]);
            let ranked = order.ranked().iter().zip(self.discounts.by_rank()).take(depth);
            let found = ranked.filter(|((_, row), _)| self.relevant[rows.start + *row as usize]);
            let gain: f64 = found.map(|(_, discount)| discount).sum();
            self.weight(query) * gain / self.discounts.ideal(n_relevant, depth)
        };
        let queries = (0..self.n_relevant.len()).into_par_iter();
        let by_query: Vec<f64> = queries.map_init(Order::default, query_ndcg).collect();
        by_query.into_iter().sum::<f64>() / self.total_weight
    }

    fn rows(&self, query: usize) -> Range<usize> {
        self.offsets[query]..self.offsets[query + 1]
    }

    fn weight(&self, query: usize) -> f64 {
        self.weights.map_or(1.0, |w| f64::from(w[query]))
    }

    /// Derives the rows of `queries`, to which the slices are limited, halving while it is worth it.
    fn derive(&self, queries: Range<usize>, scores: &[f64], gradients: &mut [f32], hessians: &mut [f32]) {
        if queries.len() > 1 && scores.len() > ROWS_PER_TASK {
            let middle = queries.start + queries.len() / 2;
            let n_rows = self.offsets[middle] - self.offsets[queries.start];
            let (scores, scores_after) = scores.split_at(n_rows);
            let (gradients, gradients_after) = gradients.split_at_mut(n_rows);
            let (hessians, hessians_after) = hessians.split_at_mut(n_rows);
            rayon::join(
                || self.derive(queries.start..middle, scores, gradients, hessians),
                || self.derive(middle..queries.end, scores_after, gradients_after, hessians_after),
            );
            return;
        }
        let (mut order, mut pairs) = (Order::default(), Pairs::default());
        let first = self.offsets[queries.start];
        for query in queries {
            let rows = self.rows(query);
            let own = rows.start - first..rows.end - first;
            let (gradients, hessians) = (&mut gradients[own.clone()], &mut hessians[own.clone()]);
            let n_relevant = self.n_relevant[query] as usize;
            if n_relevant == 0 || n_relevant == rows.len() || self.weight(query) == 0.0 {
                gradients.fill(0.0);
                hessians.fill(0.0);
                continue;
            }
            order.sort(&scores[own]);
            let scale = 1.0 / self.discounts.ideal(n_relevant, self.truncation);
            pairs.derive(&order, &self.relevant[rows], self.discounts.by_rank(), self.truncation, scale);
            pairs.write(self.weight(query), gradients, hessians);
        }
    }
}

impl Objective for LambdaRank<'_> {
    fn n_rows(&self) -> usize {
        self.relevant.len()
    }

    /// Zero: only differences of scores matter.
    fn initial_score(&self) -> f64 {
        0.0
    }

    fn gradients(&self, scores: &[f64], gradients: &mut [f32], hessians: &mut [f32]) {
        self.derive(0..self.n_relevant.len(), scores, gradients, hessians);
    }

    /// 1 less the [NDCG](LambdaRank::ndcg) of 20 places.
    fn loss(&self, scores: &[f64]) -> f64 {
        1.0 - self.ndcg(scores, LOSS_DEPTH)
    }
}
