use sidecart_core::Baskets;

use super::conditional_bernoulli::{ConditionalBernoulli, EXACT_SIZE, Group, Sums, without_second};
use super::customers::{CustomerGroups, CustomerTable};

/// A pair with this share of its unsaturated expectation counts as unsaturated.
const UNSATURATED: f64 = 0.98;

/// What would be seen if items fell into baskets by popularity and basket size alone.
///
/// Every basket keeps its size and every item its number of baskets, in expectation; among such
/// models this is the one without any further structure. A basket of `n` items is then a set of
/// that size with probability proportional to the product of its items' odds `x`, the same odds
/// for all sizes. Unlike `share times size`, no item is ever expected in more than all baskets.
///
/// Up to [`EXACT_SIZE`] items a basket's law is exact ([`ConditionalBernoulli`]). Larger baskets
/// go by size class: item `i` is in one with probability `p = x_i y / (1 + x_i y)`, `y` chosen so
/// that the probabilities sum to the size, and two items with probability
/// `p_i p_j (1 - (1 - p_i)(1 - p_j) / d)`, `d` the sum of `p (1 - p)` (Hájek, Annals of
/// Mathematical Statistics 1964). For rare items both are the familiar `f_i f_j n (n - 1)`.
///
/// Items of equal frequency have equal odds, so everything is kept per frequency.
#[derive(Debug)]
pub(super) struct NullModel {
    /// The row of each item in the tables per frequency.
    rows: Vec<u32>,
    frequencies: Vec<f64>,
    odds: Vec<f64>,
    without_one: Vec<Sums>,
    /// Number of baskets of each exact size, and one over the size's normalising sum.
    exact: Sums,
    inverse_sums: Sums,
    /// Number of baskets of each large class, and per frequency the two vectors whose products
    /// give the probabilities.
    large: Vec<f64>,
    together: Vec<f64>,
    apart: Vec<f64>,
    /// Expected baskets of two rare items per product of their frequencies.
    rare_rate: f64,
    by_pairs: CustomerTable,
    groups: CustomerGroups,
}

/// Baskets of similar size.
#[derive(Clone, Copy, Default, Debug)]
struct SizeClass {
    n_baskets: f64,
    sum_size: f64,
    sum_pairs: f64,
}

impl SizeClass {
    fn size(&self) -> f64 {
        self.sum_size / self.n_baskets
    }
}

/// All baskets by size.
#[derive(Debug)]
struct Sizes {
    /// Number of baskets of each exact size.
    exact: Sums,
    large: Vec<SizeClass>,
    /// The smallest size of each large class.
    starts: Vec<usize>,
}

