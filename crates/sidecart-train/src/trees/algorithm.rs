use rayon::prelude::*;
use sidecart_core::Progress;
use sidecart_serve::trees::{TreeEnsemble, TreeParts};

use super::TreeParams;
use super::bins::Bins;
use super::grower::{Grower, GrownTree, Target};
use super::histogram::{Cell, FixedPoint};
use super::objective::Objective;
use super::rows::FeatureRows;
use super::sampling::Sampling;
use super::split::SplitRules;
use crate::{Error, Result};

/// Rows that training and validation may have together; more would leave a hessian too few bits.
const MAX_ROWS: usize = 1 << 26;
/// Draws of rows and features in sequence without any allowed split, after which growth stops.
const MAX_BARREN_DRAWS: u32 = 20;
/// Rows that one task prepares at a time.
const ROWS_PER_TASK: usize = 8192;

/// Rows and what is to be learned from them.
#[derive(Clone, Copy)]
pub struct Sample<'a> {
    /// The features.
    pub rows: FeatureRows<'a>,
    /// The loss, of as many rows.
    pub objective: &'a dyn Objective,
    /// Cluster of each row (a customer, a query group): its rows take part in a tree together or
    /// not at all. `None` draws rows one by one. Without effect for validation.
    pub clusters: Option<&'a [u32]>,
}

/// What [`fit`] found.
#[derive(Clone, PartialEq, Debug)]
pub struct BoostedTrees {
    /// The trees: first a constant, the initial score, if that is not zero; then [`n_rounds`](Self::n_rounds)
    /// grown ones.
    pub trees: TreeEnsemble,
    /// Grown trees that were kept: all, or with validation those up to the smallest loss.
    pub n_rounds: usize,
    /// Validation loss before the first tree and after every grown one, dropped ones included;
    /// empty without validation.
    pub valid_losses: Vec<f64>,
    /// Sum of the gains of the kept trees' splits by each feature, `[n_features]`.
    pub gains: Vec<f64>,
}

/// Grows boosted trees over `train`, stopping early by the loss of `valid`.
///
/// Gradient boosting (Friedman, Greedy function approximation, 2001) with Newton steps and an L2
/// penalty (Chen and Guestrin, XGBoost, 2016) over histograms of binned features, leaf by leaf (Ke
/// et al., LightGBM, 2017). Every tree is grown from a sample of the rows and of the features.
///
/// The result depends on the data, the parameters and the seed alone; without clusters, on the
/// order of the rows too, as rows are drawn by their position. Time per tree is about
/// `rows * features taken * log2(leaves) / 2` additions, on rayon's current pool.
///
/// ```
/// use sidecart_core::NoProgress;
/// use sidecart_train::trees::{FeatureRows, Logistic, Sample, TreeParams, fit};
///
/// // Yes above 0.5 in the second feature.
/// let values: Vec<f32> = (0..1000u16).flat_map(|i| [f32::from(i % 7), f32::from(i % 10) / 10.0]).collect();
/// let labels: Vec<f32> = values.chunks(2).map(|row| f32::from(row[1] > 0.5)).collect();
/// let objective = Logistic::new(&labels, None)?;
/// let train = Sample { rows: FeatureRows::new(&values, 2)?, objective: &objective, clusters: None };
/// let params = TreeParams { max_trees: 20, learning_rate: 0.3, ..TreeParams::default() };
/// let boosted = fit(&train, None, &params, 7, &NoProgress)?;
/// assert!(boosted.trees.score(&[3.0, 0.9]) > 2.0);
/// assert!(boosted.trees.score(&[3.0, 0.1]) < -2.0);
/// # Ok::<(), sidecart_train::Error>(())
/// ```
///
/// # Errors
/// [`Error::Parameter`] in section `trees` for a setting outside its range (in another section by
/// [`fit_section`]), [`Error::Cancelled`] between trees, [`Error::Bug`] if parts of a sample differ in length, there are no rows or more than 2^26, or an
/// objective gives derivatives that are not finite.
pub fn fit(
    train: &Sample<'_>,
    valid: Option<&Sample<'_>>,
    params: &TreeParams,
    seed: u64,
    progress: &dyn Progress,
) -> Result<BoostedTrees> {
    fit_section("trees", train, valid, params, seed, progress)
}

