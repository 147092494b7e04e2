/// The bin of each value among `n_bins` (1 to 256) of near equal size, lowest values in bin 0.
///
/// Equal values share a bin, that of the middle of their ranks, so the bins depend neither on the
/// order of rows nor on chance; with many ties some stay empty. O(n log n).
#[must_use]
pub fn equal_mass_bins(values: &[f64], n_bins: usize) -> Vec<u8> {
    let n_bins = n_bins.clamp(1, 256);
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut bins = vec![0; values.len()];
    let mut start = 0;
    for equals in order.chunk_by(|&a, &b| values[a] == values[b]) {
        let twice_middle = 2 * start + equals.len();
        let bin = (twice_middle * n_bins / (2 * values.len())) as u8;
        equals.iter().for_each(|&case| bins[case] = bin);
        start += equals.len();
    }
    bins
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        assert_eq!(equal_mass_bins(&[0.4, 0.1, 0.3, 0.2], 2), [1, 0, 1, 0]);
        // Three equals over ranks 1 to 4 of five: their middle, 2.5, is in the second half.
        assert_eq!(equal_mass_bins(&[0.1, 0.2, 0.2, 0.2, 0.3], 2), [0, 1, 1, 1, 1]);
        assert_eq!(equal_mass_bins(&[0.7; 3], 20), [10; 3]);
        assert!(equal_mass_bins(&[], 5).is_empty());
    }

    proptest! {
        #[test]
        fn sizes_differ_by_one_at_most_without_ties(n in 1usize..300, n_bins in 1usize..40) {
            let values: Vec<f64> = (0..n).map(|i| ((i * 7919) % 10_007) as f64).collect();
            let mut sizes = vec![0usize; n_bins];
            for bin in equal_mass_bins(&values, n_bins) {
                sizes[usize::from(bin)] += 1;
            }
            let (least, most) = (sizes.iter().min().unwrap(), sizes.iter().max().unwrap());
            prop_assert!(most - least <= 1, "{:?}", sizes);
        }
    }
}
