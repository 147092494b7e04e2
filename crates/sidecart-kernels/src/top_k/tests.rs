use proptest::prelude::*;

use crate::{Hit, KernelError, Level, RowBias, ScanIndex, Scratch, dot};

/// Sort-then-cut over the float scores: the definition.
fn sort_then_cut(rows: &[f32], query: &[f32], bias: Option<&[f32]>, k: usize, skipped: &[u32]) -> Vec<Hit> {
    let mut all: Vec<Hit> = rows
        .chunks_exact(query.len())
        .enumerate()
        .map(|(row, values)| Hit { row: row as u32, score: dot(query, values) + bias.map_or(0.0, |b| b[row]) + 0.0 })
        .filter(|hit| !hit.score.is_nan() && !skipped.contains(&hit.row))
        .collect();
    all.sort_by(Hit::rank_order);
    all.truncate(k);
    all
}

fn check(rows: &[f32], query: &[f32], bias: Option<&[f32]>, k: usize, skipped: &[u32]) {
    let index = ScanIndex::new(rows, query.len()).unwrap();
    let row_bias = bias.map(|b| RowBias::new(b).unwrap());
    let expected = sort_then_cut(rows, query, bias, k, skipped);
    let mut scratch = Scratch::default();
    for level in Level::ALL {
        let skip = |row: u32| skipped.contains(&row);
        let got = index.search_at(level, query, row_bias.as_ref(), k, skip, &mut scratch).unwrap();
        assert_eq!(got, expected, "{level:?}");
    }
    let got = index.search_plain(query, row_bias.as_ref(), k, |row| skipped.contains(&row), &mut scratch).unwrap();
    assert_eq!(got, expected);
}

/// Numbers of many sizes, coarse ones among them so that ties happen.
fn value() -> impl Strategy<Value = f32> {
    prop_oneof![
        4 => (-4i32..5).prop_map(|v| v as f32 * 0.25),
        4 => -1.0f32..1.0,
        1 => prop_oneof![Just(0.0f32), Just(-0.0), Just(1e-9), Just(-3e4)],
    ]
}

/// Any finite number, so that products overflow or vanish.
fn wild() -> impl Strategy<Value = f32> {
    prop_oneof![
        2 => -1.0f32..1.0,
        1 => any::<f32>().prop_filter("finite", |v| v.is_finite()),
        1 => prop_oneof![Just(1e-40f32), Just(f32::MAX), Just(-f32::MAX), Just(f32::MIN_POSITIVE)],
    ]
}

fn case(
    value: impl Strategy<Value = f32> + Clone,
) -> impl Strategy<Value = (Vec<f32>, Vec<f32>, Vec<f32>, usize, Vec<u32>)> {
    (1usize..12, 0usize..150).prop_flat_map(move |(dim, n)| {
        (
            proptest::collection::vec(value.clone(), n * dim),
            proptest::collection::vec(value.clone(), dim),
            proptest::collection::vec(value.clone(), n),
            0usize..40,
            proptest::collection::vec(0u32..150, 0..10),
        )
    })
}

fn shared<S: Strategy<Value = f32> + 'static>(strategy: S) -> impl Strategy<Value = f32> + Clone {
    std::sync::Arc::new(strategy)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn equals_sort_then_cut((rows, query, bias, k, skipped) in case(shared(value()))) {
        check(&rows, &query, None, k, &skipped);
        check(&rows, &query, Some(&bias), k, &skipped);
    }

    #[test]
    fn huge_and_tiny_values_are_exact_too((rows, query, bias, k, skipped) in case(shared(wild()))) {
        check(&rows, &query, None, k, &skipped);
        check(&rows, &query, Some(&bias), k, &[]);
    }

    #[test]
    fn many_rows_of_mixed_sizes(seed in 0u64..1000, k in 1usize..60, dim in 1usize..70) {
        let mut state = seed;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        };
        let n = 700;
        let mut rows = Vec::new();
        for row in 0..n {
            let size = [1.0, 0.01, 30.0][row % 3];
            // Every seventh row repeats the one before it.
            if row % 7 == 6 {
                rows.extend_from_within((row - 1) * dim..row * dim);
            } else {
                rows.extend((0..dim).map(|_| next() * size));
            }
        }
        let query: Vec<f32> = (0..dim).map(|_| next()).collect();
        let bias: Vec<f32> = (0..n).map(|_| next() * 5.0).collect();
        check(&rows, &query, None, k, &[]);
        check(&rows, &query, Some(&bias), k, &[0, 6, 7]);
    }
}

#[test]
fn equal_rows_come_in_row_order() {
    let rows = vec![0.5f32; 1000 * 3];
    check(&rows, &[1.0, 1.0, 1.0], None, 20, &[0, 5]);
    check(&vec![0.0; 1000 * 3], &[1.0, 1.0, 1.0], None, 20, &[]);
}

#[test]
fn rising_scores_are_found_at_the_end() {
    let rows: Vec<f32> = (0..5000).map(|i| i as f32).collect();
    check(&rows, &[1.0], None, 7, &[4999]);
    check(&rows, &[-1.0], None, 7, &[0]);
}

#[test]
fn extreme_int8_values_do_not_saturate() {
    let rows: Vec<f32> = (0..64 * 32).map(|i| if (i / 32) % 2 == 0 { 1.0 } else { -1.0 }).collect();
    check(&rows, &[1.0; 32], None, 40, &[]);
    check(&rows, &[-1.0; 32], None, 40, &[]);
}

#[test]
fn an_index_of_nothing_answers_nothing() {
    check(&[], &[1.0, 2.0], None, 5, &[]);
}

#[test]
fn bad_input_is_refused() {
    let refused = |rows: &[f32], dim| ScanIndex::new(rows, dim).map(|_| ()).unwrap_err();
    assert_eq!(refused(&[1.0, 2.0, 3.0], 2), KernelError::RowLength { got: 3, dim: 2 });
    assert_eq!(refused(&[], 0), KernelError::Dimension { got: 0, limit: 65_536 });
    assert!(matches!(refused(&[1.0, f32::NAN], 2), KernelError::NotFinite { what: "rows", position: 1, .. }));
    assert!(matches!(
        RowBias::new(&[f32::INFINITY]).unwrap_err(),
        KernelError::NotFinite { what: "bias", position: 0, .. }
    ));
    let index = ScanIndex::new([1.0f32, 2.0], 2).unwrap();
    let mut scratch = Scratch::default();
    let short = index.search(&[1.0], None, 1, |_| false, &mut scratch).unwrap_err();
    assert_eq!(short, KernelError::Length { what: "query", expected: 2, got: 1 });
    let infinite = index.search(&[1.0, f32::INFINITY], None, 1, |_| false, &mut scratch).unwrap_err();
    assert!(matches!(infinite, KernelError::NotFinite { what: "query", position: 1, .. }));
    let bias = RowBias::new(&[0.0, 0.0]).unwrap();
    let long = index.search(&[1.0, 1.0], Some(&bias), 1, |_| false, &mut scratch).unwrap_err();
    assert_eq!(long, KernelError::Length { what: "bias", expected: 1, got: 2 });
}
