use std::sync::atomic::{AtomicU64, Ordering};

use sidecart_core::{NoProgress, Progress, Rng, exp, ln};

use super::super::{BoostedTrees, FeatureRows, Logistic, Objective, Sample, TreeParams, fit, fit_section};
use super::nasty_number;
use crate::Error;

/// Rows with labels that depend on the first three of the features.
struct Data {
    values: Vec<f32>,
    labels: Vec<f32>,
    n_features: usize,
}

impl Data {
    fn new(seed: u64, n_rows: usize, n_features: usize) -> Self {
        let mut rng = Rng::new(seed, 0);
        let mut data = Self { values: Vec::new(), labels: Vec::new(), n_features };
        for _ in 0..n_rows {
            let row: Vec<f64> = (0..n_features).map(|_| rng.unit()).collect();
            let log_odds = 6.0 * row[0] - 3.0 + 2.0 * f64::from((row[1] > 0.5) == (row[2] > 0.3)) - 1.0;
            data.labels.push(f32::from(u8::from(rng.chance(1.0 / (1.0 + exp(-log_odds))))));
            data.values.extend(row.iter().map(|&v| v as f32));
        }
        data
    }

    fn rows(&self) -> FeatureRows<'_> {
        FeatureRows::new(&self.values, self.n_features).unwrap()
    }

    /// Trees for the labels, validated on `valid`.
    fn fit(&self, valid: Option<&Self>, params: &TreeParams) -> BoostedTrees {
        let objective = Logistic::new(&self.labels, None).unwrap();
        let valid_objective = valid.map(|v| Logistic::new(&v.labels, None).unwrap());
        let train = Sample { rows: self.rows(), objective: &objective, clusters: None };
        let valid = valid.zip(valid_objective.as_ref());
        let valid = valid.map(|(v, objective)| Sample { rows: v.rows(), objective, clusters: None });
        fit(&train, valid.as_ref(), params, 11, &NoProgress).unwrap()
    }
}

fn small() -> TreeParams {
    TreeParams { max_trees: 30, min_leaf_rows: 10, learning_rate: 0.2, ..TreeParams::default() }
}

fn whole() -> TreeParams {
    TreeParams { feature_fraction: 1.0, row_fraction: 1.0, ..small() }
}

/// Half the squared error of `targets`, from zero.
struct Squares(Vec<f32>);

impl Objective for Squares {
    fn n_rows(&self) -> usize {
        self.0.len()
    }

    fn initial_score(&self) -> f64 {
        0.0
    }

    fn gradients(&self, scores: &[f64], gradients: &mut [f32], hessians: &mut [f32]) {
        for ((g, score), target) in gradients.iter_mut().zip(scores).zip(&self.0) {
            *g = (score - f64::from(*target)) as f32;
        }
        hessians.fill(1.0);
    }

    fn loss(&self, scores: &[f64]) -> f64 {
        scores.iter().zip(&self.0).map(|(s, &t)| (s - f64::from(t)) * (s - f64::from(t)) / 2.0).sum()
    }
}

/// Groups of rows, the first row of each to be ranked above the others: a loss over pairs.
struct FirstOfGroup {
    n_rows: usize,
    group: usize,
}

impl Objective for FirstOfGroup {
    fn n_rows(&self) -> usize {
        self.n_rows
    }

    fn initial_score(&self) -> f64 {
        0.0
    }

    fn gradients(&self, scores: &[f64], gradients: &mut [f32], hessians: &mut [f32]) {
        gradients.fill(0.0);
        hessians.fill(0.0);
        for first in (0..self.n_rows).step_by(self.group) {
            for other in first + 1..first + self.group {
                let wrong = 1.0 / (1.0 + exp(scores[first] - scores[other]));
                gradients[first] -= wrong as f32;
                gradients[other] += wrong as f32;
                hessians[first] += (wrong * (1.0 - wrong)) as f32;
                hessians[other] += (wrong * (1.0 - wrong)) as f32;
            }
        }
    }

