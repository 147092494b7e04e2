use rayon::prelude::*;
use sidecart_core::{exp, ln};

use crate::logistic::{Curvature, Standards, inverse_diagonal, minimise, standardised};

/// Cases of one block; sums are taken block by block, so threads cannot change their order.
const BLOCK: usize = 64;

/// Choices to learn from: each case is a group of candidates, one of which was taken.
#[derive(Clone, Copy, Debug)]
pub struct Cases<'a> {
    /// One row of `n_columns` values per candidate, the candidates of a case side by side.
    pub rows: &'a [f32],
    /// Columns of a row, at least 1; meant for up to about 20.
    pub n_columns: usize,
    /// Where the candidates of each case begin, and the number of all candidates at the end.
    pub offsets: &'a [usize],
    /// Position of the taken candidate within its case.
    pub chosen: &'a [u32],
}

/// A conditional logit on standardised columns.
#[derive(Clone, PartialEq, Debug)]
pub struct ChoiceModel {
    /// Mean of each column over candidates, exact in 32 bits.
    pub mean: Vec<f64>,
    /// Standard deviation of each column, exact in 32 bits; 1 where it never changes.
    pub scale: Vec<f64>,
    /// Change of the utility per standard deviation, exact in 32 bits; 0 for a column that never
    /// changes.
    pub coefficients: Vec<f64>,
    /// Standard error of each coefficient, from the curvature with the penalty.
    pub standard_errors: Vec<f64>,
    /// Cases with at least two candidates, which alone say something.
    pub n_cases: usize,
    /// Log-likelihood of these cases, without the penalty.
    pub log_likelihood: f64,
    /// Log-likelihood if every candidate of a case were as likely as any other.
    pub null_log_likelihood: f64,
}

impl ChoiceModel {
    /// The utility of a candidate; in a case, the probability of a candidate is the exponential
    /// of its utility over the sum of those of all candidates.
    ///
    /// A value far from the mean is cut at [`MAX_DEVIATIONS`](crate::logistic::MAX_DEVIATIONS)
    /// standard deviations; an unknown one (NaN) counts as the mean.
    ///
    /// # Panics
    /// If the row has another number of columns.
    #[must_use]
    pub fn utility(&self, row: &[f32]) -> f64 {
        assert_eq!(row.len(), self.coefficients.len(), "a row has the columns of the model");
        let mut sum = 0.0;
        for (i, &value) in row.iter().enumerate() {
            sum += self.coefficients[i] * standardised(value, self.mean[i], self.scale[i]);
        }
        sum
    }
}

/// Fits a conditional logit (McFadden: Conditional Logit Analysis of Qualitative Choice Behavior,
/// 1974) by Newton's method.
///
/// Minimises the negative log-likelihood plus `penalty / 2` times the squared coefficients of the
/// standardised columns (`penalty` above 0), so that columns which tell the taken candidates
/// apart without error keep finite coefficients. A case with one candidate changes nothing; with
/// no other case all coefficients are 0. About six passes, each of order candidates times
/// `n_columns` squared; the same at any number of threads.
///
/// # Panics
/// If the lengths do not fit each other, a chosen position is outside its case, or `penalty` is
/// not positive.
#[must_use]
pub fn fit(cases: &Cases<'_>, penalty: f64) -> ChoiceModel {
    let n_columns = cases.n_columns;
    assert!(n_columns > 0 && penalty > 0.0 && penalty.is_finite(), "columns and a positive penalty are needed");
    assert_eq!(cases.offsets.len(), cases.chosen.len() + 1, "one more offset than cases");
    let n_rows = cases.offsets.last().copied().unwrap_or(0);
    assert_eq!(cases.rows.len(), n_rows * n_columns, "one row per candidate");
    let mut rows = Vec::with_capacity(cases.rows.len());
    let mut groups = Vec::with_capacity(cases.chosen.len());
    for (bounds, &chosen) in cases.offsets.windows(2).zip(cases.chosen) {
        let (begin, size) = (bounds[0], bounds[1] - bounds[0]);
        assert!((chosen as usize) < size, "the chosen candidate is one of its case");
        if size > 1 {
            groups.push(Group { begin: rows.len() / n_columns, size, chosen: chosen as usize });
            rows.extend_from_slice(&cases.rows[begin * n_columns..(begin + size) * n_columns]);
        }
    }
    let standards = Standards::of(&rows, n_columns);
    let values = rows
        .chunks_exact(n_columns)
        .flat_map(|row| row.iter().enumerate().map(|(j, &v)| standardised(v, standards.mean[j], standards.scale[j])))
        .collect();
    let problem = Problem { values, n_columns, groups, penalty };
    let (solution, here) = minimise(vec![0.0; n_columns], |at| problem.curvature(at));
    let penalised: f64 = solution.iter().map(|c| 0.5 * penalty * c * c).sum();
    ChoiceModel {
        mean: standards.mean,
        scale: standards.scale,
        coefficients: solution.iter().map(|c| f64::from(*c as f32)).collect(),
        standard_errors: inverse_diagonal(&here.hessian, n_columns).into_iter().map(f64::sqrt).collect(),
        n_cases: problem.groups.len(),
        log_likelihood: penalised - here.loss,
        null_log_likelihood: -problem.groups.iter().map(|g| ln(g.size as f64)).sum::<f64>(),
    }
}

