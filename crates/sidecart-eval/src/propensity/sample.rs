use std::ops::Range;

use super::UpgradeCases;
use crate::intervals::ClusterTable;

/// Cases below which a group shows no value.
pub(super) const MIN_GROUP_CASES: usize = 20;
/// Different customers below which a group shows no value.
pub(super) const MIN_GROUP_CUSTOMERS: usize = 10;

/// Cases of one group in canonical order, with customers numbered densely from 0.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    /// Case indices; those of one customer follow each other.
    pub(super) members: Vec<usize>,
    /// Number of the customer by member, rising.
    pub(super) clusters: Vec<u32>,
    pub(super) n_clusters: usize,
}

impl Sample {
    /// Keeps the cases that `holds` accepts. `order` is a canonical order of all rows.
    pub(super) fn new(customers: &[u32], order: &[usize], holds: impl Fn(usize) -> bool) -> Self {
        let members: Vec<usize> = order.iter().copied().filter(|&case| holds(case)).collect();
        let mut clusters = Vec::with_capacity(members.len());
        let mut n_clusters = 0;
        for (i, &case) in members.iter().enumerate() {
            if i == 0 || customers[members[i - 1]] != customers[case] {
                n_clusters += 1;
            }
            clusters.push(n_clusters - 1);
        }
        Self { members, clusters, n_clusters: n_clusters as usize }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there is enough to show a value with an interval.
    pub(super) fn is_measurable(&self) -> bool {
        self.len() >= MIN_GROUP_CASES && self.n_clusters >= MIN_GROUP_CUSTOMERS
    }

    /// A column of the cases, in the order of the members.
    pub(super) fn pick<T: Copy>(&self, column: &[T]) -> Vec<T> {
        self.members.iter().map(|&case| column[case]).collect()
    }

    /// Upgrades as 1, other cases as 0, in the order of the members.
    pub(super) fn upgrades(&self, cases: &UpgradeCases) -> Vec<f64> {
        self.members.iter().map(|&case| f64::from(u8::from(cases.upgraded[case]))).collect()
    }

    /// Sums by customer; columns in the order of the members.
    pub(super) fn table(&self, columns: &[&[f64]]) -> ClusterTable {
        let mut table = ClusterTable::new(columns.len());
        for run in self.runs() {
            table.begin_cluster();
            run.for_each(|i| table.add_case(columns.iter().map(|column| column[i])));
        }
        table
    }

    /// Sums of two columns by customer, for ratios.
    pub(super) fn sums(&self, numerators: &[f64], denominators: &[f64]) -> Vec<(f64, f64)> {
        let sum = |column: &[f64], run: Range<usize>| column[run].iter().sum();
        self.runs().map(|run| (sum(numerators, run.clone()), sum(denominators, run))).collect()
    }

    /// Positions of the members of each customer.
    pub(super) fn runs(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let mut start = 0;
        self.clusters.chunk_by(|a, b| a == b).map(move |run| {
            let range = start..start + run.len();
            start = range.end;
            range
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn customers_are_numbered_within_the_group() {
        let customers = [9, 4, 9, 7, 4];
        let sample = Sample::new(&customers, &[1, 4, 3, 0, 2], |case| case != 3);
        assert_eq!((sample.members.as_slice(), sample.clusters.as_slice()), (&[1, 4, 0, 2][..], &[0, 0, 1, 1][..]));
        assert_eq!(sample.runs().collect::<Vec<_>>(), [0..2, 2..4]);
        assert_eq!((sample.n_clusters, sample.pick(&customers)), (2, vec![4, 4, 9, 9]));
        assert_eq!(Sample::new(&customers, &[1, 4], |_| false).n_clusters, 0);
    }
}