    fn loss(&self, scores: &[f64]) -> f64 {
        let groups = scores.chunks(self.group);
        groups.map(|group| group[1..].iter().map(|s| ln(1.0 + exp(s - group[0]))).sum::<f64>()).sum()
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    // More rows than one task takes, and a number of features that leaves a remainder.
    let (train, valid) = (Data::new(1, 20_000, 11), Data::new(2, 3_000, 11));
    let fits: Vec<BoostedTrees> = [1, 2, 3]
        .map(|n_threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| train.fit(Some(&valid), &small()))
        })
        .into();
    assert!(fits[0].n_rounds > 10);
    let bits = |fit: &BoostedTrees| fit.valid_losses.iter().map(|l| l.to_bits()).collect::<Vec<_>>();
    for other in &fits[1..] {
        assert_eq!(&fits[0], other);
        assert_eq!(bits(&fits[0]), bits(other));
    }
}

#[test]
fn permuted_features_are_only_relabelled() {
    let train = Data::new(3, 3_000, 5);
    let order = [3, 0, 4, 1, 2]; // new feature i is old feature order[i]
    let permuted = Data {
        values: train.values.chunks(5).flat_map(|row| order.map(|old| row[old])).collect(),
        labels: train.labels.clone(),
        n_features: 5,
    };
    let (plain, permuted) = (train.fit(None, &whole()), permuted.fit(None, &whole()));
    let (a, b) = (plain.trees.parts(), permuted.trees.parts());
    let relabelled: Vec<usize> = b.features.iter().map(|&f| order[usize::from(f)]).collect();
    assert_eq!(a.features.iter().map(|&f| usize::from(f)).collect::<Vec<_>>(), relabelled);
    assert_eq!(
        (a.offsets, a.thresholds, a.left, a.right, a.leaves),
        (b.offsets, b.thresholds, b.left, b.right, b.leaves)
    );
    assert_eq!(order.map(|old| plain.gains[old]).as_slice(), permuted.gains);
}

#[test]
fn with_clusters_the_order_of_rows_does_not_matter() {
    let data = Data::new(4, 2_000, 4);
    let clusters: Vec<u32> = (0..2_000).map(|row| row / 3).collect();
    let mut order: Vec<usize> = (0..2_000).collect();
    Rng::new(1, 1).shuffle(&mut order);
    let shuffled = Data {
        values: order.iter().flat_map(|&r| data.values[4 * r..4 * r + 4].iter().copied()).collect(),
        labels: order.iter().map(|&r| data.labels[r]).collect(),
        n_features: 4,
    };
    let shuffled_clusters: Vec<u32> = order.iter().map(|&r| clusters[r]).collect();
    let fit_one = |data: &Data, clusters: &[u32]| {
        let objective = Logistic::new(&data.labels, None).unwrap();
        let sample = Sample { rows: data.rows(), objective: &objective, clusters: Some(clusters) };
        fit(&sample, None, &small(), 1, &NoProgress).unwrap()
    };
    assert_eq!(fit_one(&data, &clusters), fit_one(&shuffled, &shuffled_clusters));
}

#[test]
fn without_sampling_the_training_loss_falls_with_every_tree() {
    let data = Data::new(5, 4_000, 6);
    let boosted = data.fit(Some(&data), &TreeParams { max_trees: 60, ..whole() });
    assert_eq!(boosted.n_rounds, 60);
    assert!(boosted.valid_losses.windows(2).all(|pair| pair[1] < pair[0]));
    assert!(boosted.valid_losses[60] < 0.8 * boosted.valid_losses[0]);
}

