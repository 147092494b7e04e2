use sidecart_core::ItemId;

use crate::Vocabulary;

/// What [`gini`] says, in words.
pub const GINI_EXPLANATION: &str =
    "how unequally the first 10 offers spread over the vocabulary: 0 all items alike, near 1 always the same few";

/// The Gini coefficient of how often each item of the vocabulary was shown, in [0, 1): 0 where all
/// were shown alike, `1 - 1/n` where one of `n` took everything. `None` when no item of the
/// vocabulary was shown. O(n log n).
#[must_use]
pub fn gini(shown: impl IntoIterator<Item = ItemId>, vocabulary: &Vocabulary) -> Option<f64> {
    let mut counts = vec![0u64; vocabulary.len()];
    for rank in shown.into_iter().filter_map(|item| vocabulary.rank(item)) {
        counts[rank] += 1;
    }
    counts.sort_unstable();
    let total: u64 = counts.iter().sum();
    let n = counts.len() as f64;
    // Half of the mean absolute difference over the mean, from the sorted counts.
    let weighted: f64 = (1u64..).zip(&counts).map(|(rank, &count)| (2 * rank) as f64 * count as f64).sum();
    (total > 0).then(|| (weighted / (n * total as f64) - (n + 1.0) / n).max(0.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn by_hand() {
        let vocabulary = Vocabulary::new(&[1, 1, 1, 1, 0], 1, 10);
        let gini = |shown: &[u32]| gini(shown.iter().copied().map(ItemId), &vocabulary);
        assert_eq!(gini(&[0, 1, 2, 3]), Some(0.0));
        assert_eq!(gini(&[2, 2, 2]), Some(0.75));
        // Counts 0, 0, 1, 3: absolute differences of all pairs add up to 2 * (1+3+1+3+2) = 20; / (2 * 16 * 1).
        assert_eq!(gini(&[0, 1, 1, 1]), Some(0.625));
        assert_eq!(gini(&[4]), None);
        assert_eq!(gini(&[]), None);
    }

    proptest! {
        #[test]
        fn half_of_the_mean_difference_over_the_mean(counts in prop::collection::vec(0u64..9, 1..20)) {
            let vocabulary = Vocabulary::new(&vec![1; counts.len()], 1, 10);
            let shown = (0u32..).zip(&counts).flat_map(|(item, &n)| std::iter::repeat_n(ItemId(item), n as usize));
            let found = gini(shown, &vocabulary);
            let total: u64 = counts.iter().sum();
            prop_assert_eq!(found.is_some(), total > 0);
            if let Some(found) = found {
                let n = counts.len() as f64;
                let differences: u64 = counts.iter().flat_map(|a| counts.iter().map(move |b| a.abs_diff(*b))).sum();
                let plain = differences as f64 / (2.0 * n * total as f64);
                prop_assert!((found - plain).abs() < 1e-12 && found < 1.0, "{} {}", found, plain);
            }
        }
    }
}
