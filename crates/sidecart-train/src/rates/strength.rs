use rayon::prelude::*;
use sidecart_core::{exp, ln};

use super::gamma::ln_beta;

/// The smallest strength that [`strength`] returns, in events.
pub const MIN_STRENGTH: f64 = 0.5;
/// The largest strength that [`strength`] returns, in events; also what cells without
/// overdispersion get.
pub const MAX_STRENGTH: f64 = 3_000.0;

/// Cells of one block; sums are taken block by block, so threads cannot change their order.
const BLOCK: usize = 4_096;
const GRID: usize = 24;
/// Width of the last bracket on the logarithm of the strength.
const PRECISION: f64 = 1e-4;
const GOLDEN: f64 = 0.618_033_988_749_894_8;
/// Up to this many events a likelihood is a short product instead of six gamma functions.
const SHORT: f64 = 24.0;
/// Prior rates are kept this far from 0 and 1, where no data could move them.
const MARGIN: f64 = 1e-6;

/// How many events the prior rate is worth, by marginal likelihood.
///
/// A cell is `(k, n, prior)`: upgrades, events and the rate expected of it before any event was
/// seen; its own rate is taken to be drawn from a Beta distribution with mean `prior` and this
/// strength. The result lies between [`MIN_STRENGTH`] and [`MAX_STRENGTH`], and is the latter
/// when the cells differ no more than chance makes them (or none has an event). Counts may be
/// fractional. About 50 passes over the cells; the same at any number of threads.
///
/// # Panics
/// If a cell does not have `0 <= k <= n`, or its prior is not from 0 to 1.
#[must_use]
pub fn strength(cells: &[(f64, f64, f64)]) -> f64 {
    assert!(
        cells.iter().all(|&(k, n, prior)| 0.0 <= k && k <= n && n.is_finite() && (0.0..=1.0).contains(&prior)),
        "a cell has 0 <= k <= n and a prior from 0 to 1"
    );
    let at = |log_strength: f64| log_likelihood(cells, exp(log_strength));
    let (first, last) = (ln(MIN_STRENGTH), ln(MAX_STRENGTH));
    let step = (last - first) / (GRID - 1) as f64;
    let grid: Vec<f64> = (0..GRID).map(|i| at(first + step * i as f64)).collect();
    let best = (1..GRID).fold(0, |best, i| if grid[i] >= grid[best] { i } else { best });
    let centre = first + step * best as f64;
    let refined = golden_section((centre - step).max(first), (centre + step).min(last), at);
    let refined_value = at(refined);
    if grid[GRID - 1] >= refined_value {
        MAX_STRENGTH
    } else if grid[0] >= refined_value {
        MIN_STRENGTH
    } else {
        exp(refined)
    }
}

/// The rate of a cell with `k` upgrades in `n` events, moved towards `prior` as if `strength`
/// further events had been seen at that rate.
#[must_use]
pub fn shrunk(k: f64, n: f64, prior: f64, strength: f64) -> f64 {
    if n + strength > 0.0 { (k + strength * prior) / (n + strength) } else { prior }
}

/// The maximum of a function with one peak between `low` and `high`.
fn golden_section(mut low: f64, mut high: f64, f: impl Fn(f64) -> f64) -> f64 {
    let (mut left, mut right) = (high - GOLDEN * (high - low), low + GOLDEN * (high - low));
    let (mut at_left, mut at_right) = (f(left), f(right));
    while high - low > PRECISION {
        if at_left > at_right {
            (high, right, at_right) = (right, left, at_left);
            left = high - GOLDEN * (high - low);
            at_left = f(left);
        } else {
            (low, left, at_left) = (left, right, at_right);
            right = low + GOLDEN * (high - low);
            at_right = f(right);
        }
    }
    0.5 * (low + high)
}

fn log_likelihood(cells: &[(f64, f64, f64)], strength: f64) -> f64 {
    let blocks: Vec<f64> = cells
        .par_chunks(BLOCK)
        .map(|block| block.iter().map(|&(k, n, prior)| log_likelihood_of_cell(k, n, prior, strength)).sum())
        .collect();
    blocks.iter().sum()
}

/// Logarithm of the beta-binomial probability of one sequence with `k` upgrades in `n` events.
fn log_likelihood_of_cell(k: f64, n: f64, prior: f64, strength: f64) -> f64 {
    if n == 0.0 {
        return 0.0;
    }
    let prior = prior.clamp(MARGIN, 1.0 - MARGIN);
    let (a, b) = (strength * prior, strength * (1.0 - prior));
    if n <= SHORT && k.fract() == 0.0 && n.fract() == 0.0 { ln(probability(k, n, a, b)) } else { by_gamma(k, n, a, b) }
}

