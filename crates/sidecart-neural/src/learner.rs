use burn::optim::{AdamWConfig, GradientsParams};
use burn::tensor::Device;
use sidecart_core::{Rng, exp, ln};
use sidecart_serve::ranker::{NeuralRanker, Stage};
use sidecart_train::counting::ParameterError;
use sidecart_train::ranker::{Learned, LearnedRanker, NetworkParams, RankerLearner, RankingLists};
use sidecart_train::{Error, Result};

use crate::batch::{Batch, Standards};
use crate::network::Network;

const WEIGHT_STREAM: u64 = 0x7765_6967_6874;
const ORDER_STREAM: u64 = 0x6f72_6465_7200;

/// Learns a multi-layer perceptron so that the softmax over the utilities of a list puts its
/// probability on the right candidate (the top-one loss of Cao, Qin, Liu, Tsai, Li: Learning to
/// Rank: From Pairwise Approach to Listwise Approach, 2007; with one right candidate it is the
/// likelihood of a conditional logit), by AdamW (Loshchilov, Hutter: Decoupled Weight Decay
/// Regularization, 2019): what [`NetworkLearner`](sidecart_train::ranker::NetworkLearner) learns
/// without burn, in whose place it stands.
///
/// A step is a pass over all lists. It runs on the device that burn has by default: the processor,
/// or a GPU where the crate was built for one; which is needed then.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct NeuralLearner {
    params: NetworkParams,
}

impl NeuralLearner {
    /// A learner with checked parameters.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn new(params: NetworkParams) -> Result<Self, ParameterError> {
        params.check()?;
        Ok(Self { params })
    }

    /// Its parameters.
    #[must_use]
    pub fn params(&self) -> &NetworkParams {
        &self.params
    }
}

impl RankerLearner for NeuralLearner {
    fn stage(&self) -> Stage {
        Stage::Neural
    }

    fn learn(
        &self,
        train: &RankingLists<'_>,
        valid: Option<&RankingLists<'_>>,
        n_steps: Option<u32>,
        seed: u64,
    ) -> Result<Learned> {
        let NetworkParams { hidden, patience, lists_per_step, weight_decay, .. } = &self.params;
        let device = Device::default().autodiff();
        let standards = Standards::of(train);
        let mut network = Network::new(train.n_features, hidden, &mut Rng::new(seed, WEIGHT_STREAM), &device);
        let mut optimiser = AdamWConfig::new().with_weight_decay(*weight_decay as f32).init();
        let mut order: Vec<usize> = (0..train.len()).collect();
        let mut rng = Rng::new(seed, ORDER_STREAM);
        let mut learning_rate = self.params.learning_rate;
        let mut best: Option<(f64, u32, NeuralRanker)> = None;
        let max_epochs = n_steps.unwrap_or(self.params.max_epochs).max(1);
        for epoch in 1..=max_epochs {
            rng.shuffle(&mut order);
            for picked in order.chunks(*lists_per_step) {
                let loss = network.loss(Batch::new(train, picked, &standards, &device));
                let gradients = GradientsParams::from_grads(loss.backward(), &network);
                network = optimiser.step(learning_rate, network, gradients);
            }
            learning_rate *= self.params.learning_rate_decay;
            if valid.is_none() && epoch < max_epochs {
                continue;
            }
            let ranker = network.export(&standards).map_err(|error| match error {
                Error::Serve(_) => diverged(self.params.learning_rate),
                other => other,
            })?;
            let loss = valid.map_or(0.0, |valid| mean_loss(&ranker, valid));
            if best.as_ref().is_none_or(|(least, ..)| loss < *least) {
                best = Some((loss, epoch, ranker));
            } else if best.as_ref().is_some_and(|(_, at, _)| epoch - at >= *patience) {
                break;
            }
        }
        let (_, n_steps, ranker) = best.ok_or_else(|| diverged(self.params.learning_rate))?;
        Ok(Learned { ranker: LearnedRanker::Neural(ranker), n_steps })
    }
}

fn diverged(learning_rate: f64) -> Error {
    let problem =
        format!("the weights of the network are not finite; take a smaller learning_rate than {learning_rate}");
    Error::Learner { problem }
}

/// The loss on lists, as serving would rank them.
fn mean_loss(ranker: &NeuralRanker, lists: &RankingLists<'_>) -> f64 {
    let mut utilities = Vec::new();
    let losses = (0..lists.len()).map(|at| {
        let rows = lists.list(at);
        utilities.clear();
        utilities.resize(rows.len() / lists.n_features, 0.0);
        ranker.score_block(rows, &mut utilities);
        let top = utilities.iter().copied().fold(f32::MIN, f32::max);
        let sum: f64 = utilities.iter().map(|&utility| exp(f64::from(utility - top))).sum();
        ln(sum) - f64::from(utilities[lists.chosen[at] as usize] - top)
    });
    losses.sum::<f64>() / lists.len().max(1) as f64
}

#[cfg(test)]
mod tests {
    use sidecart_train::ranker::{LinearLearner, NetworkLearner};

    use super::*;

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
            let size = 4 + rng.below(5);
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

