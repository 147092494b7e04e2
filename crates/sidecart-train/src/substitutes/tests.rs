use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use proptest::prelude::*;
use sidecart_core::{Baskets, ItemId, Rng};
use sidecart_data::demo::DemoParams;

use super::algorithm::{PairCounts, count_pairs};
use super::{SubstituteParams, fit};
use crate::demo_shop::demo_shop;
use crate::segments::categories::ItemCategories;

fn baskets(lists: &[Vec<u32>]) -> Baskets {
    let mut out = Baskets::default();
    for list in lists {
        let items: Vec<ItemId> = list.iter().copied().collect::<BTreeSet<u32>>().into_iter().map(ItemId).collect();
        out.push(items);
    }
    out
}

fn pair(a: u32, b: u32) -> u64 {
    u64::from(a.min(b)) << 32 | u64::from(a.max(b))
}

/// What the definition says, customer by customer and basket by basket.
fn plain(lists: &[Vec<u32>], customers: &[Range<usize>], kinds: &[u32]) -> BTreeMap<u64, (u64, u64, f64)> {
    let mut out: BTreeMap<u64, (u64, u64, f64)> = BTreeMap::new();
    for run in customers {
        let own: Vec<BTreeSet<u32>> = lists[run.clone()].iter().map(|list| list.iter().copied().collect()).collect();
        let total: usize = own.iter().map(BTreeSet::len).sum();
        let meetings: usize = own.iter().map(|basket| basket.len() * (basket.len() - 1)).sum();
        let n = |item: u32| own.iter().filter(|basket| basket.contains(&item)).count();
        for a in 0..kinds.len() as u32 {
            for b in a + 1..kinds.len() as u32 {
                let same = kinds[a as usize] == kinds[b as usize] && kinds[a as usize] != u32::MAX;
                if same && meetings > 0 && n(a) > 0 && n(b) > 0 {
                    let sums = out.entry(pair(a, b)).or_default();
                    sums.0 += 1;
                    sums.1 += own.iter().filter(|basket| basket.contains(&a) && basket.contains(&b)).count() as u64;
                    sums.2 += (n(a) * n(b) * meetings) as f64 / (total * (total - 1)) as f64;
                }
            }
        }
    }
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn pairs_are_counted_as_defined(
        customers in prop::collection::vec(prop::collection::vec(prop::collection::vec(0u32..7, 1..5), 2..6), 1..6),
        kinds in prop::collection::vec(prop::sample::select(vec![0, 0, 1, u32::MAX]), 7),
    ) {
        let lists: Vec<Vec<u32>> = customers.iter().flatten().cloned().collect();
        let mut runs = Vec::new();
        for own in &customers {
            let start = runs.last().map_or(0, |run: &Range<usize>| run.end);
            runs.push(start..start + own.len());
        }
        let counted = count_pairs(&baskets(&lists), &runs, &kinds);
        let expected = plain(&lists, &runs, &kinds);
        prop_assert_eq!(counted.iter().map(|(pair, _)| *pair).collect::<Vec<_>>(), expected.keys().copied().collect::<Vec<_>>());
        for (pair, counts) in counted {
            let (n_customers, n_together, chance) = expected[&pair];
            prop_assert_eq!((counts.n_customers, counts.n_together), (n_customers, n_together));
            prop_assert!((counts.expected_baskets() - chance).abs() < 1e-6);
        }
    }
}

/// Customers with thirty baskets each: of a kind they take 0 or 1 but never both, 2 and 3 each by
/// itself, 4 and 5 together.
fn planted() -> (Vec<Vec<u32>>, Vec<Range<usize>>) {
    let mut rng = Rng::new(5, 1);
    let mut lists = Vec::new();
    let mut runs = Vec::new();
    for _ in 0..150 {
        let start = lists.len();
        for _ in 0..30 {
            let mut basket = vec![6 + rng.below(20) as u32];
            if rng.below(3) == 0 {
                basket.push(rng.below(2) as u32);
            }
            basket.extend((2..4).filter(|_| rng.below(4) == 0));
            if rng.below(4) == 0 {
                basket.extend([4, 5]);
            }
            lists.push(basket);
        }
        runs.push(start..lists.len());
    }
    (lists, runs)
}

