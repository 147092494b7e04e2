use sidecart_core::{Rng, ln};

use super::{Cases, ChoiceModel, fit};

struct Owned {
    rows: Vec<f32>,
    n_columns: usize,
    offsets: Vec<usize>,
    chosen: Vec<u32>,
}

impl Owned {
    fn new(n_columns: usize) -> Self {
        Self { rows: Vec::new(), n_columns, offsets: vec![0], chosen: Vec::new() }
    }

    fn push(&mut self, candidates: &[f32], chosen: u32) {
        self.rows.extend_from_slice(candidates);
        self.offsets.push(self.rows.len() / self.n_columns);
        self.chosen.push(chosen);
    }

    fn fit(&self, penalty: f64) -> ChoiceModel {
        let cases = Cases { rows: &self.rows, n_columns: self.n_columns, offsets: &self.offsets, chosen: &self.chosen };
        fit(&cases, penalty)
    }

    fn case(&self, i: usize) -> &[f32] {
        &self.rows[self.offsets[i] * self.n_columns..self.offsets[i + 1] * self.n_columns]
    }
}

/// The candidate with the greatest utility plus Gumbel noise, which is what the model assumes.
fn choose(utilities: impl Iterator<Item = f64>, mut uniform: impl FnMut() -> f64) -> u32 {
    let noisy: Vec<f64> = utilities.map(|u| u - ln(-ln(uniform()))).collect();
    (0..noisy.len()).fold(0, |best, i| if noisy[i] > noisy[best] { i } else { best }) as u32
}

/// Cases by a formula that other programs can repeat.
fn formula() -> Owned {
    let mut cases = Owned::new(3);
    let mut k = 0u64;
    for group in 0..150u64 {
        let mut rows = Vec::new();
        let first = k + 1;
        for _ in 0..1 + group * 7 % 6 {
            k += 1;
            let row = [(k * 37 % 101) as f64 / 10.0, (k * k % 53) as f64 - 20.0, ((k * 29 % 31).pow(2)) as f64 / 100.0];
            rows.extend(row.map(|v| v as f32));
        }
        let mut at = first;
        let chosen = choose(rows.chunks_exact(3).map(|r| 0.3 * f64::from(r[0]) - 0.05 * f64::from(r[1])), || {
            at += 1;
            ((((at - 1) * 2_654_435_761) % (1 << 32)) as f64 + 0.5) / 4_294_967_296.0
        });
        cases.push(&rows, chosen);
    }
    cases
}

/// Normal columns, of which the first `planted.len()` have these effects.
fn random(seed: u64, n_cases: usize, n_columns: usize, planted: &[f64]) -> Owned {
    let mut rng = Rng::new(seed, 7);
    let mut cases = Owned::new(n_columns);
    for _ in 0..n_cases {
        let size = 2 + rng.below(25);
        let rows: Vec<f32> = (0..size * n_columns).map(|_| rng.normal() as f32).collect();
        let utilities =
            rows.chunks_exact(n_columns).map(|r| r.iter().zip(planted).map(|(x, c)| f64::from(*x) * c).sum());
        let chosen = choose(utilities, || rng.unit().clamp(1e-12, 1.0 - 1e-12));
        cases.push(&rows, chosen);
    }
    cases
}

#[test]
fn equals_an_independent_minimiser() {
    // SciPy 1.17, minimize(method="BFGS", gtol=1e-11) on the standardised columns.
    let model = formula().fit(1.0);
    let close = |found: &[f64], expected: [f64; 3]| found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-6);
    assert!(close(&model.coefficients, [0.489_153_2, -0.762_092_0, -0.394_108_2]), "{model:?}");
    assert!(close(&model.standard_errors, [0.111_355_0, 0.139_533_9, 0.174_239_0]), "{model:?}");
    assert_eq!(model.n_cases, 125);
    assert!((model.log_likelihood + 133.215_492).abs() < 1e-5 && (model.null_log_likelihood + 164.481_28).abs() < 1e-5);
    let tight = formula().fit(25.0);
    assert!(close(&tight.coefficients, [0.364_733_7, -0.525_941_8, -0.238_244_5]), "{tight:?}");
}

