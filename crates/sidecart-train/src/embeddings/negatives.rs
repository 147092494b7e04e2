use sidecart_core::{ItemId, Rng, ln, power};

/// Draws negative items in proportion to a power of their popularity.
pub(super) struct NegativeSampler {
    items: Vec<ItemId>,
    /// Running sums of the weights.
    cumulative: Vec<f64>,
    /// Per catalogue item: logarithm of the expected number of draws in one batch.
    log_expected: Vec<f32>,
    draws: usize,
}

impl NegativeSampler {
    /// `items` with `counts` (per catalogue item) above 0, `draws` per batch.
    pub(super) fn new(items: Vec<ItemId>, counts: &[u32], exponent: f64, draws: usize) -> Self {
        let weights: Vec<f64> = items.iter().map(|i| power(f64::from(counts[i.index()]), exponent)).collect();
        let mut cumulative = weights.clone();
        for i in 1..cumulative.len() {
            cumulative[i] += cumulative[i - 1];
        }
        let total = cumulative.last().copied().unwrap_or(1.0);
        let mut log_expected = vec![0.0; counts.len()];
        for (item, weight) in items.iter().zip(&weights) {
            log_expected[item.index()] = ln(draws as f64 * weight / total) as f32;
        }
        Self { items, cumulative, log_expected, draws }
    }

    /// The draws of one batch, with repetition.
    pub(super) fn draw<'a>(&'a self, rng: &'a mut Rng) -> impl Iterator<Item = ItemId> + 'a {
        let total = self.cumulative.last().copied().unwrap_or(0.0);
        (0..self.draws).map(move |_| {
            let at = rng.unit() * total;
            self.items[self.cumulative.partition_point(|&c| c <= at).min(self.items.len() - 1)]
        })
    }

    /// What is taken off an item's logit as a negative.
    pub(super) fn log_expected(&self, item: ItemId) -> f32 {
        self.log_expected[item.index()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_follow_the_power_of_popularity() {
        let sampler = NegativeSampler::new(vec![ItemId(1), ItemId(3)], &[0, 100, 0, 25], 0.5, 30_000);
        let mut rng = Rng::new(1, 1);
        let first = sampler.draw(&mut rng).filter(|&i| i == ItemId(1)).count();
        assert!((19_500..20_500).contains(&first), "{first}");
        assert!((sampler.log_expected(ItemId(3)) - 10_000f32.ln()).abs() < 1e-5);
    }
}