#[test]
fn what_is_bought_instead_is_told_from_what_is_bought_beside() {
    let (lists, runs) = planted();
    let kinds: Vec<u32> = (0..26).map(|item| u32::from(item >= 6)).collect();
    let params = SubstituteParams::default();
    let pairs: BTreeMap<u64, PairCounts> = count_pairs(&baskets(&lists), &runs, &kinds).into_iter().collect();
    let found: Vec<u64> =
        pairs.iter().filter(|(_, counts)| counts.strength(&params).is_some()).map(|(pair, _)| *pair).collect();
    // Items from 6 on are one of a kind to a basket: each replaces the others, too.
    let planted: Vec<u64> = found.iter().copied().filter(|&pair| (pair >> 32) < 6).collect();
    assert_eq!(planted, [pair(0, 1)]);
    assert!(pairs[&pair(0, 1)].strength(&params).unwrap() > 0.95);
    assert!(pairs[&pair(4, 5)].n_together as f64 > pairs[&pair(4, 5)].expected_baskets());
    assert!(found.len() - planted.len() > 180, "{} of 190 pairs", found.len() - planted.len());
}

#[test]
fn lines_that_fall_by_chance_give_hardly_any_pair() {
    let (mut n_pairs, mut n_found) = (0, 0);
    for seed in 0..40 {
        let mut rng = Rng::new(seed, 2);
        let (mut lists, mut runs) = (Vec::new(), Vec::new());
        for _ in 0..40 {
            let start = lists.len();
            for _ in 0..25 {
                // Large and small baskets: items meet in large ones without belonging together.
                let size = if rng.below(3) == 0 { 8 } else { 2 };
                lists.push((0..size).map(|_| rng.below(16) as u32).collect());
            }
            runs.push(start..lists.len());
        }
        let loose = SubstituteParams { max_ratio: 1.0, ..SubstituteParams::default() };
        let counts = count_pairs(&baskets(&lists), &runs, &[0; 16]);
        n_pairs += counts.len();
        n_found += counts.iter().filter(|(_, counts)| counts.strength(&loose).is_some()).count();
    }
    assert!(n_pairs > 4_000);
    assert!(n_found * 50 <= n_pairs, "{n_found} of {n_pairs}: a hundredth is what the bound allows");
}

#[test]
fn substitutes_of_a_shop_are_of_one_kind_in_both_directions_and_best_first() {
    let (_, ledger, catalogue) = demo_shop(&DemoParams { n_customers: 1_500, ..DemoParams::default() });
    let kinds = ItemCategories::at(&catalogue, usize::MAX).of_item;
    let found = fit(&ledger, &kinds, &SubstituteParams { per_item: 1_000, ..SubstituteParams::default() });
    assert!(!found.items.is_empty());
    for item in (0..kinds.len() as u32).map(ItemId) {
        let (items, scores) = found.get(item);
        assert!(scores.is_sorted_by(|a, b| a >= b) && scores.iter().all(|s| (0.0..=1.0).contains(s)));
        for other in items {
            assert_eq!(kinds[item.index()], kinds[other.index()]);
            assert!(found.get(*other).0.contains(&item), "the relation has no direction");
        }
    }
    let few = fit(&ledger, &kinds, &SubstituteParams { per_item: 1, ..SubstituteParams::default() });
    assert!((0..kinds.len() as u32).all(|item| few.get(ItemId(item)).0.len() <= 1));
    assert!(fit(&ledger, &vec![u32::MAX; kinds.len()], &SubstituteParams::default()).items.is_empty());
}
