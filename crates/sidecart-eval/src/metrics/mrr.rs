/// 1 / rank (from 1) when the hidden item is among the first `k`, else 0; its mean is the mean
/// reciprocal rank.
#[must_use]
pub fn reciprocal_rank(position: Option<usize>, k: usize) -> f64 {
    match position {
        Some(position) if position < k => 1.0 / (position as f64 + 1.0),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::mean;

    #[test]
    fn by_hand() {
        let positions = [Some(0), Some(1), Some(3), Some(19), Some(20), None];
        let expected = (1.0 + 0.5 + 0.25 + 0.05) / 6.0;
        assert!((mean(positions.map(|p| reciprocal_rank(p, 20))).unwrap() - expected).abs() < 1e-15);
    }
}
