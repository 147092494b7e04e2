use linfa::{DatasetBase, traits::Fit};
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, ArrayView2, ShapeBuilder};
use rayon::prelude::*;
use sidecart_core::{exp, ln};

use super::standardise::rounded;
use super::{Curvature, Standards, minimise, standardised};

/// Rows of one block: 60 columns of it fit the second-level cache.
const BLOCK: usize = 512;
/// Products summed side by side, in an order the processor has no say in.
const LANES: usize = 8;
const MAX_ITERATIONS: u64 = 500;
/// The solver stops when the gradient per row is below this; Newton steps do the rest.
const GRADIENT_PER_ROW: f64 = 1e-4;

/// A logistic regression on standardised columns.
///
/// Every number is exact in 32 bits, so an artifact may store single precision.
#[derive(Clone, PartialEq, Debug)]
pub struct Logistic {
    /// Mean of each column.
    pub mean: Vec<f64>,
    /// Standard deviation of each column; 1 where it never changes.
    pub scale: Vec<f64>,
    /// Change of the log-odds per standard deviation; 0 for a column that never changes.
    pub coefficients: Vec<f64>,
    /// Log-odds at the means.
    pub intercept: f64,
}

impl Logistic {
    /// The log-odds of a row of as many columns as the model has.
    ///
    /// A value further than [`MAX_DEVIATIONS`](super::MAX_DEVIATIONS) standard deviations from
    /// the mean is cut there; an unknown one (NaN) counts as the mean. Terms are added in the
    /// order of the columns.
    ///
    /// # Panics
    /// If the row has another number of columns.
    #[must_use]
    pub fn log_odds(&self, row: &[f32]) -> f64 {
        assert_eq!(row.len(), self.coefficients.len(), "a row has the columns of the model");
        let mut sum = self.intercept;
        for (i, &value) in row.iter().enumerate() {
            sum += self.coefficients[i] * standardised(value, self.mean[i], self.scale[i]);
        }
        sum
    }
}

/// Fits the log-odds of `labels` to the rows of a row-major matrix of `n_columns` columns.
///
/// Minimises the log loss summed over rows plus `penalty / 2` times the squared coefficients of
/// the standardised columns (`penalty` = 1 / C, above 0; the intercept is free). linfa's L-BFGS
/// solves it. Its last digits depend on the processor, through the matrix kernels and the
/// mathematical library it uses; Newton steps in a fixed order then take the solution to the
/// limit of the precision, and rounding to 32 bits drops what is left. Should linfa's line
/// search fail, the Newton steps start from the base rate.
///
/// With one outcome only, coefficients are 0 and the intercept that of half an event more
/// on either side. Costs about 40 passes over the matrix and eight bytes per value of memory.
///
/// # Panics
/// If `rows` is not `n_columns` wide and `labels` long, or `penalty` is not positive.
#[must_use]
pub fn fit(rows: &[f32], n_columns: usize, labels: &[bool], penalty: f64) -> Logistic {
    assert_eq!(rows.len(), n_columns * labels.len(), "one row of values per label");
    assert!(n_columns > 0 && penalty > 0.0 && penalty.is_finite(), "columns and a positive penalty are needed");
    let standards = Standards::of(rows, n_columns);
    let positive = labels.iter().filter(|l| **l).count() as f64;
    let base = ln((positive + 0.5) / (labels.len() as f64 - positive + 0.5));
    let solution = if positive == 0.0 || positive == labels.len() as f64 {
        let mut solution = vec![0.0; n_columns];
        solution.push(base);
        solution
    } else {
        let problem = Problem { columns: by_column(rows, &standards), labels, penalty };
        let start = problem.solve_by_linfa(base).unwrap_or_else(|| problem.start(base));
        minimise(start, |at| problem.curvature(at)).0
    };
    let mut coefficients: Vec<f64> = solution.iter().map(|v| rounded(*v)).collect();
    let intercept = coefficients.pop().expect("the intercept follows the coefficients");
    Logistic { mean: standards.mean, scale: standards.scale, coefficients, intercept }
}

/// The standardised matrix, column by column.
pub(super) fn by_column(rows: &[f32], standards: &Standards) -> Vec<f64> {
    let n_columns = standards.mean.len();
    let n_rows = rows.len() / n_columns;
    let mut columns = vec![0.0; rows.len()];
    columns.par_chunks_mut(n_rows.max(1)).enumerate().for_each(|(column, values)| {
        let (mean, scale) = (standards.mean[column], standards.scale[column]);
        for (row, value) in values.iter_mut().enumerate() {
            *value = standardised(rows[row * n_columns + column], mean, scale);
        }
    });
    columns
}