/// The sequence's probability, event by event: the upgrades first, then the others.
fn probability(k: f64, n: f64, a: f64, b: f64) -> f64 {
    let (mut product, mut seen) = (1.0, 0.0);
    while seen < k {
        product *= (a + seen) / (a + b + seen);
        seen += 1.0;
    }
    while seen < n {
        product *= (b + seen - k) / (a + b + seen);
        seen += 1.0;
    }
    product
}

fn by_gamma(k: f64, n: f64, a: f64, b: f64) -> f64 {
    ln_beta(a + k, b + n - k) - ln_beta(a, b)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use sidecart_core::Rng;

    fn draw(rng: &mut Rng, p: f64, n: u32) -> f64 {
        f64::from((0..n).map(|_| u32::from(rng.chance(p))).sum::<u32>())
    }

    /// A Beta(2, b) draw for whole b: the second smallest of b + 1 uniforms.
    fn beta_2(rng: &mut Rng, b: usize) -> f64 {
        let mut uniforms: Vec<f64> = (0..=b).map(|_| rng.unit()).collect();
        uniforms.sort_by(f64::total_cmp);
        uniforms[1]
    }

    #[test]
    fn finds_the_planted_strength() {
        let mut rng = Rng::new(3, 0);
        for (b, expected) in [(14, 16.0), (4, 6.0)] {
            let prior = 2.0 / expected;
            let cells: Vec<_> = (0..3_000u32)
                .map(|i| {
                    let n = 5 + i % 60;
                    let rate = beta_2(&mut rng, b);
                    (draw(&mut rng, rate, n), f64::from(n), prior)
                })
                .collect();
            let got = strength(&cells);
            assert!((got / expected - 1.0).abs() < 0.1, "{got} {expected}");
            // A better strength nearby would contradict the search.
            let top = log_likelihood(&cells, got);
            assert!((1..60).all(|i| log_likelihood(&cells, got * (0.7 + 0.01 * f64::from(i))) <= top + 1e-6));
        }
    }

    #[test]
    fn bounds() {
        assert_eq!(strength(&[]), MAX_STRENGTH);
        assert_eq!(strength(&[(0.0, 0.0, 0.1)]), MAX_STRENGTH);
        // Every cell exactly at its prior: no overdispersion.
        let same: Vec<_> = (1..40).map(|i| (f64::from(i), f64::from(10 * i), 0.1)).collect();
        assert_eq!(strength(&same), MAX_STRENGTH);
        // All or nothing: the prior says nothing about a cell.
        let split: Vec<_> = (0..40).map(|i| if i % 2 == 0 { (80.0, 80.0, 0.5) } else { (0.0, 80.0, 0.5) }).collect();
        assert_eq!(strength(&split), MIN_STRENGTH);
    }

    #[test]
    fn empty_cells_and_threads_change_nothing() {
        let mut rng = Rng::new(4, 0);
        let cells: Vec<_> =
            (0..9_000u32).map(|i| (draw(&mut rng, 0.05 * f64::from(1 + i % 4), 12), 12.0, 0.125)).collect();
        let found = strength(&cells);
        let with_empty: Vec<_> = cells.iter().copied().chain([(0.0, 0.0, 0.3); 50]).collect();
        assert!((strength(&with_empty) / found - 1.0).abs() < 1e-3);
        let on = |threads| {
            rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap().install(|| strength(&cells))
        };
        assert_eq!(on(1).to_bits(), on(5).to_bits());
    }

    #[test]
    fn shrinks_by_pseudo_events() {
        assert_eq!(shrunk(3.0, 10.0, 0.1, 20.0), 5.0 / 30.0);
        assert_eq!(shrunk(0.0, 0.0, 0.1, 7.0), 0.1);
        assert_eq!(shrunk(0.0, 0.0, 0.1, 0.0), 0.1);
        assert_eq!(shrunk(3.0, 10.0, 0.1, 0.0), 0.3);
    }

    proptest! {
        #[test]
        fn product_agrees_with_gamma(n in 1u32..=24, share in 0.0f64..=1.0, prior in 1e-4f64..0.999, strength in 0.5f64..3_000.0) {
            let k = (f64::from(n) * share).floor();
            let (a, b) = (strength * prior, strength * (1.0 - prior));
            let product = ln(probability(k, f64::from(n), a, b));
            prop_assert!((product - by_gamma(k, f64::from(n), a, b)).abs() < 1e-9);
        }
    }
}
