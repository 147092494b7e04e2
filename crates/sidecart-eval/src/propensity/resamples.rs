use rayon::prelude::*;

use crate::intervals::{Estimate, percentile_interval, resample_rng};

/// Draws of whole customers with replacement, as a weight per customer.
///
/// The draws are those of [`ClusterTable`](crate::intervals::ClusterTable) for the same seed and
/// stream; measures that are no means of cases, such as the AUC, are computed anew per draw.
#[derive(Clone, Copy, Debug)]
pub(super) struct Resamples {
    pub(super) seed: u64,
    pub(super) stream: u64,
    pub(super) n_resamples: usize,
    pub(super) n_clusters: usize,
}

impl Resamples {
    /// Calls `measure` with the weights of every resample; the results come in order of the
    /// resamples, whatever the number of threads.
    pub(super) fn map<T: Send>(&self, measure: impl Fn(&[f64]) -> T + Sync) -> Vec<T> {
        (0..self.n_resamples as u64)
            .into_par_iter()
            .map_init(
                || vec![0.0; self.n_clusters],
                |weights, resample| {
                    weights.fill(0.0);
                    let mut rng = resample_rng(self.seed, self.stream, resample);
                    for _ in 0..self.n_clusters {
                        weights[rng.below(self.n_clusters)] += 1.0;
                    }
                    measure(weights)
                },
            )
            .collect()
    }

    /// Sum of numerators over sum of denominators with its interval; one pair per cluster.
    /// `None` unless the denominators sum to more than 0.
    pub(super) fn ratio(&self, clusters: &[(f64, f64)]) -> Option<Estimate> {
        let ratio = |weights: Option<&[f64]>| {
            let (mut above, mut below) = (0.0, 0.0);
            for (i, (numerator, denominator)) in clusters.iter().enumerate() {
                let weight = weights.map_or(1.0, |weights| weights[i]);
                above += weight * numerator;
                below += weight * denominator;
            }
            (below > 0.0).then(|| above / below)
        };
        Some(percentile_interval(ratio(None)?, self.map(|weights| ratio(Some(weights)))))
    }
}

#[cfg(test)]
mod tests {
    use sidecart_core::Rng;

    use super::*;
    use crate::intervals::ClusterTable;

    #[test]
    fn ratios_agree_with_the_cluster_table() {
        let mut rng = Rng::new(5, 0);
        let mut table = ClusterTable::new(1);
        let clusters: Vec<(f64, f64)> = (0..40)
            .map(|_| {
                table.begin_cluster();
                let n = 1 + rng.below(6);
                let n_hits = rng.below(n + 1);
                (0..n).for_each(|i| table.add_case([f64::from(u8::from(i < n_hits))]));
                (n_hits as f64, n as f64)
            })
            .collect();
        let resamples = Resamples { seed: 9, stream: 3, n_resamples: 250, n_clusters: 40 };
        assert_eq!(resamples.ratio(&clusters), Some(table.bootstrap(9, 3, 250).unwrap().estimate(0)));
    }

    #[test]
    fn nothing_to_divide_by_is_nothing() {
        let resamples = Resamples { seed: 1, stream: 0, n_resamples: 100, n_clusters: 2 };
        assert_eq!(resamples.ratio(&[(0.0, 0.0), (1.0, 0.0)]), None);
    }

    #[test]
    fn every_draw_is_of_as_many_customers() {
        let resamples = Resamples { seed: 1, stream: 7, n_resamples: 30, n_clusters: 12 };
        let sums = resamples.map(|weights| weights.iter().sum::<f64>());
        assert_eq!(sums, vec![12.0; 30]);
        let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        assert_eq!(resamples.map(<[f64]>::to_vec), single.install(|| resamples.map(<[f64]>::to_vec)));
    }
}