/// [`fit`] with the section of the configuration that the parameters were read from, such as
/// `ranker.trees`, for error messages.
///
/// # Errors
/// As [`fit`], with [`Error::Parameter`] in `section`.
pub fn fit_section(
    section: &'static str,
    train: &Sample<'_>,
    valid: Option<&Sample<'_>>,
    params: &TreeParams,
    seed: u64,
    progress: &dyn Progress,
) -> Result<BoostedTrees> {
    params.check().map_err(|source| Error::Parameter { section, source })?;
    check_samples(train, valid)?;
    progress.begin("growing trees", u64::from(params.max_trees), "trees");
    let bins = Bins::new(&train.rows, valid.map(|v| &v.rows), params.max_bins as usize);
    let boosted = Boosting::new(train, valid, params, seed)?.run(&bins, progress);
    progress.end();
    boosted
}

fn check_samples(train: &Sample<'_>, valid: Option<&Sample<'_>>) -> Result<()> {
    let bug = |what: String| Err(Error::Bug { what });
    let n_features = train.rows.n_features();
    for sample in [Some(train), valid].into_iter().flatten() {
        let n_rows = sample.rows.n_rows();
        if n_rows == 0 || sample.objective.n_rows() != n_rows || sample.clusters.is_some_and(|c| c.len() != n_rows) {
            return bug(format!("{n_rows} rows for an objective of {}", sample.objective.n_rows()));
        }
        if sample.rows.n_features() != n_features {
            return bug(format!("{} features in validation, {n_features} in training", sample.rows.n_features()));
        }
    }
    let n_rows = train.rows.n_rows() + valid.map_or(0, |v| v.rows.n_rows());
    if n_rows > MAX_ROWS {
        return bug(format!("{n_rows} rows are more than {MAX_ROWS}"));
    }
    Ok(())
}

/// The state between two trees. Validation rows follow the training rows everywhere: they fall
/// through each tree with those that were not drawn.
struct Boosting<'a> {
    train: &'a Sample<'a>,
    valid: Option<&'a Sample<'a>>,
    params: &'a TreeParams,
    sampling: Sampling<'a>,
    initial: f32,
    scores: Vec<f64>,
    gradients: Vec<f32>,
    hessians: Vec<f32>,
    cells: Vec<Cell>,
}

impl<'a> Boosting<'a> {
    fn new(train: &'a Sample<'a>, valid: Option<&'a Sample<'a>>, params: &'a TreeParams, seed: u64) -> Result<Self> {
        let initial = train.objective.initial_score() as f32;
        if !initial.is_finite() {
            return Err(Error::Bug { what: format!("the initial score is {initial}") });
        }
        let n_train = train.rows.n_rows();
        let n_rows = n_train + valid.map_or(0, |v| v.rows.n_rows());
        Ok(Self {
            train,
            valid,
            params,
            sampling: Sampling::new(params, seed, train.clusters),
            initial,
            scores: vec![f64::from(initial); n_rows],
            gradients: vec![0.0; n_train],
            hessians: vec![0.0; n_train],
            cells: vec![[0; 2]; n_train],
        })
    }

    fn run(mut self, bins: &Bins, progress: &dyn Progress) -> Result<BoostedTrees> {
        let n_train = self.gradients.len();
        let usable: Vec<usize> = (0..bins.n_features()).filter(|&f| bins.n_bins(f) > 1).collect();
        let mut grower = Grower::new(bins, SplitRules::new(self.params), self.params.max_leaves as usize);
        let mut forest = Forest::new(bins, self.initial, self.params.learning_rate);
        let mut valid_losses: Vec<f64> = self.valid_loss().into_iter().collect();
        let (mut best, mut barren_draws) = (0, 0);
        let mut fixed = self.derive()?;
        for draw in 0..self.params.max_trees {
            if progress.is_cancelled() {
                return Err(sidecart_core::Cancelled.into());
            }
            progress.advance(1);
            if usable.is_empty() {
                break;
            }
            let features = self.sampling.features(draw, &usable);
            self.sampling.rows(draw, n_train, self.scores.len(), &mut grower.taken, &mut grower.rest);
            let Some(tree) = grower.grow(&Target { cells: &self.cells, fixed, features: &features }) else {
                barren_draws += 1;
                if self.sampling.takes_all() || barren_draws == MAX_BARREN_DRAWS {
                    break;
                }
                continue;
            };
            barren_draws = 0;
            let steps = forest.push(tree);
            grower.for_each_leaf(|leaf, parts| {
                for &row in parts.into_iter().flatten() {
                    self.scores[row as usize] += f64::from(steps[leaf]);
                }
            });
            if let Some(loss) = self.valid_loss() {
                valid_losses.push(loss);
                if loss < valid_losses[best] {
                    best = forest.n_rounds();
                } else if forest.n_rounds() - best >= self.params.patience as usize {
                    break;
                }
            }
            fixed = self.derive()?;
        }
        if self.valid.is_some() {
            forest.truncate(best);
        }
        forest.finish(valid_losses)
    }

