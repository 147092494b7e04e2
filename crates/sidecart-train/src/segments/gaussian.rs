//! Gaussian mixture: which of k normal distributions a point most probably comes from.

use linfa::DatasetBase;
use linfa::traits::Fit;
use linfa_clustering::GaussianMixtureModel;
use ndarray::Array2;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng;
use serde::{Deserialize, Serialize};
use sidecart_core::ln;

/// Variances added to every column, the first that lets the fit converge. Shares of spend add up
/// to one, so without any the covariances cannot be inverted.
const RIDGES: [f64; 3] = [0.05, 0.2, 0.8];
const MAX_ITERATIONS: u64 = 500;
/// What is learned is kept in steps of 2^-16, far coarser than the last bits in which mathematical
/// libraries differ, far finer than what is known of a segment.
const STEP: f64 = 1.0 / 65_536.0;

fn in_steps(value: f64) -> f64 {
    (value / STEP).round() * STEP
}

/// The shapes of k normal distributions in d columns; their centres are kept beside them.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Shapes {
    /// Lower triangles of the covariances' Cholesky factors, row by row, one after the other:
    /// k * d * (d + 1) / 2 numbers.
    roots: Vec<f32>,
    /// ln weight - half the ln determinant of the covariance.
    constants: Vec<f32>,
}

/// The lower triangle L of a symmetric positive definite matrix L L', row by row; `None` when it
/// is not positive definite. O(d^3).
fn cholesky(matrix: &dyn Fn(usize, usize) -> f64, d: usize) -> Option<Vec<f64>> {
    let mut root: Vec<f64> = Vec::with_capacity(d * (d + 1) / 2);
    let at = |row: usize, column: usize| row * (row + 1) / 2 + column;
    for row in 0..d {
        for column in 0..=row {
            let known: f64 = (0..column).map(|j| root[at(row, j)] * root[at(column, j)]).sum();
            let rest = matrix(row, column) - known;
            if column < row {
                root.push(rest / root[at(column, column)]);
            } else if rest > 0.0 {
                root.push(rest.sqrt());
            } else {
                return None;
            }
        }
    }
    Some(root)
}

/// Learns k normal distributions (Dempster, Laird, Rubin 1977, started by k-means): their centres,
/// one row each, and shapes. O(iterations * points * k * d^2).
pub(super) fn fit(points: &Array2<f64>, k: usize, seed: u64) -> Result<(Array2<f64>, Shapes), String> {
    let data = DatasetBase::from(points.view());
    let mut problem = String::new();
    for ridge in RIDGES {
        let fitted = GaussianMixtureModel::params_with_rng(k, Xoshiro256Plus::seed_from_u64(seed))
            .reg_covariance(ridge)
            .max_n_iterations(MAX_ITERATIONS)
            .fit(&data);
        match fitted.map_err(|error| error.to_string()).and_then(|model| shapes(&model)) {
            Ok(found) => return Ok(found),
            Err(error) => problem = error,
        }
    }
    Err(problem)
}

fn shapes(model: &GaussianMixtureModel<f64>) -> Result<(Array2<f64>, Shapes), String> {
    let means = model.means().mapv(in_steps);
    let d = means.ncols();
    let mut shapes = Shapes { roots: Vec::new(), constants: Vec::new() };
    for (covariance, &weight) in model.covariances().outer_iter().zip(model.weights()) {
        let root = cholesky(&|row, column| in_steps(covariance[[row, column]]), d)
            .ok_or_else(|| "a covariance is not positive definite".to_owned())?;
        let half_determinant: f64 = (0..d).map(|row| ln(root[row * (row + 1) / 2 + row])).sum();
        shapes.constants.push((ln(in_steps(weight).max(STEP)) - half_determinant) as f32);
        shapes.roots.extend(root.iter().map(|&v| v as f32));
    }
    if shapes.constants.iter().chain(&shapes.roots).any(|v| !v.is_finite()) || means.iter().any(|v| !v.is_finite()) {
        return Err("a number is not finite".to_owned());
    }
    Ok((means, shapes))
}

