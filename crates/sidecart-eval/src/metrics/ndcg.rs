/// 1 / log2(position + 2) when the hidden item is among the first `k`, else 0.
///
/// This is the normalised discounted cumulative gain for a single relevant item, whose ideal gain
/// is 1 (Järvelin and Kekäläinen: Cumulated Gain-Based Evaluation of IR Techniques, 2002).
#[must_use]
pub fn ndcg(position: Option<usize>, k: usize) -> f64 {
    match position {
        Some(position) if position < k => 1.0 / (position as f64 + 2.0).log2(),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::mean;

    #[test]
    fn by_hand() {
        // log2(2) = 1, log2(4) = 2, log2(8) = 3.
        assert_eq!(ndcg(Some(0), 10), 1.0);
        assert_eq!(ndcg(Some(2), 10), 0.5);
        assert_eq!(mean([Some(0), Some(2), Some(6), None].map(|p| ndcg(p, 6))), Some(0.375));
        assert!((ndcg(Some(6), 7) - 1.0 / 3.0).abs() < 1e-15);
    }
}
