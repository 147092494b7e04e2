const MAX_STEPS: usize = 100;
const MAX_HALVINGS: usize = 100;
/// A step must bring at least this share of the descent that the gradient promises (Armijo).
const DESCENT: f64 = 1e-4;
/// A step below this (relative to the values) ends the search; the next would be its square.
const PRECISION: f64 = 1e-9;
/// A loss may rise by this share, which is what rounding alone does.
const SLACK: f64 = 1e-13;
/// A pivot of the factorisation is at least this share of the diagonal.
const LEAST_PIVOT: f64 = 1e-13;

/// A loss with its first and second derivatives at one point.
#[derive(Clone, Debug)]
pub(crate) struct Curvature {
    pub(crate) loss: f64,
    pub(crate) gradient: Vec<f64>,
    /// Row by row; only the part on and below the diagonal is read.
    pub(crate) hessian: Vec<f64>,
}

impl Curvature {
    pub(crate) fn zero(n: usize) -> Self {
        Self { loss: 0.0, gradient: vec![0.0; n], hessian: vec![0.0; n * n] }
    }

    /// Adds another part of the same loss.
    pub(crate) fn add(&mut self, part: &Self) {
        self.loss += part.loss;
        for (sum, term) in self.gradient.iter_mut().zip(&part.gradient) {
            *sum += term;
        }
        for (sum, term) in self.hessian.iter_mut().zip(&part.hessian) {
            *sum += term;
        }
    }

    /// Adds the penalty `strength / 2` times the squares of the first `n` values.
    pub(crate) fn penalise(&mut self, at: &[f64], n: usize, strength: f64) {
        let width = at.len();
        for (i, value) in at.iter().enumerate().take(n) {
            self.loss += 0.5 * strength * value * value;
            self.gradient[i] += strength * value;
            self.hessian[i * width + i] += strength;
        }
    }
}

/// The minimum of a smooth convex function by Newton's method, halving steps that do not descend.
///
/// Returns the point and the derivatives there. The result depends on `start` only through
/// rounding of the last digits.
pub(crate) fn minimise(start: Vec<f64>, evaluate: impl Fn(&[f64]) -> Curvature) -> (Vec<f64>, Curvature) {
    let mut at = start;
    let mut here = evaluate(&at);
    for _ in 0..MAX_STEPS {
        let factor = factorise(&here.hessian, at.len());
        let step = solve(&factor, here.gradient.clone());
        let promised: f64 = here.gradient.iter().zip(&step).map(|(g, s)| g * s).sum();
        let slack = SLACK * here.loss.abs();
        let mut share = 1.0;
        let moved = (0..MAX_HALVINGS).find_map(|_| {
            let next: Vec<f64> = at.iter().zip(&step).map(|(a, s)| a - share * s).collect();
            let there = evaluate(&next);
            let good = there.loss <= here.loss - DESCENT * share * promised + slack;
            share *= 0.5;
            good.then_some((next, there))
        });
        let Some((next, there)) = moved else { break };
        let done = at.iter().zip(&next).all(|(a, b)| (a - b).abs() <= PRECISION * (1.0 + b.abs()));
        (at, here) = (next, there);
        if done {
            break;
        }
    }
    (at, here)
}

/// The diagonal of the inverse of a positive definite matrix.
pub(crate) fn inverse_diagonal(matrix: &[f64], n: usize) -> Vec<f64> {
    let factor = factorise(matrix, n);
    (0..n)
        .map(|i| {
            let mut unit = vec![0.0; n];
            unit[i] = 1.0;
            solve(&factor, unit)[i]
        })
        .collect()
}

/// The lower Cholesky factor, row by row.
fn factorise(matrix: &[f64], n: usize) -> Vec<f64> {
    let mut factor = vec![0.0; n * n];
    for i in 0..n {
        for j in 0..=i {
            let known: f64 = (0..j).map(|k| factor[i * n + k] * factor[j * n + k]).sum();
            let rest = matrix[i * n + j] - known;
            factor[i * n + j] = if i == j {
                rest.max(LEAST_PIVOT * matrix[i * n + i]).max(f64::MIN_POSITIVE).sqrt()
            } else {
                rest / factor[j * n + j]
            };
        }
    }
    factor
}

/// Solves the system of a factorised matrix.
fn solve(factor: &[f64], mut values: Vec<f64>) -> Vec<f64> {
    let n = values.len();
    for i in 0..n {
        let known: f64 = (0..i).map(|k| factor[i * n + k] * values[k]).sum();
        values[i] = (values[i] - known) / factor[i * n + i];
    }
    for i in (0..n).rev() {
        let known: f64 = (i + 1..n).map(|k| factor[k * n + i] * values[k]).sum();
        values[i] = (values[i] - known) / factor[i * n + i];
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn solves_positive_definite_systems(roots in prop::collection::vec(-2.0f64..2.0, 25), wanted in prop::collection::vec(-5.0f64..5.0, 5)) {
            let n = 5;
            let entry = |i: usize, j: usize| (0..n).map(|k| roots[i * n + k] * roots[j * n + k]).sum::<f64>() + f64::from(u8::from(i == j));
            let matrix: Vec<f64> = (0..n * n).map(|at| entry(at / n, at % n)).collect();
            let right: Vec<f64> = (0..n).map(|i| (0..n).map(|j| matrix[i * n + j] * wanted[j]).sum()).collect();
            let solved = solve(&factorise(&matrix, n), right);
            prop_assert!(solved.iter().zip(&wanted).all(|(a, b)| (a - b).abs() < 1e-8));
            let inverse = inverse_diagonal(&matrix, n);
            let column: Vec<f64> = solve(&factorise(&matrix, n), vec![0.0, 1.0, 0.0, 0.0, 0.0]);
            prop_assert!((inverse[1] - column[1]).abs() < 1e-12);
        }

        #[test]
        fn finds_the_minimum_from_anywhere(start in -30.0f64..30.0) {
            // ln(1 + e^x) - 0.3 x, whose full Newton steps overshoot far from the minimum.
            let (found, _) = minimise(vec![start], |at| {
                let p = 1.0 / (1.0 + (-at[0]).exp());
                Curvature { loss: at[0].max(0.0) + (-at[0].abs()).exp().ln_1p() - 0.3 * at[0], gradient: vec![p - 0.3], hessian: vec![p * (1.0 - p)] }
            });
            prop_assert!((found[0] - (0.3f64 / 0.7).ln()).abs() < 1e-9, "{}", found[0]);
        }
    }
}
