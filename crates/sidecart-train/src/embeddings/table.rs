use rayon::prelude::*;
use sidecart_core::{ItemId, Rng};
use sidecart_kernels::{add_rows, add_scaled, dot, prefetch_read};

use super::ItemFeatures;

/// Items whose vectors one task composes.
const COMPOSE_CHUNK: usize = 64;
/// Features that one task updates without splitting further.
const UPDATE_CHUNK: usize = 64;
/// Floats of a cache line.
const CACHE_LINE: usize = 16;
/// How far ahead vectors are asked for: the table is larger than the caches and access is random.
const AHEAD: usize = 2;

/// The features that an item's vector is the sum of. Items outside the vocabulary have no own vector.
#[derive(Clone, Copy)]
pub(super) struct Composition<'a> {
    pub(super) features: &'a ItemFeatures,
    pub(super) in_vocabulary: &'a [bool],
}

impl<'a> Composition<'a> {
    pub(super) fn of(&self, item: ItemId) -> &'a [u32] {
        let all = self.features.of(item);
        if self.in_vocabulary[item.index()] { all } else { &all[1..] }
    }
}

/// The features of some items, each with the positions of the items that have it.
#[derive(Default)]
pub(super) struct FeatureGroups {
    /// Rising.
    features: Vec<u32>,
    offsets: Vec<usize>,
    positions: Vec<u32>,
}

impl FeatureGroups {
    /// Groups items by feature. `counts` has one zero per feature and is left so.
    pub(super) fn fill(&mut self, composition: Composition<'_>, items: &[ItemId], counts: &mut [u32]) {
        self.features.clear();
        for &item in items {
            for &feature in composition.of(item) {
                if counts[feature as usize] == 0 {
                    self.features.push(feature);
                }
                counts[feature as usize] += 1;
            }
        }
        self.features.sort_unstable();
        self.offsets.clear();
        let mut total = 0;
        for &feature in &self.features {
            self.offsets.push(total);
            let next = total + counts[feature as usize] as usize;
            counts[feature as usize] = total as u32;
            total = next;
        }
        self.offsets.push(total);
        self.positions.resize(total, 0);
        for (position, &item) in items.iter().enumerate() {
            for &feature in composition.of(item) {
                self.positions[counts[feature as usize] as usize] = position as u32;
                counts[feature as usize] += 1;
            }
        }
        for &feature in &self.features {
            counts[feature as usize] = 0;
        }
    }
}

/// A vector per feature with its Adagrad accumulator.
pub(super) struct FeatureTable {
    dims: usize,
    vectors: Vec<f32>,
    /// Sum of the mean squares of all gradients so far.
    squares: Vec<f32>,
}

impl FeatureTable {
    /// Random vectors, uniform in `-scale..scale`.
    pub(super) fn new(n_features: usize, dims: usize, scale: f64, rng: &mut Rng) -> Self {
        let vectors = (0..n_features * dims).map(|_| ((2.0 * rng.unit() - 1.0) * scale) as f32).collect();
        // Not zero, so that a gradient of zero divides by something.
        Self { dims, vectors, squares: vec![1e-8; n_features] }
    }

    /// The vectors of items, one row each: sums over their features in order.
    pub(super) fn compose(&self, composition: Composition<'_>, items: &[ItemId], out: &mut [f32]) {
        let dims = self.dims;
        out.par_chunks_mut(COMPOSE_CHUNK * dims).zip(items.par_chunks(COMPOSE_CHUNK)).for_each(|(out, items)| {
            for (i, row) in out.chunks_exact_mut(dims).enumerate() {
                if let Some(&next) = items.get(i + AHEAD) {
                    for &feature in composition.of(next) {
                        prefetch(&self.vectors, feature as usize * dims, dims);
                    }
                }
                row.fill(0.0);
                add_rows(row, &self.vectors, composition.of(items[i]));
            }
        });
    }

    /// One Adagrad step with the gradients of some items' vectors, one row each in the order that
    /// `groups` was filled with.
    pub(super) fn update(&mut self, groups: &FeatureGroups, gradients: &[f32], learning_rate: f32) {
        let step = Step { dims: self.dims, groups, gradients, learning_rate };
        let slice = TableSlice { first: 0, vectors: &mut self.vectors, squares: &mut self.squares };
        step.apply(slice, 0..groups.features.len());
    }
}

fn prefetch(values: &[f32], start: usize, len: usize) {
    for at in (start..start + len).step_by(CACHE_LINE) {
        prefetch_read(values, at);
    }
}

/// Consecutive features of a table.
struct TableSlice<'a> {
    first: usize,
    vectors: &'a mut [f32],
    squares: &'a mut [f32],
}

#[derive(Clone, Copy)]
struct Step<'a> {
    dims: usize,
    groups: &'a FeatureGroups,
    gradients: &'a [f32],
    learning_rate: f32,
}

impl Step<'_> {
    /// Updates the features at positions `range` of the groups. Halves of the list go to different
    /// threads, with the table cut between them.
    fn apply(self, table: TableSlice<'_>, range: std::ops::Range<usize>) {
        if range.len() <= UPDATE_CHUNK {
            return self.apply_in_order(table, range);
        }
        let middle = range.start + range.len() / 2;
        let cut = self.groups.features[middle] as usize;
        let (low, high) = table.vectors.split_at_mut((cut - table.first) * self.dims);
        let (low_squares, high_squares) = table.squares.split_at_mut(cut - table.first);
        rayon::join(
            || {
                let table = TableSlice { first: table.first, vectors: low, squares: low_squares };
                self.apply(table, range.start..middle);
            },
            || {
                let table = TableSlice { first: cut, vectors: high, squares: high_squares };
                self.apply(table, middle..range.end);
            },
        );
    }

    fn apply_in_order(self, table: TableSlice<'_>, range: std::ops::Range<usize>) {
        let dims = self.dims;
        let TableSlice { first, vectors, squares } = table;
        let FeatureGroups { features, offsets, positions } = self.groups;
        let mut gradient = vec![0.0; dims];
        for at in range {
            if let Some(&next) = features.get(at + AHEAD) {
                prefetch(vectors, (next as usize - first) * dims, dims);
                prefetch_read(squares, next as usize - first);
            }
            gradient.fill(0.0);
            add_rows(&mut gradient, self.gradients, &positions[offsets[at]..offsets[at + 1]]);
            let row = features[at] as usize - first;
            let square = &mut squares[row];
            *square += dot(&gradient, &gradient) / dims as f32;
            let factor = -self.learning_rate / square.sqrt();
            add_scaled(&mut vectors[row * dims..(row + 1) * dims], &gradient, factor);
        }
    }
}
