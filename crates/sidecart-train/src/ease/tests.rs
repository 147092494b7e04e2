use std::collections::BTreeSet;

use proptest::prelude::*;
use sidecart_core::{Baskets, ItemId, NoProgress, Rng};
use sidecart_data::config::{Paths, PurchasesConfig};
use sidecart_data::demo::{DemoParams, DemoShop};
use sidecart_data::{ItemTable, Ledger};

use super::inverse::{SymmetricTiles, TILE};
use super::*;
use crate::counting::CappedBaskets;
use crate::neighbours::Neighbours;
use crate::{Catalogue, ModelParams};

/// Solves `a x = b` for all columns of `b` by Gauss-Jordan elimination with pivoting.
fn plain_solve(a: &[Vec<f64>], b: &[Vec<f64>]) -> Vec<Vec<f64>> {
    let n = a.len();
    let mut rows: Vec<Vec<f64>> = a.iter().zip(b).map(|(a, b)| [&a[..], &b[..]].concat()).collect();
    for p in 0..n {
        let best = (p..n).max_by(|&i, &j| rows[i][p].abs().total_cmp(&rows[j][p].abs())).unwrap();
        rows.swap(p, best);
        let inverse = 1.0 / rows[p][p];
        rows[p].iter_mut().for_each(|value| *value *= inverse);
        let pivot = rows[p].clone();
        for (i, row) in rows.iter_mut().enumerate() {
            if i != p {
                let factor = row[p];
                row.iter_mut().zip(&pivot).for_each(|(value, pivot)| *value -= factor * pivot);
            }
        }
    }
    rows.into_iter().map(|row| row[n..].to_vec()).collect()
}

fn unit(n: usize) -> Vec<Vec<f64>> {
    (0..n).map(|i| (0..n).map(|j| f64::from(i == j)).collect()).collect()
}

/// A product `M M'` of random numbers plus a diagonal.
fn positive_definite(n: usize, diagonal: f64, seed: u64) -> Vec<Vec<f64>> {
    let mut rng = Rng::new(seed, 0);
    let rows: Vec<Vec<f64>> = (0..n).map(|_| (0..n).map(|_| rng.normal()).collect()).collect();
    let dot = |i: usize, j: usize| -> f64 { rows[i].iter().zip(&rows[j]).map(|(x, y)| x * y).sum() };
    (0..n).map(|i| (0..n).map(|j| dot(i, j) + if i == j { diagonal } else { 0.0 }).collect()).collect()
}

fn tiles(a: &[Vec<f64>]) -> SymmetricTiles {
    let mut matrix = SymmetricTiles::zeros(a.len()).unwrap();
    for (i, row) in a.iter().enumerate() {
        for (j, value) in row[..=i].iter().enumerate() {
            *matrix.lower_mut(i, j) = *value;
        }
    }
    matrix
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_inverse_is_that_of_gauss_jordan(
        n in prop_oneof![1usize..20, TILE - 1..TILE + 2, 2 * TILE - 1..2 * TILE + 40],
        diagonal in 0.5f64..20.0,
        seed: u64,
    ) {
        let a = positive_definite(n, diagonal, seed);
        let plain = plain_solve(&a, &unit(n));
        let mut matrix = tiles(&a);
        prop_assert!(matrix.invert());
        // The largest entry of the inverse is at most one over the smallest eigenvalue.
        let tolerance = 1e-9 / diagonal;
        for (i, row) in plain.iter().enumerate() {
            for (j, expected) in row.iter().enumerate() {
                let got = matrix.get(i, j);
                prop_assert!((got - expected).abs() < tolerance, "{i} {j}: {got} {expected}");
            }
        }
    }
}

#[test]
fn a_matrix_that_is_not_positive_definite_is_refused() {
    for bad in [-1.0, 0.0, f64::NAN, f64::INFINITY] {
        let mut a = unit(TILE + 3);
        a[TILE + 1][TILE + 1] = bad;
        assert!(!tiles(&a).invert(), "{bad}");
    }
}

fn table(rows: &[BTreeSet<u32>]) -> Baskets {
    rows.iter().map(|b| b.iter().map(|&i| ItemId(i))).collect()
}

fn fit_rows(rows: &[BTreeSet<u32>], n_items: usize, params: &EaseParams) -> Neighbours {
    let baskets = table(rows);
    fit(&CappedBaskets::new(&baskets, n_items, 500, |_, _| 0), params).unwrap()
}

fn score(lists: &Neighbours, i: u32, j: u32) -> f64 {
    let (items, scores) = lists.get(ItemId(i));
    items.iter().position(|&item| item == ItemId(j)).map_or(0.0, |at| f64::from(scores[at]))
}

