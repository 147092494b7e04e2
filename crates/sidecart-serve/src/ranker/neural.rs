use std::fmt::Display;

use sidecart_artifact::{Container, ContainerWriter};

use super::model::CLIP;
use crate::error::{Error, Result};

/// Most inputs and most units of a layer.
pub const MAX_WIDTH: usize = 64;
/// Most layers, the last included.
pub const MAX_LAYERS: usize = 4;
/// Rows that go through the layers together: the weights are read once for all of them, and each
/// sum is a few vector registers.
const LANES: usize = 16;

/// One number of [`LANES`] rows.
type Lanes = [f32; LANES];
type Activations = [Lanes; MAX_WIDTH];

/// A layer of a [`NeuralRanker`]: `output = weights * input + biases`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct DenseLayer {
    /// Row-major `[n_out, n_in]`.
    pub weights: Vec<f32>,
    /// `[n_out]`.
    pub biases: Vec<f32>,
}

/// A multi-layer perceptron over standardised features, cut at six standard deviations as those of
/// [`LinearRanker`](super::LinearRanker) are; each layer but the last is followed by
/// `max(0, x)`, the last has one output.
///
/// ```
/// use sidecart_serve::ranker::{DenseLayer, NeuralRanker};
///
/// // |x - 1|, which no linear ranker knows.
/// let layers = vec![
///     DenseLayer { weights: vec![1.0, -1.0], biases: vec![0.0, 0.0] },
///     DenseLayer { weights: vec![1.0, 1.0], biases: vec![0.0] },
/// ];
/// let ranker = NeuralRanker::new(vec![1.0], vec![1.0], layers)?;
/// let mut scores = [0.0; 3];
/// ranker.score_block(&[0.0, 1.0, 4.0], &mut scores);
/// assert_eq!(scores, [1.0, 0.0, 3.0]);
/// # Ok::<(), sidecart_serve::Error>(())
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct NeuralRanker {
    means: Vec<f32>,
    inverse_scales: Vec<f32>,
    layers: Vec<DenseLayer>,
}

fn damage(section: &'static str, problem: &'static str, expected: impl Display, got: impl Display) -> Error {
    Error::Model { section, problem, expected: expected.to_string(), got: got.to_string() }
}

impl NeuralRanker {
    /// A network over the features that `means` and `inverse_scales` (0 where a feature is constant)
    /// standardise.
    ///
    /// # Errors
    /// [`Error::Model`] where a number is not finite, layers do not fit each other, or there are
    /// more than [`MAX_WIDTH`] inputs or units or [`MAX_LAYERS`] layers.
    pub fn new(means: Vec<f32>, inverse_scales: Vec<f32>, layers: Vec<DenseLayer>) -> Result<Self> {
        let width = |section, n: usize| {
            let problem = "wrong width";
            if (1..=MAX_WIDTH).contains(&n) {
                Ok(n)
            } else {
                Err(damage(section, problem, format!("1..={MAX_WIDTH}"), n))
            }
        };
        let mut n_in = width("neural.inputs", means.len())?;
        if inverse_scales.len() != n_in {
            return Err(damage("neural.inputs", "wrong length", n_in, inverse_scales.len()));
        }
        if !(1..=MAX_LAYERS).contains(&layers.len()) {
            return Err(damage("neural", "wrong number of layers", format!("1..={MAX_LAYERS}"), layers.len()));
        }
        for layer in &layers {
            let n_out = width("neural.biases", layer.biases.len())?;
            if layer.weights.len() != n_in * n_out {
                return Err(damage("neural.weights", "wrong length", format!("{n_out} x {n_in}"), layer.weights.len()));
            }
            n_in = n_out;
        }
        if n_in != 1 {
            return Err(damage("neural.biases", "wrong width of the last layer", 1, n_in));
        }
        let of_layers = layers.iter().flat_map(|l| [("neural.weights", &l.weights), ("neural.biases", &l.biases)]);
        let of_inputs = [("neural.inputs", &means), ("neural.inputs", &inverse_scales)];
        for (section, values) in of_inputs.into_iter().chain(of_layers) {
            if let Some(value) = values.iter().find(|value| !value.is_finite()) {
                return Err(damage(section, "not finite", "finite numbers", value));
            }
        }
        Ok(Self { means, inverse_scales, layers })
    }