impl Shapes {
    /// The ln density of a point times the weight of distribution `which`, without the constant
    /// that all share: the highest is the most probable origin. O(d^2).
    pub(super) fn log_density(&self, which: usize, centre: &[f32], point: &[f32]) -> f64 {
        let d = centre.len();
        let root = &self.roots[which * d * (d + 1) / 2..(which + 1) * d * (d + 1) / 2];
        // Solves L y = point - centre from the top; the exponent is -|y|^2 / 2.
        let mut solved: Vec<f64> = Vec::with_capacity(d);
        let mut start = 0;
        for row in 0..d {
            let entries = &root[start..=start + row];
            let known: f64 = entries.iter().zip(&solved).map(|(&l, y)| f64::from(l) * y).sum();
            solved.push((f64::from(point[row]) - f64::from(centre[row]) - known) / f64::from(entries[row]));
            start += row + 1;
        }
        f64::from(self.constants[which]) - solved.iter().map(|y| y * y).sum::<f64>() / 2.0
    }

    /// The same distributions in another order, some left out.
    pub(super) fn select(&self, order: &[usize]) -> Self {
        let size = self.roots.len() / self.constants.len().max(1);
        let roots = order.iter().flat_map(|&i| &self.roots[i * size..(i + 1) * size]).copied().collect();
        Self { roots, constants: order.iter().map(|&i| self.constants[i]).collect() }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;
    use sidecart_core::Rng;

    use super::*;

    #[test]
    fn density_is_the_textbook_formula() {
        let covariance = array![[2.0, 0.6, -0.3], [0.6, 1.0, 0.2], [-0.3, 0.2, 0.5]];
        let root = cholesky(&|r, c| covariance[[r, c]], 3).unwrap();
        let shapes = Shapes {
            constants: vec![(0.25f64.ln() - root[0].ln() - root[2].ln() - root[5].ln()) as f32],
            roots: root.iter().map(|&v| v as f32).collect(),
        };
        // Determinant and inverse by cofactors.
        let m = |r: usize, c: usize| covariance[[r % 3, c % 3]];
        let cofactor = |r: usize, c: usize| m(r + 1, c + 1) * m(r + 2, c + 2) - m(r + 1, c + 2) * m(r + 2, c + 1);
        let determinant: f64 = (0..3).map(|c| m(0, c) * cofactor(0, c)).sum();
        let x = [0.7, -1.2, 2.0];
        let square: f64 = (0..9).map(|i| x[i / 3] * x[i % 3] * cofactor(i % 3, i / 3) / determinant).sum();
        let expected = 0.25f64.ln() - determinant.ln() / 2.0 - square / 2.0;
        let got = shapes.log_density(0, &[0.0; 3], &[0.7, -1.2, 2.0]);
        assert!((got - expected).abs() < 1e-5, "{got} {expected}");
        assert_eq!(cholesky(&|r, c| if r == c { 1.0 } else { 2.0 }, 2), None);
    }

    /// Two clouds at one place, one flat and one tall: only their shapes tell them apart.
    #[test]
    fn last_bits_do_not_show_and_shapes_matter() {
        let mut rng = Rng::new(3, 0);
        let clean = Array2::from_shape_fn((600, 2), |(row, column)| {
            let sd = if (row % 2 == 0) == (column == 0) { 4.0 } else { 0.3 };
            rng.normal() * sd + if row % 2 == 0 { 1.0 } else { -1.0 }
        });
        let (means, shapes) = fit(&clean, 2, 1).unwrap();
        let noisy = clean.mapv(|v| v * (1.0 + 1e-14));
        assert_eq!(fit(&noisy, 2, 1).unwrap(), (means.clone(), shapes.clone()));
        let centres = means.mapv(|v| v as f32);
        let flat = |point: [f32; 2]| {
            let density = |i: usize| shapes.log_density(i, centres.row(i).as_slice().unwrap(), &point);
            density(0) > density(1)
        };
        assert_ne!(flat([8.0, 1.0]), flat([-1.0, 8.0]));
        assert_eq!(flat([8.0, 1.0]), flat([-8.0, 1.0]));
    }
}
