use std::ops::Range;

use rayon::prelude::*;

use super::bins::Bins;
use super::histogram::{Cell, EMPTY, FixedPoint, Histogram, add_rows, subtract};
use super::split::{Split, SplitRules, better, better_pair};

/// Features that one task sums at a time.
const FEATURES_PER_TASK: usize = 4;
/// Rows that one task gathers at a time.
const ROWS_PER_TASK: usize = 8192;

/// A tree in the numbering of [`TreeParts`](sidecart_serve::trees::TreeParts).
#[derive(Clone, PartialEq, Debug)]
pub(super) struct GrownTree {
    /// The splits, by inner node.
    pub(super) splits: Vec<Split>,
    /// Left children.
    pub(super) left: Vec<i32>,
    /// Right children.
    pub(super) right: Vec<i32>,
    /// Newton steps, by leaf, before the learning rate.
    pub(super) steps: Vec<f64>,
}

/// What a tree is grown from.
#[derive(Clone, Copy)]
pub(super) struct Target<'a> {
    /// Derivatives by training row.
    pub(super) cells: &'a [Cell],
    /// Their code.
    pub(super) fixed: FixedPoint,
    /// Features it may use, rising.
    pub(super) features: &'a [usize],
}

/// A leaf while the tree grows.
struct Leaf {
    taken: Range<usize>,
    rest: Range<usize>,
    sums: Cell,
    /// Histograms of the tree's features, where a split is sought.
    histograms: Vec<Histogram>,
    best: Option<Split>,
    /// The child of an inner node that this leaf is: node, and whether right.
    link: Option<(usize, bool)>,
}

/// Grows one tree after the other, best leaf first, and keeps its memory between them.
pub(super) struct Grower<'a> {
    bins: &'a Bins,
    rules: SplitRules,
    max_leaves: usize,
    /// Rows of the sample, each leaf's together.
    pub(super) taken: Vec<u32>,
    /// Rows that only fall through the tree, each leaf's together.
    pub(super) rest: Vec<u32>,
    scratch: [Vec<u32>; 2],
    gathered: Vec<Cell>,
    spare: Vec<Vec<Histogram>>,
    leaves: Vec<Leaf>,
}

impl<'a> Grower<'a> {
    pub(super) fn new(bins: &'a Bins, rules: SplitRules, max_leaves: usize) -> Self {
        Self {
            bins,
            rules,
            max_leaves,
            taken: Vec::new(),
            rest: Vec::new(),
            scratch: [Vec::new(), Vec::new()],
            gathered: Vec::new(),
            spare: Vec::new(),
            leaves: Vec::new(),
        }
    }

    /// Grows a tree from the rows in `taken`; afterwards `taken` and `rest` are ordered by leaf.
    /// `None` if no split lowers the loss.
    pub(super) fn grow(&mut self, target: &Target<'_>) -> Option<GrownTree> {
        self.plant(target);
        let mut tree = GrownTree { splits: Vec::new(), left: Vec::new(), right: Vec::new(), steps: Vec::new() };
        while self.leaves.len() < self.max_leaves {
            // The first of the leaves with the greatest gain.
            let best = (0..self.leaves.len()).filter_map(|l| self.leaves[l].best.map(|split| (l, split)));
            let Some((leaf, split)) = best.reduce(|a, b| if b.1.gain > a.1.gain { b } else { a }) else { break };
            let (node, new_leaf) = (tree.splits.len(), self.leaves.len());
            if let Some((parent, is_right)) = self.leaves[leaf].link {
                let side = if is_right { &mut tree.right } else { &mut tree.left };
                side[parent] = node as i32;
            }
            tree.splits.push(split);
            tree.left.push(!(leaf as i32));
            tree.right.push(!(new_leaf as i32));
            self.split(target, leaf, node, &split);
        }
        for leaf in &mut self.leaves {
            self.spare.extend((!leaf.histograms.is_empty()).then(|| std::mem::take(&mut leaf.histograms)));
        }
        tree.steps = self.leaves.iter().map(|l| self.rules.leaf_value(target.fixed.decode(l.sums))).collect();
        (!tree.splits.is_empty()).then_some(tree)
    }