proptest! {
    #[test]
    fn every_column_is_a_ridge_regression_on_the_others(
        rows in proptest::collection::vec(proptest::collection::btree_set(0u32..12, 0..7), 1..40),
        lambda in proptest::sample::select(vec![0.05, 0.5, 4.0]),
        min_item_baskets in 1u32..4,
    ) {
        let params = EaseParams { lambda, min_item_baskets, ..Default::default() };
        let lists = fit_rows(&rows, 12, &params);
        prop_assert_eq!(lists.offsets.len(), 13);
        let n = |i: u32| rows.iter().filter(|b| b.contains(&i)).count() as u32;
        let members: Vec<u32> = (0..12).filter(|&i| n(i) >= min_item_baskets).collect();
        let gram = |i: u32, j: u32| -> f64 {
            let both = rows.iter().filter(|b| b.contains(&i) && b.contains(&j));
            both.map(|b| (b.len() as f64).powf(-params.size_exponent)).sum()
        };
        let penalty = lambda * members.iter().map(|&i| gram(i, i)).sum::<f64>() / members.len().max(1) as f64;
        for j in 0..12 {
            let others: Vec<u32> = members.iter().copied().filter(|&i| i != j).collect();
            let a: Vec<Vec<f64>> = others
                .iter()
                .map(|&i| others.iter().map(|&l| gram(i, l) + if i == l { penalty } else { 0.0 }).collect())
                .collect();
            let b: Vec<Vec<f64>> = others.iter().map(|&i| vec![gram(i, j)]).collect();
            let column = plain_solve(&a, &b);
            for i in 0..12 {
                let known = others.iter().position(|&o| o == i).filter(|_| members.contains(&j));
                let expected = known.map_or(0.0, |at| column[at][0].max(0.0));
                let got = score(&lists, i, j);
                prop_assert!((got - expected).abs() < 2e-4, "{i} {j}: {got} {expected}");
            }
        }
    }

    #[test]
    fn a_cut_row_is_the_head_of_the_full_row(
        rows in proptest::collection::vec(proptest::collection::btree_set(0u32..20, 0..9), 1..40),
        kept in 1u32..6,
    ) {
        let full = EaseParams { min_item_baskets: 1, ..Default::default() };
        let cut = fit_rows(&rows, 20, &EaseParams { kept, ..full.clone() });
        let full = fit_rows(&rows, 20, &full);
        for i in (0..20).map(ItemId) {
            let (items, scores) = full.get(i);
            let falls = (1..items.len()).all(|at| {
                scores[at] < scores[at - 1] || (scores[at] == scores[at - 1] && items[at] > items[at - 1])
            });
            prop_assert!(falls && scores.iter().all(|s| *s > 0.0) && !items.contains(&i));
            let n = items.len().min(kept as usize);
            prop_assert_eq!(cut.get(i), (&items[..n], &scores[..n]));
        }
    }
}

/// Baskets of popular items with pairs (2i, 2i + 1) of rare ones that go together.
fn planted(n_baskets: usize, n_items: u32) -> Vec<BTreeSet<u32>> {
    let mut rng = Rng::new(5, 0);
    (0..n_baskets)
        .map(|_| {
            let mut basket: BTreeSet<u32> =
                (0..6).map(|_| (rng.unit() * rng.unit() * f64::from(n_items)) as u32).collect();
            let pair = 2 * rng.below(n_items as usize / 2) as u32;
            basket.extend([pair, pair + 1]);
            basket
        })
        .collect()
}

#[test]
fn planted_complements_rank_first() {
    let lists = fit_rows(&planted(6_000, 100), 100, &EaseParams::default());
    for i in 0..100 {
        assert_eq!(lists.get(ItemId(i)).0[0], ItemId(i ^ 1));
    }
}

#[test]
fn what_another_item_explains_is_not_counted_twice() {
    // 1 goes with 0, and 2 with 1 alone; 0 and 2 meet through 1 only.
    let mut rng = Rng::new(9, 0);
    let rows: Vec<BTreeSet<u32>> = (0..20_000)
        .map(|_| {
            let first = rng.chance(0.3);
            let second = rng.chance(if first { 0.8 } else { 0.1 });
            let third = rng.chance(if second { 0.8 } else { 0.1 });
            let drawn = [(0, first), (1, second), (2, third), (3, true)];
            drawn.into_iter().filter(|(_, is_in)| *is_in).map(|(item, _)| item).collect()
        })
        .collect();
    let lists = fit_rows(&rows, 4, &EaseParams { lambda: 0.001, ..Default::default() });
    assert!(score(&lists, 1, 2) > 0.5, "{}", score(&lists, 1, 2));
    assert!(score(&lists, 0, 2) < 0.1, "{}", score(&lists, 0, 2));
}

