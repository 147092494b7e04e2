use std::collections::BTreeMap;

use sidecart_core::{Baskets, ItemId, Rng};

use super::*;
use crate::counting::{CappedBaskets, CountingError};

/// Swaps items between baskets at random; sizes and item frequencies stay.
pub(super) fn shuffle(rows: &mut [Vec<u32>], rng: &mut Rng) {
    let ends: Vec<(usize, usize)> =
        rows.iter().enumerate().flat_map(|(b, row)| (0..row.len()).map(move |at| (b, at))).collect();
    for _ in 0..ends.len() * 5 {
        let (b, i) = ends[rng.below(ends.len())];
        let (c, j) = ends[rng.below(ends.len())];
        let (x, y) = (rows[b][i], rows[c][j]);
        if b != c && !rows[b].contains(&y) && !rows[c].contains(&x) {
            rows[b][i] = y;
            rows[c][j] = x;
        }
    }
}

/// Baskets of customers with favourites; where item 0 is, item 1 comes with probability `attach`.
fn shop(n_customers: u32, attach: f64, rng: &mut Rng) -> (Vec<Vec<u32>>, Vec<u32>) {
    let draw = |rng: &mut Rng| 2 + (rng.unit() * rng.unit() * 58.0) as u32;
    let (mut rows, mut customer_of) = (Vec::new(), Vec::new());
    for customer in 0..n_customers {
        let favourites: Vec<u32> = (0..4).map(|_| draw(rng)).collect();
        for _ in 0..1 + rng.below(3) * rng.below(5) {
            let mut basket = Vec::new();
            for _ in 0..1 + rng.below(3) * rng.below(6) {
                basket.push(if rng.chance(0.4) { favourites[rng.below(4)] } else { draw(rng) });
            }
            for (item, chance) in [(0, 0.05), (1, 0.05)] {
                if rng.chance(chance) || (item == 1 && basket.contains(&0) && rng.chance(attach)) {
                    basket.push(item);
                }
            }
            basket.sort_unstable();
            basket.dedup();
            rows.push(basket);
            customer_of.push(customer);
        }
    }
    (rows, customer_of)
}

fn table(rows: &[Vec<u32>]) -> Baskets {
    rows.iter().map(|b| b.iter().map(|&i| ItemId(i))).collect()
}

fn associations(rows: &[Vec<u32>], customer_of: &[u32], params: &AssociationParams) -> Associations {
    let baskets = table(rows);
    find(&CappedBaskets::new(&baskets, 60, 500, |_, _| 0), customer_of, params).unwrap()
}

#[test]
fn a_planted_pair_is_found_and_little_else() {
    let (rows, customer_of) = shop(2_000, 0.5, &mut Rng::new(4, 0));
    let found = associations(&rows, &customer_of, &AssociationParams::default());
    let n_tested = (0..60)
        .filter(|item| {
            let mut customers: Vec<u32> =
                rows.iter().zip(&customer_of).filter(|(b, _)| b.contains(item)).map(|(_, &c)| c).collect();
            customers.dedup();
            customers.len() >= 5
        })
        .count() as u64;
    assert_eq!(found.n_tested, n_tested * (n_tested - 1) / 2);
    assert_eq!(found.offsets.len(), 61);
    let pair = found.get(ItemId(0))[0];
    assert_eq!(pair.item, ItemId(1));
    assert_eq!(found.get(ItemId(1))[0].item, ItemId(0));
    assert!(pair.p_value < 1e-6 && pair.q_value <= 0.05 && pair.lift > pair.strength && pair.strength > 1.2);
    assert_eq!(found.n_significant, 1);

    // The counts are those of a plain walk over the baskets.
    let with_both: Vec<u32> = rows
        .iter()
        .zip(&customer_of)
        .filter(|(basket, _)| basket.contains(&0) && basket.contains(&1))
        .map(|(_, &customer)| customer)
        .collect();
    let mut customers = with_both.clone();
    customers.dedup();
    assert_eq!((pair.n_customers as usize, pair.n_baskets as usize), (customers.len(), with_both.len()));
}

#[test]
fn shuffled_baskets_show_nothing() {
    let mut rng = Rng::new(5, 0);
    let (mut rows, customer_of) = shop(250, 0.5, &mut rng);
    let params = AssociationParams { min_lift: 1.0, min_customers: 2, min_item_customers: 2, ..Default::default() };
    let n_false = (0..200)
        .filter(|_| {
            shuffle(&mut rows, &mut rng);
            associations(&rows, &customer_of, &params).n_significant > 0
        })
        .count();
    assert!(n_false <= 16, "{n_false} of 200");
}

#[test]
fn one_customer_is_one_observation() {
    let mut rng = Rng::new(6, 0);
    let (mut rows, mut customer_of) = shop(500, 0.0, &mut rng);
    for _ in 0..60 {
        rows.push(vec![0, 1]);
        customer_of.push(500);
    }
    let found = associations(&rows, &customer_of, &AssociationParams::default());
    assert!(found.get(ItemId(0)).iter().all(|a| a.item != ItemId(1)));
    // The same baskets of sixty anonymous customers are a pattern.
    let last = customer_of.len();
    customer_of[last - 60..].fill(u32::MAX);
    let found = associations(&rows, &customer_of, &AssociationParams::default());
    assert_eq!(found.get(ItemId(0))[0].item, ItemId(1));
}

#[test]
fn thread_count_and_cut_change_no_entry() {
    let (rows, customer_of) = shop(1_500, 0.6, &mut Rng::new(7, 0));
    let params = AssociationParams { false_discovery_rate: 0.5, min_lift: 1.0, ..Default::default() };
    let run = |n_threads, params: &AssociationParams| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| associations(&rows, &customer_of, params))
    };
    let full = run(1, &params);
    assert_eq!(full, run(3, &params));
    let cut = run(2, &AssociationParams { per_item: 1, ..params });
    let mut heads = BTreeMap::new();
    for item in (0..60).map(ItemId) {
        assert_eq!(cut.get(item), &full.get(item)[..full.get(item).len().min(1)]);
        heads.insert(item, full.get(item).len());
    }
    assert!(heads.values().sum::<usize>() as u64 == 2 * full.n_significant && full.n_significant > 0);
}

#[test]
fn a_missing_customer_is_an_error() {
    let baskets = table(&[vec![0, 1]]);
    let error = find(&CappedBaskets::new(&baskets, 2, 500, |_, _| 0), &[], &AssociationParams::default()).unwrap_err();
    assert_eq!(error, CountingError::LabelCount { expected: 1, got: 0 });
}

#[test]
fn histories_without_pairs_show_nothing() {
    for rows in [vec![], vec![vec![]], vec![vec![0], vec![1]]] {
        let found = associations(&rows, &vec![u32::MAX; rows.len()], &AssociationParams::default());
        assert_eq!((found.n_significant, found.offsets), (0, vec![0; 61]));
    }
}