/// What is minimised over the coefficients, followed by the intercept.
pub(super) struct Problem<'a> {
    /// Standardised values, column by column.
    pub(super) columns: Vec<f64>,
    pub(super) labels: &'a [bool],
    pub(super) penalty: f64,
}

impl Problem<'_> {
    fn n_columns(&self) -> usize {
        self.columns.len() / self.labels.len()
    }

    /// No effect of any column.
    pub(super) fn start(&self, base: f64) -> Vec<f64> {
        let mut start = vec![0.0; self.n_columns()];
        start.push(base);
        start
    }

    /// The solution of linfa, or none if its line search fails.
    pub(super) fn solve_by_linfa(&self, base: f64) -> Option<Vec<f64>> {
        let shape = (self.labels.len(), self.n_columns());
        // By columns, since the gradient takes one product per column. linfa calls the more
        // frequent label the positive one, so its base rate is at least a half.
        let records = ArrayView2::from_shape(shape.f(), &self.columns).expect("the shape is that of the matrix");
        let targets = Array1::from(self.labels.to_vec());
        let fitted = LogisticRegression::default()
            .alpha(self.penalty)
            .max_iterations(MAX_ITERATIONS)
            .gradient_tolerance(GRADIENT_PER_ROW * self.labels.len() as f64)
            .initial_params(Array1::from(self.start(base.abs())))
            .fit(&DatasetBase::new(records, targets))
            .ok()?;
        let sign = if fitted.labels().pos.class { 1.0 } else { -1.0 };
        let mut solution: Vec<f64> = fitted.params().iter().map(|c| sign * c).collect();
        solution.push(sign * fitted.intercept());
        solution.iter().all(|v| v.is_finite()).then_some(solution)
    }

    /// Loss, gradient and curvature, summed block by block in a fixed order.
    pub(super) fn curvature(&self, at: &[f64]) -> Curvature {
        let n_blocks = self.labels.len().div_ceil(BLOCK);
        let parts: Vec<Curvature> = (0..n_blocks).into_par_iter().map(|block| self.of_block(at, block)).collect();
        let mut sum = Curvature::zero(at.len());
        for part in &parts {
            sum.add(part);
        }
        sum.penalise(at, self.n_columns(), self.penalty);
        sum
    }

    fn of_block(&self, at: &[f64], block: usize) -> Curvature {
        let (n_rows, n_columns) = (self.labels.len(), self.n_columns());
        let width = n_columns + 1;
        let range = block * BLOCK..((block + 1) * BLOCK).min(n_rows);
        let column = |j: usize| &self.columns[j * n_rows..][range.clone()];
        let mut log_odds = vec![at[n_columns]; range.len()];
        for (j, coefficient) in at.iter().enumerate().take(n_columns) {
            for (sum, x) in log_odds.iter_mut().zip(column(j)) {
                *sum += coefficient * x;
            }
        }
        let mut part = Curvature::zero(width);
        let (mut residuals, mut weights) = (Vec::with_capacity(range.len()), Vec::with_capacity(range.len()));
        for (&x, &label) in log_odds.iter().zip(&self.labels[range.clone()]) {
            let tail = exp(-x.abs());
            let p = if x > 0.0 { 1.0 / (1.0 + tail) } else { tail / (1.0 + tail) };
            let y = f64::from(u8::from(label));
            part.loss += x.max(0.0) + ln(1.0 + tail) - y * x;
            residuals.push(p - y);
            weights.push(p * (1.0 - p));
        }
        let mut weighted = vec![0.0; range.len()];
        for j in 0..n_columns {
            part.gradient[j] = dot(column(j), &residuals);
            for (product, (x, weight)) in weighted.iter_mut().zip(column(j).iter().zip(&weights)) {
                *product = x * weight;
            }
            for k in 0..=j {
                part.hessian[j * width + k] = dot(&weighted, column(k));
            }
            part.hessian[n_columns * width + j] = weighted.iter().sum();
        }
        part.gradient[n_columns] = residuals.iter().sum();
        part.hessian[n_columns * width + n_columns] = weights.iter().sum();
        part
    }
}

/// A dot product of equally long slices, in eight interleaved sums.
fn dot(a: &[f64], b: &[f64]) -> f64 {
    let mut sums = [0.0; LANES];
    let (whole_a, whole_b) = (a.chunks_exact(LANES), b.chunks_exact(LANES));
    let rest: f64 = whole_a.remainder().iter().zip(whole_b.remainder()).map(|(x, y)| x * y).sum();
    for (x, y) in whole_a.zip(whole_b) {
        for lane in 0..LANES {
            sums[lane] += x[lane] * y[lane];
        }
    }
    sums.iter().sum::<f64>() + rest
}
