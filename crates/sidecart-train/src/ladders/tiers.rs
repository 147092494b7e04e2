//! Prices to price tiers.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use sidecart_serve::upsell::MAX_TIERS;

/// What a gap may miss by rounding: 1.00 and 1.25 are exactly a step of 1.25 apart.
const ROUNDING: f64 = 1e-9;

/// Centres of the tiers of weighted log prices, rising.
///
/// Agglomeration of neighbours: the two adjacent groups whose centres (weighted means) lie closest
/// are joined, the lower ones first where two gaps are equal, until every gap is at least
/// `min_gap` and no more than [`MAX_TIERS`] groups are left. `points` must rise. O(n log n).
pub(super) fn centres(points: &[(f64, f64)], min_gap: f64) -> Vec<f64> {
    let n = points.len();
    let mut groups: Vec<(f64, f64)> = points.to_vec();
    let mut previous: Vec<usize> = (0..n).map(|i| i.wrapping_sub(1)).collect();
    let mut next: Vec<usize> = (1..=n).collect();
    // A gap is out of date when one of its groups has changed since.
    let mut changes = vec![0u32; n];
    let mut heap = BinaryHeap::with_capacity(2 * n);
    let gap = |groups: &[(f64, f64)], changes: &[u32], left: usize, right: usize| Gap {
        size: groups[right].0 - groups[left].0,
        left,
        right,
        changes: (changes[left], changes[right]),
    };
    for right in 1..n {
        heap.push(gap(&groups, &changes, right - 1, right));
    }
    let mut n_groups = n;
    while let Some(Gap { size, left, right, changes: seen }) = heap.pop() {
        if (changes[left], changes[right]) != seen {
            continue;
        }
        if size >= min_gap - ROUNDING && n_groups <= MAX_TIERS {
            break;
        }
        let ((a, weight_a), (b, weight_b)) = (groups[left], groups[right]);
        let weight = weight_a + weight_b;
        groups[left] = ((a * weight_a + b * weight_b) / weight, weight);
        changes[left] += 1;
        changes[right] = u32::MAX;
        n_groups -= 1;
        next[left] = next[right];
        if next[left] < n {
            previous[next[left]] = left;
            heap.push(gap(&groups, &changes, left, next[left]));
        }
        if previous[left] < n {
            heap.push(gap(&groups, &changes, previous[left], left));
        }
    }
    (0..n).filter(|&i| changes[i] != u32::MAX).map(|i| groups[i].0).collect()
}

/// The tier of a log price: the nearest centre, of two equally near ones the lower. `centres` rise.
pub(super) fn tier_of(centres: &[f64], log_price: f64) -> usize {
    centres.windows(2).take_while(|pair| 0.5 * (pair[0] + pair[1]) < log_price).count()
}

/// The distance of two adjacent groups; the greatest of a heap is the smallest distance, then the
/// lowest group.
struct Gap {
    size: f64,
    left: usize,
    right: usize,
    changes: (u32, u32),
}

impl Ord for Gap {
    fn cmp(&self, other: &Self) -> Ordering {
        other.size.total_cmp(&self.size).then(other.left.cmp(&self.left))
    }
}

impl PartialOrd for Gap {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Gap {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Gap {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sidecart_core::ln;

    use super::*;

    /// The plain twin: look for the smallest gap, join, again.
    fn plain(points: &[(f64, f64)], min_gap: f64) -> Vec<f64> {
        let mut groups = points.to_vec();
        while groups.len() > 1 {
            let gaps: Vec<f64> = groups.windows(2).map(|w| w[1].0 - w[0].0).collect();
            let smallest = gaps.iter().copied().fold(f64::INFINITY, f64::min);
            if smallest >= min_gap - ROUNDING && groups.len() <= MAX_TIERS {
                break;
            }
            let at = gaps.iter().position(|&gap| gap == smallest).unwrap();
            let ((a, weight_a), (b, weight_b)) = (groups[at], groups.remove(at + 1));
            let weight = weight_a + weight_b;
            groups[at] = ((a * weight_a + b * weight_b) / weight, weight);
        }
        groups.iter().map(|group| group.0).collect()
    }

    fn points(prices: &[(u32, u32)]) -> Vec<(f64, f64)> {
        let mut prices = prices.to_vec();
        prices.sort_unstable();
        prices.iter().map(|&(price, weight)| (ln(f64::from(price)), f64::from(weight))).collect()
    }

    #[test]
    fn prices_that_lie_close_are_one_tier() {
        let found = centres(&points(&[(100, 1), (104, 3), (150, 1), (156, 1), (230, 2)]), ln(1.25));
        let expected = [(100.0, 104.0), (150.0, 156.0), (229.9, 230.1)];
        assert_eq!(found.len(), 3);
        for (centre, (low, high)) in found.iter().zip(expected) {
            assert!((ln(low)..=ln(high)).contains(centre));
        }
        assert_eq!([90, 125, 126, 150, 187, 188].map(|p| tier_of(&found, ln(f64::from(p)))), [0, 0, 1, 1, 1, 2]);
        assert_eq!(centres(&points(&[(12_400, 1), (15_500, 1), (19_375, 1)]), ln(1.25)).len(), 3);
        assert_eq!((centres(&[], 0.2), tier_of(&[], 1.0)), (vec![], 0));
    }

    #[test]
    fn there_are_at_most_sixteen_tiers() {
        let prices: Vec<(u32, u32)> = (0..30).map(|i| (1u32 << i, 1)).collect();
        assert_eq!(centres(&points(&prices), ln(1.25)).len(), MAX_TIERS);
    }

    proptest! {
        #[test]
        fn joining_equals_its_plain_twin(
            prices in prop::collection::vec((50u32..2_000, 1u32..500), 0..80),
            step in 1.01f64..1.6,
        ) {
            let points = points(&prices);
            let found = centres(&points, ln(step));
            prop_assert_eq!(&found, &plain(&points, ln(step)));
            prop_assert!(found.windows(2).all(|w| w[1] - w[0] >= ln(step) - ROUNDING));
            for &(price, _) in &points {
                let tier = tier_of(&found, price);
                let nearest = found.iter().map(|c| (c - price).abs()).fold(f64::INFINITY, f64::min);
                prop_assert!((found[tier] - price).abs() <= nearest + 1e-12);
            }
        }
    }
}
