use proptest::prelude::*;
use sidecart_core::{NoProgress, Rng, exp, ln};

use super::{DEFAULT_TRUNCATION, LambdaRank};
use crate::Error;
use crate::trees::{BoostedTrees, FeatureRows, Logistic, Objective, Sample, TreeParams, fit};

/// Queries with scores.
#[derive(Clone, Debug)]
struct Lists {
    offsets: Vec<usize>,
    relevant: Vec<bool>,
    scores: Vec<f64>,
}

impl Lists {
    fn new(queries: &[Vec<(bool, f64)>]) -> Self {
        let mut lists = Self { offsets: vec![0], relevant: Vec::new(), scores: Vec::new() };
        for query in queries {
            lists.relevant.extend(query.iter().map(|row| row.0));
            lists.scores.extend(query.iter().map(|row| row.1));
            lists.offsets.push(lists.relevant.len());
        }
        lists
    }

    /// Normal scores; about one row in `rarity` is relevant, the first one surely.
    fn drawn(seed: u64, n_queries: usize, n_rows: usize, rarity: usize) -> Self {
        let mut rng = Rng::new(seed, 0);
        let mut query = || -> Vec<(bool, f64)> {
            (0..n_rows).map(|row| (row == 0 || rng.below(rarity) == 0, rng.normal())).collect()
        };
        Self::new(&(0..n_queries).map(|_| query()).collect::<Vec<_>>())
    }

    fn objective<'a>(&'a self, weights: Option<&'a [f32]>, truncation: usize) -> LambdaRank<'a> {
        LambdaRank::new(&self.offsets, &self.relevant, weights, truncation).unwrap()
    }
}

fn derivatives(objective: &dyn Objective, scores: &[f64]) -> (Vec<f32>, Vec<f32>) {
    // What was in the outputs before must not matter.
    let (mut gradients, mut hessians) = (vec![f32::NAN; scores.len()], vec![f32::NAN; scores.len()]);
    objective.gradients(scores, &mut gradients, &mut hessians);
    (gradients, hessians)
}

/// The rank of each row, by counting the rows before it.
fn plain_ranks(scores: &[f64]) -> Vec<usize> {
    let is_before = |a: usize, b: usize| scores[a] > scores[b] || scores[a] == scores[b] && a < b;
    (0..scores.len()).map(|row| (0..scores.len()).filter(|&other| is_before(other, row)).count()).collect()
}

fn plain_discount(rank: usize) -> f64 {
    ln(2.0) / ln(rank as f64 + 2.0)
}

fn plain_ideal(relevant: &[bool], depth: usize) -> f64 {
    (0..relevant.iter().filter(|r| **r).count().min(depth)).map(plain_discount).sum()
}

/// Pairs of a query that count, as (relevant row, other row, change of NDCG).
fn plain_pairs(relevant: &[bool], scores: &[f64], truncation: usize) -> Vec<(usize, usize, f64)> {
    let ranks = plain_ranks(scores);
    let ideal = plain_ideal(relevant, truncation);
    let mut pairs = Vec::new();
    for a in (0..scores.len()).filter(|&a| relevant[a]) {
        for b in (0..scores.len()).filter(|&b| !relevant[b]) {
            if ranks[a].min(ranks[b]) < truncation {
                pairs.push((a, b, (plain_discount(ranks[a]) - plain_discount(ranks[b])).abs() / ideal));
            }
        }
    }
    pairs
}

fn pair_loss(pairs: &[(usize, usize, f64)], scores: &[f64]) -> f64 {
    pairs.iter().map(|&(a, b, change)| change * ln(1.0 + exp(scores[b] - scores[a]))).sum()
}

/// Derivatives of all queries from all pairs.
fn plain_derivatives(lists: &Lists, weights: &[f32], truncation: usize) -> (Vec<f64>, Vec<f64>) {
    let mut sums = (vec![0.0; lists.scores.len()], vec![0.0; lists.scores.len()]);
    for (query, rows) in lists.offsets.windows(2).enumerate() {
        let scores = &lists.scores[rows[0]..rows[1]];
        for (a, b, change) in plain_pairs(&lists.relevant[rows[0]..rows[1]], scores, truncation) {
            let wrong = 1.0 / (1.0 + exp(scores[a] - scores[b]));
            let weight = f64::from(weights[query]) * change;
            sums.0[rows[0] + a] -= weight * wrong;
            sums.0[rows[0] + b] += weight * wrong;
            for row in [a, b] {
                sums.1[rows[0] + row] += weight * wrong * (1.0 - wrong);
            }
        }
    }
    sums
}

