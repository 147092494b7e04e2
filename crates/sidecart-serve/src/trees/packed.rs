use super::parts::{MAX_LEAVES, Tree, TreeParts};

/// Nodes of a packed tree: 31 inner ones and 32 leaves, rounded up to a power of two.
const SLOTS: usize = 2 * MAX_LEAVES;
/// Walks side by side. A walk is a chain of dependent loads; others fill the waiting time.
const LANES: usize = 8;
/// Rows that pass one tree while it is in the nearest cache.
const BLOCK_ROWS: usize = 64;

/// A node with its children side by side: the next node is `child`, or `child + 1` to the right.
/// A leaf is its own left child and sends every row there, so a walk may take too many steps.
#[derive(Clone, Copy, Debug)]
struct Node {
    threshold: f32,
    feature: u16,
    child: u8,
    leaf: u8,
}

/// A tree of nodes, root first.
#[derive(Clone, Debug)]
struct PackedTree {
    nodes: [Node; SLOTS],
    leaves: [f32; MAX_LEAVES],
}

/// The trees of an ensemble in a form that is walked without branches on the data.
///
/// All walks of a group take as many steps as its deepest tree has levels. Indices are masked to
/// the lengths of fixed arrays, which never changes them and spares the check.
#[derive(Clone, Debug)]
pub(super) struct PackedTrees {
    trees: Vec<PackedTree>,
    depths: Vec<u8>,
}

impl PackedTrees {
    /// Packs parts that have been checked.
    pub(super) fn new(parts: &TreeParts<'_>) -> Self {
        let (trees, depths) = (0..parts.n_trees()).map(|t| pack(&parts.tree(t))).unzip();
        Self { trees, depths }
    }

    /// The score of one row.
    pub(super) fn score(&self, row: &[f32]) -> f32 {
        let mut sum = 0.0;
        let (groups, rest) = self.trees.as_chunks::<LANES>();
        let (group_depths, rest_depths) = self.depths.as_chunks::<LANES>();
        for (trees, depths) in groups.iter().zip(group_depths) {
            let mut at = [0; LANES];
            for _ in 0..depths.iter().fold(0, |max, &d| max.max(d)) {
                for (at, tree) in at.iter_mut().zip(trees) {
                    *at = tree.step(*at, row);
                }
            }
            for (at, tree) in at.into_iter().zip(trees) {
                sum += tree.value(at);
            }
        }
        for (tree, &depth) in rest.iter().zip(rest_depths) {
            sum += tree.value((0..depth).fold(0, |at, _| tree.step(at, row)));
        }
        sum as f32
    }

    /// The scores of many rows of `n_features` each.
    pub(super) fn score_block(&self, rows: &[f32], n_features: usize, scores: &mut [f32]) {
        for (block, scores) in scores.chunks_mut(BLOCK_ROWS).enumerate() {
            let row = |i: usize| &rows[(block * BLOCK_ROWS + i) * n_features..][..n_features];
            let mut sums = [0.0; BLOCK_ROWS];
            let n_grouped = scores.len() - scores.len() % LANES;
            for (tree, &depth) in self.trees.iter().zip(&self.depths) {
                let (groups, _) = sums[..n_grouped].as_chunks_mut::<LANES>();
                for (group, sums) in groups.iter_mut().enumerate() {
                    let rows: [&[f32]; LANES] = std::array::from_fn(|lane| row(group * LANES + lane));
                    let mut at = [0; LANES];
                    for _ in 0..depth {
                        for (at, row) in at.iter_mut().zip(rows) {
                            *at = tree.step(*at, row);
                        }
                    }
                    for (sum, at) in sums.iter_mut().zip(at) {
                        *sum += tree.value(at);
                    }
                }
                for i in n_grouped..scores.len() {
                    sums[i] += tree.value((0..depth).fold(0, |at, _| tree.step(at, row(i))));
                }
            }
            for (score, sum) in scores.iter_mut().zip(sums) {
                *score = sum as f32;
            }
        }
    }
}

impl PackedTree {
    #[inline(always)]
    fn step(&self, at: u8, row: &[f32]) -> u8 {
        let node = &self.nodes[usize::from(at) % SLOTS];
        node.child + u8::from(row[usize::from(node.feature)] > node.threshold)
    }

    #[inline(always)]
    fn value(&self, at: u8) -> f64 {
        f64::from(self.leaves[usize::from(self.nodes[usize::from(at) % SLOTS].leaf) % MAX_LEAVES])
    }
}

/// A tree in slots, breadth first, and its levels of inner nodes.
fn pack(tree: &Tree<'_>) -> (PackedTree, u8) {
    let leaf_node = |slot: usize, leaf: usize| Node {
        threshold: f32::INFINITY,
        feature: 0,
        child: slot as u8,
        leaf: leaf as u8,
    };
    let mut packed = PackedTree { nodes: [leaf_node(0, 0); SLOTS], leaves: [0.0; MAX_LEAVES] };
    packed.leaves[..tree.leaves.len()].copy_from_slice(tree.leaves);
    // What each slot holds, in the numbering of `left` and `right`, and its level.
    let mut slots = vec![(if tree.features.is_empty() { !0 } else { 0 }, 0u8)];
    let mut slot = 0;
    while slot < slots.len() {
        let (number, level) = slots[slot];
        packed.nodes[slot] = match usize::try_from(number) {
            Err(_) => leaf_node(slot, !number as usize),
            Ok(node) => {
                let child = slots.len() as u8;
                slots.extend([(tree.left[node], level + 1), (tree.right[node], level + 1)]);
                Node { threshold: tree.thresholds[node], feature: tree.features[node], child, leaf: 0 }
            }
        };
        slot += 1;
    }
    let depth = slots.last().map_or(0, |&(_, level)| level);
    (packed, depth)
}
