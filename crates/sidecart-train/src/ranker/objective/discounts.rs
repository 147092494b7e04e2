use std::f64::consts::LN_2;

use sidecart_core::ln;

/// What a relevant row is worth at each rank, `1 / log2(rank + 2)` from rank 0 on (Järvelin and
/// Kekäläinen, Cumulated Gain-Based Evaluation of IR Techniques, 2002).
#[derive(Clone, Debug)]
pub(super) struct Discounts {
    by_rank: Vec<f64>,
    /// Sums of the first so many discounts.
    sums: Vec<f64>,
}

impl Discounts {
    /// For lists of at most `n_ranks` rows.
    pub(super) fn new(n_ranks: usize) -> Self {
        let by_rank: Vec<f64> = (0..n_ranks).map(|rank| LN_2 / ln(rank as f64 + 2.0)).collect();
        let running = by_rank.iter().scan(0.0, |sum, discount| {
            *sum += discount;
            Some(*sum)
        });
        Self { sums: std::iter::once(0.0).chain(running).collect(), by_rank }
    }

    /// The discount of every rank.
    pub(super) fn by_rank(&self) -> &[f64] {
        &self.by_rank
    }

    /// The discounted gain of a list of `n_relevant` relevant rows that come first, counted down to
    /// `depth` places.
    pub(super) fn ideal(&self, n_relevant: usize, depth: usize) -> f64 {
        self.sums[n_relevant.min(depth)]
    }
}
