use rayon::prelude::*;

use super::Estimate;
use super::percentile::{percentile_interval, resample_rng};

/// Sums of case values by cluster: row = cluster (a customer), column = a measured quantity.
///
/// Cases of one customer are alike, so whole customers are drawn, never single cases.
#[derive(Clone, Debug)]
pub struct ClusterTable {
    /// Number of cases, then one sum per column.
    width: usize,
    rows: Vec<f64>,
}

impl ClusterTable {
    /// A table without clusters.
    #[must_use]
    pub fn new(n_columns: usize) -> Self {
        Self { width: n_columns + 1, rows: Vec::new() }
    }

    /// Opens a new cluster; cases are added to the newest one.
    pub fn begin_cluster(&mut self) {
        self.rows.resize(self.rows.len() + self.width, 0.0);
    }

    /// Adds a case with one value per column to the newest cluster. Values beyond the columns are
    /// ignored, and so is a case before the first cluster.
    pub fn add_case(&mut self, values: impl IntoIterator<Item = f64>) {
        let Some(start) = self.rows.len().checked_sub(self.width) else { return };
        for (sum, value) in self.rows[start..].iter_mut().zip(std::iter::once(1.0).chain(values)) {
            *sum += value;
        }
    }

    /// Number of clusters.
    #[must_use]
    pub fn n_clusters(&self) -> usize {
        self.rows.len() / self.width
    }

    /// Means of all columns over cases and of `n_resamples` draws of clusters with replacement.
    ///
    /// `None` when there is no case or no resample. The same draws serve every column, so
    /// differences between columns are paired, and adding a column changes no other. Each
    /// resample has its own generator: thread counts do not change the result.
    /// O(resamples × clusters × columns) time. (Field and Welsh: Bootstrapping Clustered Data,
    /// 2007.)
    #[must_use]
    pub fn bootstrap(&self, seed: u64, stream: u64, n_resamples: usize) -> Option<Bootstrap> {
        let rows: Vec<&[f64]> = self.rows.chunks_exact(self.width).filter(|row| row[0] > 0.0).collect();
        if rows.is_empty() || n_resamples == 0 {
            return None;
        }
        let mut sums = vec![0.0; self.width];
        rows.iter().for_each(|row| add(&mut sums, row));
        let draws: Vec<Vec<f64>> = (0..n_resamples as u64)
            .into_par_iter()
            .map(|resample| {
                let mut rng = resample_rng(seed, stream, resample);
                let mut sums = vec![0.0; self.width];
                for _ in 0..rows.len() {
                    add(&mut sums, rows[rng.below(rows.len())]);
                }
                means(&sums)
            })
            .collect();
        Some(Bootstrap { means: means(&sums), draws })
    }
}

fn add(sums: &mut [f64], row: &[f64]) {
    for (sum, value) in sums.iter_mut().zip(row) {
        *sum += value;
    }
}

fn means(sums: &[f64]) -> Vec<f64> {
    sums[1..].iter().map(|sum| sum / sums[0]).collect()
}

/// Means of columns with their bootstrap distribution.
#[derive(Clone, Debug)]
pub struct Bootstrap {
    means: Vec<f64>,
    draws: Vec<Vec<f64>>,
}

impl Bootstrap {
    /// The mean of a column with its percentile interval.
    ///
    /// The interval is widened to hold the mean where skewed draws would leave it out.
    #[must_use]
    pub fn estimate(&self, column: usize) -> Estimate {
        percentile_interval(self.means[column], self.draws.iter().map(|draw| Some(draw[column])))
    }

    /// Mean of `column` minus mean of `base`, with the interval of the paired difference.
    #[must_use]
    pub fn difference(&self, column: usize, base: usize) -> Estimate {
        percentile_interval(
            self.means[column] - self.means[base],
            self.draws.iter().map(|draw| Some(draw[column] - draw[base])),
        )
    }

    /// One difference of means divided by another, each given as (column, base), with the interval
    /// of the paired ratio; `None` where the divisor is not above 0. Draws of which it is not have no
    /// ratio.
    #[must_use]
    pub fn ratio_of_differences(&self, dividend: (usize, usize), divisor: (usize, usize)) -> Option<Estimate> {
        let ratio = |means: &[f64]| {
            let below = means[divisor.0] - means[divisor.1];
            (below > 0.0).then(|| (means[dividend.0] - means[dividend.1]) / below)
        };
        Some(percentile_interval(ratio(&self.means)?, self.draws.iter().map(|draw| ratio(draw))))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};
    use sidecart_core::Rng;

