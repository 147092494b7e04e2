use std::ops::Range;

use sidecart_core::{Baskets, ItemId, Rng, power};

use super::negatives::NegativeSampler;
use super::table::{Composition, FeatureGroups};
use super::{EmbeddingLoss, EmbeddingParams};

/// Marks an item that is not in the current batch.
const ABSENT: u32 = u32::MAX;

/// Lists of numbers one behind the other.
#[derive(Default)]
pub(super) struct Lists<T> {
    offsets: Vec<usize>,
    values: Vec<T>,
}

impl<T: Copy + Default> Lists<T> {
    fn clear(&mut self) {
        self.offsets.clear();
        self.offsets.push(0);
        self.values.clear();
    }

    fn end_list(&mut self) {
        self.offsets.push(self.values.len());
    }

    pub(super) fn get(&self, list: usize) -> &[T] {
        &self.values[self.offsets[list]..self.offsets[list + 1]]
    }

    /// Sorts `(list, value)` pairs into `n` lists, keeping their order within a list.
    fn fill(&mut self, n: usize, pairs: impl Iterator<Item = (u32, T)> + Clone) {
        self.offsets.clear();
        self.offsets.resize(n + 1, 0);
        for (list, _) in pairs.clone() {
            self.offsets[list as usize + 1] += 1;
        }
        for list in 0..n {
            self.offsets[list + 1] += self.offsets[list];
        }
        self.values.resize(self.offsets[n], T::default());
        for (list, value) in pairs {
            let at = &mut self.offsets[list as usize];
            self.values[*at] = value;
            *at += 1;
        }
        // Each offset has moved to the start of the next list.
        self.offsets.copy_within(0..n, 1);
        self.offsets[0] = 0;
    }
}

/// Some predictions ("rows"): contexts, targets and negatives as positions in item lists.
#[derive(Default)]
pub(super) struct Batch {
    /// Distinct items of the contexts, and their features.
    pub(super) inputs: Vec<ItemId>,
    pub(super) input_groups: FeatureGroups,
    /// Distinct negatives, then the targets that are no negatives.
    pub(super) outputs: Vec<ItemId>,
    pub(super) output_groups: FeatureGroups,
    pub(super) n_negatives: usize,
    /// Per row: positions of its context in `inputs`.
    pub(super) contexts: Lists<u32>,
    /// Per row: what the sum of its context is multiplied with.
    pub(super) scales: Vec<f32>,
    /// Per row: position of its target in `outputs`.
    pub(super) targets: Vec<u32>,
    /// Per row: where in `masked` the negatives begin and end that are in its basket.
    masks: Vec<(u32, u32)>,
    masked: Vec<u32>,
    /// Per input: the rows whose context has it.
    pub(super) rows_of_input: Lists<u32>,
    /// Per output: the rows whose target it is.
    pub(super) rows_of_output: Lists<u32>,
    /// Baskets that the rows are from.
    pub(super) n_baskets: usize,
}

impl Batch {
    pub(super) fn n_rows(&self) -> usize {
        self.targets.len()
    }

    /// The negatives that must not count against a row.
    pub(super) fn masked(&self, row: usize) -> &[u32] {
        let (start, end) = self.masks[row];
        &self.masked[start as usize..end as usize]
    }
}

/// Draws batches; holds the tables that this needs.
pub(super) struct BatchBuilder<'a> {
    baskets: &'a Baskets,
    composition: Composition<'a>,
    negatives: &'a NegativeSampler,
    params: &'a EmbeddingParams,
    /// `n^-pooling_exponent`.
    pooling: Vec<f32>,
    input_position: Vec<u32>,
    output_position: Vec<u32>,
    feature_counts: Vec<u32>,
    order: Vec<u32>,
}

impl<'a> BatchBuilder<'a> {
    /// `baskets` hold items of the vocabulary only, two at least each.
    pub(super) fn new(
        baskets: &'a Baskets,
        composition: Composition<'a>,
        negatives: &'a NegativeSampler,
        params: &'a EmbeddingParams,
    ) -> Self {
        let longest = baskets.iter().map(<[ItemId]>::len).max().unwrap_or(0).min(params.max_basket_items as usize);
        let pool = |n: usize| power(n.max(1) as f64, -params.pooling_exponent) as f32;
        let n_items = composition.features.n_items();
        Self {
            baskets,
            composition,
            negatives,
            params,
            pooling: (0..=longest).map(pool).collect(),
            input_position: vec![ABSENT; n_items],
            output_position: vec![ABSENT; n_items],
            feature_counts: vec![0; composition.features.n_features()],
            order: Vec::new(),
        }
    }