/// Mean NDCG of the queries with a relevant row.
fn plain_ndcg(lists: &Lists, weights: &[f32], depth: usize) -> f64 {
    let (mut sum, mut total) = (0.0, 0.0);
    for (rows, &weight) in lists.offsets.windows(2).zip(weights) {
        let (relevant, scores) = (&lists.relevant[rows[0]..rows[1]], &lists.scores[rows[0]..rows[1]]);
        if relevant.contains(&true) {
            let ranks = plain_ranks(scores);
            let found = (0..scores.len()).filter(|&row| relevant[row] && ranks[row] < depth);
            let gain: f64 = found.map(|row| plain_discount(ranks[row])).sum();
            sum += f64::from(weight) * gain / plain_ideal(relevant, depth);
            total += f64::from(weight);
        }
    }
    sum / total
}

proptest! {
    #[test]
    fn sums_over_all_pairs_agree(
        queries in prop::collection::vec(
            // Few distinct scores, so that many are equal, both zeros among them.
            prop::collection::vec((prop::bool::weighted(0.3), (-4i8..=4, any::<bool>())), 0..30),
            1..8,
        ),
        truncation in 1usize..40,
        depth in 1usize..40,
        seed in any::<u64>(),
    ) {
        let score = |(step, is_negative): (i8, bool)| if is_negative { -f64::from(step) } else { f64::from(step) };
        let mut queries: Vec<Vec<(bool, f64)>> =
            queries.iter().map(|query| query.iter().map(|row| (row.0, score(row.1))).collect()).collect();
        queries.push(vec![(false, 1.0), (true, 0.5)]);
        let lists = Lists::new(&queries);
        let mut rng = Rng::new(seed, 0);
        let mut weights: Vec<f32> = queries.iter().map(|_| rng.below(4) as f32 / 2.0).collect();
        *weights.last_mut().unwrap() = 1.0;

        let objective = lists.objective(Some(&weights), truncation);
        let (gradients, hessians) = derivatives(&objective, &lists.scores);
        let expected = plain_derivatives(&lists, &weights, truncation);
        for row in 0..lists.scores.len() {
            let near = |got: f32, expected: f64| (f64::from(got) - expected).abs() <= 1e-6 * expected.abs() + 1e-12;
            prop_assert!(near(gradients[row], expected.0[row]), "gradient of row {row}: {}", gradients[row]);
            prop_assert!(near(hessians[row], expected.1[row]), "hessian of row {row}: {}", hessians[row]);
        }
        prop_assert!((objective.ndcg(&lists.scores, depth) - plain_ndcg(&lists, &weights, depth)).abs() < 1e-12);
        prop_assert_eq!(objective.loss(&lists.scores), 1.0 - objective.ndcg(&lists.scores, 20));
    }

    #[test]
    fn the_order_of_a_querys_rows_matters_for_ties_only(seed in any::<u64>(), n_rows in 2usize..60) {
        let lists = Lists::drawn(seed, 1, n_rows, 5);
        let mut order: Vec<usize> = (0..n_rows).collect();
        Rng::new(seed, 1).shuffle(&mut order);
        let shuffled = Lists::new(&[order.iter().map(|&row| (lists.relevant[row], lists.scores[row])).collect()]);
        let (objective, other) = (lists.objective(None, 10), shuffled.objective(None, 10));
        let (gradients, hessians) = derivatives(&objective, &lists.scores);
        let (other_gradients, other_hessians) = derivatives(&other, &shuffled.scores);
        for (place, &row) in order.iter().enumerate() {
            prop_assert_eq!(other_gradients[place].to_bits(), gradients[row].to_bits());
            prop_assert_eq!(other_hessians[place].to_bits(), hessians[row].to_bits());
        }
        prop_assert_eq!(objective.loss(&lists.scores), other.loss(&shuffled.scores));
    }
}

#[test]
fn equal_scores_stand_in_the_order_of_rows() {
    // Truncation 1: only the first row leads, and all pairs have it in them.
    let lists = Lists::new(&[vec![(false, 1.0), (true, 1.0), (false, 1.0)]]);
    let objective = lists.objective(None, 1);
    let (gradients, _) = derivatives(&objective, &lists.scores);
    let change = (1.0 - plain_discount(1)) as f32;
    assert_eq!(gradients, [change / 2.0, -change / 2.0, 0.0]);
    assert_eq!(objective.ndcg(&lists.scores, 1), 0.0);
    assert_eq!(objective.ndcg(&lists.scores, 2), plain_discount(1));
}