    /// Calls `visit` with each leaf's number and the rows that fall to it, in two parts.
    pub(super) fn for_each_leaf(&self, mut visit: impl FnMut(usize, [&[u32]; 2])) {
        for (number, leaf) in self.leaves.iter().enumerate() {
            visit(number, [&self.taken[leaf.taken.clone()], &self.rest[leaf.rest.clone()]]);
        }
    }

    /// Makes the root the only leaf and finds its best split.
    fn plant(&mut self, target: &Target<'_>) {
        let mut root = Leaf {
            taken: 0..self.taken.len(),
            rest: 0..self.rest.len(),
            sums: [0; 2],
            histograms: Vec::new(),
            best: None,
            link: None,
        };
        self.gather(target, root.taken.clone());
        for cell in &self.gathered {
            root.sums = [root.sums[0] + cell[0], root.sums[1] + cell[1]];
        }
        if self.may_split(&root) {
            root.histograms = self.empty_histograms(target.features.len());
            let (bins, rules, rows, cells) = (self.bins, self.rules, &self.taken, &self.gathered);
            let tasks = root.histograms.par_chunks_mut(FEATURES_PER_TASK);
            let best = tasks.zip(target.features.par_chunks(FEATURES_PER_TASK)).map(|(histograms, features)| {
                sum_histograms(bins, features, rows, cells, histograms);
                let splits = histograms.iter().zip(features).map(|(histogram, &feature)| {
                    rules.best(feature, &histogram[..bins.n_bins(feature)], root.sums, &target.fixed)
                });
                splits.fold(None, better)
            });
            root.best = best.collect::<Vec<_>>().into_iter().fold(None, better);
        }
        self.leaves.clear();
        self.leaves.push(root);
    }

    /// Turns a leaf into inner node `node`; its right part becomes a new leaf.
    fn split(&mut self, target: &Target<'_>, leaf: usize, node: usize, split: &Split) {
        let parent = &mut self.leaves[leaf];
        let codes = self.bins.codes(split.feature);
        let (taken, rest) = (parent.taken.clone(), parent.rest.clone());
        let histograms = std::mem::take(&mut parent.histograms);
        let sums = parent.sums;
        let [scratch, rest_scratch] = &mut self.scratch;
        let (taken_rows, rest_rows) = (&mut self.taken[taken.clone()], &mut self.rest[rest.clone()]);
        let (n_taken_left, n_rest_left) = rayon::join(
            || partition(taken_rows, codes, split.bin, scratch),
            || partition(rest_rows, codes, split.bin, rest_scratch),
        );
        let (taken_middle, rest_middle) = (taken.start + n_taken_left, rest.start + n_rest_left);
        let child = |taken, rest, sums, is_right| Leaf {
            taken,
            rest,
            sums,
            histograms: Vec::new(),
            best: None,
            link: Some((node, is_right)),
        };
        let right_sums = [sums[0] - split.left[0], sums[1] - split.left[1]];
        let mut left = child(taken.start..taken_middle, rest.start..rest_middle, split.left, false);
        let mut right = child(taken_middle..taken.end, rest_middle..rest.end, right_sums, true);
        let is_last = self.leaves.len() + 1 == self.max_leaves;
        if !is_last && (self.may_split(&left) || self.may_split(&right)) {
            let (small, large) =
                if left.taken.len() <= right.taken.len() { (&mut left, &mut right) } else { (&mut right, &mut left) };
            large.histograms = histograms;
            self.find_splits(target, small, large);
        } else {
            self.spare.push(histograms);
        }
        self.leaves[leaf] = left;
        self.leaves.push(right);
    }