    /// Fills a batch with predictions from these baskets.
    pub(super) fn fill(&mut self, batch: &mut Batch, baskets: &[u32], rng: &mut Rng) {
        batch.inputs.clear();
        batch.outputs.clear();
        batch.contexts.clear();
        batch.scales.clear();
        batch.targets.clear();
        batch.masks.clear();
        batch.masked.clear();
        batch.n_baskets = baskets.len();
        for item in self.negatives.draw(rng) {
            position(&mut self.output_position, &mut batch.outputs, item);
        }
        batch.n_negatives = batch.outputs.len();
        for &basket in baskets {
            self.add_basket(batch, self.baskets.get(basket as usize), rng);
        }
        for item in &batch.inputs {
            self.input_position[item.index()] = ABSENT;
        }
        for item in &batch.outputs {
            self.output_position[item.index()] = ABSENT;
        }
        batch.input_groups.fill(self.composition, &batch.inputs, &mut self.feature_counts);
        batch.output_groups.fill(self.composition, &batch.outputs, &mut self.feature_counts);
        let Batch { contexts, targets, .. } = batch;
        let entries = (0..targets.len()).flat_map(|r| contexts.get(r).iter().map(move |&i| (i, r as u32)));
        batch.rows_of_input.fill(batch.inputs.len(), entries);
        let entries = targets.iter().enumerate().map(|(r, &t)| (t, r as u32));
        batch.rows_of_output.fill(batch.outputs.len(), entries);
    }

    fn add_basket(&mut self, batch: &mut Batch, items: &[ItemId], rng: &mut Rng) {
        let len = items.len().min(self.params.max_basket_items as usize);
        let n_targets = len.min(self.params.targets_per_basket as usize);
        self.order.clear();
        self.order.extend(0..items.len() as u32);
        // The first `len` places become the basket, the first `n_targets` of them the targets.
        let n_shuffled = if len < items.len() { len } else { n_targets };
        for place in 0..n_shuffled {
            let other = place + rng.below(items.len() - place);
            self.order.swap(place, other);
        }
        self.order.truncate(len);
        let mask_start = batch.masked.len() as u32;
        for item in items {
            let output = self.output_position[item.index()];
            if (output as usize) < batch.n_negatives {
                batch.masked.push(output);
            }
        }
        let mask = (mask_start, batch.masked.len() as u32);
        for target in 0..n_targets {
            let n_context = self.add_context(batch, items, target, rng);
            batch.scales.push(self.pooling[n_context]);
            batch.masks.push(mask);
            let item = items[self.order[target] as usize];
            batch.targets.push(position(&mut self.output_position, &mut batch.outputs, item));
        }
    }

    /// Adds the context of the target at a place of the order and returns its size.
    fn add_context(&mut self, batch: &mut Batch, items: &[ItemId], target: usize, rng: &mut Rng) -> usize {
        let start = batch.contexts.values.len();
        match self.params.loss {
            EmbeddingLoss::Context => {
                for (place, &item) in self.order.iter().enumerate() {
                    if place != target && !rng.chance(self.params.context_dropout) {
                        let item = items[item as usize];
                        batch.contexts.values.push(position(&mut self.input_position, &mut batch.inputs, item));
                    }
                }
            }
            EmbeddingLoss::Pairwise => {
                let place = rng.below(self.order.len() - 1);
                let item = items[self.order[place + usize::from(place >= target)] as usize];
                batch.contexts.values.push(position(&mut self.input_position, &mut batch.inputs, item));
            }
        }
        batch.contexts.end_list();
        batch.contexts.values.len() - start
    }
}

/// The position of an item in a list, at whose end it is put when new.
fn position(positions: &mut [u32], list: &mut Vec<ItemId>, item: ItemId) -> u32 {
    let position = &mut positions[item.index()];
    if *position == ABSENT {
        *position = list.len() as u32;
        list.push(item);
    }
    *position
}

/// The consecutive pieces of `0..len`.
pub(super) fn pieces(len: usize, size: usize) -> impl Iterator<Item = Range<usize>> {
    (0..len).step_by(size).map(move |start| start..(start + size).min(len))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_keep_the_order_of_their_pairs() {
        let mut lists = Lists::default();
        let pairs = [(2u32, 'a'), (0, 'b'), (2, 'c'), (3, 'd')];
        lists.fill(5, pairs.into_iter());
        let all: Vec<String> = (0..5).map(|l| lists.get(l).iter().collect()).collect();
        assert_eq!(all, ["b", "", "ac", "d", ""]);
        lists.fill(1, [(0u32, 'x')].into_iter());
        assert_eq!(lists.get(0), ['x']);
    }
}