/// The candidates of a case.
struct Group {
    begin: usize,
    size: usize,
    chosen: usize,
}

struct Problem {
    /// Standardised values, row by row.
    values: Vec<f64>,
    n_columns: usize,
    groups: Vec<Group>,
    penalty: f64,
}

impl Problem {
    /// Loss, gradient and curvature, summed block by block in a fixed order.
    fn curvature(&self, at: &[f64]) -> Curvature {
        let parts: Vec<Curvature> = self
            .groups
            .par_chunks(BLOCK)
            .map(|block| {
                let mut part = Curvature::zero(self.n_columns);
                let mut scratch =
                    Scratch { weights: Vec::new(), mean: vec![0.0; self.n_columns], off: vec![0.0; self.n_columns] };
                for group in block {
                    self.add_group(group, at, &mut part, &mut scratch);
                }
                part
            })
            .collect();
        let mut sum = Curvature::zero(self.n_columns);
        for part in &parts {
            sum.add(part);
        }
        sum.penalise(at, self.n_columns, self.penalty);
        sum
    }

    fn add_group(&self, group: &Group, at: &[f64], part: &mut Curvature, scratch: &mut Scratch) {
        let n = self.n_columns;
        let rows = &self.values[group.begin * n..(group.begin + group.size) * n];
        let Scratch { weights, mean, off } = scratch;
        weights.clear();
        weights.extend(rows.chunks_exact(n).map(|row| row.iter().zip(at).map(|(x, c)| x * c).sum::<f64>()));
        let (top, taken) = (weights.iter().copied().fold(f64::MIN, f64::max), weights[group.chosen]);
        let mut total = 0.0;
        for weight in weights.iter_mut() {
            *weight = exp(*weight - top);
            total += *weight;
        }
        part.loss += top + ln(total) - taken;
        mean.fill(0.0);
        for (row, weight) in rows.chunks_exact(n).zip(weights.iter_mut()) {
            *weight /= total;
            for (sum, x) in mean.iter_mut().zip(row) {
                *sum += *weight * x;
            }
        }
        for (j, slope) in part.gradient.iter_mut().enumerate() {
            *slope += mean[j] - rows[group.chosen * n + j];
        }
        // Around the mean, so that nothing large is subtracted.
        for (row, weight) in rows.chunks_exact(n).zip(weights.iter()) {
            for ((off, x), mean) in off.iter_mut().zip(row).zip(mean.iter()) {
                *off = x - mean;
            }
            for j in 0..n {
                let scaled = weight * off[j];
                for (sum, other) in part.hessian[j * n..=j * n + j].iter_mut().zip(off.iter()) {
                    *sum += scaled * other;
                }
            }
        }
    }
}

/// Buffers of one block.
struct Scratch {
    weights: Vec<f64>,
    mean: Vec<f64>,
    off: Vec<f64>,
}
