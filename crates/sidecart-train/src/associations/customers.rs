use sidecart_core::exp;

/// Steps of the expectation table per doubling.
const STEPS: usize = 32;
/// The table covers 2^LOWEST to 2^HIGHEST; below, the expectation is the identity.
const LOWEST: i64 = -20;
const HIGHEST: i64 = 40;
/// Groups of customers with similarly many pairs.
const GROUPS: usize = 256;

/// The expected number of customers who show a pair, as a function of the total hazard: the sum
/// over customers of `1 - exp(-hazard share)`, `share` being the customer's part of all weight.
#[derive(Debug)]
pub(super) struct CustomerTable {
    values: Vec<f64>,
}

impl CustomerTable {
    pub(super) fn new(weights: &[f64]) -> Self {
        let total: f64 = weights.iter().sum();
        let mut shares: Vec<f64> = weights.iter().filter(|&&w| w > 0.0).map(|w| w / total).collect();
        shares.sort_unstable_by(f64::total_cmp);
        // Customers within 2 % of each other count as equal; that lowers no sum by more than the
        // square of the difference.
        let mut groups: Vec<(f64, f64, f64)> = Vec::new();
        for share in shares {
            match groups.last_mut() {
                Some((first, n, sum)) if share <= *first * 1.02 => {
                    *n += 1.0;
                    *sum += share;
                }
                _ => groups.push((share, 1.0, share)),
            }
        }
        let values = (0..=(HIGHEST - LOWEST) as usize * STEPS)
            .map(|point| {
                let hazard = Self::point(point);
                groups.iter().map(|(_, n, sum)| n * (1.0 - exp(-hazard * sum / n))).sum()
            })
            .collect();
        Self { values }
    }

    /// The hazard of a point: `STEPS` equal steps within every doubling.
    fn point(point: usize) -> f64 {
        let exponent = LOWEST + (point / STEPS) as i64;
        let start = f64::from_bits(((exponent + 1023) as u64) << 52);
        start * (1.0 + (point % STEPS) as f64 / STEPS as f64)
    }

    pub(super) fn expected(&self, hazard: f64) -> f64 {
        if hazard <= Self::point(0) {
            return hazard;
        }
        // Exponent and leading mantissa bits of a float name its step.
        let step = (hazard.to_bits() >> (52 - STEPS.ilog2())) as i64 - ((LOWEST + 1023) << STEPS.ilog2());
        let step = step as usize;
        if step + 1 >= self.values.len() {
            return self.values.last().copied().unwrap_or(0.0);
        }
        let (low, high) = (Self::point(step), Self::point(step + 1));
        let part = (hazard - low) / (high - low);
        self.values[step] + part * (self.values[step + 1] - self.values[step])
    }
}

/// Customers in groups of about equal numbers of pairs, each with its mean number of baskets of
/// every size.
#[derive(Debug)]
pub(super) struct CustomerGroups {
    n_customers: Vec<f64>,
    /// One row per group.
    mean_baskets: Vec<f64>,
}

impl CustomerGroups {
    /// `columns` names the size of every basket; `customers` are numbers from 1.
    pub(super) fn new(
        customer_pairs: &[f64],
        customers: &[u32],
        columns: impl Iterator<Item = Option<usize>>,
        n_columns: usize,
    ) -> Self {
        let mut order: Vec<u32> =
            (0..customer_pairs.len() as u32).filter(|&c| customer_pairs[c as usize] > 0.0).collect();
        order.sort_by(|&a, &b| customer_pairs[a as usize].total_cmp(&customer_pairs[b as usize]));
        let n_groups = order.len().clamp(1, GROUPS);
        let mut group_of = vec![0u32; customer_pairs.len()];
        let mut n_customers = vec![0.0; n_groups];
        for (position, &customer) in order.iter().enumerate() {
            let group = position * n_groups / order.len();
            group_of[customer as usize] = group as u32;
            n_customers[group] += 1.0;
        }
        let mut mean_baskets = vec![0.0; n_groups * n_columns];
        for (column, &customer) in columns.zip(customers) {
            if let Some(column) = column {
                let group = group_of[customer as usize - 1] as usize;
                mean_baskets[group * n_columns + column] += 1.0 / n_customers[group];
            }
        }
        Self { n_customers, mean_baskets }
    }

    /// The expected number of customers for the hazards of one basket of every size. Customers of
    /// a group count as alike, which can only raise it.
    pub(super) fn expected(&self, hazards: &[f64]) -> f64 {
        let groups = self.n_customers.iter().zip(self.mean_baskets.chunks_exact(hazards.len()));
        groups
            .map(|(n, baskets)| {
                let hazard: f64 = baskets.iter().zip(hazards).map(|(n, hazard)| n * hazard).sum();
                n * (1.0 - exp(-hazard))
            })
            .sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_customer_table_follows_its_definition(
            weights in proptest::collection::vec(0u32..200, 1..50),
            magnitude in -12.0f64..12.0,
        ) {
            let mut weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
            weights.push(1.0);
            let total: f64 = weights.iter().sum();
            let hazard = magnitude.exp2();
            let plain: f64 = weights.iter().map(|w| 1.0 - (-hazard * w / total).exp()).sum();
            let table = CustomerTable::new(&weights).expected(hazard);
            prop_assert!((table / plain - 1.0).abs() < 1e-3, "{} {}", table, plain);
        }
    }

    #[test]
    fn groups_of_one_are_exact() {
        // Customer 1 has baskets of sizes 0, 0 and 1, customer 2 one of size 1, customer 3 none.
        let columns = [Some(0), Some(0), Some(1), Some(1), None];
        let groups = CustomerGroups::new(&[4.0, 1.0, 0.0], &[1, 1, 1, 2, 3], columns.into_iter(), 2);
        let expected = 2.0 - (-0.9f64).exp() - (-0.5f64).exp();
        assert!((groups.expected(&[0.2, 0.5]) - expected).abs() < 1e-12);
    }
}
