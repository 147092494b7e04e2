use std::collections::BTreeSet;

use proptest::prelude::*;
use sidecart_core::{Baskets, ItemId, Rng};

use super::*;
use crate::counting::CappedBaskets;

const MEASURES: [Measure; 7] = [
    Measure::AsymmetricCosine,
    Measure::Cosine,
    Measure::Jaccard,
    Measure::Llr,
    Measure::Bm25,
    Measure::Conditional,
    Measure::Lift,
];

/// The plain twin of one cell, straight from the definitions and the platform's functions.
fn plain_score(rows: &[BTreeSet<u32>], i: u32, j: u32, n_items: usize, params: &NeighbourParams) -> f64 {
    let s = params.shrinkage;
    let all = rows.len() as f64;
    let sum = |weight: &dyn Fn(f64) -> f64, holds: &dyn Fn(&BTreeSet<u32>) -> bool| -> f64 {
        rows.iter().filter(|b| holds(b)).map(|b| weight(b.len() as f64)).sum()
    };
    let margins = |weight: &dyn Fn(f64) -> f64| {
        let both = sum(weight, &|b| b.contains(&i) && b.contains(&j));
        (both, sum(weight, &|b| b.contains(&i)), sum(weight, &|b| b.contains(&j)))
    };
    let weighted = |n: f64| n.powf(-params.basket_size_exponent);
    let (c, ni, nj) = margins(&weighted);
    let (c1, ni1, nj1) = margins(&|_| 1.0);
    if c1 == 0.0 {
        return 0.0;
    }
    match params.measure {
        Measure::AsymmetricCosine => c / (ni.powf(params.alpha) * nj.powf(params.beta) + s),
        Measure::Cosine => c / ((ni * nj).sqrt() + s),
        Measure::Jaccard => c / (ni + nj - c + s),
        Measure::Conditional => (c1 + s * nj1 / all) / (ni1 + s),
        Measure::Lift => c1 * all / (ni1 * nj1 + s * all),
        Measure::Bm25 => {
            let idf = |n: f64| ((n_items as f64).ln() - n.ln_1p()).powi(2);
            let mean = rows.iter().map(BTreeSet::len).sum::<usize>() as f64 / n_items as f64;
            let factor = |n: f64| {
                let (k1, b) = (params.bm25_k1, params.bm25_b);
                (k1 + 1.0) / (k1 * (1.0 - b + b * n / mean) + 1.0)
            };
            margins(&idf).0 * factor(ni1) * factor(nj1)
        }
        Measure::Llr => {
            let h = |x: &[f64]| x.iter().filter(|&&v| v > 0.0).map(|v| v * (v / all).ln()).sum::<f64>();
            let cells = [c1, ni1 - c1, nj1 - c1, all - ni1 - nj1 + c1];
            let ratio = 2.0 * (h(&cells) - h(&[ni1, all - ni1]) - h(&[nj1, all - nj1]));
            if c1 * all > ni1 * nj1 { ratio.max(0.0) } else { 0.0 }
        }
    }
}

fn table(rows: &[BTreeSet<u32>]) -> Baskets {
    rows.iter().map(|b| b.iter().map(|&i| ItemId(i))).collect()
}

proptest! {
    #[test]
    fn scores_follow_the_definitions(
        rows in proptest::collection::vec(proptest::collection::btree_set(0u32..20, 0..9), 1..40),
        measure in proptest::sample::select(MEASURES.to_vec()),
        shrinkage in proptest::sample::select(vec![0.0, 2.5]),
        min_item_baskets in 1u32..4,
    ) {
        let shrinkage = if matches!(measure, Measure::Llr | Measure::Bm25) { 0.0 } else { shrinkage };
        let params = NeighbourParams { measure, shrinkage, min_item_baskets, ..Default::default() };
        let n_items = 40; // more than occur, so that BM25's logarithms stay away from zero
        let baskets = table(&rows);
        let neighbours = fit(&CappedBaskets::new(&baskets, n_items, 500, |_, _| 0), &params).unwrap();
        prop_assert_eq!(neighbours.offsets.len(), n_items + 1);
        let n = |i: u32| rows.iter().filter(|b| b.contains(&i)).count() as u32;
        for i in 0..n_items as u32 {
            let (items, scores) = neighbours.get(ItemId(i));
            let sorted = items.iter().zip(scores).zip(items.iter().zip(scores).skip(1))
                .all(|((i, s), (j, t))| s > t || (s == t && i < j));
            prop_assert!(sorted);
            for j in (0..20).filter(|&j| j != i) {
                let score = plain_score(&rows, i, j, n_items, &params);
                let takes_part = n(i) >= min_item_baskets && n(j) >= min_item_baskets;
                let got = items.iter().position(|&item| item == ItemId(j)).map_or(0.0, |at| f64::from(scores[at]));
                let expected = if takes_part { score } else { 0.0 };
                prop_assert!((got - expected).abs() <= 1e-3 * expected + 1e-5, "{} {}: {} {}", i, j, got, expected);
            }
        }
    }

    #[test]
    fn a_cut_row_is_the_head_of_the_full_row(
        rows in proptest::collection::vec(proptest::collection::btree_set(0u32..20, 0..9), 1..40),
        per_item in 1u32..6,
    ) {
        let baskets = table(&rows);
        let capped = CappedBaskets::new(&baskets, 20, 500, |_, _| 0);
        let full = NeighbourParams { min_item_baskets: 1, ..Default::default() };
        let cut = NeighbourParams { per_item, ..full.clone() };
        let (full, cut) = (fit(&capped, &full).unwrap(), fit(&capped, &cut).unwrap());
        for i in (0..20).map(ItemId) {
            let n = full.get(i).0.len().min(per_item as usize);
            prop_assert_eq!(cut.get(i), (&full.get(i).0[..n], &full.get(i).1[..n]));
        }
    }
}

#[test]
fn thread_count_changes_nothing() {
    let mut rng = Rng::new(5, 0);
    let rows: Vec<BTreeSet<u32>> =
        (0..8_000).map(|_| (0..8).map(|_| (rng.unit() * rng.unit() * 2_000.0) as u32).collect()).collect();
    let baskets = table(&rows);
    let run = |n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let params = NeighbourParams { per_item: 20, ..Default::default() };
        pool.install(|| fit(&CappedBaskets::new(&baskets, 2_000, 500, |_, _| 0), &params).unwrap())
    };
    let one = run(1);
    assert!(one.items.len() > 10_000);
    assert_eq!(one, run(3));
}

#[test]
fn no_baskets_give_no_neighbours() {
    let baskets = Baskets::default();
    let neighbours = fit(&CappedBaskets::new(&baskets, 3, 500, |_, _| 0), &NeighbourParams::default()).unwrap();
    assert_eq!(neighbours.offsets, [0; 4]);
}