#[test]
fn finds_what_is_there_to_find() {
    let (train, valid, test) = (Data::new(6, 8_000, 8), Data::new(7, 4_000, 8), Data::new(8, 4_000, 8));
    let boosted = train.fit(Some(&valid), &TreeParams { max_trees: 200, learning_rate: 0.1, ..small() });
    let objective = Logistic::new(&test.labels, None).unwrap();
    let scores: Vec<f64> = test.values.chunks(8).map(|row| f64::from(boosted.trees.score(row))).collect();
    let truth: Vec<f64> = test
        .values
        .chunks(8)
        .map(|r| f64::from(6.0 * r[0] - 3.0 + 2.0 * f32::from(u8::from((r[1] > 0.5) == (r[2] > 0.3))) - 1.0))
        .collect();
    let constant = vec![objective.initial_score(); scores.len()];
    let [found, best, worst] = [&scores, &truth, &constant].map(|scores| objective.loss(scores));
    assert!(found - best < 0.1 * (worst - best), "{found} between {best} and {worst}");
    // Each of the three features that matter has more gain than any of the others.
    let (matter, noise) = boosted.gains.split_at(3);
    let least = matter.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(noise.iter().all(|&gain| gain < least), "{:?}", boosted.gains);
}

#[test]
fn stops_after_the_best_tree_on_noise() {
    let noise = |seed| {
        let mut rng = Rng::new(seed, 9);
        let labels = (0..2_000).map(|_| f32::from(u8::from(rng.chance(0.3)))).collect();
        Data { labels, ..Data::new(seed, 2_000, 5) }
    };
    let (train, valid) = (noise(1), noise(2));
    let boosted = train.fit(Some(&valid), &TreeParams { max_trees: 500, patience: 7, ..small() });
    let losses = &boosted.valid_losses;
    assert_eq!(losses.len(), boosted.n_rounds + 8);
    assert!(losses.iter().all(|&loss| loss >= losses[boosted.n_rounds]));
    let n_constants = 1;
    assert_eq!(boosted.trees.n_trees(), n_constants + boosted.n_rounds);
    // What was kept scores what was measured.
    let scores: Vec<f64> = valid.values.chunks(5).map(|row| f64::from(boosted.trees.score(row))).collect();
    let loss = Logistic::new(&valid.labels, None).unwrap().loss(&scores);
    assert!((loss - losses[boosted.n_rounds]).abs() < 1e-6);
}

#[test]
fn serving_sends_every_row_where_training_did() {
    for seed in 0..40 {
        let mut rng = Rng::new(seed, 0);
        let mut table = |n: usize| -> Vec<f32> { (0..n).map(|_| nasty_number(&mut rng)).collect() };
        let (values, valid_values) = (table(120), table(60));
        let (targets, valid_targets) = (Squares(table(40)), Squares(vec![0.0; 20]));
        let targets = Squares(targets.0.iter().map(|t| t.clamp(-1.0, 1.0)).collect());
        let rows = |values| FeatureRows::new(values, 3).unwrap();
        let train = Sample { rows: rows(&values), objective: &targets, clusters: None };
        let valid = Sample { rows: rows(&valid_values), objective: &valid_targets, clusters: None };
        let params =
            TreeParams { max_trees: 1, min_leaf_rows: 1, max_bins: 20, learning_rate: 1.0, lambda_l2: 0.0, ..whole() };
        let boosted = fit(&train, Some(&valid), &params, 1, &NoProgress).unwrap();
        // One tree from zero: scores are leaf values, the same bits in both worlds.
        let one = fit(&train, None, &params, 1, &NoProgress).unwrap();
        let scores: Vec<f64> = valid_values.chunks(3).map(|row| f64::from(one.trees.score(row))).collect();
        assert_eq!(valid_targets.loss(&scores).to_bits(), boosted.valid_losses[1].to_bits());
    }
}

#[test]
fn the_objective_may_be_a_ranking_of_groups() {
    let mut rng = Rng::new(12, 0);
    let (n_rows, group) = (6_000, 5);
    let values: Vec<f32> = (0..n_rows)
        .flat_map(|row| [rng.unit() as f32 + if row % group == 0 { 0.3 } else { 0.0 }, rng.unit() as f32])
        .collect();
    let objective = FirstOfGroup { n_rows, group };
    let clusters: Vec<u32> = (0..n_rows).map(|row| (row / group) as u32).collect();
    let rows = FeatureRows::new(&values, 2).unwrap();
    let sample = Sample { rows, objective: &objective, clusters: Some(&clusters) };
    let boosted = fit(&sample, Some(&sample), &small(), 3, &NoProgress).unwrap();
    assert!(boosted.valid_losses[boosted.n_rounds] < 0.9 * boosted.valid_losses[0]);
    assert!(boosted.trees.score(&[1.2, 0.5]) > boosted.trees.score(&[0.1, 0.5]));
}

