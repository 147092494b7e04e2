/// The points that no other point dominates, as positions by falling first and rising second
/// number.
///
/// A point is dominated by one that is as good in both numbers and better in one; of equal points
/// the first counts. So along the frontier the first number falls and the second rises, both
/// strictly. NaN is worse than everything. O(n log n).
///
/// ```
/// use sidecart_eval::frontier::frontier;
///
/// // The third is worse than the second in both.
/// assert_eq!(frontier(&[(9.0, 1.0), (8.0, 3.0), (7.0, 2.0), (5.0, 4.0)]), [0, 1, 3]);
/// ```
#[must_use]
pub fn frontier(points: &[(f64, f64)]) -> Vec<usize> {
    let mut order: Vec<usize> =
        (0..points.len()).filter(|&at| !points[at].0.is_nan() && !points[at].1.is_nan()).collect();
    order.sort_by(|&a, &b| {
        points[b].0.total_cmp(&points[a].0).then(points[b].1.total_cmp(&points[a].1)).then(a.cmp(&b))
    });
    let mut most = None;
    order.retain(|&at| {
        let is_better = most.is_none_or(|most| points[at].1 > most);
        if is_better {
            most = Some(points[at].1);
        }
        is_better
    });
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn dominates(a: (f64, f64), b: (f64, f64)) -> bool {
        a.0 >= b.0 && a.1 >= b.1 && a != b
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(10_000))]
        #[test]
        fn the_frontier_is_what_comparing_all_pairs_leaves(
            points in prop::collection::vec((0u8..6, 0u8..6), 0..9),
        ) {
            let points: Vec<(f64, f64)> = points.into_iter().map(|(a, b)| (f64::from(a), f64::from(b))).collect();
            let found = frontier(&points);
            for pair in found.windows(2) {
                let (a, b) = (points[pair[0]], points[pair[1]]);
                prop_assert!(a.0 > b.0 && a.1 < b.1, "monotone: {:?} {:?}", a, b);
            }
            for at in 0..points.len() {
                let others = || points.iter().enumerate();
                let is_left = !others().any(|(_, &other)| dominates(other, points[at]))
                    && !others().any(|(before, &other)| before < at && other == points[at]);
                prop_assert_eq!(found.contains(&at), is_left, "{} of {:?}", at, points);
            }
        }
    }

    #[test]
    fn what_is_not_known_is_left_out() {
        assert_eq!(frontier(&[(f64::NAN, 1.0), (1.0, 1.0), (2.0, f64::NAN)]), [1]);
        assert!(frontier(&[]).is_empty());
    }
}
