use rayon::prelude::*;
use sidecart_kernels::{Destination, MatmulShape, matmul, matmul_at};

use super::loss::softmax;
use super::perceptron::{Perceptron, transposed};
use super::standards::Standards;
use crate::ranker::RankingLists;

/// Lists that go through the layers together: some 240 rows, which stay in the second cache.
const GROUP: usize = 4;
/// Parts at most that the lists of a step are cut into, each summed by one thread.
const PARTS: usize = 16;

/// The gradient of the mean loss on some lists, in the order of the network's parameters.
///
/// Which lists are summed together depends on the number of lists of a step alone, and their sums
/// are added in order: the bits are the same for any number of threads.
pub(super) struct Gradient {
    lists_per_part: usize,
    parts: Vec<Part>,
    sum: Vec<f32>,
}

impl Gradient {
    pub(super) fn new(network: &Perceptron, lists_per_step: usize) -> Self {
        let n = network.parameters.len();
        let lists_per_part = lists_per_step.div_ceil(PARTS).max(GROUP);
        let part = |_| Part { sum: vec![0.0; n], values: vec![Vec::new(); network.places.len()], ..Part::default() };
        let parts = (0..lists_per_step.div_ceil(lists_per_part)).map(part).collect();
        Self { lists_per_part, parts, sum: vec![0.0; n] }
    }

    /// The mean loss on the picked lists, at most as many as a step has, and its gradient; not a
    /// number where a utility is none.
    pub(super) fn of(
        &mut self,
        network: &Perceptron,
        lists: &RankingLists<'_>,
        standards: &Standards,
        picked: &[usize],
    ) -> (f64, &[f32]) {
        let weight = 1.0 / picked.len() as f32;
        let pieces = picked.par_chunks(self.lists_per_part);
        let n_parts = pieces.len();
        self.parts[..n_parts].par_iter_mut().zip(pieces).for_each(|(part, piece)| {
            part.loss = 0.0;
            part.sum.fill(0.0);
            for group in piece.chunks(GROUP) {
                part.add(network, lists, standards, group, weight);
            }
        });
        self.sum.fill(0.0);
        for part in &self.parts[..n_parts] {
            for (sum, value) in self.sum.iter_mut().zip(&part.sum) {
                *sum += value;
            }
        }
        let loss: f64 = self.parts[..n_parts].iter().map(|part| part.loss).sum();
        (loss / picked.len() as f64, &self.sum)
    }
}

/// The sum over some lists, and room to work it out.
#[derive(Default)]
struct Part {
    loss: f64,
    sum: Vec<f32>,
    /// What goes into each layer, `[n_rows, n_in]`.
    values: Vec<Vec<f32>>,
    /// Derivatives by what comes out of a layer, `[n_rows, n_out]`, and by what goes in.
    slopes: Vec<f32>,
    slopes_below: Vec<f32>,
}

impl Part {
    /// Adds the losses of lists, and `weight` times their gradients.
    fn add(
        &mut self,
        network: &Perceptron,
        lists: &RankingLists<'_>,
        standards: &Standards,
        group: &[usize],
        weight: f32,
    ) {
        self.values[0].clear();
        for &list in group {
            for row in lists.list(list).chunks_exact(lists.n_features) {
                standards.push(row, &mut self.values[0]);
            }
        }
        let n_rows = self.values[0].len() / lists.n_features;
        self.forward(network, n_rows);
        let mut rest = &mut self.slopes[..];
        for &list in group {
            let (utilities, after) = rest.split_at_mut(lists.offsets[list + 1] - lists.offsets[list]);
            let chosen = lists.chosen[list] as usize;
            self.loss += softmax(utilities, chosen);
            utilities[chosen] -= 1.0;
            utilities.iter_mut().for_each(|slope| *slope *= weight);
            rest = after;
        }
        self.backward(network, n_rows);
    }

    /// Puts the utilities of the rows into `slopes`.
    fn forward(&mut self, network: &Perceptron, n_rows: usize) {
        for (at, place) in network.places.iter().enumerate() {
            let (weights, biases) = place.of(&network.parameters);
            let (here, after) = self.values.split_at_mut(at + 1);
            let out = after.first_mut().unwrap_or(&mut self.slopes);
            out.clear();
            (0..n_rows).for_each(|_| out.extend_from_slice(biases));
            let shape = MatmulShape { rows: n_rows, cols: place.n_out, depth: place.n_in };
            matmul(out, &here[at], weights, shape, Destination::Add);
            if !after.is_empty() {
                after[0].iter_mut().for_each(|value| *value = value.max(0.0));
            }
        }
    }

    /// Adds the gradient, given the derivatives by the utilities in `slopes`.
    fn backward(&mut self, network: &Perceptron, n_rows: usize) {
        for (at, place) in network.places.iter().enumerate().rev() {
            let (weights, biases) = place.of_mut(&mut self.sum);
            let values = &self.values[at];
            let shape = MatmulShape { rows: place.n_in, cols: place.n_out, depth: n_rows };
            matmul_at(weights, values, 0..place.n_in, &self.slopes, shape, Destination::Add);
            for row in self.slopes.chunks_exact(place.n_out) {
                biases.iter_mut().zip(row).for_each(|(bias, slope)| *bias += slope);
            }
            if at == 0 {
                break;
            }
            let (weights, _) = place.of(&network.parameters);
            self.slopes_below.resize(n_rows * place.n_in, 0.0);
            let shape = MatmulShape { rows: n_rows, cols: place.n_in, depth: place.n_out };
            let weights = transposed(weights, place.n_out);
            matmul(&mut self.slopes_below, &self.slopes, &weights, shape, Destination::Overwrite);
            for (slope, &value) in self.slopes_below.iter_mut().zip(values) {
                *slope = if value > 0.0 { *slope } else { 0.0 };
            }
            std::mem::swap(&mut self.slopes, &mut self.slopes_below);
        }
    }
}
