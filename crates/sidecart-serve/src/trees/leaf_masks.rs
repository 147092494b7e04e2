//! Many rows through each tree, every node compared with all of them.

use super::parts::{MAX_LEAVES, Tree, TreeParts};

/// Rows compared at a time; a compiler turns loops over so many into vector instructions.
pub(super) const BLOCK_ROWS: usize = 32;

/// The values of one feature in a block of rows.
pub(super) type BlockColumn = [f32; BLOCK_ROWS];

/// The trees of an ensemble as bit masks over their leaves.
///
/// A row keeps a bit for every leaf of a tree, numbered from left to right. A node that sends it to
/// the right clears the leaves of its left part; the first bit left is the row's leaf, in whatever
/// order the nodes are asked (Lucchese et al., QuickScorer, SIGIR 2015).
#[derive(Clone, Debug)]
pub(super) struct LeafMasks {
    offsets: Vec<u32>,
    nodes: Vec<Node>,
    /// Values from left to right.
    leaves: Vec<[f32; MAX_LEAVES]>,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    threshold: f32,
    feature: u16,
    /// Leaves that remain to a row that goes right.
    right: u32,
}

impl LeafMasks {
    /// For parts that have been checked.
    pub(super) fn new(parts: &TreeParts<'_>) -> Self {
        let mut masks = Self { offsets: parts.offsets.to_vec(), nodes: Vec::new(), leaves: Vec::new() };
        for t in 0..parts.n_trees() {
            masks.push(&parts.tree(t));
        }
        masks
    }

    fn push(&mut self, tree: &Tree<'_>) {
        let n_nodes = tree.features.len();
        // Leaves below each node, children before parents.
        let mut n_leaves = vec![0u32; n_nodes];
        let below = |n_leaves: &[u32], child: i32| usize::try_from(child).map_or(1, |node| n_leaves[node]);
        for node in (0..n_nodes).rev() {
            n_leaves[node] = below(&n_leaves, tree.left[node]) + below(&n_leaves, tree.right[node]);
        }
        let mut values = [0.0; MAX_LEAVES];
        let mut first_leaf = vec![0u32; n_nodes];
        let mut settle = |child: i32, first: u32, first_leaf: &mut [u32]| match usize::try_from(child) {
            Ok(node) => first_leaf[node] = first,
            Err(_) => values[first as usize] = tree.leaves[!child as usize],
        };
        settle(tree.root(), 0, &mut first_leaf);
        for node in 0..n_nodes {
            let (first, n_left) = (first_leaf[node], below(&n_leaves, tree.left[node]));
            settle(tree.left[node], first, &mut first_leaf);
            settle(tree.right[node], first + n_left, &mut first_leaf);
            self.nodes.push(Node {
                threshold: tree.thresholds[node],
                feature: tree.features[node],
                right: !(((1 << n_left) - 1) << first),
            });
        }
        self.leaves.push(values);
    }

    /// The sums of the rows' leaves, each in tree order.
    pub(super) fn score(&self, columns: &[BlockColumn]) -> [f32; BLOCK_ROWS] {
        let mut sums = [0.0f64; BLOCK_ROWS];
        for (bounds, leaves) in self.offsets.windows(2).zip(&self.leaves) {
            let mut masks = [u32::MAX; BLOCK_ROWS];
            for node in &self.nodes[bounds[0] as usize..bounds[1] as usize] {
                let column = &columns[usize::from(node.feature)];
                for (mask, &value) in masks.iter_mut().zip(column) {
                    // All ones where the row goes left.
                    let goes_left = u32::from(value > node.threshold).wrapping_sub(1);
                    *mask &= node.right | goes_left;
                }
            }
            for (sum, mask) in sums.iter_mut().zip(masks) {
                *sum += f64::from(leaves[mask.trailing_zeros() as usize % MAX_LEAVES]);
            }
        }
        sums.map(|sum| sum as f32)
    }
}
