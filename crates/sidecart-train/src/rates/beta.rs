use sidecart_core::{exp, ln};

use super::gamma::ln_beta;

/// The fraction converges in about `sqrt(max(a, b))` steps; this is enough for shapes of 1e8.
const MAX_TERMS: u32 = 50_000;
const MAX_STEPS: u32 = 200;
/// The log-odds beyond which a number of this type is 0 or 1 for our purposes.
const MAX_LOG_ODDS: f64 = 700.0;

/// The probability that a Beta variable with shapes `a`, `b` > 0 is at most `x` (the regularised
/// incomplete beta function), for `x` from 0 to 1; relative precision about 1e-12.
///
/// A continued fraction evaluated by the modified method of Lentz (Thompson and Barnett, 1986);
/// takes about `sqrt(max(a, b))` steps.
#[must_use]
pub fn beta_probability(a: f64, b: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    if x >= 1.0 {
        return 1.0;
    }
    tails(a, b, x, 1.0 - x).0
}

/// The `p`-quantile of the Beta distribution with shapes `a`, `b` > 0, for `p` from 0 to 1.
///
/// Newton steps on the log-odds of the quantile, kept inside a shrinking bracket; the
/// probability at the result differs from `p` by a relative error of about 1e-11.
///
/// ```
/// # use sidecart_train::rates::beta_quantile;
/// assert!((beta_quantile(1.0, 1.0, 0.25) - 0.25).abs() < 1e-12);
/// assert!((beta_quantile(2.0, 1.0, 0.25) - 0.5).abs() < 1e-12);
/// ```
#[must_use]
pub fn beta_quantile(a: f64, b: f64, p: f64) -> f64 {
    if p <= 0.0 {
        return 0.0;
    }
    if p >= 1.0 {
        return 1.0;
    }
    // The logarithm of the smaller tail is nearly a line in the log-odds, however small it is.
    let lower = p <= 0.5;
    let target = ln(if lower { p } else { 1.0 - p });
    let (mut low, mut high) = (-MAX_LOG_ODDS, MAX_LOG_ODDS);
    let mut at = ln(a / b).clamp(low, high);
    for _ in 0..MAX_STEPS {
        let (x, y) = (1.0 / (1.0 + exp(-at)), 1.0 / (1.0 + exp(at)));
        let (below, above) = tails(a, b, x, y);
        let tail = if lower { below } else { above };
        let excess = if tail > 0.0 { ln(tail) - target } else { f64::NEG_INFINITY };
        // The lower tail grows with the log-odds, the upper one falls.
        if (excess > 0.0) == lower {
            high = at;
        } else {
            low = at;
        }
        let density = exp(a * ln(x) + b * ln(y) - ln_beta(a, b));
        let slope = if lower { density / tail } else { -density / tail };
        let newton = at - excess / slope;
        let next = if newton > low && newton < high { newton } else { 0.5 * (low + high) };
        let step = (next - at).abs();
        at = next;
        if step <= 1e-13 * (1.0 + at.abs()) {
            break;
        }
    }
    1.0 / (1.0 + exp(-at))
}

/// The `p`-quantile of Student's t distribution with `freedom` > 0 degrees, for `p` from 0.5 to 1.
#[must_use]
pub fn student_quantile(freedom: f64, p: f64) -> f64 {
    // freedom / (freedom + t²) follows a Beta distribution with shapes freedom / 2 and 1 / 2.
    let x = beta_quantile(0.5, 0.5 * freedom, 2.0 * p - 1.0);
    (freedom * x / (1.0 - x)).sqrt()
}

/// Lower and upper tail at `x`, given with its complement `y = 1 - x` so that neither is rounded.
fn tails(a: f64, b: f64, x: f64, y: f64) -> (f64, f64) {
    let front = exp(a * ln(x) + b * ln(y) - ln_beta(a, b));
    // The fraction converges fast on the near side of the mean.
    if x * (a + b + 2.0) < a + 1.0 {
        let below = (front * fraction(a, b, x) / a).min(1.0);
        (below, 1.0 - below)
    } else {
        let above = (front * fraction(b, a, y) / b).min(1.0);
        (1.0 - above, above)
    }
}