    /// Features of a row.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.means.len()
    }

    /// The layers, the one over the features first.
    #[must_use]
    pub fn layers(&self) -> &[DenseLayer] {
        &self.layers
    }

    fn standardised(&self, feature: usize, value: f32) -> f32 {
        ((value - self.means[feature]) * self.inverse_scales[feature]).clamp(-CLIP, CLIP)
    }

    /// The utilities of rows of [`n_features`](Self::n_features) numbers, one after the other;
    /// differences within a query count. Allocates nothing; the same bits as
    /// [`score_plain`](Self::score_plain).
    ///
    /// # Panics
    /// If there are not as many rows as scores.
    pub fn score_block(&self, rows: &[f32], scores: &mut [f32]) {
        let n_features = self.n_features();
        assert_eq!(rows.len(), scores.len() * n_features, "a score for every row");
        let (mut here, mut next): (Activations, Activations) = ([[0.0; LANES]; MAX_WIDTH], [[0.0; LANES]; MAX_WIDTH]);
        for (rows, scores) in rows.chunks(LANES * n_features).zip(scores.chunks_mut(LANES)) {
            // Lanes without a row keep what was in them; nobody reads what becomes of it.
            for (lane, row) in rows.chunks_exact(n_features).enumerate() {
                for (feature, (&value, lanes)) in row.iter().zip(&mut here).enumerate() {
                    lanes[lane] = self.standardised(feature, value);
                }
            }
            let last = self.layers.len() - 1;
            for layer in &self.layers[..last] {
                layer.forward(&here, &mut next);
                for lanes in &mut next[..layer.biases.len()] {
                    *lanes = lanes.map(|value| value.max(0.0));
                }
                std::mem::swap(&mut here, &mut next);
            }
            self.layers[last].forward(&here, &mut next);
            scores.copy_from_slice(&next[0][..scores.len()]);
        }
    }

    /// The utility of one row, worked out plainly: the twin that
    /// [`score_block`](Self::score_block) is tested against.
    ///
    /// # Panics
    /// If the row has another number of features.
    #[must_use]
    pub fn score_plain(&self, row: &[f32]) -> f32 {
        assert_eq!(row.len(), self.n_features(), "the features of the ranker");
        let mut values: Vec<f32> = (0..).zip(row).map(|(feature, &value)| self.standardised(feature, value)).collect();
        for (at, layer) in self.layers.iter().enumerate() {
            let outputs = layer.weights.chunks_exact(values.len()).zip(&layer.biases);
            let outputs = outputs.map(|(weights, &bias)| {
                let sum = weights.iter().zip(&values).fold(bias, |sum, (weight, value)| sum + weight * value);
                if at + 1 < self.layers.len() { sum.max(0.0) } else { sum }
            });
            values = outputs.collect();
        }
        values[0]
    }

    /// Adds the tensors as `PREFIX.inputs`, `PREFIX.weights.0`, `PREFIX.biases.0` and so on.
    ///
    /// # Errors
    /// [`Error::Artifact`] when a tensor cannot be written.
    pub fn write(&self, writer: &mut ContainerWriter<'_>, prefix: &str) -> Result<()> {
        let inputs = [&self.means[..], &self.inverse_scales].concat();
        writer.add_owned(&format!("{prefix}.inputs"), inputs, &[2, self.n_features()])?;
        for (at, DenseLayer { weights, biases }) in self.layers.iter().enumerate() {
            let n_out = biases.len();
            writer.add_owned(&format!("{prefix}.weights.{at}"), weights.clone(), &[n_out, weights.len() / n_out])?;
            writer.add_owned(&format!("{prefix}.biases.{at}"), biases.clone(), &[n_out])?;
        }
        Ok(())
    }

    /// Whether a container has a network of this prefix, or what is left of one.
    pub(super) fn is_in(container: &Container, prefix: &str) -> bool {
        let part = |name: &str| name.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('.'));
        container.tensors().any(|(name, _)| part(name))
    }

    /// Reads and checks a network over rows of `n_features` features.
    ///
    /// # Errors
    /// [`Error::Artifact`] for a missing tensor or another shape, and as [`new`](Self::new).
    pub fn read(container: &Container, prefix: &str, n_features: usize) -> Result<Self> {
        let inputs = container.matrix::<f32>(&format!("{prefix}.inputs"), 2, n_features)?;
        let mut layers = Vec::new();
        let mut n_in = n_features;
        for at in 0..=MAX_LAYERS {
            let [weights, biases] = ["weights", "biases"].map(|part| format!("{prefix}.{part}.{at}"));
            if at > 0 && !container.contains(&weights) && !container.contains(&biases) {
                break;
            }
            let n_out = container.section::<f32>(&weights)?.rows();
            let weights = container.matrix::<f32>(&weights, n_out, n_in)?;
            let biases = container.vector::<f32>(&biases, n_out)?;
            layers.push(DenseLayer {
                weights: container.get(&weights).to_vec(),
                biases: container.get(&biases).to_vec(),
            });
            n_in = n_out;
        }
        Self::new(container.row(&inputs, 0).to_vec(), container.row(&inputs, 1).to_vec(), layers)
    }
}