#[test]
fn derivatives_are_the_finite_differences_of_the_pair_loss() {
    let lists = Lists::drawn(3, 1, 30, 6);
    let (gradients, hessians) = derivatives(&lists.objective(None, 8), &lists.scores);
    // The pairs and their weights stay those of the present order.
    let pairs = plain_pairs(&lists.relevant, &lists.scores, 8);
    let moved = |row: usize, step: f64| {
        let mut scores = lists.scores.clone();
        scores[row] += step;
        pair_loss(&pairs, &scores)
    };
    let here = pair_loss(&pairs, &lists.scores);
    for row in 0..lists.scores.len() {
        let slope = (moved(row, 1e-5) - moved(row, -1e-5)) / 2e-5;
        let curvature = (moved(row, 1e-3) - 2.0 * here + moved(row, -1e-3)) / 1e-6;
        assert!((f64::from(gradients[row]) - slope).abs() < 1e-6, "row {row}: {} for {slope}", gradients[row]);
        assert!((f64::from(hessians[row]) - curvature).abs() < 1e-5, "row {row}: {} for {curvature}", hessians[row]);
    }
    assert!(gradients.iter().any(|g| g.abs() > 0.01));
}

#[test]
fn queries_without_a_pair_have_zeros() {
    let lists = Lists::new(&[
        vec![(false, 1.0), (false, 2.0)],
        vec![],
        vec![(true, 1.0), (true, 2.0)],
        vec![(true, -1.0), (false, 3.0)],
    ]);
    let objective = lists.objective(None, DEFAULT_TRUNCATION);
    let (gradients, hessians) = derivatives(&objective, &lists.scores);
    assert_eq!((&gradients[..4], &hessians[..4]), (&[0.0; 4][..], &[0.0; 4][..]));
    assert!(gradients[4] < 0.0 && gradients[5] > 0.0 && hessians[4] > 0.0);
    // The query of relevant rows alone is perfect, the last one second best, the others not counted.
    assert_eq!(objective.ndcg(&lists.scores, 10), f64::midpoint(1.0, plain_discount(1)));
    assert_eq!(objective.query_of_row(), [0, 0, 2, 2, 3, 3]);
    assert_eq!(objective.initial_score(), 0.0);
}

#[test]
fn a_weight_of_two_is_a_query_twice() {
    let query = vec![(false, 1.0), (true, 0.0), (false, -1.0)];
    let other = vec![(true, 1.0), (false, 0.0)];
    let (once, twice) = (Lists::new(&[query.clone(), other.clone()]), Lists::new(&[query.clone(), query, other]));
    let (weighted, doubled) = (once.objective(Some(&[2.0, 1.0]), 20), twice.objective(None, 20));
    let ((gradients, hessians), (doubled_gradients, doubled_hessians)) =
        (derivatives(&weighted, &once.scores), derivatives(&doubled, &twice.scores));
    for row in 0..3 {
        assert_eq!(gradients[row], doubled_gradients[row] + doubled_gradients[3 + row]);
        assert_eq!(hessians[row], doubled_hessians[row] + doubled_hessians[3 + row]);
    }
    assert!((weighted.loss(&once.scores) - doubled.loss(&twice.scores)).abs() < 1e-15);
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    // More rows than one task takes, in queries of unequal length.
    let queries: Vec<Vec<(bool, f64)>> = (0..600)
        .map(|query| {
            let lists = Lists::drawn(query, 1, 1 + query as usize % 97, 20);
            lists.relevant.into_iter().zip(lists.scores).collect()
        })
        .collect();
    let lists = Lists::new(&queries);
    let objective = lists.objective(None, DEFAULT_TRUNCATION);
    let bits = [1, 2, 3].map(|n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        let ((gradients, hessians), loss) =
            pool.install(|| (derivatives(&objective, &lists.scores), objective.loss(&lists.scores)));
        let bits = gradients.into_iter().chain(hessians).map(f32::to_bits);
        (bits.collect::<Vec<u32>>(), loss.to_bits())
    });
    assert!(bits[0] == bits[1] && bits[0] == bits[2]);
}

