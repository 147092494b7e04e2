use std::ops::Range;

use rayon::prelude::*;
use sidecart_core::{Baskets, ItemId};
use sidecart_data::Ledger;

use super::params::SubstituteParams;
use crate::neighbours::Neighbours;

/// One expected basket. Whole numbers, so that sums do not depend on the order of the customers.
const ONE: f64 = (1u64 << 30) as f64;
/// Standard errors between what is seen and the largest number that still counts as fewer.
const SURE: f64 = 2.33;
/// Distinct items of one kind of a customer beyond which the pairs of the customer are left out: a
/// wholesaler says nothing of what replaces what, and pairs grow with the square.
const MAX_OWN_ITEMS: usize = 200;

/// How often two items were bought by the same customers, and in the same baskets.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct PairCounts {
    /// Customers who bought both.
    pub(super) n_customers: u64,
    /// Baskets with both.
    pub(super) n_together: u64,
    /// What chance explains of them, in parts of 2^-30.
    pub(super) expected: u64,
}

impl PairCounts {
    pub(super) fn expected_baskets(&self) -> f64 {
        self.expected as f64 / ONE
    }

    /// How much less often the two are found together than chance explains, 0 to 1; `None` where
    /// that is not sure or little is known.
    pub(super) fn strength(&self, params: &SubstituteParams) -> Option<f64> {
        if self.n_customers < u64::from(params.min_customers) {
            return None;
        }
        let (seen, expected) = (self.n_together as f64, self.expected_baskets());
        // Seen baskets are about Poisson; a bound on their mean by the square root, whose spread
        // does not depend on the mean (Anscombe 1948).
        let bound = (seen + 0.375).sqrt() + SURE / 2.0;
        (bound * bound < params.max_ratio * expected).then(|| 1.0 - (seen + 0.5) / (expected + 0.5))
    }
}

/// One distinct item of a customer, with the baskets it was in.
struct Own {
    kind: u32,
    item: u32,
    first: usize,
    n: usize,
}

/// Pairs of items of one kind with what one customer says of them.
fn add_customer(baskets: &Baskets, run: Range<usize>, kinds: &[u32], out: &mut Vec<(u64, PairCounts)>) {
    let sizes = run.clone().map(|basket| baskets.get(basket).len() as f64);
    let (lines, pairs) = sizes.fold((0.0, 0.0), |(lines, pairs), n| (lines + n, pairs + n * (n - 1.0)));
    if pairs == 0.0 {
        return;
    }
    // Two of the customer's lines, dealt at random to their places, meet in one basket with this
    // probability.
    let meet = pairs / (lines * (lines - 1.0));
    let mut lines: Vec<(u32, u32, usize)> = run
        .flat_map(|basket| baskets.get(basket).iter().map(move |item| (item.0, basket)))
        .filter(|&(item, _)| kinds[item as usize] != u32::MAX)
        .map(|(item, basket)| (kinds[item as usize], item, basket))
        .collect();
    lines.sort_unstable();
    lines.dedup();
    let mut own: Vec<Own> = Vec::new();
    let mut first = 0;
    for run in lines.chunk_by(|a, b| a.1 == b.1) {
        own.push(Own { kind: run[0].0, item: run[0].1, first, n: run.len() });
        first += run.len();
    }
    for group in own.chunk_by(|a, b| a.kind == b.kind).filter(|group| group.len() <= MAX_OWN_ITEMS) {
        for (at, a) in group.iter().enumerate() {
            for b in &group[at + 1..] {
                let counts = PairCounts {
                    n_customers: 1,
                    n_together: n_shared(&lines[a.first..][..a.n], &lines[b.first..][..b.n]),
                    expected: ((a.n * b.n) as f64 * meet * ONE).round() as u64,
                };
                out.push((u64::from(a.item) << 32 | u64::from(b.item), counts));
            }
        }
    }
}

/// Baskets in both rising lists.
fn n_shared(a: &[(u32, u32, usize)], b: &[(u32, u32, usize)]) -> u64 {
    let (mut at, mut other, mut n) = (0, 0, 0);
    while at < a.len() && other < b.len() {
        let order = a[at].2.cmp(&b[other].2);
        n += u64::from(order.is_eq());
        at += usize::from(order.is_le());
        other += usize::from(order.is_ge());
    }
    n
}

/// Sums counts of equal pairs; the list stands sorted after it.
fn merge(pairs: &mut Vec<(u64, PairCounts)>) {
    pairs.sort_unstable_by_key(|&(pair, _)| pair);
    pairs.dedup_by(|next, sum| {
        let is_same = next.0 == sum.0;
        if is_same {
            sum.1.n_customers += next.1.n_customers;
            sum.1.n_together += next.1.n_together;
            sum.1.expected += next.1.expected;
        }
        is_same
    });
}

/// What customers, each a run of baskets, say of all pairs of one kind, by rising pair: the lesser
/// item in the upper half.
pub(super) fn count_pairs(baskets: &Baskets, customers: &[Range<usize>], kinds: &[u32]) -> Vec<(u64, PairCounts)> {
    let parts: Vec<Vec<(u64, PairCounts)>> = customers
        .par_chunks(256)
        .map(|customers| {
            let mut pairs = Vec::new();
            for run in customers {
                add_customer(baskets, run.clone(), kinds, &mut pairs);
            }
            merge(&mut pairs);
            pairs
        })
        .collect();
    let mut all = Vec::new();
    for part in parts {
        all.extend(part);
        // Kept short while it grows.
        if all.len() > 1 << 24 {
            merge(&mut all);
        }
    }
    merge(&mut all);
    all
}

/// Finds the substitutes of every item, best first with how much less often than by chance the two
/// are in one basket, 0 to 1. `kinds` gives every item's kind, `u32::MAX` for none: only items of
/// one kind are compared. Anonymous baskets say nothing.
///
/// A customer's baskets that hold both items are compared with what there would be if the
/// customer's lines were dealt at random to the places they take in baskets of `s` lines, `S` in
/// all: with `n_a` and `n_b` lines `n_a n_b sum(s (s - 1)) / (S (S - 1))` baskets. Only what is below
/// [`max_ratio`](SubstituteParams::max_ratio) of that by more than chance counts. The relation has
/// no direction. O(customers x pairs of a kind that they own).
#[must_use]
pub fn fit(ledger: &Ledger, kinds: &[u32], params: &SubstituteParams) -> Neighbours {
    let is_known = |run: &Range<usize>| run.len() > 1 && ledger.customer_of(run.start).is_some();
    let customers: Vec<Range<usize>> = ledger.customer_runs().filter(is_known).collect();
    let mut lists: Vec<Vec<(f32, u32)>> = vec![Vec::new(); kinds.len()];
    for (pair, counts) in count_pairs(ledger.baskets(), &customers, kinds) {
        if let Some(strength) = counts.strength(params) {
            let (a, b) = ((pair >> 32) as u32, pair as u32);
            lists[a as usize].push((strength as f32, b));
            lists[b as usize].push((strength as f32, a));
        }
    }
    let mut found = Neighbours { offsets: vec![0], items: Vec::new(), scores: Vec::new() };
    for list in &mut lists {
        list.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        list.truncate(params.per_item as usize);
        found.items.extend(list.iter().map(|&(_, item)| ItemId(item)));
        found.scores.extend(list.iter().map(|&(strength, _)| strength));
        found.offsets.push(found.items.len() as u64);
    }
    found
}
