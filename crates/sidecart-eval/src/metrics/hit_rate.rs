/// 1 when the hidden item is among the first `k`, else 0; its mean is the hit rate (with one
/// hidden item per case the same as recall at `k`).
#[must_use]
pub fn hit_rate(position: Option<usize>, k: usize) -> f64 {
    f64::from(u8::from(position.is_some_and(|position| position < k)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::mean;

    #[test]
    fn by_hand() {
        let positions = [Some(0), Some(9), Some(10), None];
        assert_eq!(mean(positions.map(|p| hit_rate(p, 10))), Some(0.5));
        assert_eq!(mean(positions.map(|p| hit_rate(p, 11))), Some(0.75));
        assert_eq!(mean(positions.map(|p| hit_rate(p, 0))), Some(0.0));
    }
}