impl NullModel {
    /// `customers` are numbers from 1 in non-decreasing order, one per basket; `frequencies` are
    /// the items' numbers of baskets.
    pub(super) fn new(baskets: &Baskets, customers: &[u32], frequencies: &[u32]) -> Self {
        let sizes = Sizes::new(baskets);
        let mut sorted: Vec<u32> = frequencies.iter().copied().filter(|&n| n > 0).collect();
        sorted.sort_unstable();
        let (mut distinct, mut n_items) = (Vec::new(), Vec::new());
        for equal in sorted.chunk_by(|a, b| a == b) {
            distinct.push(equal[0]);
            n_items.push(equal.len() as f64);
        }
        let margins: Vec<f64> = distinct.iter().map(|&n| f64::from(n)).collect();
        let Balanced { groups, law, y } = balance(&margins, &n_items, &sizes);

        let n_classes = y.len();
        let mut together = vec![0.0; groups.len() * n_classes];
        let mut apart = together.clone();
        for (k, (class, y)) in sizes.large.iter().zip(&y).enumerate() {
            let inclusion = |group: &Group| group.odds * y / (1.0 + group.odds * y);
            let spread = |group: &Group| group.n_items * inclusion(group) * (1.0 - inclusion(group));
            let spread = groups.iter().map(spread).sum::<f64>().max(f64::MIN_POSITIVE);
            // Corrects for the sizes that differ within the class.
            let evenness = class.sum_pairs / (class.n_baskets * class.size() * (class.size() - 1.0));
            let weight = evenness.sqrt();
            for (row, group) in groups.iter().enumerate() {
                let p = inclusion(group);
                together[row * n_classes + k] = p * weight;
                apart[row * n_classes + k] = p * (1.0 - p) * weight / spread.sqrt();
            }
        }
        let n_lines = baskets.n_lines().max(1) as f64;
        let pairs = |n: usize| (n * n.saturating_sub(1)) as f64;
        let mut customer_pairs = vec![0.0; customers.last().map_or(0, |&last| last as usize)];
        for (basket, &customer) in baskets.iter().zip(customers) {
            customer_pairs[customer as usize - 1] += pairs(basket.len());
        }
        let columns = baskets.iter().map(|basket| sizes.column(basket.len()));
        Self {
            rows: frequencies.iter().map(|n| distinct.binary_search(n).unwrap_or(0) as u32).collect(),
            frequencies: margins,
            odds: groups.iter().map(|group| group.odds).collect(),
            exact: sizes.exact,
            inverse_sums: law.all.map(|sum| if sum > 0.0 { 1.0 / sum } else { 0.0 }),
            without_one: law.without_one,
            together,
            apart,
            large: sizes.large.iter().map(|class| class.n_baskets).collect(),
            rare_rate: baskets.iter().map(|basket| pairs(basket.len())).sum::<f64>() / (n_lines * n_lines),
            by_pairs: CustomerTable::new(&customer_pairs),
            groups: CustomerGroups::new(&customer_pairs, customers, columns, EXACT_SIZE - 1 + n_classes),
        }
    }

    /// Hands out, for every size, the number of baskets and the probability that one of them holds
    /// both of two items that occur. O(sizes and size classes).
    fn each_size(&self, item: usize, other: usize, mut visit: impl FnMut(f64, f64)) {
        let (a, b) = (self.rows[item] as usize, self.rows[other] as usize);
        let (rare, frequent) = (a.min(b), a.max(b));
        let sums = without_second(&self.without_one[frequent], self.odds[rare]);
        let odds = self.odds[a] * self.odds[b];
        for ((n_baskets, inverse), sum) in self.exact[2..].iter().zip(&self.inverse_sums[2..]).zip(&sums) {
            visit(*n_baskets, odds * sum * inverse);
        }
        let row = |table: &'_ [f64], row: usize, k: usize| table[row * self.large.len() + k];
        for (k, n_baskets) in self.large.iter().enumerate() {
            let together = row(&self.together, a, k) * row(&self.together, b, k);
            let apart = row(&self.apart, a, k) * row(&self.apart, b, k);
            visit(*n_baskets, (together - apart).max(0.0));
        }
    }

    /// Expected number of customers with at least one basket that holds both items.
    ///
    /// A customer shows the pair with probability `1 - exp(-hazard)`, the hazard being the sum of
    /// `-ln(1 - p)` over the customer's baskets. For rare items a basket's part of the hazard goes
    /// by the pairs in it, so the expectation follows from the sum alone. A very popular item is
    /// in large and small baskets almost alike, which spreads the hazard over more customers; then
    /// it is summed by groups of customers, unless `is_enough` says of the first, smaller number
    /// that it settles the case.
    pub(super) fn expected_customers(&self, item: usize, other: usize, is_enough: impl Fn(f64) -> bool) -> f64 {
        let (mut expected, mut total) = (0.0, 0.0);
        self.each_size(item, other, |n_baskets, p| {
            expected += n_baskets * p;
            total += n_baskets * hazard(p);
        });
        let customers = self.by_pairs.expected(total);
        let frequency = |item: usize| self.frequencies[self.rows[item] as usize];
        let rare = self.rare_rate * frequency(item) * frequency(other);
        if expected >= UNSATURATED * rare || is_enough(customers) {
            return customers;
        }
        let mut hazards = Vec::with_capacity(self.exact.len() + self.large.len());
        self.each_size(item, other, |_, p| hazards.push(hazard(p)));
        customers.max(self.groups.expected(&hazards))
    }
}

