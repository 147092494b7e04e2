use std::ops::Range;

use sidecart_core::Rng;
use sidecart_serve::ranker::{DenseLayer, NeuralRanker};

use super::standards::Standards;

/// Where the numbers of a layer lie: weights `[n_in, n_out]`, then biases `[n_out]`.
pub(super) struct Place {
    pub(super) n_in: usize,
    pub(super) n_out: usize,
    pub(super) range: Range<usize>,
}

impl Place {
    /// Weights and biases of the layer, or what else is stored like them.
    pub(super) fn of<'a>(&self, parameters: &'a [f32]) -> (&'a [f32], &'a [f32]) {
        parameters[self.range.clone()].split_at(self.n_in * self.n_out)
    }

    /// The same, to be changed.
    pub(super) fn of_mut<'a>(&self, parameters: &'a mut [f32]) -> (&'a mut [f32], &'a mut [f32]) {
        parameters[self.range.clone()].split_at_mut(self.n_in * self.n_out)
    }
}

/// The perceptron while it is learned: every layer but the last is followed by `max(0, x)`, the last
/// has one output.
pub(super) struct Perceptron {
    pub(super) places: Vec<Place>,
    /// All layers, one after the other.
    pub(super) parameters: Vec<f32>,
}

impl Perceptron {
    /// Random weights with the variance that keeps the size of what passes through rectified layers
    /// (He, Zhang, Ren, Sun: Delving Deep into Rectifiers, 2015); biases are 0.
    pub(super) fn new(n_features: usize, hidden: &[usize], rng: &mut Rng) -> Self {
        let mut network = Self { places: Vec::new(), parameters: Vec::new() };
        let mut n_in = n_features;
        for &n_out in hidden.iter().chain([&1]) {
            let start = network.parameters.len();
            let size = (2.0 / n_in as f64).sqrt();
            network.parameters.extend((0..n_in * n_out).map(|_| (rng.normal() * size) as f32));
            network.parameters.extend((0..n_out).map(|_| 0.0));
            network.places.push(Place { n_in, n_out, range: start..network.parameters.len() });
            n_in = n_out;
        }
        network
    }

    /// The ranker that serving evaluates.
    ///
    /// # Errors
    /// Where a number is not finite.
    pub(super) fn export(&self, standards: &Standards) -> sidecart_serve::Result<NeuralRanker> {
        let layers = self.places.iter().map(|place| {
            let (weights, biases) = place.of(&self.parameters);
            DenseLayer { weights: transposed(weights, place.n_out), biases: biases.to_vec() }
        });
        NeuralRanker::new(standards.means.clone(), standards.inverse_scales.clone(), layers.collect())
    }
}

/// A matrix of rows of `n_columns` numbers, column by column.
pub(super) fn transposed(matrix: &[f32], n_columns: usize) -> Vec<f32> {
    (0..n_columns).flat_map(|column| matrix[column..].iter().step_by(n_columns).copied()).collect()
}
