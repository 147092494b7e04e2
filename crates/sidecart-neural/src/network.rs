use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData, activation};
use sidecart_core::Rng;
use sidecart_serve::ranker::{DenseLayer, NeuralRanker};
use sidecart_train::{Error, Result};

use crate::batch::{Batch, Standards};

/// The perceptron while it is learned.
#[derive(Module, Debug)]
pub(crate) struct Network {
    layers: Vec<Linear>,
}

impl Network {
    /// Random weights with the variance that keeps the size of what passes through rectified layers
    /// (He, Zhang, Ren, Sun: Delving Deep into Rectifiers, 2015), drawn from our own generator;
    /// biases are 0.
    pub(crate) fn new(n_features: usize, hidden: &[usize], rng: &mut Rng, device: &Device) -> Self {
        let mut n_in = n_features;
        let layers = hidden.iter().chain([&1]).map(|&n_out| {
            let size = (2.0 / n_in as f64).sqrt();
            let weights: Vec<f32> = (0..n_in * n_out).map(|_| (rng.normal() * size) as f32).collect();
            let weight = Param::from_data(TensorData::new(weights, [n_in, n_out]), device);
            let bias = Param::from_data(TensorData::new(vec![0.0f32; n_out], [n_out]), device);
            n_in = n_out;
            Linear { weight, bias: Some(bias) }
        });
        Self { layers: layers.collect() }
    }

    /// Utilities of standardised rows `[n, n_features]`, as `[n, 1]`.
    pub(crate) fn forward(&self, rows: Tensor<2>) -> Tensor<2> {
        let mut values = rows;
        for (at, layer) in self.layers.iter().enumerate() {
            values = layer.forward(values);
            if at + 1 < self.layers.len() {
                values = activation::relu(values);
            }
        }
        values
    }

    /// Mean of the negative logarithm of the probability that the softmax over a list gives its
    /// right candidate.
    pub(crate) fn loss(&self, batch: Batch) -> Tensor<1> {
        let shape = batch.penalties.dims();
        let utilities = self.forward(batch.inputs).reshape(shape) + batch.penalties;
        let taken = activation::log_softmax(utilities, 1) * batch.targets;
        -taken.sum() / shape[0] as f32
    }

    /// The ranker that serving evaluates.
    pub(crate) fn export(&self, standards: &Standards) -> Result<NeuralRanker> {
        let layers = self.layers.iter().map(|layer| {
            let [n_in, n_out] = layer.weight.val().dims();
            let columns = values(layer.weight.val())?;
            let weights = (0..n_out).flat_map(|out| (0..n_in).map(move |at| at * n_out + out));
            let biases = layer.bias.as_ref().map_or_else(|| Ok(vec![0.0; n_out]), |bias| values(bias.val()))?;
            Ok(DenseLayer { weights: weights.map(|at| columns[at]).collect(), biases })
        });
        let layers: Vec<DenseLayer> = layers.collect::<Result<_>>()?;
        Ok(NeuralRanker::new(standards.means.clone(), standards.inverse_scales.clone(), layers)?)
    }
}

/// The numbers of a tensor, row by row.
fn values<const D: usize>(tensor: Tensor<D>) -> Result<Vec<f32>> {
    let failed = |problem: String| Error::Learner { problem };
    let data = tensor.try_into_data().map_err(|e| failed(e.to_string()))?;
    data.try_to_vec().map_err(|e| failed(format!("{e:?}")))
}

#[cfg(test)]
mod tests {
    use sidecart_train::ranker::RankingLists;

    use super::*;

    /// Lists of 1 to 7 candidates with numbers of very different size.
    fn rows(rng: &mut Rng, n_lists: usize, n_features: usize) -> (Vec<f32>, Vec<usize>, Vec<u32>) {
        let (mut values, mut offsets, mut chosen) = (Vec::new(), vec![0], Vec::new());
        for _ in 0..n_lists {
            let size = 1 + rng.below(7);
            values.extend((0..size * n_features).map(|at| (rng.normal() * 10f64.powi((at % 5) as i32 - 2)) as f32));
            offsets.push(offsets[offsets.len() - 1] + size);
            chosen.push(rng.below(size) as u32);
        }
        (values, offsets, chosen)
    }

    #[test]
    fn serving_computes_what_was_learned() {
        let rng = &mut Rng::new(5, 0);
        let device = Device::default().autodiff();
        for hidden in [&[][..], &[1], &[7], &[32, 16], &[64, 33, 5]] {
            let (values_of_rows, offsets, chosen) = rows(rng, 30, 51);
            let lists = RankingLists {
                rows: &values_of_rows,
                n_features: 51,
                offsets: &offsets,
                relevant: &[],
                chosen: &chosen,
            };
            let standards = Standards::of(&lists);
            let network = Network::new(51, hidden, rng, &device);
            let ranker = network.export(&standards).unwrap();
            let mut scores = vec![0.0; offsets[30]];
            ranker.score_block(lists.rows, &mut scores);
            let picked: Vec<usize> = (0..30).collect();
            let batch = Batch::new(&lists, &picked, &standards, &device);
            let length = batch.penalties.dims()[1];
            let forward = values(network.forward(batch.inputs)).unwrap();
            for list in 0..30 {
                for at in 0..offsets[list + 1] - offsets[list] {
                    let (burn, served) = (forward[list * length + at], scores[offsets[list] + at]);
                    assert!((burn - served).abs() < 1e-4, "{hidden:?}: {burn} and {served}");
                }
            }
        }
    }

    #[test]
    fn what_fills_up_a_list_does_not_count() {
        let rng = &mut Rng::new(6, 0);
        let device = Device::default().autodiff();
        let (values_of_rows, offsets, chosen) = rows(rng, 20, 4);
        let lists =
            RankingLists { rows: &values_of_rows, n_features: 4, offsets: &offsets, relevant: &[], chosen: &chosen };
        let standards = Standards::of(&lists);
        let network = Network::new(4, &[6], rng, &device);
        let loss = |picked: &[usize]| {
            let batch = Batch::new(&lists, picked, &standards, &device);
            f64::from(values(network.loss(batch)).unwrap()[0])
        };
        let together = loss(&(0..20).collect::<Vec<_>>());
        let alone = (0..20).map(|list| loss(&[list])).sum::<f64>() / 20.0;
        assert!((together - alone).abs() < 1e-4, "{together} together, {alone} one by one");
    }
}