        /// Share of the lists whose best candidate is the right one.
        fn accuracy(&self, ranker: &LearnedRanker) -> f64 {
            let lists = self.lists();
            let right = (0..lists.len()).filter(|&list| {
                let score = |row: &[f32]| match ranker {
                    LearnedRanker::Linear(linear) => linear.score(row),
                    LearnedRanker::Neural(neural) => neural.score_plain(row),
                    LearnedRanker::Trees(trees) => trees.score_plain(row),
                };
                let scores: Vec<f32> = lists.list(list).chunks_exact(N_FEATURES).map(score).collect();
                let best = (0..scores.len()).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
                best == Some(lists.chosen[list] as usize)
            });
            right.count() as f64 / lists.len() as f64
        }
    }

    fn learner(max_epochs: u32) -> NeuralLearner {
        let params = NetworkParams { max_epochs, lists_per_step: 32, learning_rate: 0.01, ..NetworkParams::default() };
        NeuralLearner::new(params).unwrap()
    }

    #[test]
    fn learns_what_no_linear_ranker_can() {
        let (train, valid, test) = (exclusive_or(1, 800), exclusive_or(2, 200), exclusive_or(3, 400));
        let linear = LinearLearner.learn(&train.lists(), None, None, 1).unwrap();
        let neural = learner(10).learn(&train.lists(), Some(&valid.lists()), None, 1).unwrap();
        let (linear, neural) = (test.accuracy(&linear.ranker), test.accuracy(&neural.ranker));
        assert!(linear < 0.6 && neural > 0.95, "linear {linear}, neural {neural}");
    }

    /// Both draw the same first weights and the same order of lists, so that each checks the other's
    /// gradients, moments and steps. What rounding differs by grows from step to step.
    #[test]
    fn agrees_with_the_learner_of_the_default_build() {
        let train = exclusive_or(1, 256);
        for (hidden, lists_per_step, n_epochs, weight_decay, nearness) in [
            (vec![8, 4], 256, 1, 0.0, 1e-4),
            (vec![32, 16], 64, 1, 0.0, 1e-4),
            (vec![], 64, 3, 0.0, 1e-4),
            (vec![8], 32, 3, 0.5, 1e-3),
        ] {
            let what = format!("{hidden:?}, {lists_per_step} lists a step");
            let params = NetworkParams { hidden, lists_per_step, weight_decay, ..NetworkParams::default() };
            let network = |learner: &dyn RankerLearner| {
                let learned = learner.learn(&train.lists(), None, Some(n_epochs), 1).unwrap();
                let LearnedRanker::Neural(network) = learned.ranker else { panic!("no network") };
                network
            };
            let burn = network(&NeuralLearner::new(params.clone()).unwrap());
            let ours = network(&NetworkLearner { params });
            let numbers = |network: &NeuralRanker| -> Vec<f32> {
                network.layers().iter().flat_map(|layer| [&layer.weights[..], &layer.biases].concat()).collect()
            };
            let (numbers_of_burn, numbers_of_ours) = (numbers(&burn), numbers(&ours));
            assert_eq!(numbers_of_burn.len(), numbers_of_ours.len());
            let distances = numbers_of_burn.iter().zip(&numbers_of_ours).map(|(a, b)| (a - b).abs());
            let farthest = distances.fold(0.0, f32::max);
            assert!(farthest < nearness, "{what}: {farthest}");
            let [of_burn, of_ours] = [&burn, &ours].map(|network| mean_loss(network, &train.lists()));
            assert!((of_burn - of_ours).abs() < f64::from(nearness), "{what}: loss {of_burn} and {of_ours}");
        }
    }

    #[test]
    fn the_seed_fixes_the_weights() {
        let (train, valid) = (exclusive_or(1, 200), exclusive_or(2, 50));
        let learn = |seed: u64| learner(4).learn(&train.lists(), Some(&valid.lists()), None, seed).unwrap();
        assert_eq!(learn(1), learn(1));
        assert_ne!(learn(1), learn(2));
    }

    #[test]
    fn a_known_number_of_passes_is_made_without_newer_lists() {
        let (train, valid) = (exclusive_or(1, 200), exclusive_or(2, 50));
        let learn = |valid, n: Option<u32>, most| learner(most).learn(&train.lists(), valid, n, 1).unwrap();
        let newer = valid.lists();
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
        let (few, many) = (learner(30), learner(300));
        let found = few.learn(&train.lists(), Some(&valid.lists()), None, 1).unwrap();
        assert!(found.n_steps < 20, "{}", found.n_steps);
        assert_eq!(many.learn(&train.lists(), Some(&valid.lists()), None, 1).unwrap(), found, "it has stopped");
    }

    #[test]
    fn numbers_out_of_hand_are_an_error() {
        let mut train = exclusive_or(1, 50);
        train.rows[3] = f32::NAN;
        let error = learner(2).learn(&train.lists(), None, None, 1).unwrap_err();
        assert!(matches!(&error, Error::Learner { problem } if problem.contains("learning_rate")), "{error}");
    }

    #[test]
    fn wrong_parameters_are_refused() {
        let params = NetworkParams { max_epochs: 0, ..NetworkParams::default() };
        assert_eq!(NeuralLearner::new(params).unwrap_err().name, "max_epochs");
        assert_eq!(NeuralLearner::default().params(), &NetworkParams::default());
    }
}
