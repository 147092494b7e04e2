use rayon::prelude::*;
use sidecart_core::{ItemId, ln};
use sidecart_kernels::{Destination, MatmulShape, add_rows, add_scaled, dot, exp, matmul, matmul_at, max, sum};

use super::batch::Batch;
use super::negatives::NegativeSampler;
use super::table::{Composition, FeatureTable};

/// Rows of one task.
const ROWS: usize = 64;
/// Outputs or inputs whose gradients one task sums.
const GRADIENT_CHUNK: usize = 32;
/// Logit of what is no candidate: e^-1e9 is nothing beside any other.
const MASKED: f32 = -1e9;

/// The sampled softmax of one batch and its gradients; buffers are kept from batch to batch.
#[derive(Default)]
pub(super) struct SampledSoftmax {
    /// Item vectors of the batch's inputs and outputs.
    input: Vec<f32>,
    output: Vec<f32>,
    /// The negatives' vectors, dimension by dimension.
    negatives_across: Vec<f32>,
    /// What is added to the negatives' products: bias less log of the expected draws.
    offsets: Vec<f32>,
    /// Pooled contexts, row by row, and the gradients of the loss by each of their items.
    contexts: Vec<f32>,
    context_gradients: Vec<f32>,
    /// Rows x negatives: logits, then gradients by them.
    logits: Vec<f32>,
    /// Per row: gradient by the target's logit, and the target's probability.
    target_gradients: Vec<f32>,
    target_probabilities: Vec<f32>,
    pub(super) input_gradients: Vec<f32>,
    pub(super) output_gradients: Vec<f32>,
}

impl SampledSoftmax {
    /// Computes the gradients of the mean loss by the batch's item vectors and returns the sum of
    /// the losses.
    pub(super) fn run(&mut self, batch: &Batch, model: &Model<'_>) -> f64 {
        let dims = model.dims;
        self.gather(batch, model);
        let (rows, negatives) = (batch.n_rows(), batch.n_negatives);
        self.contexts.resize(rows * dims, 0.0);
        self.context_gradients.resize(rows * dims, 0.0);
        self.logits.resize(rows * negatives, 0.0);
        self.target_gradients.resize(rows, 0.0);
        self.target_probabilities.resize(rows, 0.0);
        let gathered = Gathered {
            dims,
            batch,
            bias: model.bias,
            input: &self.input,
            output: &self.output,
            negatives_across: &self.negatives_across,
            offsets: &self.offsets,
        };
        self.contexts
            .par_chunks_mut(ROWS * dims)
            .zip(self.context_gradients.par_chunks_mut(ROWS * dims))
            .zip(self.logits.par_chunks_mut(ROWS * negatives))
            .zip(self.target_gradients.par_chunks_mut(ROWS))
            .zip(self.target_probabilities.par_chunks_mut(ROWS))
            .enumerate()
            .for_each(
                |(chunk, ((((contexts, context_gradients), logits), target_gradients), target_probabilities))| {
                    gathered.run_rows(
                        chunk * ROWS,
                        RowChunk { contexts, context_gradients, logits, target_gradients, target_probabilities },
                    );
                },
            );
        self.sum_output_gradients(batch, dims);
        self.sum_input_gradients(batch, dims);
        // A probability can round to 0; its loss is then that of the smallest normal number.
        let loss = |&p: &f32| -ln(f64::from(p.max(f32::MIN_POSITIVE)));
        self.target_probabilities.iter().map(loss).sum()
    }

    fn gather(&mut self, batch: &Batch, model: &Model<'_>) {
        let (dims, negatives) = (model.dims, batch.n_negatives);
        self.input.resize(batch.inputs.len() * dims, 0.0);
        self.output.resize(batch.outputs.len() * dims, 0.0);
        model.input.compose(model.composition, &batch.inputs, &mut self.input);
        model.output.compose(model.composition, &batch.outputs, &mut self.output);
        self.negatives_across.resize(dims * negatives, 0.0);
        for (n, vector) in self.output.chunks_exact(dims).take(negatives).enumerate() {
            for (d, &value) in vector.iter().enumerate() {
                self.negatives_across[d * negatives + n] = value;
            }
        }
        self.offsets.clear();
        let offset = |&item: &ItemId| model.bias[item.index()] - model.negatives.log_expected(item);
        self.offsets.extend(batch.outputs[..negatives].iter().map(offset));
    }

    fn sum_output_gradients(&mut self, batch: &Batch, dims: usize) {
        let (rows, negatives) = (batch.n_rows(), batch.n_negatives);
        self.output_gradients.resize(batch.outputs.len() * dims, 0.0);
        let (logits, contexts, target_gradients) = (&self.logits, &self.contexts, &self.target_gradients);
        self.output_gradients.par_chunks_mut(GRADIENT_CHUNK * dims).enumerate().for_each(|(chunk, gradients)| {
            let start = chunk * GRADIENT_CHUNK;
            let end = (start + gradients.len() / dims).min(negatives).max(start);
            let (of_negatives, of_targets) = gradients.split_at_mut((end - start) * dims);
            let shape = MatmulShape { rows: end - start, cols: dims, depth: rows };
            if end > start {
                matmul_at(of_negatives, logits, start..end, contexts, shape, Destination::Overwrite);
            }
            of_targets.fill(0.0);
            for (i, gradient) in gradients.chunks_exact_mut(dims).enumerate() {
                for &row in batch.rows_of_output.get(start + i) {
                    let row = row as usize;
                    add_scaled(gradient, &contexts[row * dims..(row + 1) * dims], target_gradients[row]);
                }
            }
        });
    }

