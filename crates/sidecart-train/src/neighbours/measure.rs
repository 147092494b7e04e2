use sidecart_core::{ln, power};

use super::{Measure, NeighbourParams};

/// The measure with everything that belongs to single items worked out in advance.
///
/// Items are named by rank. Scores are plain `f32`/`f64` arithmetic in one fixed order.
#[derive(Debug)]
pub(super) enum Similarity {
    /// `c context_i candidate_j`.
    Product { context: Vec<f32>, candidate: Vec<f32> },
    /// `c / (context_i candidate_j + s)`.
    ShrunkProduct { context: Vec<f32>, candidate: Vec<f32>, shrinkage: f32 },
    /// `c / (n_i + n_j - c + s)`, all in units of weight.
    Jaccard { totals: Vec<f64>, shrinkage: f64 },
    /// Log-likelihood ratio with `x ln x` of the margins.
    Llr { totals: Vec<f64>, present: Vec<f64>, absent: Vec<f64>, n_baskets: f64, all: f64 },
    /// `(c + prior_j) inverse_i`.
    Conditional { prior: Vec<f64>, inverse: Vec<f64> },
}

/// What the measures need to know about the data, items by rank.
#[derive(Debug)]
pub(super) struct Totals<'a> {
    /// Sum of the labels of each item's baskets.
    pub(super) weights: &'a [u64],
    /// Baskets of each item.
    pub(super) baskets: &'a [u32],
    /// The label of a basket that counts once.
    pub(super) one: f64,
    pub(super) n_baskets: usize,
    pub(super) n_items: usize,
    pub(super) n_lines: usize,
}

impl Similarity {
    pub(super) fn new(params: &NeighbourParams, totals: &Totals<'_>) -> Self {
        let unit = 1.0 / totals.one;
        let weights = || totals.weights.iter().map(|&w| w as f64 * unit);
        let s = params.shrinkage;
        let n_baskets = totals.n_baskets as f64;
        let product = |alpha: f64, beta: f64| {
            if s == 0.0 {
                Self::Product {
                    context: weights().map(|n| (unit * power(n, -alpha)) as f32).collect(),
                    candidate: weights().map(|n| power(n, -beta) as f32).collect(),
                }
            } else {
                Self::ShrunkProduct {
                    context: weights().map(|n| (power(n, alpha) * totals.one) as f32).collect(),
                    candidate: weights().map(|n| power(n, beta) as f32).collect(),
                    shrinkage: (s * totals.one) as f32,
                }
            }
        };
        match params.measure {
            Measure::AsymmetricCosine => product(params.alpha, params.beta),
            Measure::Cosine => product(0.5, 0.5),
            Measure::Jaccard => {
                Self::Jaccard { totals: totals.weights.iter().map(|&w| w as f64).collect(), shrinkage: s * totals.one }
            }
            Measure::Llr => Self::Llr {
                totals: weights().collect(),
                present: weights().map(x_ln_x).collect(),
                absent: weights().map(|n| x_ln_x(n_baskets - n)).collect(),
                n_baskets,
                all: x_ln_x(n_baskets),
            },
            Measure::Bm25 => {
                let (k1, b) = (params.bm25_k1, params.bm25_b);
                let mean = totals.n_lines as f64 / totals.n_items as f64;
                let factor = |n: u32| (k1 + 1.0) / (k1 * (1.0 - b + b * f64::from(n) / mean) + 1.0);
                let factors = || totals.baskets.iter().map(|&n| factor(n));
                Self::Product {
                    context: factors().map(|f| (f * unit) as f32).collect(),
                    candidate: factors().map(|f| f as f32).collect(),
                }
            }
            Measure::Conditional => Self::Conditional {
                prior: weights().map(|n| s * n / n_baskets).collect(),
                inverse: weights().map(|n| 1.0 / (n + s)).collect(),
            },
            Measure::Lift if s == 0.0 => Self::Product {
                context: weights().map(|n| (n_baskets / n) as f32).collect(),
                candidate: weights().map(|n| (1.0 / n) as f32).collect(),
            },
            Measure::Lift => Self::ShrunkProduct {
                context: weights().map(|n| (n / n_baskets) as f32).collect(),
                candidate: weights().map(|n| n as f32).collect(),
                shrinkage: s as f32,
            },
        }
    }
}

fn x_ln_x(x: f64) -> f64 {
    if x > 0.0 { x * ln(x) } else { 0.0 }
}

/// The log-likelihood ratio of `both` baskets, given the margins and their `x ln x`.
#[inline]
pub(super) fn log_likelihood_ratio(both: f64, item: LlrMargin, other: LlrMargin, n_baskets: f64, all: f64) -> f64 {
    if both * n_baskets <= item.total * other.total {
        return 0.0;
    }
    let neither = n_baskets - item.total - other.total + both;
    let cells = x_ln_x(both) + x_ln_x(item.total - both) + x_ln_x(other.total - both) + x_ln_x(neither);
    let margins = item.present + item.absent + other.present + other.absent;
    (2.0 * (cells - margins + all)).max(0.0)
}

/// One margin of the two-by-two table.
#[derive(Clone, Copy, Debug)]
pub(super) struct LlrMargin {
    pub(super) total: f64,
    pub(super) present: f64,
    pub(super) absent: f64,
}
