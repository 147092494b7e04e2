use linfa::{DatasetBase, traits::Fit};
use linfa_logistic::LogisticRegression;
use ndarray::{Array1, Array2};
use proptest::prelude::*;
use sidecart_core::{Rng, exp};

use super::algorithm::{Problem, by_column};
use super::{Logistic, Standards, fit, minimise};

const N_COLUMNS: usize = 5;

/// Rows by a formula that other programs can repeat; the fourth column never changes.
fn formula() -> (Vec<f32>, Vec<bool>) {
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    for i in 0..600u64 {
        let row = [
            (i * 37 % 101) as f64 / 10.0,
            (i * i % 53) as f64 - 20.0,
            if i * 7 % 13 == 0 { 3.0 } else { 0.0 },
            4.5,
            ((i * 29 % 31).pow(2)) as f64 / 100.0,
        ];
        let row = row.map(|v| v as f32);
        let log_odds = -2.2 + 0.25 * f64::from(row[0]) - 0.03 * f64::from(row[1]) + 0.8 * f64::from(row[2]) / 3.0;
        let uniform = (i * 2_654_435_761 % (1 << 32)) as f64 / f64::from(2u32).powi(32);
        labels.push(uniform < 1.0 / (1.0 + (-log_odds).exp()));
        rows.extend(row);
    }
    (rows, labels)
}

fn random(seed: u64, n_rows: usize, base: f64) -> (Vec<f32>, Vec<bool>) {
    let mut rng = Rng::new(seed, 1);
    let (mut rows, mut labels) = (Vec::new(), Vec::new());
    for _ in 0..n_rows {
        let row: Vec<f32> = (0..N_COLUMNS).map(|j| (rng.normal() * (1.0 + j as f64)) as f32).collect();
        let log_odds = base + 0.9 * f64::from(row[0]) - 0.2 * f64::from(row[2]);
        labels.push(rng.chance(1.0 / (1.0 + exp(-log_odds))));
        rows.extend(row);
    }
    (rows, labels)
}

fn problem<'a>(rows: &[f32], labels: &'a [bool], penalty: f64) -> Problem<'a> {
    Problem { columns: by_column(rows, &Standards::of(rows, N_COLUMNS)), labels, penalty }
}

fn solution(model: &Logistic) -> Vec<f64> {
    model.coefficients.iter().copied().chain([model.intercept]).collect()
}

#[test]
fn equals_an_independent_solver() {
    // scikit-learn 1.9.1, LogisticRegression(C, tol=1e-12), on the standardised columns.
    let (rows, labels) = formula();
    assert_eq!(labels.iter().filter(|l| **l).count(), 173);
    for (penalty, expected) in [
        (1.0, [0.737_582_0, -0.542_647_2, 0.372_811_8, 0.0, 0.008_753_2, -1.081_161_1]),
        (50.0, [0.473_608_6, -0.348_229_0, 0.248_485_4, 0.0, 0.013_441_0, -0.982_245_4]),
    ] {
        let found = solution(&fit(&rows, N_COLUMNS, &labels, penalty));
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?}");
    }
}

#[test]
fn linfa_alone_is_close_and_newton_alone_agrees() {
    for base in [-2.5, 0.0, 2.5] {
        let (rows, labels) = random(1, 5_000, base);
        let problem = problem(&rows, &labels, 1.0);
        let by_linfa = problem.solve_by_linfa(base).unwrap();
        let by_newton = minimise(problem.start(0.0), |at| problem.curvature(at)).0;
        assert!(by_linfa.iter().zip(&by_newton).all(|(a, b)| (a - b).abs() < 1e-2), "{by_linfa:?} {by_newton:?}");
        let found = solution(&fit(&rows, N_COLUMNS, &labels, 1.0));
        assert!(found.iter().zip(&by_newton).all(|(a, b)| (a - b).abs() < 1e-6), "{found:?} {by_newton:?}");
    }
}

#[test]
fn the_gradient_is_zero_at_the_solution() {
    let (rows, labels) = random(2, 3_000, -2.0);
    let problem = problem(&rows, &labels, 1.0);
    let (at, here) = minimise(problem.start(0.0), |at| problem.curvature(at));
    assert!(here.gradient.iter().all(|g| g.abs() < 1e-7), "{:?}", here.gradient);
    // The derivatives are those of the loss.
    for j in 0..=N_COLUMNS {
        let moved = |by: f64| {
            let mut moved = at.clone();
            moved[j] += by;
            problem.curvature(&moved)
        };
        let (up, down) = (moved(0.01), moved(-0.01));
        assert!(((up.loss - down.loss) / 0.02 - here.gradient[j]).abs() < 0.02);
        for k in 0..=N_COLUMNS {
            let second = here.hessian[j.max(k) * (N_COLUMNS + 1) + j.min(k)];
            assert!(((up.gradient[k] - down.gradient[k]) / 0.02 / second - 1.0).abs() < 0.05 || second.abs() < 20.0);
        }
    }
}

#[test]
fn frequent_positives_do_not_flip_the_sign() {
    // linfa takes the more frequent label for the positive one, whatever it means.
    let (rows, labels) = random(3, 2_000, -2.0);
    let flipped: Vec<bool> = labels.iter().map(|l| !l).collect();
    let (rare, frequent) = (fit(&rows, N_COLUMNS, &labels, 1.0), fit(&rows, N_COLUMNS, &flipped, 1.0));
    assert!(rare.coefficients[0] > 0.5 && rare.intercept < -1.0, "{rare:?}");
    for (a, b) in solution(&rare).iter().zip(solution(&frequent)) {
        assert!((a + b).abs() < 1e-6, "{a} {b}");
    }
    // The same with either label in the first row, which is where linfa starts counting.
    let backwards: Vec<f32> = rows.chunks_exact(N_COLUMNS).rev().flatten().copied().collect();
    let labels: Vec<bool> = labels.into_iter().rev().collect();
    for (a, b) in solution(&rare).iter().zip(solution(&fit(&backwards, N_COLUMNS, &labels, 1.0))) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
}

