use sidecart_core::Rng;

use super::TreeParams;

/// The rows and features that each tree is grown from: drawn from (seed, tree) alone.
#[derive(Clone, Debug)]
pub(super) struct Sampling<'a> {
    seed: u64,
    row_fraction: f64,
    feature_fraction: f64,
    clusters: Option<&'a [u32]>,
}

impl<'a> Sampling<'a> {
    pub(super) fn new(params: &TreeParams, seed: u64, clusters: Option<&'a [u32]>) -> Self {
        Self { seed, row_fraction: params.row_fraction, feature_fraction: params.feature_fraction, clusters }
    }

    /// Whether no tree differs from another in what it is given.
    pub(super) fn takes_all(&self) -> bool {
        self.row_fraction >= 1.0 && self.feature_fraction >= 1.0
    }

    /// Puts those of the first `n_train` rows that take part into `taken`, and all other rows, to
    /// the end `n_rows`, into `rest`, both rising. Rows of one cluster share their lot.
    pub(super) fn rows(&self, tree: u32, n_train: usize, n_rows: usize, taken: &mut Vec<u32>, rest: &mut Vec<u32>) {
        taken.clear();
        rest.clear();
        let tree_seed = Rng::new(self.seed, 2 * u64::from(tree)).next_u64();
        for row in 0..n_train as u32 {
            let cluster = self.clusters.map_or(row, |c| c[row as usize]);
            if Rng::new(tree_seed, u64::from(cluster)).chance(self.row_fraction) {
                taken.push(row);
            } else {
                rest.push(row);
            }
        }
        rest.extend(n_train as u32..n_rows as u32);
    }

    /// The share of `usable` features that `tree` may look at, at least one, rising.
    pub(super) fn features(&self, tree: u32, usable: &[usize]) -> Vec<usize> {
        let mut rng = Rng::new(self.seed, 2 * u64::from(tree) + 1);
        let n_taken = ((usable.len() as f64 * self.feature_fraction).round() as usize).clamp(1, usable.len());
        let mut features = usable.to_vec();
        rng.shuffle(&mut features);
        features.truncate(n_taken);
        features.sort_unstable();
        features
    }
}