/// An upper bound for `-ln(1 - p)`, from its series.
fn hazard(p: f64) -> f64 {
    let p = p.min(0.999);
    p + p * p * (0.5 + p / (3.0 * (1.0 - p)))
}

impl Sizes {
    /// Sizes above [`EXACT_SIZE`] go into classes an eighth wide.
    fn new(baskets: &Baskets) -> Self {
        let largest = baskets.iter().map(<[_]>::len).max().unwrap_or(0);
        let mut starts = vec![EXACT_SIZE + 1];
        while let Some(&start) = starts.last()
            && start <= largest
        {
            starts.push(start + start / 8);
        }
        let mut exact = [0.0; EXACT_SIZE + 1];
        let mut large = vec![SizeClass::default(); starts.len()];
        for size in baskets.iter().map(<[_]>::len).filter(|&size| size > 0) {
            if size <= EXACT_SIZE {
                exact[size] += 1.0;
                continue;
            }
            let class = &mut large[starts.partition_point(|&start| start <= size) - 1];
            class.n_baskets += 1.0;
            class.sum_size += size as f64;
            class.sum_pairs += (size * (size - 1)) as f64;
        }
        let mut is_used = large.iter().map(|class| class.n_baskets > 0.0);
        starts.retain(|_| is_used.next() == Some(true));
        large.retain(|class| class.n_baskets > 0.0);
        Self { exact, large, starts }
    }

    /// The position of a basket's size among those that [`NullModel::each_size`] visits; `None`
    /// for baskets without a pair.
    fn column(&self, size: usize) -> Option<usize> {
        match size {
            0 | 1 => None,
            2..=EXACT_SIZE => Some(size - 2),
            _ => Some(EXACT_SIZE - 2 + self.starts.partition_point(|&start| start <= size)),
        }
    }
}

/// Odds under which every item is expected as often as it occurs.
struct Balanced {
    groups: Vec<Group>,
    law: ConditionalBernoulli,
    /// The factor of each large size class.
    y: Vec<f64>,
}

