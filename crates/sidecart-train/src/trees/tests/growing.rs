use proptest::prelude::*;
use sidecart_core::Rng;

use super::super::FeatureRows;
use super::super::TreeParams;
use super::super::bins::Bins;
use super::super::grower::{Grower, GrownTree, Target};
use super::super::histogram::FixedPoint;
use super::super::sampling::Sampling;
use super::super::split::SplitRules;

/// A small problem with derivatives of its own.
struct Problem {
    values: Vec<f32>,
    n_features: usize,
    gradients: Vec<f32>,
    hessians: Vec<f32>,
    rules: SplitRules,
}

impl Problem {
    fn random(seed: u64, n_rows: usize, n_features: usize, rules: SplitRules) -> Self {
        let mut rng = Rng::new(seed, 0);
        let values = (0..n_rows * n_features).map(|_| rng.below(6) as f32).collect();
        let mut derivative = |low: f64| (0..n_rows).map(|_| (low + rng.unit()) as f32).collect();
        Self { values, n_features, gradients: derivative(-0.5), hessians: derivative(0.0), rules }
    }

    fn grow(&self, max_leaves: usize) -> (Option<GrownTree>, Bins) {
        let n_rows = self.gradients.len();
        let bins = Bins::new(&FeatureRows::new(&self.values, self.n_features).unwrap(), None, 255);
        let fixed = FixedPoint::new(n_rows, 0.5, 1.0);
        let derivatives = self.gradients.iter().zip(&self.hessians);
        let cells: Vec<_> = derivatives.map(|(&g, &h)| fixed.encode(g, h)).collect();
        let features: Vec<usize> = (0..self.n_features).collect();
        let mut grower = Grower::new(&bins, self.rules, max_leaves);
        grower.taken = (0..n_rows as u32).collect();
        let tree = grower.grow(&Target { cells: &cells, fixed, features: &features });
        (tree, bins)
    }

    fn value(&self, row: usize, feature: usize) -> f32 {
        self.values[row * self.n_features + feature]
    }

    fn score(&self, rows: &[usize]) -> f64 {
        let (g, h) = self.sums(rows);
        if h + self.rules.lambda > 0.0 { g * g / (h + self.rules.lambda) } else { 0.0 }
    }

    fn sums(&self, rows: &[usize]) -> (f64, f64) {
        let sum = |values: &[f32]| rows.iter().map(|&r| f64::from(values[r])).sum();
        (sum(&self.gradients), sum(&self.hessians))
    }

    /// The gain of the best allowed split of `rows`, by trying every value of every feature.
    fn best_gain(&self, rows: &[usize]) -> f64 {
        let mut best = 0.0f64;
        for feature in 0..self.n_features {
            for &pivot in rows {
                let at = self.value(pivot, feature);
                let (left, right): (Vec<usize>, Vec<usize>) = rows.iter().partition(|&&r| self.value(r, feature) <= at);
                let allowed = |part: &[usize]| {
                    part.len() >= self.rules.min_rows && !part.is_empty() && self.sums(part).1 >= self.rules.min_hessian
                };
                if allowed(&left) && allowed(&right) {
                    best = best.max(self.score(&left) + self.score(&right) - self.score(rows));
                }
            }
        }
        best
    }
}

proptest! {
    /// Every split is the best one of its node, the leaf with the best split goes first, and growth
    /// ends only where nothing is left to gain.
    #[test]
    fn grows_the_best_leaf_by_its_best_split(
        seed in any::<u64>(),
        n_rows in 1usize..40,
        n_features in 1usize..7,
        max_leaves in 2usize..9,
        min_rows in 1usize..5,
        min_hessian in prop::sample::select(vec![0.0, 1e-3, 1.0]),
        lambda in prop::sample::select(vec![0.0, 0.5, 5.0]),
    ) {
        let problem = Problem::random(seed, n_rows, n_features, SplitRules { min_rows, min_hessian, lambda });
        let everyone: Vec<usize> = (0..n_rows).collect();
        let (tree, bins) = problem.grow(max_leaves);
        let close = |a: f64, b: f64| (a - b).abs() <= 1e-6 * (1.0 + a.abs());
        let Some(tree) = tree else {
            prop_assert!(problem.best_gain(&everyone) <= 1e-6);
            return Ok(());
        };
        // Rows at every node, parents first, and at every leaf.
        let mut node_rows: Vec<Vec<usize>> = vec![Vec::new(); tree.splits.len()];
        let mut leaf_rows: Vec<Vec<usize>> = vec![Vec::new(); tree.steps.len()];
        let mut parents = vec![0; tree.splits.len()];
        node_rows[0] = everyone;
        for (node, split) in tree.splits.iter().enumerate() {
            let rows = node_rows[node].clone();
            prop_assert!(close(split.gain, problem.best_gain(&rows)), "{} is not the best gain of {rows:?}", split.gain);
            let edge = bins.edge(split.feature, split.bin);
            let (left, right): (Vec<usize>, Vec<usize>) = rows.iter().partition(|&&r| problem.value(r, split.feature) <= edge);
            for (child, rows) in [(tree.left[node], left), (tree.right[node], right)] {
                prop_assert!(rows.len() >= min_rows);
                match usize::try_from(child) {
                    Ok(child) => (node_rows[child], parents[child]) = (rows, node),
                    Err(_) => leaf_rows[!child as usize] = rows,
                }
            }
        }
        for (waiting, &parent) in parents.iter().enumerate().skip(1) {
            // While a leaf waits, the splits made have no smaller gain.
            for node in parent + 1..waiting {
                prop_assert!(tree.splits[node].gain >= tree.splits[waiting].gain);
            }
        }
        for (rows, &step) in leaf_rows.iter().zip(&tree.steps) {
            let (g, h) = problem.sums(rows);
            let newton = if h + lambda > 0.0 { -g / (h + lambda) } else { 0.0 };
            prop_assert!(close(step, newton));
            prop_assert!(tree.steps.len() == max_leaves || problem.best_gain(rows) <= 1e-6);
        }
    }

    #[test]
    fn fixed_point_sums_are_those_of_the_rows(seed in any::<u64>(), n_rows in 1usize..2000, exponent in -60i32..60) {
        let mut rng = Rng::new(seed, 0);
        let magnitude = 2f64.powi(exponent);
        let mut draw = |low: f64| (0..n_rows).map(|_| ((low + rng.unit()) * magnitude) as f32).collect();
        let (gradients, hessians): (Vec<f32>, Vec<f32>) = (draw(-0.5), draw(0.0));
        let max = |values: &[f32]| values.iter().fold(0.0f32, |max, v| max.max(v.abs()));
        let fixed = FixedPoint::new(n_rows, max(&gradients), max(&hessians));
        let cells = gradients.iter().zip(&hessians).map(|(&g, &h)| fixed.encode(g, h));
        let total = cells.fold([0i64; 2], |sum, cell| [sum[0] + cell[0], sum[1] + cell[1]]);
        let (g, h) = fixed.decode(total);
        let exact = |values: &[f32]| values.iter().map(|&v| f64::from(v)).sum::<f64>();
        let tolerance = 1e-8 * n_rows as f64 * magnitude;
        prop_assert!((g - exact(&gradients)).abs() <= tolerance && (h - exact(&hessians)).abs() <= tolerance);
        prop_assert_eq!(fixed.count(total), n_rows);
    }
}