#[test]
fn linfa_ignores_weights() {
    // Why `fit` takes none: the solver accepts and drops them.
    let (rows, labels) = random(4, 500, -1.0);
    let records = Array2::from_shape_vec((500, N_COLUMNS), rows.iter().map(|v| f64::from(*v)).collect()).unwrap();
    let plain = DatasetBase::new(records, Array1::from(labels));
    let weighted = plain.clone().with_weights(Array1::from_shape_fn(500, |i| if i < 250 { 9.0 } else { 0.1 }));
    let fit = |data| LogisticRegression::default().fit(data).unwrap();
    assert_eq!(fit(&plain).params(), fit(&weighted).params());
}

#[test]
fn constant_and_unknown_values_have_no_effect() {
    let (rows, labels) = formula();
    let model = fit(&rows, N_COLUMNS, &labels, 1.0);
    assert_eq!((model.coefficients[3], model.mean[3], model.scale[3]), (0.0, 4.5, 1.0));
    let row = [model.mean[0] as f32, f32::NAN, model.mean[2] as f32, 1e30, model.mean[4] as f32];
    assert!((model.log_odds(&row) - model.intercept).abs() < 1e-6);
    // Beyond six standard deviations a value has no more effect.
    let far = |value: f32| model.log_odds(&[value, 0.0, 0.0, 4.5, 0.0]);
    assert_eq!(far(1e6), far(f32::INFINITY));
    let six = (model.mean[0] + 6.0 * model.scale[0]) as f32;
    assert!((far(1e6) - far(six)).abs() < 1e-5 && far(six) > far(9.0));
}

#[test]
fn one_outcome_gives_its_rate_alone() {
    let (rows, _) = random(5, 40, 0.0);
    let never = fit(&rows, N_COLUMNS, &[false; 40], 1.0);
    assert_eq!(never.coefficients, [0.0; N_COLUMNS]);
    assert!((never.log_odds(&rows[..N_COLUMNS]) - (0.5f64 / 40.5).ln()).abs() < 1e-6);
    assert!(fit(&rows, N_COLUMNS, &[true; 40], 1.0).intercept > 4.0);
    assert_eq!(fit(&[], N_COLUMNS, &[], 1.0).intercept, 0.0);
}

#[test]
fn separable_outcomes_stay_finite() {
    let rows: Vec<f32> = (0..200).map(|i| i as f32).collect();
    let labels: Vec<bool> = (0..200).map(|i| i >= 100).collect();
    let model = fit(&rows, 1, &labels, 1.0);
    assert!(model.coefficients[0] > 3.0 && model.coefficients[0] < 20.0, "{model:?}");
}

#[test]
fn threads_change_nothing() {
    let (rows, labels) = random(6, 9_000, -2.0);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| fit(&rows, N_COLUMNS, &labels, 1.0))
    };
    let (one, five) = (on(1), on(5));
    assert_eq!(one, five);
    let bits = |model: &Logistic| solution(model).iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&one), bits(&five));
    assert!(solution(&one).iter().chain(&one.mean).chain(&one.scale).all(|v| f64::from(*v as f32) == *v));
}

#[test]
fn the_start_leaves_no_trace() {
    // What linfa's last digits do on another processor: a start that is slightly off.
    let (rows, labels) = random(7, 6_000, -2.0);
    let problem = problem(&rows, &labels, 1.0);
    let start = problem.solve_by_linfa(-2.0).unwrap();
    let from = |off: f64| {
        let start = start.iter().enumerate().map(|(i, v)| v + off * (1.0 + i as f64)).collect();
        minimise(start, |at| problem.curvature(at)).0.iter().map(|v| *v as f32).collect::<Vec<_>>()
    };
    for off in [1e-13, -1e-9, 1e-5, 1e-3] {
        assert_eq!(from(0.0), from(off), "{off}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]
    #[test]
    fn blocks_agree_with_the_plain_sum(seed in 0u64..1_000, n_rows in 1usize..1_300, scale in -1.0f64..1.0) {
        let (rows, labels) = random(seed, n_rows, 0.0);
        let problem = problem(&rows, &labels, 0.5);
        let standards = Standards::of(&rows, N_COLUMNS);
        let at: Vec<f64> = (0..=N_COLUMNS).map(|j| scale * (j as f64 - 2.0)).collect();
        let model = Logistic { mean: standards.mean, scale: standards.scale, coefficients: at[..N_COLUMNS].to_vec(), intercept: at[N_COLUMNS] };
        let mut loss = 0.25 * model.coefficients.iter().map(|c| c * c).sum::<f64>();
        let mut gradient = 0.0;
        for (row, &label) in rows.chunks_exact(N_COLUMNS).zip(&labels) {
            let p = 1.0 / (1.0 + (-model.log_odds(row)).exp());
            loss -= if label { p.ln() } else { (1.0 - p).ln() };
            gradient += p - f64::from(u8::from(label));
        }
        let here = problem.curvature(&at);
        prop_assert!((here.loss - loss).abs() < 1e-8 * (1.0 + loss) && (here.gradient[N_COLUMNS] - gradient).abs() < 1e-8);
    }
}