    fn sum_input_gradients(&mut self, batch: &Batch, dims: usize) {
        self.input_gradients.resize(batch.inputs.len() * dims, 0.0);
        let context_gradients = &self.context_gradients;
        self.input_gradients.par_chunks_mut(GRADIENT_CHUNK * dims).enumerate().for_each(|(chunk, gradients)| {
            for (i, gradient) in gradients.chunks_exact_mut(dims).enumerate() {
                gradient.fill(0.0);
                add_rows(gradient, context_gradients, batch.rows_of_input.get(chunk * GRADIENT_CHUNK + i));
            }
        });
    }
}

/// What a batch is scored with.
pub(super) struct Model<'a> {
    pub(super) dims: usize,
    pub(super) composition: Composition<'a>,
    pub(super) input: &'a FeatureTable,
    pub(super) output: &'a FeatureTable,
    pub(super) bias: &'a [f32],
    pub(super) negatives: &'a NegativeSampler,
}

/// Everything that the rows of a batch read.
struct Gathered<'a> {
    dims: usize,
    batch: &'a Batch,
    bias: &'a [f32],
    input: &'a [f32],
    output: &'a [f32],
    negatives_across: &'a [f32],
    offsets: &'a [f32],
}

/// What one task writes.
struct RowChunk<'a> {
    contexts: &'a mut [f32],
    context_gradients: &'a mut [f32],
    logits: &'a mut [f32],
    target_gradients: &'a mut [f32],
    target_probabilities: &'a mut [f32],
}

impl Gathered<'_> {
    fn run_rows(&self, first_row: usize, chunk: RowChunk<'_>) {
        let Self { dims, batch, .. } = *self;
        let RowChunk { contexts, context_gradients, logits, target_gradients, target_probabilities } = chunk;
        let negatives = batch.n_negatives;
        let rows = target_gradients.len();
        for (i, context) in contexts.chunks_exact_mut(dims).enumerate() {
            context.fill(0.0);
            let row = first_row + i;
            add_rows(context, self.input, batch.contexts.get(row));
            for value in context {
                *value *= batch.scales[row];
            }
        }
        for line in logits.chunks_exact_mut(negatives) {
            line.copy_from_slice(self.offsets);
        }
        let shape = MatmulShape { rows, cols: negatives, depth: dims };
        matmul(logits, contexts, self.negatives_across, shape, Destination::Add);
        for i in 0..rows {
            let row = first_row + i;
            let line = &mut logits[i * negatives..(i + 1) * negatives];
            for &negative in batch.masked(row) {
                line[negative as usize] = MASKED;
            }
            let target = batch.targets[row] as usize;
            let bias = self.bias[batch.outputs[target].index()];
            let vector = &self.output[target * dims..(target + 1) * dims];
            let logit = dot(&contexts[i * dims..(i + 1) * dims], vector) + bias;
            let probability = softmax_gradient(line, logit, 1.0 / batch.n_rows() as f32);
            target_probabilities[i] = probability;
            target_gradients[i] = (probability - 1.0) / batch.n_rows() as f32;
        }
        let shape = MatmulShape { rows, cols: dims, depth: negatives };
        let negative_vectors = &self.output[..negatives * dims];
        matmul(context_gradients, logits, negative_vectors, shape, Destination::Overwrite);
        for (i, gradient) in context_gradients.chunks_exact_mut(dims).enumerate() {
            let target = batch.targets[first_row + i] as usize;
            add_scaled(gradient, &self.output[target * dims..(target + 1) * dims], target_gradients[i]);
            for value in gradient {
                *value *= batch.scales[first_row + i];
            }
        }
    }
}

/// Turns the negatives' logits into their probabilities times `weight`, the gradients by them, and
/// returns the probability of the target.
fn softmax_gradient(logits: &mut [f32], target: f32, weight: f32) -> f32 {
    let highest = max(logits).max(target);
    for logit in logits.iter_mut() {
        *logit -= highest;
    }
    exp(logits);
    let mut of_target = [target - highest];
    exp(&mut of_target);
    let total = sum(logits) + of_target[0];
    let factor = weight / total;
    for logit in logits.iter_mut() {
        *logit *= factor;
    }
    of_target[0] / total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gradients_of_one_row_sum_to_nothing() {
        let mut logits = [1.0, -2.0, MASKED, 0.5];
        let probability = softmax_gradient(&mut logits, 2.0, 0.25);
        let total: f32 = 1f32.exp() + (-2f32).exp() + 0.5f32.exp() + 2f32.exp();
        assert!((probability - 2f32.exp() / total).abs() < 1e-6);
        assert!((logits.iter().sum::<f32>() + 0.25 * (probability - 1.0)).abs() < 1e-6);
        assert!(logits[2] < 1e-30);
    }
}