#[test]
fn degenerate_data_give_a_constant() {
    let constant = |labels: Vec<f32>, values: Vec<f32>| Data { labels, values, n_features: 1 }.fit(None, &small());
    let rising: Vec<f32> = (0..400u16).map(f32::from).collect();
    let mixed: Vec<f32> = (0..400u16).map(|i| f32::from(i % 4 / 3)).collect();
    let cases = [
        (constant(vec![0.0; 400], rising.clone()), 1e-6, "no yes"),
        (constant(vec![1.0; 400], rising.clone()), 1.0 - 1e-6, "no no"),
        (constant(mixed, vec![7.0; 400]), 0.25, "constant feature"),
        (constant(vec![1.0], vec![3.0]), 1.0 - 1e-6, "one row"),
        (constant(vec![0.25; 400], rising), 0.25, "one soft label"),
    ];
    for (boosted, rate, what) in cases {
        let rate: f64 = rate;
        assert_eq!(boosted.n_rounds, 0, "{what}");
        assert!((f64::from(boosted.trees.score(&[1.0])) - ln(rate / (1.0 - rate))).abs() < 1e-5, "{what}");
    }
}

#[test]
fn a_weight_of_two_is_a_row_twice() {
    let data = Data::new(9, 600, 3);
    let values: Vec<f32> = data.values.iter().map(|v| (v * 8.0).round()).collect(); // each value its bin
    let weights: Vec<f32> = (0..600u16).map(|i| f32::from(i % 3)).collect();
    let expanded = |per_row: usize, of: &[f32]| -> Vec<f32> {
        of.chunks(per_row).enumerate().flat_map(|(i, row)| row.repeat(i % 3)).collect()
    };
    let params = TreeParams { min_leaf_rows: 1, max_trees: 5, max_leaves: 4, ..whole() };
    let fit_one = |values: &[f32], labels: &[f32], weights: Option<&[f32]>| {
        let objective = Logistic::new(labels, weights).unwrap();
        let sample = Sample { rows: FeatureRows::new(values, 3).unwrap(), objective: &objective, clusters: None };
        fit(&sample, None, &params, 1, &NoProgress).unwrap().trees
    };
    let weighted = fit_one(&values, &data.labels, Some(&weights));
    let repeated = fit_one(&expanded(3, &values), &expanded(1, &data.labels), None);
    for row in values.chunks(3) {
        assert!((weighted.score(row) - repeated.score(row)).abs() < 1e-4);
    }
}

#[test]
fn log_loss_and_its_derivatives_agree() {
    let labels = [0.0, 1.0, 0.3, 1.0];
    let weights = [1.0, 2.0, 0.5, 0.0];
    let objective = Logistic::new(&labels, Some(&weights)).unwrap();
    let scores = [-2.0, 0.7, 40.0, -60.0];
    let (mut g, mut h) = ([0.0; 4], [0.0; 4]);
    objective.gradients(&scores, &mut g, &mut h);
    let total: f64 = 3.5;
    for row in 0..4 {
        let at = |step: f64| {
            let mut moved = scores;
            moved[row] += step;
            total * objective.loss(&moved)
        };
        let step = 1e-3;
        assert!((f64::from(g[row]) - (at(step) - at(-step)) / (2.0 * step)).abs() < 1e-5);
        assert!((f64::from(h[row]) - (at(step) - 2.0 * at(0.0) + at(-step)) / (step * step)).abs() < 1e-4);
    }
    assert!((objective.initial_score() - ln((2.15 / 3.5) / (1.0 - 2.15 / 3.5))).abs() < 1e-7);
    assert!(objective.loss(&[700.0, -700.0, 0.0, 0.0]).is_finite());
}

