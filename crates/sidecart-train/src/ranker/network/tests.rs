use rayon::ThreadPoolBuilder;
use sidecart_core::Rng;

use super::gradient::Gradient;
use super::loss::mean_loss;
use super::perceptron::Perceptron;
use super::standards::Standards;
use super::*;
use crate::error::Error;
use crate::ranker::{Learned, LearnedRanker, LinearLearner, RankerLearner, RankingLists};

struct Lists {
    rows: Vec<f32>,
    offsets: Vec<usize>,
    relevant: Vec<bool>,
    chosen: Vec<u32>,
}

const N_FEATURES: usize = 5;

/// Lists in which exactly one candidate has the first two numbers of one sign. Their sum tells it
/// where both are positive, so that a linear ranker finds at most half. The others are noise.
fn exclusive_or(seed: u64, n_lists: usize) -> Lists {
    let rng = &mut Rng::new(seed, 0);
    let mut lists = Lists { rows: Vec::new(), offsets: vec![0], relevant: Vec::new(), chosen: Vec::new() };
    for _ in 0..n_lists {
        let size = 1 + rng.below(9);
        let right = rng.below(size);
        for at in 0..size {
            let a = if rng.chance(0.5) { 1.0 } else { -1.0 };
            let b = if at == right { a } else { -a };
            lists.rows.extend([a + 0.1 * rng.normal(), b + 0.1 * rng.normal()].map(|v| v as f32));
            lists.rows.extend((2..N_FEATURES).map(|_| rng.normal() as f32));
            lists.relevant.push(at == right);
        }
        lists.offsets.push(lists.relevant.len());
        lists.chosen.push(right as u32);
    }
    lists
}

impl Lists {
    fn lists(&self) -> RankingLists<'_> {
        let Self { rows, offsets, relevant, chosen } = self;
        RankingLists { rows, n_features: N_FEATURES, offsets, relevant, chosen }
    }

    /// Share of the lists with a choice whose best candidate is the right one.
    fn accuracy(&self, score: impl Fn(&[f32]) -> f32) -> f64 {
        let lists = self.lists();
        let with_choice: Vec<usize> = (0..lists.len()).filter(|&at| lists.list(at).len() > N_FEATURES).collect();
        let is_right = |at: &usize| {
            let scores: Vec<f32> = lists.list(*at).chunks_exact(N_FEATURES).map(&score).collect();
            let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            best == Some(lists.chosen[*at] as usize)
        };
        with_choice.iter().filter(|at| is_right(at)).count() as f64 / with_choice.len() as f64
    }
}

fn learner(max_epochs: u32) -> NetworkLearner {
    let params = NetworkParams { max_epochs, lists_per_step: 32, ..NetworkParams::default() };
    NetworkLearner { params }
}

/// The loss on lists in double precision, straight from its definition.
fn plain_loss(network: &Perceptron, parameters: &[f64], standards: &Standards, lists: &RankingLists<'_>) -> f64 {
    let losses = (0..lists.len()).map(|list| {
        let utilities: Vec<f64> = (lists.list(list).chunks_exact(lists.n_features))
            .map(|row| {
                let mut values: Vec<f64> = (0..row.len())
                    .map(|at| f64::from((row[at] - standards.means[at]) * standards.inverse_scales[at]))
                    .map(|value| value.clamp(-6.0, 6.0))
                    .collect();
                for (layer, place) in network.places.iter().enumerate() {
                    let (weights, biases) = parameters[place.range.clone()].split_at(place.n_in * place.n_out);
                    let outputs = (0..place.n_out).map(|out| {
                        let sum = (0..place.n_in).map(|at| values[at] * weights[at * place.n_out + out]).sum::<f64>();
                        let sum = sum + biases[out];
                        if layer + 1 < network.places.len() { sum.max(0.0) } else { sum }
                    });
                    values = outputs.collect();
                }
                values[0]
            })
            .collect();
        let sum: f64 = utilities.iter().map(|utility| utility.exp()).sum();
        sum.ln() - utilities[lists.chosen[list] as usize]
    });
    losses.sum::<f64>() / lists.len() as f64
}

/// Lists of different lengths go through the layers side by side; every list counts alone.
#[test]
fn the_gradient_is_that_of_the_plain_loss() {
    let data = exclusive_or(7, 83);
    let lists = data.lists();
    let standards = Standards::of(&lists);
    let all: Vec<usize> = (0..lists.len()).collect();
    for hidden in [&[][..], &[1], &[7], &[6, 4], &[33, 8, 3]] {
        let mut network = Perceptron::new(N_FEATURES, hidden, &mut Rng::new(3, 0));
        // Biases that are not 0 take part too.
        let rng = &mut Rng::new(4, 0);
        network.parameters.iter_mut().for_each(|parameter| *parameter += 0.1 * rng.normal() as f32);
        let exact: Vec<f64> = network.parameters.iter().map(|&parameter| f64::from(parameter)).collect();
        let mut gradient = Gradient::new(&network, 100);
        let (loss, slopes) = gradient.of(&network, &lists, &standards, &all);
        let plain = plain_loss(&network, &exact, &standards, &lists);
        assert!((loss - plain).abs() < 1e-5, "{hidden:?}: {loss} for {plain}");
        let ranker = network.export(&standards).unwrap();
        assert!((mean_loss(&ranker, &lists) - plain).abs() < 1e-5, "{hidden:?}: serving ranks otherwise");
        for at in 0..exact.len() {
            let moved = |by: f64| {
                let mut parameters = exact.clone();
                parameters[at] += by;
                plain_loss(&network, &parameters, &standards, &lists)
            };
            let difference = (moved(1e-6) - moved(-1e-6)) / 2e-6;
            let slope = f64::from(slopes[at]);
            assert!((slope - difference).abs() < 1e-4, "{hidden:?}, parameter {at}: {slope} for {difference}");
        }
    }
}

