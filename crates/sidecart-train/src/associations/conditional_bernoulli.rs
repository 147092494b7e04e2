/// Baskets up to this size are treated exactly.
pub(super) const EXACT_SIZE: usize = 10;

/// Elementary symmetric sums `e_0 ..= e_10` of some odds.
pub(super) type Sums = [f64; EXACT_SIZE + 1];

/// Items with equal odds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group {
    pub(super) odds: f64,
    pub(super) n_items: f64,
}

/// The law of a set of given size that holds each item by its odds (Chen, Dempster and Liu,
/// Biometrika 1994): a set of `n` items has probability `product of its odds / e_n`.
///
/// So an item is in a set of `n` with probability `x e_{n-1}(others) / e_n`, and a pair with
/// probability `x_i x_j e_{n-2}(all but both) / e_n`.
#[derive(Debug)]
pub(super) struct ConditionalBernoulli {
    /// The sums over all items.
    pub(super) all: Sums,
    /// For each group the sums over all items but one of the group.
    pub(super) without_one: Vec<Sums>,
}

impl ConditionalBernoulli {
    /// O(groups); only positive terms are added, so nothing cancels.
    pub(super) fn new(groups: &[Group]) -> Self {
        let mut after = vec![one(); groups.len() + 1];
        for (i, group) in groups.iter().enumerate().rev() {
            after[i] = product(&after[i + 1], &binomial(group.odds, group.n_items));
        }
        let mut before = one();
        let without_one = groups
            .iter()
            .enumerate()
            .map(|(i, group)| {
                let others = product(&before, &after[i + 1]);
                before = product(&before, &binomial(group.odds, group.n_items));
                product(&others, &binomial(group.odds, group.n_items - 1.0))
            })
            .collect();
        Self { all: after[0], without_one }
    }
}

/// The sums over all items but two, of which the first is left out already.
///
/// Dividing by `1 + odds t` subtracts, so the second item should be the rarer one: then what is
/// subtracted is small.
pub(super) fn without_second(without_first: &Sums, odds: f64) -> Sums {
    let mut sums = one();
    for k in 1..=EXACT_SIZE {
        sums[k] = (without_first[k] - odds * sums[k - 1]).max(0.0);
    }
    sums
}

fn one() -> Sums {
    let mut sums = [0.0; EXACT_SIZE + 1];
    sums[0] = 1.0;
    sums
}

/// The sums of `n` equal odds: the coefficients of `(1 + odds t)^n`.
fn binomial(odds: f64, n: f64) -> Sums {
    let mut sums = one();
    for k in 1..=EXACT_SIZE {
        sums[k] = sums[k - 1] * odds * (n - k as f64 + 1.0).max(0.0) / k as f64;
    }
    sums
}

fn product(a: &Sums, b: &Sums) -> Sums {
    let mut sums = [0.0; EXACT_SIZE + 1];
    for (i, a) in a.iter().enumerate() {
        for (sum, b) in sums[i..].iter_mut().zip(b) {
            *sum += a * b;
        }
    }
    sums
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The plain twin: a sum over all subsets.
    fn plain(odds: &[f64], size: usize, must_hold: &[usize]) -> f64 {
        (0..1u32 << odds.len())
            .filter(|set| set.count_ones() as usize == size && must_hold.iter().all(|&i| set >> i & 1 == 1))
            .map(|set| (0..odds.len()).filter(|&i| set >> i & 1 == 1).map(|i| odds[i]).product::<f64>())
            .sum()
    }

    proptest! {
        #[test]
        fn equals_the_sum_over_subsets(mut odds in proptest::collection::vec(0.01f64..1.0, 2..9), copies in 1usize..3) {
            odds.sort_unstable_by(|a, b| b.total_cmp(a));
            let groups: Vec<Group> = odds.iter().map(|&odds| Group { odds, n_items: copies as f64 }).collect();
            let law = ConditionalBernoulli::new(&groups);
            // The items of group g are g * copies and, with two copies, the next one.
            let items: Vec<f64> = odds.iter().flat_map(|&x| vec![x; copies]).collect();
            for size in 0..=EXACT_SIZE.min(items.len()) {
                let total = plain(&items, size, &[]);
                prop_assert!((law.all[size] / total - 1.0).abs() < 1e-9);
                let last = items.len() - 1;
                let sums = without_second(&law.without_one[0], odds[odds.len() - 1]);
                if size >= 1 {
                    let single = odds[0] * law.without_one[0][size - 1];
                    prop_assert!((single - plain(&items, size, &[0])).abs() < 1e-9 * total);
                }
                if size >= 2 {
                    let pair = odds[0] * items[last] * sums[size - 2];
                    prop_assert!((pair - plain(&items, size, &[0, last])).abs() < 1e-9 * total);
                }
            }
        }
    }
}