    use super::*;

    fn table(clusters: &[Vec<f64>]) -> ClusterTable {
        let mut table = ClusterTable::new(2);
        for cluster in clusters {
            table.begin_cluster();
            cluster.iter().for_each(|&value| table.add_case([value, 1.0 - value]));
        }
        table
    }

    #[test]
    fn means_are_over_cases_not_over_clusters() {
        let bootstrap = table(&[vec![1.0], vec![0.0, 0.0, 0.0]]).bootstrap(1, 0, 100).unwrap();
        assert_eq!(bootstrap.estimate(0).value, 0.25);
        assert_eq!(bootstrap.difference(0, 1).value, -0.5);
        assert_eq!(bootstrap.difference(0, 0), Estimate { value: 0.0, low: 0.0, high: 0.0 });
    }

    #[test]
    fn a_ratio_of_differences_by_hand() {
        let mut table = ClusterTable::new(4);
        for at in 0..300 {
            table.begin_cluster();
            let up = f64::from(u8::from(at % 3 == 0));
            table.add_case([2.0 + 3.0 * up, 2.0, 1.0 + up, 1.0]);
        }
        let bootstrap = table.bootstrap(1, 0, 200).unwrap();
        // Every draw divides three times by one time the same share.
        let ratio = bootstrap.ratio_of_differences((0, 1), (2, 3)).unwrap();
        assert!((ratio.value - 3.0).abs() < 1e-12 && (ratio.low - 3.0).abs() < 1e-9 && (ratio.high - 3.0).abs() < 1e-9);
        assert_eq!(bootstrap.ratio_of_differences((0, 1), (3, 3)), None);
    }

    #[test]
    fn nothing_measured_is_nothing() {
        assert!(ClusterTable::new(2).bootstrap(1, 0, 100).is_none());
        assert!(table(&[vec![]]).bootstrap(1, 0, 100).is_none());
        assert!(table(&[vec![1.0]]).bootstrap(1, 0, 0).is_none());
    }

    #[test]
    fn like_cases_of_a_customer_widen_the_interval() {
        let singles: Vec<Vec<f64>> = (0..200).map(|i| vec![f64::from(i % 2)]).collect();
        let tens: Vec<Vec<f64>> = (0..20).map(|i| vec![f64::from(i % 2); 10]).collect();
        let width = |t: ClusterTable| t.bootstrap(3, 0, 1000).unwrap().estimate(0).margin();
        let (narrow, wide) = (width(table(&singles)), width(table(&tens)));
        // Ten alike cases weigh as one: the width grows by the root of ten.
        assert!((2.6..3.8).contains(&(wide / narrow)), "{narrow} {wide}");
    }

    #[test]
    fn about_nineteen_of_twenty_intervals_hold_the_truth() {
        // Customers with their own chance, uniform in [0.1, 0.5], and one to nine cases.
        let (truth, n_trials) = (0.3, 600);
        let n_covered = (0..n_trials)
            .filter(|&trial| {
                let mut rng = Rng::new(11, trial);
                let clusters: Vec<Vec<f64>> = (0..120)
                    .map(|_| {
                        let chance = 0.1 + 0.4 * rng.unit();
                        (0..1 + rng.below(9)).map(|_| f64::from(u8::from(rng.chance(chance)))).collect()
                    })
                    .collect();
                let estimate = table(&clusters).bootstrap(trial, 5, 400).unwrap().estimate(0);
                estimate.low <= truth && truth <= estimate.high
            })
            .count();
        let share = n_covered as f64 / n_trials as f64;
        assert!((0.92..=0.98).contains(&share), "{share}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_interval_holds_the_estimate_and_repeats(
            clusters in proptest::collection::vec(proptest::collection::vec(0.0..1.0f64, 1..5), 1..20), seed: u64,
        ) {
            let table = table(&clusters);
            let first = table.bootstrap(seed, 1, 60).unwrap();
            let single = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap()
                .install(|| table.bootstrap(seed, 1, 60).unwrap());
            for e in [first.estimate(0), first.estimate(1), first.difference(0, 1)] {
                prop_assert!(e.low <= e.value && e.value <= e.high && (-1.0..=1.0).contains(&e.low) && e.high <= 1.0);
            }
            prop_assert_eq!(first.draws, single.draws);
            let all: Vec<f64> = clusters.concat();
            prop_assert!((first.means[0] - all.iter().sum::<f64>() / all.len() as f64).abs() < 1e-12);
        }
    }
}