/// A step with fewer lists than the room that an earlier one used knows nothing of those.
#[test]
fn a_short_step_is_a_step_of_its_own() {
    let data = exclusive_or(7, 64);
    let lists = data.lists();
    let standards = Standards::of(&lists);
    let network = Perceptron::new(N_FEATURES, &[8], &mut Rng::new(3, 0));
    let mut used = Gradient::new(&network, 64);
    used.of(&network, &lists, &standards, &(0..64).collect::<Vec<_>>());
    let mut fresh = Gradient::new(&network, 64);
    let few = [5, 63, 17, 2, 9];
    assert_eq!(used.of(&network, &lists, &standards, &few), fresh.of(&network, &lists, &standards, &few));
}

#[test]
fn learns_what_no_linear_ranker_can() {
    let (train, valid, test) = (exclusive_or(1, 800), exclusive_or(2, 200), exclusive_or(3, 400));
    let linear = LinearLearner.learn(&train.lists(), None, None, 1).unwrap().ranker;
    let neural = learner(10).learn(&train.lists(), Some(&valid.lists()), None, 1).unwrap().ranker;
    let (LearnedRanker::Linear(linear), LearnedRanker::Neural(neural)) = (linear, neural) else { panic!("swapped") };
    let (linear, neural) = (test.accuracy(|row| linear.score(row)), test.accuracy(|row| neural.score_plain(row)));
    assert!(linear < 0.65 && neural > 0.95, "linear {linear}, neural {neural}");
}

#[test]
fn threads_change_no_bit_and_the_seed_all() {
    let (train, valid) = (exclusive_or(1, 300), exclusive_or(2, 150));
    for lists_per_step in [1, 7, 64, 200] {
        let params = NetworkParams { max_epochs: 4, lists_per_step, ..NetworkParams::default() };
        let learner = NetworkLearner { params };
        let learn = |n_threads: usize, seed: u64| {
            let pool = ThreadPoolBuilder::new().num_threads(n_threads).build().unwrap();
            pool.install(|| learner.learn(&train.lists(), Some(&valid.lists()), None, seed).unwrap())
        };
        let one = learn(1, 1);
        assert_eq!(learn(2, 1), one, "{lists_per_step}");
        assert_eq!(learn(3, 1), one, "{lists_per_step}");
        assert_ne!(learn(1, 2), one, "{lists_per_step}");
    }
}

#[test]
fn a_known_number_of_passes_is_made_without_newer_lists() {
    let (train, valid) = (exclusive_or(1, 200), exclusive_or(2, 50));
    let newer = valid.lists();
    let learn = |valid, n: Option<u32>, most| learner(most).learn(&train.lists(), valid, n, 1).unwrap();
    let found = learn(Some(&newer), None, 3);
    assert_eq!(found.n_steps, 3, "every pass helps at first");
    assert_eq!(learn(None, Some(3), 30), found);
    assert_eq!(learn(None, None, 3), found);
    let fewer = learn(None, Some(2), 30);
    assert!(fewer.n_steps == 2 && fewer.ranker != found.ranker);
}

#[test]
fn learning_stops_when_newer_lists_do_not_profit() {
    // Nothing can be learned from which of the candidates is named right.
    let mut train = exclusive_or(1, 100);
    let mut rng = Rng::new(9, 9);
    let sizes: Vec<usize> = train.offsets.windows(2).map(|pair| pair[1] - pair[0]).collect();
    train.chosen = sizes.iter().map(|&size| rng.below(size) as u32).collect();
    let valid = exclusive_or(2, 400);
    let learn = |most: u32| learner(most).learn(&train.lists(), Some(&valid.lists()), None, 1).unwrap();
    let found = learn(30);
    assert!(found.n_steps < 20, "{}", found.n_steps);
    assert_eq!(learn(300), found, "it has stopped");
}

/// A feature that never varies says nothing, whatever its value, a mean that rounds included.
#[test]
fn a_constant_feature_counts_for_nothing() {
    let with = |constant: f32| {
        let mut train = exclusive_or(1, 100);
        train.rows.chunks_exact_mut(N_FEATURES).for_each(|row| row[4] = constant);
        let Learned { ranker: LearnedRanker::Neural(ranker), .. } =
            learner(3).learn(&train.lists(), None, None, 1).unwrap()
        else {
            panic!("no network")
        };
        ranker
    };
    let (zero, rounded) = (with(0.0), with(0.1));
    assert_eq!(zero.layers(), rounded.layers());
    let score = |value: f32| rounded.score_plain(&[1.0, -1.0, 0.3, 0.2, value]);
    assert_eq!(score(0.1), score(50.0));
    assert_eq!(zero.score_plain(&[1.0, -1.0, 0.3, 0.2, 0.0]), score(0.1));
}

#[test]
fn numbers_out_of_hand_and_settings_out_of_range_are_errors() {
    let mut train = exclusive_or(1, 50);
    let params = NetworkParams { lists_per_step: 0, ..NetworkParams::default() };
    let error = NetworkLearner { params }.learn(&train.lists(), None, None, 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "[models.ranker.network] setting `lists_per_step` is 0, expected a whole number from 1 to 4096"
    );
    train.rows[3] = f32::NAN;
    let error = learner(2).learn(&train.lists(), None, None, 1).unwrap_err();
    assert!(matches!(&error, Error::Learner { problem } if problem.contains("learning_rate")), "{error}");
}
