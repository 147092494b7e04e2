use std::ops::Range;

use sidecart_core::{Baskets, Cancelled, ItemId, Progress, Rng, ln, mix64};

use super::batch::{Batch, BatchBuilder, pieces};
use super::loss::{Model, SampledSoftmax};
use super::negatives::NegativeSampler;
use super::table::{Composition, FeatureTable};
use super::{CheckedEmbeddingParams, ItemFeatures};

/// Bound of the first values: just enough to break the symmetry between dimensions.
const FIRST_SCALE: f64 = 0.02;
/// Baskets that every item is counted in beside its own, so that unsold items have a finite bias.
const BIAS_SMOOTHING: f64 = 0.5;

// Streams of the generator, one per purpose ("emb" in ASCII, then a number).
const STREAM_INPUT: u64 = 0x656d_6201;
const STREAM_OUTPUT: u64 = 0x656d_6202;
const STREAM_ORDER: u64 = 0x656d_6203;
const STREAM_BATCH: u64 = 0x656d_6204;

/// Two vectors and a bias per catalogue item. All values are finite.
#[derive(Clone, PartialEq, Debug)]
pub struct Embeddings {
    /// Numbers per vector.
    pub dims: usize,
    /// `n_items x dims`: what an item says as a part of a basket.
    pub input: Vec<f32>,
    /// `n_items x dims`: what an item answers as a candidate.
    pub output: Vec<f32>,
    /// `n_items`: logarithm of the item's (smoothed) share of all basket lines.
    pub bias: Vec<f32>,
    /// A context of `n` items is the sum of their input vectors times `n^-pooling_exponent`.
    pub pooling_exponent: f64,
    /// Mean sampled loss of each epoch, in nats per prediction: for comparing runs of equal settings.
    pub epoch_losses: Vec<f64>,
}

/// Learns item vectors from baskets.
///
/// `baskets` hold items below `features.n_items()`; those that are left with two items of the
/// vocabulary (at least `min_item_baskets` baskets) are trained on. Items outside the vocabulary have
/// the vectors of their attributes and the bias of an item hardly ever sold; without attributes their
/// vectors are zero, so that they rank by bias alone.
///
/// ```
/// use sidecart_core::{Baskets, ItemId, NoProgress};
/// use sidecart_train::embeddings::{Attribute, EmbeddingParams, ItemFeatures, train};
///
/// // Phones 0 and 1 with cases 2 and 3; item 4 is a case that nobody has bought yet.
/// let baskets: Baskets = (0..100).map(|b| [ItemId(b % 2), ItemId(2 + b / 2 % 2)]).collect();
/// let kind = Attribute::new(["phone", "phone", "case", "case", "case"].map(Some));
/// let params = EmbeddingParams { dims: 8, negatives: 4, ..EmbeddingParams::default() }.check()?;
/// let model = train(&baskets, &ItemFeatures::new(5, &[kind]), &params, 1, &NoProgress)?;
///
/// let answer = |item: usize| -> f32 { (0..8).map(|d| model.input[d] * model.output[item * 8 + d]).sum() };
/// assert!(answer(4) > answer(1)); // beside a phone, rather the new case than another phone
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// Parallel on rayon's current pool; the result does not depend on it. Time per epoch is about
/// `targets x dims x (6 negatives + 4 basket size)` multiplications and one random access to each
/// feature of each distinct item of a batch; memory is `8 n_features dims` bytes and the result.
///
/// # Errors
/// [`Cancelled`] when `progress` says so, at most one batch later.
///
/// # Panics
/// When a basket holds an item that `features` does not know, or there are 2^32 baskets.
pub fn train(
    baskets: &Baskets,
    features: &ItemFeatures,
    params: &CheckedEmbeddingParams,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Embeddings, Cancelled> {
    let params = params.get();
    let (n_items, dims) = (features.n_items(), params.dims as usize);
    let mut counts = vec![0u32; n_items];
    for item in baskets.items() {
        counts[item.index()] += 1;
    }
    let in_vocabulary: Vec<bool> = counts.iter().map(|&c| c >= params.min_item_baskets).collect();
    let composition = Composition { features, in_vocabulary: &in_vocabulary };
    let bias = popularity_bias(&counts);
    let vocabulary = (0..n_items as u32).map(ItemId).filter(|i| in_vocabulary[i.index()]).collect();
    let negatives = NegativeSampler::new(vocabulary, &counts, params.negative_power, params.negatives as usize);
    let baskets = trainable(baskets, &in_vocabulary);
    let mut builder = BatchBuilder::new(&baskets, composition, &negatives, params);
    let mut order: Vec<u32> = (0..u32::try_from(baskets.len()).expect("baskets are numbered with 32 bits")).collect();
    let n_batches = baskets.len().div_ceil(params.batch_size as usize) * params.epochs as usize;
    let mut learner = Learner::new(composition, &bias, &negatives, dims, seed);
    let mut epoch_losses = Vec::new();
    let (mut batch, mut next) = (Batch::default(), Batch::default());
    let mut n_done = 0;
    progress.begin("embeddings", baskets.len() as u64 * u64::from(params.epochs), "baskets");
    for epoch in 0..params.epochs {
        let epoch = u64::from(epoch) << 32;
        Rng::new(seed, mix64(STREAM_ORDER ^ epoch)).shuffle(&mut order);
        let (mut loss, mut n_rows) = (0.0, 0);
        let mut ranges = pieces(order.len(), params.batch_size as usize);
        let mut draw = |batch: &mut Batch, range: Range<usize>| {
            let mut rng = Rng::new(seed, mix64(epoch | range.start as u64) ^ STREAM_BATCH);
            builder.fill(batch, &order[range], &mut rng);
        };
        let mut is_drawn = ranges.next().map(|range| draw(&mut batch, range)).is_some();
        while is_drawn {
            if progress.is_cancelled() {
                progress.end();
                return Err(Cancelled);
            }
            let rate = params.learning_rate * (1.0 - n_done as f64 / n_batches as f64);
            // The next batch is drawn while this one is computed.
            let (batch_loss, is_next_drawn) = rayon::join(
                || learner.step(&batch, rate as f32),
                || ranges.next().map(|range| draw(&mut next, range)).is_some(),
            );
            loss += batch_loss;
            n_rows += batch.n_rows();
            n_done += 1;
            progress.advance(batch.n_baskets as u64);
            std::mem::swap(&mut batch, &mut next);
            is_drawn = is_next_drawn;
        }
        epoch_losses.push(loss / n_rows.max(1) as f64);
    }
    progress.end();
    let (input, output) = learner.vectors();
    Ok(Embeddings { dims, input, output, bias, pooling_exponent: params.pooling_exponent, epoch_losses })
}

/// The two tables and what a step needs beside them.
struct Learner<'a> {
    composition: Composition<'a>,
    bias: &'a [f32],
    negatives: &'a NegativeSampler,
    dims: usize,
    input: FeatureTable,
    output: FeatureTable,
    softmax: SampledSoftmax,
}

