use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;
use sidecart_core::{Baskets, Cancelled, ItemId, NoProgress, Progress, Rng};

use super::batch::{Batch, BatchBuilder};
use super::loss::{Model, SampledSoftmax};
use super::negatives::NegativeSampler;
use super::table::{Composition, FeatureTable};
use super::{Attribute, EmbeddingLoss, EmbeddingParams, Embeddings, ItemFeatures, train};

/// Items 0..10 and 10..20 are bought among themselves; item 20 never, item 21 once.
fn two_worlds(n_baskets: usize) -> Baskets {
    let mut rng = Rng::new(5, 0);
    let mut baskets = Baskets::default();
    for _ in 0..n_baskets {
        let world = 10 * rng.below(2) as u32;
        let mut items: Vec<u32> = (0..10).map(|i| world + i).collect();
        rng.shuffle(&mut items);
        items.truncate(2 + rng.below(3));
        baskets.push(items.into_iter().map(ItemId));
    }
    baskets.push([ItemId(0), ItemId(21)]);
    baskets
}

/// World of each item; 20 belongs to the second world, 21 to none.
fn world(item: u32) -> Option<u32> {
    (item < 21).then_some(u32::from(item >= 10))
}

fn features() -> ItemFeatures {
    ItemFeatures::new(22, &[Attribute::new((0..22).map(world))])
}

fn small() -> EmbeddingParams {
    EmbeddingParams {
        dims: 8,
        epochs: 4,
        batch_size: 16,
        negatives: 12,
        learning_rate: 0.1,
        ..EmbeddingParams::default()
    }
}

fn fit(params: &EmbeddingParams, seed: u64) -> Embeddings {
    train(&two_worlds(600), &features(), &params.check().unwrap(), seed, &NoProgress).unwrap()
}

fn score(e: &Embeddings, from: u32, to: u32) -> f32 {
    let row = |table: &[f32], item: u32| table[item as usize * e.dims..(item as usize + 1) * e.dims].to_vec();
    let product: f32 = row(&e.input, from).iter().zip(row(&e.output, to)).map(|(a, b)| a * b).sum();
    product + e.bias[to as usize]
}

#[test]
fn items_of_one_world_find_each_other() {
    for loss in [EmbeddingLoss::Context, EmbeddingLoss::Pairwise] {
        let model = fit(&EmbeddingParams { loss, ..small() }, 1);
        for from in 0..20 {
            for (near, far) in (0..20).flat_map(|a| (0..20).map(move |b| (a, b))) {
                if near != from && world(near) == world(from) && world(far) != world(from) {
                    assert!(score(&model, from, near) > score(&model, from, far), "{loss:?} {from} {near} {far}");
                }
            }
        }
        assert!(model.epoch_losses[3] < model.epoch_losses[0]);
    }
}

#[test]
fn an_unsold_item_is_what_its_attributes_are() {
    let model = fit(&small(), 1);
    // Per unit of popularity, the unsold item 20 belongs to the second world.
    let lift = |from, to: u32| score(&model, from, to) - model.bias[to as usize];
    assert!(lift(12, 20) > lift(3, 20) + 0.5);
    assert!(model.bias[20] < model.bias[21] && model.bias[21] < model.bias[0] && model.bias[20].is_finite());
    // Item 21 is too rare for a vector of its own and has no attribute.
    assert!(model.input[21 * 8..].iter().chain(&model.output[21 * 8..]).all(|&v| v == 0.0));
}

#[test]
fn the_number_of_threads_changes_no_bit() {
    for loss in [EmbeddingLoss::Context, EmbeddingLoss::Pairwise] {
        // More inputs, outputs and rows than one task takes.
        let params = EmbeddingParams { loss, batch_size: 64, negatives: 40, ..small() };
        let of = |n| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap();
            pool.install(|| fit(&params, 3))
        };
        let one = of(1);
        assert_eq!(one, of(2));
        assert_eq!(one, of(3));
    }
}

#[test]
fn the_seed_decides() {
    assert_eq!(fit(&small(), 1), fit(&small(), 1));
    assert_ne!(fit(&small(), 1).input, fit(&small(), 2).input);
}

