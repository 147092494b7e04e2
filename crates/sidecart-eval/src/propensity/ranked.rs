/// Cases from the highest score to the lowest, with tied scores marked.
///
/// Sorted once per model; every resample of customers then is one pass with other weights.
#[derive(Clone, Debug)]
pub struct Ranked {
    pub(super) cases: Vec<RankedCase>,
    /// Number of cases by cluster.
    cluster_sizes: Vec<f64>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct RankedCase {
    pub(super) cluster: u32,
    /// Whether the next case has a lower score.
    pub(super) ends_tie: bool,
    pub(super) value: f64,
}

impl Ranked {
    /// Orders cases by falling score; columns of equal length, `clusters` below `n_clusters`.
    /// `values` is what the case is worth: 1 or 0 for an upgrade or none, or its gain. O(n log n).
    #[must_use]
    pub fn new(scores: &[f64], values: &[f64], clusters: &[u32], n_clusters: usize) -> Self {
        let mut order: Vec<usize> = (0..scores.len()).collect();
        order.sort_by(|&a, &b| scores[b].total_cmp(&scores[a]));
        let mut cluster_sizes = vec![0.0; n_clusters];
        let cases = order
            .iter()
            .enumerate()
            .map(|(i, &case)| {
                cluster_sizes[clusters[case] as usize] += 1.0;
                RankedCase {
                    cluster: clusters[case],
                    ends_tie: order.get(i + 1).is_none_or(|&next| scores[next] != scores[case]),
                    value: values[case],
                }
            })
            .collect();
        Self { cases, cluster_sizes }
    }

    /// Weighted number of cases, with one weight per cluster.
    #[must_use]
    pub fn total_weight(&self, weights: &[f64]) -> f64 {
        self.cluster_sizes.iter().zip(weights).map(|(size, weight)| size * weight).sum()
    }

    /// Groups of tied cases from the highest score to the lowest: weight and weighted value.
    pub(super) fn ties<'a>(&'a self, weights: &'a [f64]) -> impl Iterator<Item = (f64, f64)> + 'a {
        let (mut weight, mut value) = (0.0, 0.0);
        self.cases.iter().filter_map(move |case| {
            let of_case = weights[case.cluster as usize];
            weight += of_case;
            value += of_case * case.value;
            case.ends_tie.then(|| (std::mem::take(&mut weight), std::mem::take(&mut value)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_come_together_from_the_top() {
        let ranked = Ranked::new(&[0.2, 0.9, 0.2, -0.0, 0.0], &[1.0, 2.0, 3.0, 4.0, 5.0], &[0, 1, 1, 0, 2], 3);
        let weights = [1.0, 2.0, 0.5];
        assert_eq!(ranked.ties(&weights).collect::<Vec<_>>(), [(2.0, 4.0), (3.0, 7.0), (1.5, 6.5)]);
        assert_eq!(ranked.total_weight(&weights), 6.5);
    }
}
