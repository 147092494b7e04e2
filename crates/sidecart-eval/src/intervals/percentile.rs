use sidecart_core::Rng;

use super::Estimate;

/// The generator of one resample: the same for every measure of a stream, so that measures are
/// paired.
pub(crate) fn resample_rng(seed: u64, stream: u64, resample: u64) -> Rng {
    Rng::new(seed ^ stream.rotate_left(32), resample)
}

/// A value with the 95 % percentile interval of its draws.
///
/// The interval is widened to hold the value where skewed draws would leave it out. Draws in which
/// the measure does not exist are left out; without any draw the interval is the value alone.
pub(crate) fn percentile_interval(value: f64, draws: impl IntoIterator<Item = Option<f64>>) -> Estimate {
    let mut draws: Vec<f64> = draws.into_iter().flatten().collect();
    draws.sort_unstable_by(f64::total_cmp);
    let end = |p: f64| quantile(&draws, p).unwrap_or(value);
    Estimate { value, low: end(0.025).min(value), high: end(0.975).max(value) }
}

/// The quantile of sorted values at position p (n + 1) - 1, linear between neighbours.
fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let position = (p * (sorted.len() + 1) as f64 - 1.0).clamp(0.0, last as f64);
    let below = position as usize;
    let above = (below + 1).min(last);
    Some(sorted[below] + (position - below as f64) * (sorted[above] - sorted[below]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_by_hand() {
        let sorted: Vec<f64> = (1..=39).map(f64::from).collect();
        assert_eq!((quantile(&sorted, 0.025), quantile(&sorted, 0.975)), (Some(1.0), Some(39.0)));
        assert!((quantile(&sorted, 0.5).unwrap() - 20.0).abs() < 1e-12);
        assert_eq!((quantile(&[4.0], 0.025), quantile(&[], 0.5)), (Some(4.0), None));
    }

    #[test]
    fn intervals_hold_their_value() {
        let draws = || (1..=39).rev().map(|draw| (draw != 20).then_some(f64::from(draw)));
        // 38 draws: the ends stand a fortieth of a step outside the extremes, which are clamped.
        assert_eq!(percentile_interval(7.0, draws()), Estimate { value: 7.0, low: 1.0, high: 39.0 });
        assert_eq!(percentile_interval(40.0, draws()), Estimate { value: 40.0, low: 1.0, high: 40.0 });
        assert_eq!(percentile_interval(0.5, [None, None]), Estimate { value: 0.5, low: 0.5, high: 0.5 });
    }
}