    fn valid_loss(&self) -> Option<f64> {
        self.valid.map(|valid| valid.objective.loss(&self.scores[self.gradients.len()..]))
    }

    /// Derivatives of the training loss at the present scores, in fixed point.
    fn derive(&mut self) -> Result<FixedPoint> {
        let n_train = self.gradients.len();
        self.train.objective.gradients(&self.scores[..n_train], &mut self.gradients, &mut self.hessians);
        let max_gradient = max_magnitude(&self.gradients);
        let max_hessian = max_magnitude(&self.hessians);
        if !(max_gradient.is_finite() && max_hessian.is_finite()) {
            return Err(Error::Bug { what: "an objective gave a derivative that is not finite".to_owned() });
        }
        let fixed = FixedPoint::new(n_train, max_gradient, max_hessian);
        let cells = self.cells.par_chunks_mut(ROWS_PER_TASK);
        let derivatives = self.gradients.par_chunks(ROWS_PER_TASK).zip(self.hessians.par_chunks(ROWS_PER_TASK));
        cells.zip(derivatives).for_each(|(cells, (gradients, hessians))| {
            for ((cell, &gradient), &hessian) in cells.iter_mut().zip(gradients).zip(hessians) {
                // A negative hessian would break the fixed point; objectives promise none.
                *cell = fixed.encode(gradient, hessian.max(0.0));
            }
        });
        Ok(fixed)
    }
}

/// The greatest magnitude, not finite if any value is not: magnitudes order as their bits.
fn max_magnitude(values: &[f32]) -> f32 {
    let chunks = values.par_chunks(ROWS_PER_TASK);
    let bits = chunks.map(|chunk| chunk.iter().fold(0, |max, v| max.max(v.abs().to_bits())));
    f32::from_bits(bits.max().unwrap_or(0))
}

/// The trees so far, in the arrays of [`TreeParts`].
struct Forest<'a> {
    bins: &'a Bins,
    learning_rate: f64,
    /// 1 if the first tree is the initial score.
    n_constants: usize,
    offsets: Vec<u32>,
    features: Vec<u16>,
    thresholds: Vec<f32>,
    left: Vec<i32>,
    right: Vec<i32>,
    leaves: Vec<f32>,
    gains: Vec<f64>,
}

impl<'a> Forest<'a> {
    fn new(bins: &'a Bins, initial: f32, learning_rate: f64) -> Self {
        let n_constants = usize::from(initial != 0.0);
        Self {
            bins,
            learning_rate,
            n_constants,
            offsets: vec![0; 1 + n_constants],
            features: Vec::new(),
            thresholds: Vec::new(),
            left: Vec::new(),
            right: Vec::new(),
            leaves: vec![initial; n_constants],
            gains: Vec::new(),
        }
    }

    fn n_rounds(&self) -> usize {
        self.offsets.len() - 1 - self.n_constants
    }

    /// Adds a tree and returns the values of its leaves, learning rate included.
    fn push(&mut self, tree: GrownTree) -> &[f32] {
        for split in &tree.splits {
            self.features.push(split.feature as u16);
            self.thresholds.push(self.bins.edge(split.feature, split.bin));
            self.gains.push(split.gain);
        }
        self.left.extend(tree.left);
        self.right.extend(tree.right);
        let start = self.leaves.len();
        self.leaves.extend(tree.steps.iter().map(|step| (self.learning_rate * step) as f32));
        self.offsets.push(self.features.len() as u32);
        &self.leaves[start..]
    }

    /// Forgets all but the first `n_rounds` grown trees.
    fn truncate(&mut self, n_rounds: usize) {
        self.offsets.truncate(1 + self.n_constants + n_rounds);
        let n_trees = self.offsets.len() - 1;
        let n_nodes = self.offsets[n_trees] as usize;
        self.features.truncate(n_nodes);
        self.thresholds.truncate(n_nodes);
        self.left.truncate(n_nodes);
        self.right.truncate(n_nodes);
        self.gains.truncate(n_nodes);
        self.leaves.truncate(n_nodes + n_trees);
    }

    fn finish(self, valid_losses: Vec<f64>) -> Result<BoostedTrees> {
        let mut gains = vec![0.0; self.bins.n_features()];
        for (&feature, gain) in self.features.iter().zip(&self.gains) {
            gains[usize::from(feature)] += gain;
        }
        let parts = TreeParts {
            offsets: &self.offsets,
            features: &self.features,
            thresholds: &self.thresholds,
            left: &self.left,
            right: &self.right,
            leaves: &self.leaves,
        };
        let trees = TreeEnsemble::from_parts(self.bins.n_features(), parts)?;
        Ok(BoostedTrees { trees, n_rounds: self.n_rounds(), valid_losses, gains })
    }
}