fn fraction(a: f64, b: f64, x: f64) -> f64 {
    let guard = |v: f64| if v.abs() < 1e-300 { 1e-300 } else { v };
    let mut c = 1.0;
    let mut d = 1.0 / guard(1.0 - (a + b) * x / (a + 1.0));
    let mut value = d;
    for term in 1..=MAX_TERMS {
        let m = f64::from(term);
        let even = m * (b - m) * x / ((a + 2.0 * m - 1.0) * (a + 2.0 * m));
        d = 1.0 / guard(1.0 + even * d);
        c = guard(1.0 + even / c);
        value *= d * c;
        let odd = -(a + m) * (a + b + m) * x / ((a + 2.0 * m) * (a + 2.0 * m + 1.0));
        d = 1.0 / guard(1.0 + odd * d);
        c = guard(1.0 + odd / c);
        let change = d * c;
        value *= change;
        if (change - 1.0).abs() < 1e-16 {
            break;
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// (a, b, p, quantile), computed with SciPy 1.17 (scipy.stats.beta.ppf).
    const QUANTILES: [(f64, f64, f64, f64); 12] = [
        (2.0, 14.0, 0.025, 0.016_575_913_440_083_623),
        (2.0, 14.0, 0.975, 0.319_484_566_578_303_4),
        (2.0, 4.0, 0.5, 0.313_810_170_455_697_4),
        (0.5, 0.5, 0.025, 0.001_541_333_133_436_012),
        (0.5, 99.5, 0.975, 0.024_991_446_860_441_524),
        (0.5, 2_000.5, 0.025, 2.454_865_614_197_873e-7),
        (350.5, 2_650.5, 0.025, 0.105_549_914_639_449_4),
        (350.5, 2_650.5, 0.975, 0.128_522_610_212_081_94),
        (100_000.0, 900_000.0, 0.975, 0.100_588_746_132_833_94),
        (0.05, 3.0, 0.3, 8.019_768_003_607_401e-12),
        (7.0, 0.2, 0.4, 0.992_007_866_164_388_6),
        (30.0, 1.0, 1.0e-6, 0.630_957_344_480_193_2),
    ];

    #[test]
    fn quantiles_of_an_independent_implementation() {
        for (a, b, p, expected) in QUANTILES {
            let got = beta_quantile(a, b, p);
            assert!((got / expected - 1.0).abs() < 1e-9, "{a} {b} {p}: {got} {expected}");
        }
        // Percentiles of Student's t from printed tables.
        for (freedom, expected) in
            [(1.0, 12.706_205), (2.0, 4.302_653), (5.0, 2.570_582), (30.0, 2.042_272), (1e6, 1.959_966)]
        {
            let got = student_quantile(freedom, 0.975);
            assert!((got - expected).abs() < 2e-6, "{freedom}: {got}");
        }
    }

    #[test]
    fn closed_forms_and_ends() {
        // With whole shapes the incomplete beta function is a binomial tail.
        let tail: f64 = (3..=7)
            .map(|k| [0.0, 0.0, 0.0, 35.0, 35.0, 21.0, 7.0, 1.0][k] * 0.3f64.powi(k as i32) * 0.7f64.powi(7 - k as i32))
            .sum();
        assert!((beta_probability(3.0, 5.0, 0.3) - tail).abs() < 1e-14);
        assert_eq!((beta_probability(2.0, 2.0, 0.0), beta_probability(2.0, 2.0, 1.0)), (0.0, 1.0));
        assert_eq!((beta_quantile(2.0, 2.0, 0.0), beta_quantile(2.0, 2.0, 1.0)), (0.0, 1.0));
    }

    proptest! {
        #[test]
        fn quantile_inverts_probability(ln_a in -3.0f64..12.0, ln_b in -3.0f64..12.0, p in 0.0005f64..0.9995) {
            let (a, b) = (ln_a.exp(), ln_b.exp());
            let x = beta_quantile(a, b, p);
            // Near 1 the spacing of the type limits how well any number can be the quantile.
            let resolution = beta_probability(a, b, (x + 2e-16).min(1.0)) - beta_probability(a, b, x - 2e-16);
            prop_assert!((beta_probability(a, b, x) - p).abs() < 1e-9 + resolution.abs());
        }

        #[test]
        fn tails_mirror(a in 0.1f64..300.0, b in 0.1f64..300.0, x in 0.001f64..0.999) {
            let sum = beta_probability(a, b, x) + beta_probability(b, a, 1.0 - x);
            prop_assert!((sum - 1.0).abs() < 1e-10, "{}", sum);
        }
    }
}