#[test]
fn no_baskets_give_finite_vectors() {
    let model = train(&Baskets::default(), &features(), &small().check().unwrap(), 1, &NoProgress).unwrap();
    assert!(model.input.iter().chain(&model.output).chain(&model.bias).all(|v| v.is_finite()));
    assert_eq!((model.input.len(), model.bias.len()), (22 * 8, 22));
}

#[test]
fn long_baskets_take_part_in_pieces() {
    let baskets: Baskets = (0..30).map(|_| (0..20).map(ItemId)).collect();
    let params = EmbeddingParams { max_basket_items: 3, ..small() };
    let model = train(&baskets, &features(), &params.check().unwrap(), 1, &NoProgress).unwrap();
    assert!(model.output.iter().all(|v| v.is_finite()));
}

struct StopsAfter {
    baskets: u64,
    seen: AtomicU64,
}

impl Progress for StopsAfter {
    fn begin(&self, _stage: &str, _total: u64, _unit: &str) {}
    fn advance(&self, units: u64) {
        self.seen.fetch_add(units, Ordering::Relaxed);
    }
    fn end(&self) {}
    fn note(&self, _message: &str) {}
    fn is_cancelled(&self) -> bool {
        self.seen.load(Ordering::Relaxed) >= self.baskets
    }
}

#[test]
fn it_stops_when_asked() {
    let progress = StopsAfter { baskets: 40, seen: AtomicU64::new(0) };
    let result = train(&two_worlds(600), &features(), &small().check().unwrap(), 1, &progress);
    assert_eq!(result.unwrap_err(), Cancelled);
    assert_eq!(progress.seen.into_inner(), 48); // three batches of 16
}

/// Loss and gradients by the definition, in double precision.
struct Plain {
    loss: f64,
    input: Vec<f64>,
    output: Vec<f64>,
}