impl DenseLayer {
    /// The sums, in the order of the inputs.
    #[inline]
    fn forward(&self, input: &Activations, output: &mut Activations) {
        let rows = self.weights.chunks_exact(self.weights.len() / self.biases.len());
        for ((weights, &bias), output) in rows.zip(&self.biases).zip(output) {
            let mut sums = [bias; LANES];
            for (weight, input) in weights.iter().zip(input) {
                for (sum, input) in sums.iter_mut().zip(input) {
                    *sum += weight * input;
                }
            }
            *output = sums;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sidecart_core::Rng;

    use super::*;

    fn numbers(rng: &mut Rng, n: usize) -> Vec<f32> {
        (0..n).map(|_| rng.normal() as f32).collect()
    }

    fn network(rng: &mut Rng, n_features: usize, hidden: &[usize]) -> NeuralRanker {
        let mut n_in = n_features;
        let layers = hidden.iter().chain([&1]).map(|&n_out| {
            let (weights, biases) = (numbers(rng, n_in * n_out), numbers(rng, n_out));
            n_in = n_out;
            DenseLayer { weights, biases }
        });
        let layers = layers.collect();
        let scales = (0..n_features).map(|_| rng.unit() as f32).collect();
        NeuralRanker::new(numbers(rng, n_features), scales, layers).unwrap()
    }

    proptest! {
        #[test]
        fn a_block_is_its_rows(
            seed in any::<u64>(),
            n_features in 1..=MAX_WIDTH,
            hidden in prop::collection::vec(1..=MAX_WIDTH, 0..MAX_LAYERS),
            n_rows in 0usize..40,
        ) {
            let rng = &mut Rng::new(seed, 0);
            let ranker = network(rng, n_features, &hidden);
            // Some far away, so that cutting matters.
            let rows: Vec<f32> = numbers(rng, n_rows * n_features).into_iter().map(|v| v * v * v).collect();
            let mut scores = vec![f32::NAN; n_rows];
            ranker.score_block(&rows, &mut scores);
            for (row, score) in rows.chunks_exact(n_features).zip(&scores) {
                prop_assert_eq!(ranker.score_plain(row).to_bits(), score.to_bits());
            }
        }

        #[test]
        fn what_is_written_is_read(seed in any::<u64>(), hidden in prop::collection::vec(1..9usize, 0..MAX_LAYERS)) {
            let ranker = network(&mut Rng::new(seed, 1), 5, &hidden);
            let container = container(&ranker, |_| ());
            prop_assert!(NeuralRanker::is_in(&container, "net") && !NeuralRanker::is_in(&container, "ne"));
            prop_assert_eq!(NeuralRanker::read(&container, "net", 5).unwrap(), ranker);
        }
    }

    type Tensors = Vec<(String, Vec<f32>, Vec<usize>)>;

    /// A network on disk, after `change`.
    fn container(ranker: &NeuralRanker, change: impl Fn(&mut Tensors)) -> Container {
        let mut writer = ContainerWriter::new();
        ranker.write(&mut writer, "net").unwrap();
        let whole = Container::from_bytes("whole", &writer.to_bytes().unwrap()).unwrap();
        let values = |name: &str| whole.get(&whole.section::<f32>(name).unwrap()).to_vec();
        let mut tensors: Tensors =
            whole.tensors().map(|(name, info)| (name.to_owned(), values(name), info.shape.to_vec())).collect();
        change(&mut tensors);
        let mut writer = ContainerWriter::new();
        for (name, values, shape) in &tensors {
            writer.add(name, values, shape).unwrap();
        }
        Container::from_bytes("changed", &writer.to_bytes().unwrap()).unwrap()
    }

    fn tensor<'t>(tensors: &'t mut Tensors, name: &str) -> (&'t mut Vec<f32>, &'t mut Vec<usize>) {
        let (_, values, shape) = tensors.iter_mut().find(|(found, ..)| found == name).unwrap();
        (values, shape)
    }

    #[test]
    fn damage_is_refused() {
        let ranker = network(&mut Rng::new(1, 2), 5, &[4, 3]);
        assert!(NeuralRanker::read(&container(&ranker, |_| ()), "net", 5).is_ok(), "undamaged");
        assert!(NeuralRanker::read(&container(&ranker, |_| ()), "net", 6).is_err(), "other features");
        let names: Vec<String> = container(&ranker, |_| ()).tensors().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names.len(), 7);
        for name in &names {
            let refused = |what: &str, change: &dyn Fn(&mut Tensors)| {
                let read = NeuralRanker::read(&container(&ranker, change), "net", 5);
                assert!(matches!(read, Err(Error::Model { .. } | Error::Artifact(_))), "{name}: {what} is read");
            };
            refused("nothing", &|t| t.retain(|(found, ..)| found != name));
            refused("another shape", &|t| match tensor(t, name).1 {
                shape if shape.len() == 1 => shape.push(1),
                shape => shape.reverse(),
            });
            refused("a row less", &|t| {
                let (values, shape) = tensor(t, name);
                shape[0] -= 1;
                values.truncate(shape.iter().product());
            });
        }
        let layer = |t: &mut Tensors, at: usize, n_out: usize, n_in: usize| {
            t.push((format!("net.weights.{at}"), vec![1.0; n_out * n_in], vec![n_out, n_in]));
            t.push((format!("net.biases.{at}"), vec![0.0; n_out], vec![n_out]));
        };
        let read = |change: &dyn Fn(&mut Tensors)| NeuralRanker::read(&container(&ranker, change), "net", 5);
        assert!(read(&|t| layer(t, 3, 1, 1)).is_ok(), "as many layers as there may be");
        assert!(read(&|t| (3..=MAX_LAYERS).for_each(|at| layer(t, at, 1, 1))).is_err(), "a layer too many");
        assert!(read(&|t| layer(t, 3, 2, 1)).is_err(), "two outputs");
    }