impl<'a> Learner<'a> {
    fn new(
        composition: Composition<'a>,
        bias: &'a [f32],
        negatives: &'a NegativeSampler,
        dims: usize,
        seed: u64,
    ) -> Self {
        let n_features = composition.features.n_features();
        let table = |stream| FeatureTable::new(n_features, dims, FIRST_SCALE, &mut Rng::new(seed, stream));
        let (input, output) = rayon::join(|| table(STREAM_INPUT), || table(STREAM_OUTPUT));
        Self { composition, bias, negatives, dims, input, output, softmax: SampledSoftmax::default() }
    }

    /// One gradient step; returns the sum of the batch's losses before it.
    fn step(&mut self, batch: &Batch, learning_rate: f32) -> f64 {
        let Self { composition, bias, negatives, dims, input, output, softmax } = self;
        let model = Model { dims: *dims, composition: *composition, input, output, bias, negatives };
        let loss = softmax.run(batch, &model);
        rayon::join(
            || input.update(&batch.input_groups, &softmax.input_gradients, learning_rate),
            || output.update(&batch.output_groups, &softmax.output_gradients, learning_rate),
        );
        loss
    }

    /// The vectors of all items, input and output.
    fn vectors(&self) -> (Vec<f32>, Vec<f32>) {
        let items: Vec<ItemId> = (0..self.composition.features.n_items() as u32).map(ItemId).collect();
        let compose = |table: &FeatureTable| {
            let mut vectors = vec![0.0; items.len() * self.dims];
            table.compose(self.composition, &items, &mut vectors);
            vectors
        };
        (compose(&self.input), compose(&self.output))
    }
}

/// The baskets without items outside the vocabulary, as far as two items are left.
fn trainable(baskets: &Baskets, in_vocabulary: &[bool]) -> Baskets {
    let mut kept = Baskets::with_capacity(baskets.len(), baskets.n_lines());
    let mut items = Vec::new();
    for basket in baskets.iter() {
        items.clear();
        items.extend(basket.iter().copied().filter(|i| in_vocabulary[i.index()]));
        if items.len() >= 2 {
            kept.push(items.iter().copied());
        }
    }
    kept
}

fn popularity_bias(counts: &[u32]) -> Vec<f32> {
    let total: f64 = counts.iter().map(|&c| f64::from(c) + BIAS_SMOOTHING).sum();
    counts.iter().map(|&c| ln((f64::from(c) + BIAS_SMOOTHING) / total) as f32).collect()
}
