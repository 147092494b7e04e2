use sidecart_core::Rng;
use sidecart_serve::ranker::{NeuralRanker, Stage};

use super::adam::AdamW;
use super::gradient::Gradient;
use super::loss::mean_loss;
use super::params::NetworkParams;
use super::perceptron::Perceptron;
use super::standards::Standards;
use crate::error::{Error, Result};
use crate::ranker::{Learned, LearnedRanker, RankerLearner, RankingLists};

/// Where the settings stand in the configuration.
const SECTION: &str = "models.ranker.network";
const WEIGHT_STREAM: u64 = 0x7765_6967_6874;
const ORDER_STREAM: u64 = 0x6f72_6465_7200;

/// Learns a multi-layer perceptron so that the softmax over the utilities of a list puts its
/// probability on the right candidate (the top-one loss of Cao, Qin, Liu, Tsai, Li: Learning to
/// Rank: From Pairwise Approach to Listwise Approach, 2007; with one right candidate it is the
/// likelihood of a conditional logit), by AdamW (Loshchilov, Hutter: Decoupled Weight Decay
/// Regularization, 2019). A step is a pass over all lists.
///
/// ```
/// use sidecart_train::ranker::{LearnedRanker, NetworkLearner, RankerLearner, RankingLists};
///
/// // Two lists of two candidates: the greater number is right.
/// let lists = RankingLists {
///     rows: &[1.0, 5.0, 4.0, 0.0],
///     n_features: 1,
///     offsets: &[0, 2, 4],
///     relevant: &[false, true, true, false],
///     chosen: &[1, 0],
/// };
/// let LearnedRanker::Neural(ranker) = NetworkLearner::default().learn(&lists, None, None, 1)?.ranker else {
///     unreachable!()
/// };
/// assert!(ranker.score_plain(&[5.0]) > ranker.score_plain(&[1.0]));
/// # Ok::<(), sidecart_train::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug, Default)]
pub struct NetworkLearner {
    /// Layers, optimiser and when to stop.
    pub params: NetworkParams,
}

impl RankerLearner for NetworkLearner {
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
        let params = &self.params;
        params.check().map_err(|source| Error::Parameter { section: SECTION, source })?;
        let standards = Standards::of(train);
        let mut network = Perceptron::new(train.n_features, &params.hidden, &mut Rng::new(seed, WEIGHT_STREAM));
        let mut gradient = Gradient::new(&network, params.lists_per_step);
        let mut optimiser = AdamW::new(network.parameters.len(), params.weight_decay);
        let mut order: Vec<usize> = (0..train.len()).collect();
        let mut rng = Rng::new(seed, ORDER_STREAM);
        let mut learning_rate = params.learning_rate;
        let mut best: Option<(f64, u32, NeuralRanker)> = None;
        let max_epochs = n_steps.unwrap_or(params.max_epochs).max(1);
        for epoch in 1..=max_epochs {
            rng.shuffle(&mut order);
            for picked in order.chunks(params.lists_per_step) {
                let (loss, slopes) = gradient.of(&network, train, &standards, picked);
                if !loss.is_finite() {
                    return Err(self.diverged());
                }
                optimiser.step(&mut network.parameters, slopes, learning_rate);
            }
            learning_rate *= params.learning_rate_decay;
            if valid.is_none() && epoch < max_epochs {
                continue;
            }
            let ranker = network.export(&standards).map_err(|_| self.diverged())?;
            let loss = valid.map_or(0.0, |valid| mean_loss(&ranker, valid));
            if best.as_ref().is_none_or(|(least, ..)| loss < *least) {
                best = Some((loss, epoch, ranker));
            } else if best.as_ref().is_some_and(|(_, at, _)| epoch - at >= params.patience) {
                break;
            }
        }
        let (_, n_steps, ranker) = best.ok_or_else(|| self.diverged())?;
        Ok(Learned { ranker: LearnedRanker::Neural(ranker), n_steps })
    }
}

impl NetworkLearner {
    fn diverged(&self) -> Error {
        let rate = self.params.learning_rate;
        let problem =
            format!("the network's numbers are not finite; take a smaller [{SECTION}] learning_rate than {rate}");
        Error::Learner { problem }
    }
}