#[test]
fn the_greatest_sums_fit() {
    for n_rows in [1usize, 2, 3, 4095, 1 << 26] {
        let fixed = FixedPoint::new(n_rows, f32::MAX, f32::MIN_POSITIVE / 4.0);
        let [g, h] = fixed.encode(-f32::MAX, f32::MIN_POSITIVE / 4.0);
        let n = n_rows as i64;
        let total = [g.checked_mul(n).unwrap(), h.checked_mul(n).unwrap()];
        assert_eq!(fixed.count(total), n_rows);
        let (gradient, hessian) = fixed.decode(total);
        assert!((gradient / (-f64::from(f32::MAX) * n as f64) - 1.0).abs() < 1e-2);
        assert!((hessian / (f64::from(f32::MIN_POSITIVE / 4.0) * n as f64) - 1.0).abs() < 1e-2);
    }
}

#[test]
fn equal_splits_take_the_first_feature_and_the_lowest_threshold() {
    let rules = SplitRules { min_rows: 1, min_hessian: 0.0, lambda: 1.0 };
    // Two equal columns; cutting off either end of the values 0, 1, 2 gains the same.
    let values = vec![0.0, 0.0, 1.0, 1.0, 2.0, 2.0];
    let problem = Problem { values, n_features: 2, gradients: vec![0.5, -0.5, 0.5], hessians: vec![1.0; 3], rules };
    let tree = problem.grow(2).0.unwrap();
    assert_eq!((tree.splits[0].feature, tree.splits[0].bin), (0, 0));
}

#[test]
fn equal_derivatives_are_not_split() {
    let rules = SplitRules { min_rows: 1, min_hessian: 0.0, lambda: 0.0 };
    let values = (0..50u8).map(f32::from).collect();
    let problem = Problem { values, n_features: 1, gradients: vec![0.3; 50], hessians: vec![0.7; 50], rules };
    assert_eq!(problem.grow(31).0, None);
}

#[test]
fn samples_are_of_the_asked_size_and_keep_clusters_together() {
    let clusters: Vec<u32> = (0..20_000u32).map(|row| row / 4).collect();
    let params = TreeParams { row_fraction: 0.3, feature_fraction: 0.5, ..TreeParams::default() };
    let (mut taken, mut rest) = (vec![9], vec![9]);
    for clusters in [None, Some(clusters.as_slice())] {
        let sampling = Sampling::new(&params, 5, clusters);
        sampling.rows(3, 20_000, 20_010, &mut taken, &mut rest);
        assert!((5_500..6_500).contains(&taken.len()), "{}", taken.len());
        assert_eq!(taken.len() + rest.len(), 20_010);
        assert!(taken.is_sorted() && rest.is_sorted());
        assert_eq!(rest[rest.len() - 10..], (20_000..20_010).collect::<Vec<u32>>());
        if clusters.is_some() {
            assert!(taken.chunks(4).all(|four| four.len() == 4 && four[0] % 4 == 0 && four[3] == four[0] + 3));
        }
        let first = taken.clone();
        sampling.rows(4, 20_000, 20_010, &mut taken, &mut rest);
        assert_ne!(taken, first);
        let features = sampling.features(3, &[1, 2, 5, 8]);
        assert_eq!(features.len(), 2);
        assert!(features.is_sorted());
        assert!((0..50).any(|tree| sampling.features(tree, &[1, 2, 5, 8]) != features));
    }
}