#[test]
fn planted_coefficients_are_recovered() {
    let planted = [1.2, -0.6, 0.0, 0.3, 0.0, 0.0, 0.9];
    let model = random(1, 4_000, 7, &planted).fit(1.0);
    for ((c, se), expected) in model.coefficients.iter().zip(&model.standard_errors).zip(planted) {
        // Columns are standard normal, so coefficients are per unit; four errors either way.
        assert!((c - expected).abs() < 4.0 * se && *se < 0.05, "{c} {se} {expected}");
    }
    assert!(model.log_likelihood > model.null_log_likelihood + 1_000.0);
}

#[test]
fn the_gradient_is_zero_at_the_solution() {
    let cases = random(2, 500, 4, &[0.8, -0.4]);
    let model = cases.fit(2.0);
    // Plain sums over the cases, through the public utility.
    let mut gradient: Vec<f64> = model.coefficients.iter().map(|c| 2.0 * c).collect();
    for i in 0..cases.chosen.len() {
        let utilities: Vec<f64> = cases.case(i).chunks_exact(4).map(|row| model.utility(row).exp()).collect();
        let total: f64 = utilities.iter().sum();
        for (c, row) in cases.case(i).chunks_exact(4).enumerate() {
            let residual = utilities[c] / total - f64::from(u8::from(c as u32 == cases.chosen[i]));
            for j in 0..4 {
                gradient[j] += residual * (f64::from(row[j]) - model.mean[j]) / model.scale[j];
            }
        }
    }
    assert!(gradient.iter().all(|g| g.abs() < 1e-3), "{gradient:?}");
}

#[test]
fn threads_and_order() {
    let cases = random(3, 700, 5, &[0.7, 0.0, -0.7]);
    let on = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| cases.fit(1.0))
    };
    let (one, five) = (on(1), on(5));
    let bits = |m: &ChoiceModel| {
        let all = m.coefficients.iter().chain(&m.standard_errors).chain([&m.log_likelihood]);
        all.map(|v| v.to_bits()).collect::<Vec<_>>()
    };
    assert_eq!(bits(&one), bits(&five));
    let mut backwards = Owned::new(5);
    for i in (0..700).rev() {
        backwards.push(cases.case(i), cases.chosen[i]);
    }
    let backwards = backwards.fit(1.0);
    assert!(one.coefficients.iter().zip(&backwards.coefficients).all(|(a, b)| (a - b).abs() < 1e-6));
}

#[test]
fn single_candidates_contribute_nothing() {
    let cases = random(4, 200, 3, &[1.0]);
    let mut with_singles = Owned::new(3);
    for i in 0..200 {
        with_singles.push(&[1e6, -5.0, 3.0], 0);
        with_singles.push(cases.case(i), cases.chosen[i]);
    }
    assert_eq!(with_singles.fit(1.0), cases.fit(1.0));
    let mut only = Owned::new(3);
    only.push(&[1.0, 2.0, 3.0], 0);
    for model in [only.fit(1.0), Owned::new(3).fit(1.0)] {
        assert_eq!((model.coefficients.as_slice(), model.n_cases, model.log_likelihood), ([0.0; 3].as_slice(), 0, 0.0));
    }
}

#[test]
fn the_penalty_tames_separation() {
    // The taken candidate always has the greatest first value; the second never changes.
    let mut cases = random(5, 300, 2, &[]);
    for i in 0..300 {
        let (begin, end) = (cases.offsets[i], cases.offsets[i + 1]);
        for row in begin..end {
            cases.rows[2 * row + 1] = 4.0;
        }
        let first = |row: usize| cases.rows[2 * row];
        let top = (begin..end).fold(begin, |best, row| if first(row) > first(best) { row } else { best });
        cases.chosen[i] = (top - begin) as u32;
    }
    let (loose, tight) = (cases.fit(0.01), cases.fit(1.0));
    assert!(tight.coefficients[0] > 3.0 && loose.coefficients[0] > 2.0 * tight.coefficients[0], "{tight:?} {loose:?}");
    assert!(loose.coefficients[0].is_finite() && loose.log_likelihood > -60.0, "{loose:?}");
    assert_eq!((loose.coefficients[1], loose.scale[1]), (0.0, 1.0));
}
