use proptest::prelude::*;
use sidecart_core::Rng;

use super::super::FeatureRows;
use super::super::bins::{Bins, find_edges};
use super::nasty_number;

/// Values in each bin.
fn bin_sizes(values: &[f32], edges: &[f32]) -> Vec<usize> {
    let mut sizes = vec![0; edges.len() + 1];
    for value in values {
        sizes[edges.iter().filter(|&&edge| edge < *value).count()] += 1;
    }
    sizes
}

proptest! {
    #[test]
    fn edges_rise_and_leave_no_bin_empty(seed in any::<u64>(), n in 1usize..300, max_bins in 2usize..40, n_distinct in 1usize..80) {
        let mut rng = Rng::new(seed, 0);
        let pool: Vec<f32> = (0..n_distinct).map(|_| nasty_number(&mut rng)).collect();
        let values: Vec<f32> = (0..n).map(|_| pool[rng.below(n_distinct)]).collect();
        let edges = find_edges(values.clone(), max_bins);
        prop_assert!(edges.len() < max_bins);
        prop_assert!(edges.windows(2).all(|pair| pair[0] < pair[1]));
        prop_assert!(edges.iter().all(|edge| edge.is_finite()));
        prop_assert!(bin_sizes(&values, &edges).iter().all(|&size| size > 0));
        let mut distinct = values;
        distinct.sort_unstable_by(f32::total_cmp);
        distinct.dedup(); // the two zeros are equal
        if distinct.len() <= max_bins {
            prop_assert_eq!(edges.len(), distinct.len() - 1);
        } else {
            prop_assert!(!edges.is_empty());
        }
    }

    #[test]
    fn codes_count_the_edges_below(seed in any::<u64>(), n_train in 1usize..60, n_valid in 0usize..20, n_features in 1usize..20) {
        let mut rng = Rng::new(seed, 0);
        let mut table = |n: usize| -> Vec<f32> { (0..n * n_features).map(|_| nasty_number(&mut rng)).collect() };
        let (train, valid) = (table(n_train), table(n_valid));
        let rows = |values| FeatureRows::new(values, n_features).unwrap();
        let bins = Bins::new(&rows(&train), (n_valid > 0).then(|| rows(&valid)).as_ref(), 16);
        for feature in 0..n_features {
            let edges = find_edges(train.iter().skip(feature).step_by(n_features).copied().collect(), 16);
            prop_assert_eq!(bins.n_bins(feature), edges.len() + 1);
            for (row, values) in train.chunks(n_features).chain(valid.chunks(n_features)).enumerate() {
                let code = bins.codes(feature)[row];
                prop_assert_eq!(usize::from(code), edges.iter().filter(|&&edge| edge < values[feature]).count());
                for (bin, &edge) in edges.iter().enumerate() {
                    // Training's question and serving's question have one answer.
                    prop_assert_eq!(usize::from(code) <= bin, values[feature] <= edge);
                }
            }
        }
    }
}

#[test]
fn many_values_share_the_bins_evenly_and_frequent_ones_stand_alone() {
    let mut rng = Rng::new(1, 0);
    let mut values: Vec<f32> = (0..60_000).map(|_| rng.unit() as f32).collect();
    values.extend([0.5f32; 20_000]);
    values.extend([2.0f32; 20_000]);
    let edges = find_edges(values.clone(), 255);
    assert!((240..255).contains(&edges.len()), "{} edges", edges.len());
    let sizes = bin_sizes(&values, &edges);
    let great: Vec<usize> = sizes.iter().copied().filter(|&size| size > 500).collect();
    assert_eq!(great, [20_000, 20_000]);
    assert!(sizes.iter().filter(|&&size| size < 100).count() <= 3, "{sizes:?}");
}

#[test]
fn rows_are_checked() {
    assert!(FeatureRows::new(&[1.0, 2.0, 3.0], 2).is_err());
    assert!(FeatureRows::new(&[], 0).is_err());
    let message = FeatureRows::new(&[1.0, 2.0, f32::NAN, 4.0], 2).unwrap_err().to_string();
    assert!(message.contains("feature 0 of row 1 is NaN"), "{message}");
}