/// Finds the odds by alternating correction; `margins` are the frequencies, `n_items` the number
/// of items of each.
fn balance(margins: &[f64], n_items: &[f64], sizes: &Sizes) -> Balanced {
    const MOST_ROUNDS: usize = 100;
    const PRECISION: f64 = 1e-7;
    // An item in every basket has infinite odds.
    const LARGEST: f64 = 1e9;
    let n_lines: f64 = margins.iter().zip(n_items).map(|(n, items)| n * items).sum();
    let mut groups: Vec<Group> =
        margins.iter().zip(n_items).map(|(n, &n_items)| Group { odds: n / n_lines, n_items }).collect();
    let mut y: Vec<f64> = sizes.large.iter().map(SizeClass::size).collect();
    let mut law = ConditionalBernoulli::new(&groups);
    for _ in 0..MOST_ROUNDS {
        for (y, class) in y.iter_mut().zip(&sizes.large) {
            let sum: f64 = groups.iter().map(|group| group.n_items * group.odds / (1.0 + group.odds * *y)).sum();
            *y = (class.size() / sum).min(LARGEST);
        }
        let mut change = 0.0f64;
        let mut total = 0.0;
        for ((group, without_one), margin) in groups.iter_mut().zip(&law.without_one).zip(margins) {
            let small: f64 = (1..=EXACT_SIZE)
                .filter(|&n| sizes.exact[n] > 0.0)
                .map(|n| sizes.exact[n] * without_one[n - 1] / law.all[n])
                .sum();
            let large: f64 =
                y.iter().zip(&sizes.large).map(|(y, class)| class.n_baskets * y / (1.0 + group.odds * y)).sum();
            let odds = (margin / (small + large)).min(LARGEST);
            change = change.max((odds / group.odds - 1.0).abs());
            group.odds = odds;
            total += odds * group.n_items;
        }
        // The scale of the odds is free; a sum of one keeps the symmetric sums within range.
        for group in &mut groups {
            group.odds /= total;
        }
        for y in &mut y {
            *y *= total;
        }
        law = ConditionalBernoulli::new(&groups);
        if change < PRECISION {
            break;
        }
    }
    Balanced { groups, law, y }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidecart_core::{ItemId, Rng};

    fn model(rows: &[Vec<u32>], customers: &[u32], n_items: usize) -> NullModel {
        let baskets: Baskets = rows.iter().map(|b| b.iter().map(|&i| ItemId(i))).collect();
        let mut frequencies = vec![0; n_items];
        for item in baskets.items() {
            frequencies[item.index()] += 1;
        }
        NullModel::new(&baskets, customers, &frequencies)
    }

    fn expected_baskets(model: &NullModel, item: usize, other: usize) -> f64 {
        let mut expected = 0.0;
        model.each_size(item, other, |n_baskets, p| expected += n_baskets * p);
        expected
    }

    #[test]
    fn rare_items_follow_the_product_of_their_shares() {
        // 2,000 items, each once in a hundred baskets of two or six.
        let mut rng = Rng::new(1, 0);
        let mut lines: Vec<u32> = (0..400 * 20).map(|i| i % 2000).collect();
        rng.shuffle(&mut lines);
        let mut rows = Vec::new();
        let mut rest = lines.as_slice();
        while rest.len() >= 8 {
            rows.extend([rest[..2].to_vec(), rest[2..8].to_vec()]);
            rest = &rest[8..];
        }
        let customers: Vec<u32> = (1..=rows.len() as u32).collect();
        let model = model(&rows, &customers, 2000);
        let n_pairs = rows.iter().map(|b| b.len() * (b.len() - 1)).sum::<usize>() as f64;
        let expected = n_pairs / (2000.0 * 2000.0);
        assert!((expected_baskets(&model, 3, 4) / expected - 1.0).abs() < 0.01);
        assert!((model.expected_customers(3, 4, |_| false) / expected - 1.0).abs() < 0.01);
    }

    #[test]
    fn popular_items_agree_with_shuffled_baskets() {
        // Twelve items with very uneven popularity, baskets of one to eight: many are nearly full.
        let mut rng = Rng::new(2, 0);
        let rows: Vec<Vec<u32>> = (0..3000)
            .map(|_| {
                let size = 1 + rng.below(3) * rng.below(4) + rng.below(2);
                let mut basket = Vec::new();
                while basket.len() < size {
                    let item = (rng.unit() * rng.unit() * 12.0) as u32;
                    if !basket.contains(&item) {
                        basket.push(item);
                    }
                }
                basket
            })
            .collect();
        let customers: Vec<u32> = (0..rows.len() as u32).map(|b| 1 + b / 4).collect();
        let model = model(&rows, &customers, 12);
        let mut shuffled = rows.clone();
        let n_shuffles = 40;
        let mut baskets = [[0.0; 12]; 12];
        let mut seen = [[0.0; 12]; 12];
        for _ in 0..n_shuffles {
            crate::associations::tests::shuffle(&mut shuffled, &mut rng);
            let mut last = [[0; 12]; 12];
            for (basket, &customer) in shuffled.iter().zip(&customers) {
                for &a in basket {
                    for &b in basket.iter().filter(|&&b| b > a) {
                        let (a, b) = (a as usize, b as usize);
                        baskets[a][b] += 1.0;
                        seen[a][b] += f64::from(u32::from(last[a][b] != customer));
                        last[a][b] = customer;
                    }
                }
            }
        }
        for a in 0..12 {
            for b in a + 1..12 {
                let n = f64::from(n_shuffles);
                let (baskets, seen) = (baskets[a][b] / n, seen[a][b] / n);
                let (expected_baskets, expected) =
                    (expected_baskets(&model, a, b), model.expected_customers(a, b, |_| false));
                // Four standard errors of the simulation plus 4 % for the approximation; the
                // expected customers may be too many, which is the careful side.
                let error = 4.0 * (baskets / n).sqrt();
                assert!(
                    (expected_baskets - baskets).abs() < error + 0.04 * baskets,
                    "{a} {b}: {expected_baskets} {baskets}"
                );
                assert!(expected > seen * 0.97 - error, "{a} {b}: {expected} {seen}");
                assert!(expected < seen * 1.12 + error, "{a} {b}: {expected} {seen}");
            }
        }
    }
}
