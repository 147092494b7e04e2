use std::collections::BTreeMap;

use proptest::prelude::*;
use sidecart_core::{Baskets, ItemId};

use super::*;

type Cells = BTreeMap<(u32, u32), (u32, u64)>;

/// The plain twin: a map over all ordered pairs of every basket.
fn plain(baskets: &Baskets, weights: &[u32], n_items: usize, min_item_baskets: u32) -> Cells {
    let mut frequency = vec![0u32; n_items];
    for item in baskets.items() {
        frequency[item.index()] += 1;
    }
    let mut cells = Cells::new();
    for (basket, &weight) in baskets.iter().zip(weights) {
        let kept: Vec<u32> =
            basket.iter().map(|i| i.0).filter(|&i| frequency[i as usize] >= min_item_baskets).collect();
        for &a in &kept {
            for &b in kept.iter().filter(|&&b| b != a) {
                let cell = cells.entry((a, b)).or_default();
                *cell = (cell.0 + 1, cell.1 + u64::from(weight));
            }
        }
    }
    cells
}

/// All rows of the counter as a map; fails on a cell that comes twice.
fn counted<A: PairSum>(counter: &PairCounter) -> Cells {
    let rows = counter.fold_sums::<A, _, _>(
        Vec::new,
        |cells, owner, row| {
            cells.extend(row.iter().map(|c| ((owner.0, c.item.0), (c.n_baskets, c.weight))));
        },
        |cells| cells,
    );
    let n: usize = rows.iter().map(Vec::len).sum();
    let cells: Cells = rows.into_iter().flatten().collect();
    assert_eq!(cells.len(), n);
    cells
}

fn history() -> impl Strategy<Value = (Vec<Vec<u32>>, u32)> {
    let basket = proptest::collection::btree_set(0u32..30, 0..12).prop_map(|b| b.into_iter().rev().collect());
    (proptest::collection::vec(basket, 0..60), 0u32..6)
}

proptest! {
    #[test]
    fn equals_the_plain_count((rows, min_item_baskets) in history()) {
        let baskets: Baskets = rows.iter().map(|b| b.iter().map(|&i| ItemId(i))).collect();
        let weights: Vec<u32> = (0..baskets.len() as u32).map(|b| 1 + b * 977 % WEIGHT_ONE).collect();
        let both = plain(&baskets, &weights, 30, min_item_baskets);
        let all = PairCounter::new(&baskets, &weights, 30, Columns::All, min_item_baskets).unwrap();
        prop_assert_eq!(counted::<PackedSum>(&all), both.clone());
        let half = PairCounter::new(&baskets, &weights, 30, Columns::MoreFrequent, min_item_baskets).unwrap();
        let cells = counted::<PackedSum>(&half);
        prop_assert_eq!(counted::<WideSum>(&half), cells.clone());
        prop_assert_eq!(cells.len() * 2, both.len());
        for (&(rare, frequent), &cell) in &cells {
            prop_assert_eq!(both[&(rare, frequent)], cell);
            let n = |i: u32| half.item_baskets()[i as usize];
            prop_assert!((n(frequent), rare) >= (n(rare), frequent));
        }
        let totals = half.totals();
        prop_assert_eq!(totals.n_distinct as usize, cells.len());
        prop_assert_eq!(totals.n_pairs, cells.values().map(|c| u64::from(c.0)).sum::<u64>());
    }

    #[test]
    fn customers_are_counted_once_a_pair((rows, _) in history(), runs in proptest::collection::vec(0u32..2, 60)) {
        let baskets: Baskets = rows.iter().map(|b| b.iter().map(|&i| ItemId(i))).collect();
        let customers: Vec<u32> = runs.iter().take(rows.len()).scan(1, |c, &step| { *c += step; Some(*c) }).collect();
        let mut plain: BTreeMap<(u32, u32), std::collections::BTreeSet<u32>> = BTreeMap::new();
        for (basket, &customer) in rows.iter().zip(&customers) {
            for &a in basket {
                for &b in basket.iter().filter(|&&b| b != a) {
                    plain.entry((a, b)).or_default().insert(customer);
                }
            }
        }
        let counter = PairCounter::new(&baskets, &customers, 30, Columns::All, 1).unwrap();
        let rows = counter.fold::<CustomerCount, _, _>(
            Vec::new,
            |cells, row| {
                let (owner, items) = (row.owner, counter.items());
                row.drain(|rank, sum| cells.push((owner.0, items[rank as usize].0, sum.n_customers)));
            },
            |cells| cells,
        );
        for (a, b, n) in rows.into_iter().flatten() {
            prop_assert_eq!(plain.remove(&(a, b)).map(|c| c.len() as u32), Some(n));
        }
        prop_assert!(plain.is_empty());
    }
}

#[test]
fn thread_count_changes_nothing() {
    let mut rng = sidecart_core::Rng::new(3, 0);
    let baskets: Baskets = (0..20_000)
        .map(|_| {
            (0..6).map(|_| rng.below(rng.clone().below(3000) + 1) as u32).collect::<std::collections::BTreeSet<_>>()
        })
        .map(|basket| basket.into_iter().map(ItemId))
        .collect();
    let weights = CappedBaskets::new(&baskets, 3000, 500, |_, _| 0).weights(0.7);
    let run = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| {
            let counter = PairCounter::new(&baskets, &weights, 3000, Columns::MoreFrequent, 2).unwrap();
            counter.fold_cells(Vec::new, |rows, owner, cells| rows.push((owner, cells.to_vec())), |rows| rows)
        })
    };
    let one = run(1);
    assert!(one.len() > 3);
    assert_eq!(one, run(3));
}

#[test]
fn a_wrong_number_of_labels_is_an_error() {
    let baskets: Baskets = [[ItemId(0), ItemId(1)]].into_iter().collect();
    let error = PairCounter::new(&baskets, &[], 2, Columns::All, 1).unwrap_err();
    assert_eq!(error, CountingError::LabelCount { expected: 1, got: 0 });
}