fn plain(batch: &Batch, model: &Model<'_>) -> Plain {
    let dims = model.dims;
    let vectors = |table: &FeatureTable, items: &[ItemId]| {
        let mut rows = vec![0.0f32; items.len() * dims];
        table.compose(model.composition, items, &mut rows);
        rows.into_iter().map(f64::from).collect::<Vec<_>>()
    };
    let (u, v) = (vectors(model.input, &batch.inputs), vectors(model.output, &batch.outputs));
    let mut result = Plain { loss: 0.0, input: vec![0.0; u.len()], output: vec![0.0; v.len()] };
    let n_rows = batch.targets.len();
    for row in 0..n_rows {
        let scale = f64::from(batch.scales[row]);
        let context = batch.contexts.get(row);
        let h: Vec<f64> =
            (0..dims).map(|d| scale * context.iter().map(|&i| u[i as usize * dims + d]).sum::<f64>()).collect();
        let logit = |o: usize| {
            let product: f64 = (0..dims).map(|d| h[d] * v[o * dims + d]).sum();
            product + f64::from(model.bias[batch.outputs[o].index()])
        };
        let target = batch.targets[row] as usize;
        // (output, logit) of the target and of every negative that counts.
        let mut candidates = vec![(target, logit(target))];
        for negative in (0..batch.n_negatives).filter(|&n| !batch.masked(row).contains(&(n as u32))) {
            let drawn = f64::from(model.negatives.log_expected(batch.outputs[negative]));
            candidates.push((negative, logit(negative) - drawn));
        }
        let total: f64 = candidates.iter().map(|(_, z)| z.exp()).sum();
        result.loss -= (candidates[0].1.exp() / total).ln();
        for (at, &(output, z)) in candidates.iter().enumerate() {
            let gradient = (z.exp() / total - f64::from(u8::from(at == 0))) / n_rows as f64;
            for d in 0..dims {
                result.output[output * dims + d] += gradient * h[d];
                for &input in context {
                    result.input[input as usize * dims + d] += scale * gradient * v[output * dims + d];
                }
            }
        }
    }
    result
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn gradients_are_those_of_the_definition(
        seed in 0u64..1000,
        dims in 4usize..40,
        negatives in 1u32..60,
        baskets in 1u32..40,
        dropout in 0.0f64..0.9,
        is_pairwise in any::<bool>(),
    ) {
        let loss = if is_pairwise { EmbeddingLoss::Pairwise } else { EmbeddingLoss::Context };
        let params = EmbeddingParams { context_dropout: dropout, negatives, targets_per_basket: 3, loss, ..small() };
        let (all, features) = (two_worlds(baskets as usize), features());
        let mut counts = vec![0u32; 22];
        for item in all.items() {
            counts[item.index()] += 1;
        }
        let in_vocabulary: Vec<bool> = counts.iter().map(|&c| c > 0).collect();
        let composition = Composition { features: &features, in_vocabulary: &in_vocabulary };
        let vocabulary = (0..22).map(ItemId).filter(|i| in_vocabulary[i.index()]).collect();
        let sampler = NegativeSampler::new(vocabulary, &counts, 0.5, negatives as usize);
        let mut rng = Rng::new(seed, 9);
        let table = |rng: &mut Rng| FeatureTable::new(features.n_features(), dims, 0.3, rng);
        let (mut input, output) = (table(&mut rng), table(&mut rng));
        let mut batch = Batch::default();
        let order: Vec<u32> = (0..all.len() as u32).collect();
        BatchBuilder::new(&all, composition, &sampler, &params).fill(&mut batch, &order, &mut rng);

        for row in 0..batch.n_rows() {
            let target = batch.outputs[batch.targets[row] as usize];
            let context: Vec<ItemId> = batch.contexts.get(row).iter().map(|&i| batch.inputs[i as usize]).collect();
            prop_assert!(!context.contains(&target));
            prop_assert!(!is_pairwise || context.len() == 1);
            for item in context.iter().chain([&target]) {
                let is_masked = batch.masked(row).iter().any(|&n| batch.outputs[n as usize] == *item);
                prop_assert_eq!(is_masked, batch.outputs[..batch.n_negatives].contains(item));
            }
        }

        let bias: Vec<f32> = (0..22).map(|i| -0.1 * i as f32).collect();
        let model = Model { dims, composition, input: &input, output: &output, bias: &bias, negatives: &sampler };
        let mut fast = SampledSoftmax::default();
        let loss = fast.run(&batch, &model);
        let slow = plain(&batch, &model);
        prop_assert!((loss - slow.loss).abs() < 1e-4 * (1.0 + slow.loss.abs()), "{} {}", loss, slow.loss);
        for (got, want) in [(&fast.input_gradients, &slow.input), (&fast.output_gradients, &slow.output)] {
            prop_assert_eq!(got.len(), want.len());
            prop_assert!(got.iter().zip(want).all(|(g, w)| (f64::from(*g) - w).abs() < 1e-5));
        }

        // The step itself: every feature moves by its summed gradient over the root of its mean square.
        let before = vectors_of(&input, composition, &batch.inputs, dims);
        input.update(&batch.input_groups, &fast.input_gradients, 0.5);
        let after = vectors_of(&input, composition, &batch.inputs, dims);
        let mut gradients = vec![vec![0.0f64; dims]; features.n_features()];
        for (item, gradient) in batch.inputs.iter().zip(fast.input_gradients.chunks_exact(dims)) {
            for &feature in composition.of(*item) {
                gradients[feature as usize].iter_mut().zip(gradient).for_each(|(sum, &g)| *sum += f64::from(g));
            }
        }
        for (i, item) in batch.inputs.iter().enumerate() {
            for d in 0..dims {
                let moved: f64 = composition.of(*item).iter().map(|&feature| {
                    let g = &gradients[feature as usize];
                    let square = 1e-8 + g.iter().map(|x| x * x).sum::<f64>() / dims as f64;
                    -0.5 * g[d] / square.sqrt()
                }).sum();
                let at = i * dims + d;
                prop_assert!((f64::from(after[at] - before[at]) - moved).abs() < 1e-3, "{} {}", after[at] - before[at], moved);
            }
        }
    }
}

fn vectors_of(table: &FeatureTable, composition: Composition<'_>, items: &[ItemId], dims: usize) -> Vec<f32> {
    let mut rows = vec![0.0; items.len() * dims];
    table.compose(composition, items, &mut rows);
    rows
}