/// Queries with 1 to 20 relevant rows, those with the greatest values of two features. Where the
/// first feature is great in all rows of a query, few are relevant: over all rows together, greater
/// values mean less.
fn planted(seed: u64, n_queries: usize) -> (Vec<f32>, Lists) {
    const N_ROWS: usize = 40;
    let mut rng = Rng::new(seed, 0);
    let (mut values, mut queries) = (Vec::new(), Vec::new());
    for _ in 0..n_queries {
        let level = rng.unit();
        let n_relevant = 1 + (20.0 * (1.0 - level)) as usize;
        let rows: Vec<[f64; 3]> = (0..N_ROWS).map(|_| [rng.unit(), rng.unit(), rng.unit()]).collect();
        let utility: Vec<f64> = rows.iter().map(|row| row[0] + row[1] * row[1] + 0.2 * rng.normal()).collect();
        let ranks = plain_ranks(&utility);
        values.extend(rows.iter().flat_map(|row| [2.0 * level + row[0], row[1], row[2]]).map(|v| v as f32));
        queries.push(ranks.iter().map(|&rank| (rank < n_relevant, 0.0)).collect::<Vec<_>>());
    }
    (values, Lists::new(&queries))
}

fn grow(values: &[f32], objective: &dyn Objective, queries: &[u32]) -> BoostedTrees {
    let rows = FeatureRows::new(values, 3).unwrap();
    let params = TreeParams { max_trees: 30, max_leaves: 8, min_leaf_rows: 50, ..TreeParams::default() };
    let params = TreeParams { learning_rate: 0.2, feature_fraction: 1.0, ..params };
    fit(&Sample { rows, objective, clusters: Some(queries) }, None, &params, 5, &NoProgress).unwrap()
}

#[test]
fn trees_rank_better_than_by_log_odds_where_queries_differ_in_level() {
    let ((values, lists), (test_values, test_lists)) = (planted(1, 400), planted(2, 400));
    let ranking = lists.objective(None, DEFAULT_TRUNCATION);
    let labels: Vec<f32> = lists.relevant.iter().map(|&r| f32::from(u8::from(r))).collect();
    let logistic = Logistic::new(&labels, None).unwrap();
    let queries = ranking.query_of_row();
    let test_ndcg = |objective: &dyn Objective| {
        let trees = grow(&values, objective, &queries).trees;
        let scores: Vec<f64> = test_values.chunks(3).map(|row| f64::from(trees.score(row))).collect();
        test_lists.objective(None, DEFAULT_TRUNCATION).ndcg(&scores, 10)
    };
    let (by_ranking, by_log_odds) = (test_ndcg(&ranking), test_ndcg(&logistic));
    assert!(by_ranking > by_log_odds + 0.01, "{by_ranking} and {by_log_odds}");
    assert!(by_ranking > 0.7, "{by_ranking}");
}

#[test]
fn grown_trees_are_the_same_at_any_number_of_threads_and_lower_the_loss() {
    let (values, lists) = planted(3, 300);
    let ranking = lists.objective(None, DEFAULT_TRUNCATION);
    let queries = ranking.query_of_row();
    let grown = [1, 2].map(|n_threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
        pool.install(|| grow(&values, &ranking, &queries))
    });
    assert_eq!(grown[0], grown[1]);
    let scores: Vec<f64> = values.chunks(3).map(|row| f64::from(grown[0].trees.score(row))).collect();
    assert!(ranking.loss(&scores) < 0.7 * ranking.loss(&lists.scores));
}

#[test]
fn bad_input_is_refused() {
    let relevant = [true, false, false, true];
    let fails = |offsets: &[usize], weights: Option<&[f32]>, truncation| {
        let error = LambdaRank::new(offsets, &relevant, weights, truncation).unwrap_err();
        assert!(matches!(error, Error::Bug { .. }));
        error.to_string()
    };
    for offsets in [&[][..], &[0], &[1, 4], &[0, 3], &[0, 5], &[0, 3, 2, 4]] {
        assert!(fails(offsets, None, 20).contains("do not rise from 0 to the 4 rows"), "{offsets:?}");
    }
    assert!(fails(&[0, 2, 4], None, 0).contains("truncation"));
    assert!(fails(&[0, 2, 4], Some(&[1.0]), 20).contains("1 weights for 2 queries"));
    assert!(fails(&[0, 2, 4], Some(&[1.0, f32::NAN]), 20).contains("NaN"));
    assert!(fails(&[0, 2, 4], Some(&[1.0, -1.0]), 20).contains("-1"));
    assert!(fails(&[0, 1, 3, 4], Some(&[0.0, 1.0, 0.0]), 20).contains("no query with a relevant row"));
    let none = LambdaRank::new(&[0, 2], &[false; 2], None, 20).unwrap_err();
    assert!(none.to_string().contains("no query with a relevant row"));
}