#[test]
fn bad_input_is_refused() {
    assert!(Logistic::new(&[0.0, 1.5], None).is_err());
    assert!(Logistic::new(&[0.0, f32::NAN], None).is_err());
    assert!(Logistic::new(&[0.0], Some(&[1.0, 1.0])).is_err());
    assert!(Logistic::new(&[0.0], Some(&[-1.0])).is_err());
    assert!(Logistic::new(&[0.0], Some(&[0.0])).is_err());
    assert!(Logistic::new(&[], None).is_err());

    let data = Data::new(10, 50, 3);
    let objective = Logistic::new(&data.labels, None).unwrap();
    let good = Sample { rows: data.rows(), objective: &objective, clusters: None };
    let fails = |train: &Sample<'_>, valid: Option<&Sample<'_>>, params: &TreeParams| {
        fit(train, valid, params, 1, &NoProgress).unwrap_err()
    };
    let short = Logistic::new(&data.labels[1..], None).unwrap();
    assert!(matches!(fails(&Sample { objective: &short, ..good }, None, &small()), Error::Bug { .. }));
    assert!(matches!(fails(&Sample { clusters: Some(&[1]), ..good }, None, &small()), Error::Bug { .. }));
    let wide = Data::new(10, 50, 4);
    assert!(matches!(fails(&good, Some(&Sample { rows: wide.rows(), ..good }), &small()), Error::Bug { .. }));
    let infinite = Squares(vec![f32::INFINITY; 50]);
    assert!(matches!(fails(&Sample { objective: &infinite, ..good }, None, &small()), Error::Bug { .. }));
    let params = TreeParams { max_leaves: 33, ..small() };
    let error = fails(&good, None, &params);
    assert!(matches!(error, Error::Parameter { section: "trees", source } if source.name == "max_leaves"));
    let error = fit_section("ranker.trees", &good, None, &params, 1, &NoProgress).unwrap_err();
    assert!(error.to_string().starts_with("[ranker.trees] setting `max_leaves`"), "{error}");
}

#[test]
fn every_setting_has_its_range() {
    let bad = [
        TreeParams { max_trees: 0, ..small() },
        TreeParams { max_leaves: 1, ..small() },
        TreeParams { max_bins: 256, ..small() },
        TreeParams { max_bins: 1, ..small() },
        TreeParams { min_leaf_rows: 0, ..small() },
        TreeParams { min_leaf_hessian: -1.0, ..small() },
        TreeParams { learning_rate: 0.0, ..small() },
        TreeParams { learning_rate: f64::NAN, ..small() },
        TreeParams { lambda_l2: f64::INFINITY, ..small() },
        TreeParams { feature_fraction: 1.5, ..small() },
        TreeParams { row_fraction: 0.0, ..small() },
        TreeParams { patience: 0, ..small() },
    ];
    for params in bad {
        assert!(params.check().is_err(), "{params:?}");
    }
    assert!(TreeParams::default().check().is_ok());
    assert!(serde_json::from_str::<TreeParams>(r#"{"max_leafs": 3}"#).is_err());
}

#[test]
fn progress_is_told_and_may_cancel() {
    /// Cancels after some trees.
    struct Impatient(AtomicU64);
    impl Progress for Impatient {
        fn begin(&self, _stage: &str, _total: u64, _unit: &str) {}
        fn advance(&self, units: u64) {
            self.0.fetch_add(units, Ordering::Relaxed);
        }
        fn end(&self) {}
        fn note(&self, _message: &str) {}
        fn is_cancelled(&self) -> bool {
            self.0.load(Ordering::Relaxed) >= 3
        }
    }
    let data = Data::new(10, 500, 3);
    let objective = Logistic::new(&data.labels, None).unwrap();
    let sample = Sample { rows: data.rows(), objective: &objective, clusters: None };
    let progress = Impatient(AtomicU64::new(0));
    assert!(matches!(fit(&sample, None, &small(), 1, &progress), Err(Error::Cancelled(_))));
    assert_eq!(progress.0.load(Ordering::Relaxed), 3);
}
