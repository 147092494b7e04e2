use super::equal_mass_bins;

/// Cases sorted into bins of equal mass by prediction, for the expected calibration error.
#[derive(Clone, Debug)]
pub struct BinnedResiduals {
    n_bins: usize,
    /// Bin, cluster and sum of outcome minus prediction; one entry per bin and cluster that meet.
    sums: Vec<(u8, u32, f64)>,
    cluster_sizes: Vec<f64>,
}

impl BinnedResiduals {
    /// Bins predictions; columns of equal length, `clusters` below `n_clusters`. The bins stay as
    /// they are when customers are weighted. O(n log n).
    #[must_use]
    pub fn new(p: &[f64], upgraded: &[f64], clusters: &[u32], n_clusters: usize, n_bins: usize) -> Self {
        let bins = equal_mass_bins(p, n_bins);
        let mut cluster_sizes = vec![0.0; n_clusters];
        let mut cells: Vec<(u8, u32, f64)> =
            (0..p.len()).map(|case| (bins[case], clusters[case], upgraded[case] - p[case])).collect();
        clusters.iter().for_each(|&cluster| cluster_sizes[cluster as usize] += 1.0);
        cells.sort_by_key(|&(bin, cluster, _)| (bin, cluster));
        let sums = cells
            .chunk_by(|a, b| (a.0, a.1) == (b.0, b.1))
            .map(|cell| (cell[0].0, cell[0].1, cell.iter().map(|&(.., residual)| residual).sum()))
            .collect();
        Self { n_bins: n_bins.clamp(1, 256), sums, cluster_sizes }
    }

    /// Expected calibration error: by how much the mean prediction of a bin misses its upgrade
    /// rate, averaged over cases. From 0 to 1, lower is better; `None` when nothing has weight.
    ///
    /// Chance alone makes it positive, and resampling adds chance, so its interval reaches further
    /// up than down. O(bins × clusters) at most. (Naeini and others: Obtaining Well Calibrated
    /// Probabilities Using Bayesian Binning, 2015.)
    #[must_use]
    pub fn expected_calibration_error(&self, weights: &[f64]) -> Option<f64> {
        let mut misses = vec![0.0; self.n_bins];
        for &(bin, cluster, residual) in &self.sums {
            misses[usize::from(bin)] += weights[cluster as usize] * residual;
        }
        let total: f64 = self.cluster_sizes.iter().zip(weights).map(|(size, weight)| size * weight).sum();
        (total > 0.0).then(|| misses.iter().map(|miss: &f64| miss.abs()).sum::<f64>() / total)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::propensity::metrics::sixty;

    #[test]
    fn by_hand() {
        // Low half: .1 + .2 predicted, one upgrade. High half: .6 + .8 predicted, one upgrade.
        let bins = BinnedResiduals::new(&[0.6, 0.1, 0.8, 0.2], &[1.0, 0.0, 0.0, 1.0], &[0, 0, 1, 1], 2, 2);
        let at = |weights: [f64; 2]| bins.expected_calibration_error(&weights).unwrap();
        sixty::assert_close(at([1.0, 1.0]), (0.7 + 0.4) / 4.0);
        // The second customer twice: low 1.6 - .1, high .4 - 1.6.
        sixty::assert_close(at([1.0, 2.0]), (1.5 + 1.2) / 6.0);
        assert_eq!(bins.expected_calibration_error(&[0.0, 0.0]), None);
    }

    #[test]
    fn as_numpy_quantile_bins() {
        for (n_bins, expected) in [(20, 0.222_772_277_228), (10, 0.212_871_287_129)] {
            let (p, up, clusters) = (sixty::fine(), sixty::upgraded(), sixty::clusters());
            let bins = BinnedResiduals::new(&p, &up, &clusters, sixty::N_CLUSTERS, n_bins);
            sixty::assert_close(bins.expected_calibration_error(&sixty::ONES).unwrap(), expected);
        }
    }
}