    /// Sums the histograms of the smaller of two siblings, takes them off the parent's, which the
    /// larger one brings, and finds the best split of both.
    fn find_splits(&mut self, target: &Target<'_>, small: &mut Leaf, large: &mut Leaf) {
        small.histograms = self.empty_histograms(target.features.len());
        self.gather(target, small.taken.clone());
        let (bins, rules, fixed, cells) = (self.bins, self.rules, &target.fixed, &self.gathered);
        let (rows, small_sums, large_sums) = (&self.taken[small.taken.clone()], small.sums, large.sums);
        let tasks = small.histograms.par_chunks_mut(FEATURES_PER_TASK);
        let tasks = tasks.zip(large.histograms.par_chunks_mut(FEATURES_PER_TASK));
        let best = tasks.zip(target.features.par_chunks(FEATURES_PER_TASK)).map(|((small, large), features)| {
            sum_histograms(bins, features, rows, cells, small);
            let splits = small.iter().zip(large).zip(features).map(|((small, large), &feature)| {
                let n_bins = bins.n_bins(feature);
                subtract(large, small, n_bins);
                let best = |histogram: &Histogram, sums| rules.best(feature, &histogram[..n_bins], sums, fixed);
                [best(small, small_sums), best(large, large_sums)]
            });
            splits.fold([None; 2], better_pair)
        });
        [small.best, large.best] = best.collect::<Vec<_>>().into_iter().fold([None; 2], better_pair);
    }

    fn may_split(&self, leaf: &Leaf) -> bool {
        leaf.taken.len() >= 2 * self.rules.min_rows
    }

    /// Copies the derivatives of the rows in `range` of `taken` side by side.
    fn gather(&mut self, target: &Target<'_>, range: Range<usize>) {
        let rows = &self.taken[range];
        self.gathered.resize(rows.len(), [0; 2]);
        let tasks = self.gathered.par_chunks_mut(ROWS_PER_TASK).zip(rows.par_chunks(ROWS_PER_TASK));
        tasks.for_each(|(gathered, rows)| {
            for (cell, &row) in gathered.iter_mut().zip(rows) {
                *cell = target.cells[row as usize];
            }
        });
    }

    fn empty_histograms(&mut self, n_features: usize) -> Vec<Histogram> {
        let mut histograms = self.spare.pop().unwrap_or_default();
        histograms.resize(n_features, EMPTY);
        histograms
    }
}

/// Sums the histograms of `features` over `rows`, whatever was in them.
fn sum_histograms(bins: &Bins, features: &[usize], rows: &[u32], cells: &[Cell], into: &mut [Histogram]) {
    for (histogram, &feature) in into.iter_mut().zip(features) {
        histogram[..bins.n_bins(feature)].fill([0; 2]);
    }
    let mut tasks = features.chunks_exact(FEATURES_PER_TASK);
    let (fours, rest) = into.as_chunks_mut::<FEATURES_PER_TASK>();
    for (features, histograms) in tasks.by_ref().zip(fours) {
        add_rows(std::array::from_fn::<_, FEATURES_PER_TASK, _>(|i| bins.codes(features[i])), rows, cells, histograms);
    }
    for (&feature, histogram) in tasks.remainder().iter().zip(rest) {
        add_rows([bins.codes(feature)], rows, cells, std::array::from_mut(histogram));
    }
}

/// Puts the rows with a code of at most `bin` first, keeping the order; returns their number.
fn partition(rows: &mut [u32], codes: &[u8], bin: u8, scratch: &mut Vec<u32>) -> usize {
    scratch.resize(rows.len(), 0);
    let (mut n_left, mut n_right) = (0, 0);
    for i in 0..rows.len() {
        // Both places are written and one counts, so that no branch depends on the data.
        let row = rows[i];
        let goes_left = codes[row as usize] <= bin;
        rows[n_left] = row;
        scratch[n_right] = row;
        n_left += usize::from(goes_left);
        n_right += usize::from(!goes_left);
    }
    rows[n_left..].copy_from_slice(&scratch[..n_right]);
    n_left
}
