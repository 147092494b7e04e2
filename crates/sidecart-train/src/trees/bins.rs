use rayon::prelude::*;

use super::rows::FeatureRows;

/// Rows that a feature's edges are found from; of more, every k-th is taken.
const MAX_EDGE_ROWS: usize = 250_000;
/// Neighbouring features that one task codes: reading a row takes whole cache lines.
const FEATURES_PER_TASK: usize = 8;

/// The features as small numbers: `code` is the count of edges below the value.
///
/// A split "code at most `b`" is the split "value at most `edges[b]`", for every finite value, so a
/// row falls to the same leaf in training and in serving.
#[derive(Debug)]
pub(super) struct Bins {
    edges: Vec<Vec<f32>>,
    codes: Vec<u8>,
    n_rows: usize,
}

impl Bins {
    /// Edges of `train`'s features, at most `max_bins - 1` each, and the codes of its rows,
    /// followed by those of `valid`'s.
    pub(super) fn new(train: &FeatureRows<'_>, valid: Option<&FeatureRows<'_>>, max_bins: usize) -> Self {
        let step = train.n_rows().div_ceil(MAX_EDGE_ROWS).max(1);
        let n_rows = train.n_rows() + valid.map_or(0, FeatureRows::n_rows);
        let mut codes = vec![0u8; n_rows * train.n_features()];
        let edges: Vec<Vec<Vec<f32>>> = codes
            .par_chunks_mut(FEATURES_PER_TASK * n_rows)
            .enumerate()
            .map(|(task, codes)| {
                let first = task * FEATURES_PER_TASK;
                let n_columns = codes.len() / n_rows;
                let edges: Vec<Vec<f32>> =
                    (first..first + n_columns).map(|f| find_edges(train.column(f, step).collect(), max_bins)).collect();
                let row_slices = [Some(train), valid].into_iter().flatten();
                let rows = row_slices.flat_map(|table| table.values().chunks_exact(table.n_features()));
                for (row, values) in rows.enumerate() {
                    for (column, edges) in edges.iter().enumerate() {
                        let value = values[first + column];
                        codes[column * n_rows + row] = edges.partition_point(|&edge| edge < value) as u8;
                    }
                }
                edges
            })
            .collect();
        Self { edges: edges.into_iter().flatten().collect(), codes, n_rows }
    }

    pub(super) fn n_features(&self) -> usize {
        self.edges.len()
    }

    /// Codes of one feature, by row.
    pub(super) fn codes(&self, feature: usize) -> &[u8] {
        &self.codes[feature * self.n_rows..][..self.n_rows]
    }

    /// Bins of one feature: one more than its edges.
    pub(super) fn n_bins(&self, feature: usize) -> usize {
        self.edges[feature].len() + 1
    }

    /// The greatest value in bin `bin` or below it.
    pub(super) fn edge(&self, feature: usize, bin: u8) -> f32 {
        self.edges[feature][usize::from(bin)]
    }
}

/// Rising edges that cut `values` into at most `max_bins` bins with at least one value each.
///
/// With few distinct values every one has its bin. Otherwise a value that would fill a bin of the
/// mean size alone gets one, and the others share what is left evenly.
pub(super) fn find_edges(mut values: Vec<f32>, max_bins: usize) -> Vec<f32> {
    values.sort_unstable_by(f32::total_cmp);
    let n_values = values.len();
    // (value, count); the two zeros are one value.
    let mut distinct: Vec<(f32, usize)> = Vec::new();
    for value in values {
        match distinct.last_mut() {
            Some((last, count)) if *last == value => *count += 1,
            _ => distinct.push((value, 1)),
        }
    }
    if distinct.len() <= max_bins {
        return distinct.windows(2).map(|pair| between(pair[0].0, pair[1].0)).collect();
    }
    let is_frequent = |count: usize| count * max_bins >= n_values;
    let frequent = || distinct.iter().map(|(_, count)| *count).filter(|&count| is_frequent(count));
    let mut rows_left = n_values - frequent().sum::<usize>();
    let mut shared_bins_left = max_bins.saturating_sub(frequent().count()).max(1);
    let mut in_bin = 0;
    let mut edges = Vec::new();
    for pair in distinct.windows(2) {
        let ((value, count), (next, next_count)) = (pair[0], pair[1]);
        in_bin += count;
        // A bin also closes before a value that would overshoot by more than what is missing now.
        let is_full = (2 * in_bin + next_count) * shared_bins_left > 2 * rows_left;
        if is_frequent(count) || is_frequent(next_count) || is_full {
            edges.push(between(value, next));
            if edges.len() + 1 == max_bins {
                break;
            }
            if !is_frequent(count) {
                rows_left -= in_bin;
                shared_bins_left = (shared_bins_left - 1).max(1);
            }
            in_bin = 0;
        }
    }
    edges
}

/// The middle of `low < high`, or `low` where no float lies between them.
fn between(low: f32, high: f32) -> f32 {
    let middle = f64::midpoint(f64::from(low), f64::from(high)) as f32;
    if middle < high { middle } else { low }
}