#[test]
fn thread_count_changes_nothing() {
    let rows = planted(3_000, 400);
    let run = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| fit_rows(&rows, 400, &EaseParams { kept: 20, ..Default::default() }))
    };
    let one = run(1);
    assert!(one.items.len() > 5_000);
    assert_eq!(one, run(2));
    assert_eq!(one, run(3));
}

#[test]
fn a_longer_history_of_the_same_kind_has_the_same_lists() {
    let rows = planted(300, 30);
    let rows_thrice = [&rows[..], &rows[..], &rows[..]].concat();
    let params = EaseParams { min_item_baskets: 1, ..Default::default() };
    let (once, thrice) = (fit_rows(&rows, 30, &params), fit_rows(&rows_thrice, 30, &params));
    for i in 0..30 {
        for j in 0..30 {
            assert!((score(&once, i, j) - score(&thrice, i, j)).abs() < 1e-6, "{i} {j}");
        }
    }
}

#[test]
fn only_the_most_popular_items_take_part() {
    let rows: Vec<BTreeSet<u32>> = [(vec![1, 3], 9), (vec![0, 3], 7), (vec![2, 3, 4], 7), (vec![5, 3], 4)]
        .into_iter()
        .flat_map(|(items, n)| vec![BTreeSet::from_iter(items); n])
        .collect();
    let lists = fit_rows(&rows, 7, &EaseParams { max_items: 3, lambda: 0.01, ..Default::default() });
    let with_list: Vec<u32> = (0..7).filter(|&i| !lists.get(ItemId(i)).0.is_empty()).collect();
    assert_eq!(with_list, [0, 1, 3], "of 0, 2 and 4 with seven baskets each the smallest id");
    assert!(lists.items.iter().all(|item| with_list.contains(&item.0)));
}

#[test]
fn too_large_a_matrix_is_refused() {
    let rows: Vec<BTreeSet<u32>> = vec![(0..400).collect(); 5];
    let baskets = table(&rows);
    let capped = CappedBaskets::new(&baskets, 400, 500, |_, _| 0);
    let params = EaseParams { memory_mib: 1, ..Default::default() };
    let error = fit(&capped, &params).unwrap_err();
    assert_eq!(error.name, "max_items");
    assert!(error.to_string().contains("2000 (400 items need 2 MiB)"), "{error}");
    assert!(fit(&capped, &EaseParams { memory_mib: 2, ..params.clone() }).is_ok());
    assert!(fit(&capped, &EaseParams { max_items: 200, ..params }).is_ok(), "fewer items fit");
}

#[test]
fn nothing_to_learn_from_gives_no_lists() {
    let off = EaseParams { max_items: 0, ..Default::default() };
    assert_eq!(fit_rows(&[], 3, &EaseParams::default()).offsets, [0; 4]);
    assert_eq!(fit_rows(&planted(50, 10), 10, &off).offsets, [0; 11]);
}

fn shop() -> (Ledger, Catalogue) {
    let folder = tempfile::tempdir().unwrap();
    let params = DemoParams { n_customers: 80, n_weeks: 10, ..DemoParams::default() };
    DemoShop::generate(&params).write_to(folder.path()).unwrap();
    let path = Paths::One(folder.path().join("purchases.parquet"));
    let config = PurchasesConfig { path, ..PurchasesConfig::default() };
    let ledger = sidecart_data::read_purchases(&config, Default::default(), &NoProgress).unwrap().0;
    let nowhere = std::path::Path::new("");
    let catalogue = Catalogue::new(&ledger, ItemTable::default(), (nowhere, nowhere)).unwrap();
    (ledger, catalogue)
}

#[test]
fn lists_come_back_from_the_model() {
    let (ledger, catalogue) = shop();
    let mut params = ModelParams::default();
    params.embeddings.enabled = false;
    let read = |params: &ModelParams| {
        let models = crate::fit(&ledger, &catalogue, params, 1, &NoProgress).unwrap();
        models.scorer(&ledger, &catalogue).unwrap()
    };
    let scorer = read(&params);
    assert!(scorer.parts().contains(&"ease"));
    let capped = CappedBaskets::new(ledger.baskets(), ledger.n_items(), 500, |_, _| 0);
    assert_eq!(capped.n_capped(), 0);
    let lists = fit(&capped, &params.ease).unwrap();
    assert!(lists.items.len() > 100);
    for item in (0..ledger.n_items() as u32).map(ItemId) {
        let (items, scores) = scorer.model().ease(item);
        assert_eq!(
            (lists.get(item).1, items),
            (scores, &lists.get(item).0.iter().map(|i| i.0).collect::<Vec<_>>()[..])
        );
    }
    params.ease.max_items = 0;
    let without = read(&params);
    assert!(!without.parts().contains(&"ease") && !without.model().has_ease());
    params.ease.lambda = 0.0;
    assert!(params.check().unwrap_err().to_string().contains("[models.ease] setting `lambda`"));
}