    #[test]
    fn what_cannot_be_evaluated_is_refused() {
        let layer =
            |n_in: usize, n_out: usize| DenseLayer { weights: vec![0.5; n_in * n_out], biases: vec![0.0; n_out] };
        let new = |n: usize, layers: Vec<DenseLayer>| NeuralRanker::new(vec![0.0; n], vec![1.0; n], layers);
        assert!(new(MAX_WIDTH, vec![layer(MAX_WIDTH, MAX_WIDTH), layer(MAX_WIDTH, 1)]).is_ok());
        let says = |result: Result<NeuralRanker>, part: &str| {
            let error = result.unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        };
        says(new(0, vec![layer(0, 1)]), "neural.inputs: wrong width");
        says(new(MAX_WIDTH + 1, vec![layer(MAX_WIDTH + 1, 1)]), "neural.inputs: wrong width");
        says(new(2, vec![layer(2, MAX_WIDTH + 1), layer(MAX_WIDTH + 1, 1)]), "neural.biases: wrong width");
        says(new(2, Vec::new()), "wrong number of layers");
        says(new(2, vec![layer(2, 3), layer(2, 1)]), "neural.weights: wrong length: expected 1 x 3, got 2");
        says(new(2, vec![layer(2, 3)]), "wrong width of the last layer");
        says(NeuralRanker::new(vec![0.0; 2], vec![1.0], vec![layer(2, 1)]), "neural.inputs: wrong length");
        for bad in [f32::NAN, f32::INFINITY] {
            says(NeuralRanker::new(vec![bad], vec![1.0], vec![layer(1, 1)]), "neural.inputs: not finite");
            says(NeuralRanker::new(vec![0.0], vec![bad], vec![layer(1, 1)]), "neural.inputs: not finite");
            let with = |weight, bias| vec![DenseLayer { weights: vec![weight], biases: vec![bias] }];
            says(new(1, with(bad, 0.0)), "neural.weights: not finite");
            says(new(1, with(0.0, bad)), "neural.biases: not finite");
        }
    }
}
