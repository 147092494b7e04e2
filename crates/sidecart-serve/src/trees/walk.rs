//! One row through all trees, without branches on the data.

use super::parts::{MAX_LEAVES, Tree, TreeParts};

/// Features that a row may have here: a node keeps its feature in a byte.
pub(super) const MAX_FEATURES: usize = 256;
/// Nodes of a tree: 31 inner ones and 32 leaves, rounded up to a power of two.
const SLOTS: usize = 2 * MAX_LEAVES;
/// Trees walked side by side. A walk is a chain of dependent loads; others fill the waiting time.
/// Of 4 to 16, 12 and 16 were the fastest on a 300-tree model and equal to each other.
const LANES: usize = 16;
/// The key of a leaf, which no feature exceeds.
const LEAF_KEY: u32 = u32::MAX;

/// The trees of an ensemble in a form that is walked a fixed number of steps.
///
/// The two children of a node lie side by side, so a step adds the outcome of a comparison to the
/// place of the left one. A leaf is its own left child and sends every row there: a walk may take
/// more steps than its tree needs, as many as the deepest of its group. Places are masked to the
/// length of a tree, which never changes them and spares the check.
#[derive(Clone, Debug)]
pub(super) struct Walk {
    /// Padded to whole groups with trees that add zero.
    trees: Vec<[PackedTree; LANES]>,
    /// Levels of inner nodes of the deepest tree of each group.
    depths: Vec<u8>,
}

/// A tree of nodes, root first, and the values of its leaves.
///
/// A node holds, from the highest bits: the key of its threshold (32), nothing (8), its leaf (8), its
/// feature (8), the place of its left child (8).
#[derive(Clone, Copy, Debug)]
struct PackedTree {
    nodes: [u64; SLOTS],
    leaves: [f32; MAX_LEAVES],
}

impl Walk {
    /// For parts that have been checked, over rows of at most [`MAX_FEATURES`] features.
    pub(super) fn new(parts: &TreeParts<'_>) -> Self {
        let zero = Tree { features: &[], thresholds: &[], left: &[], right: &[], leaves: &[0.0] };
        let group = |start: usize| {
            let mut deepest = 0;
            let trees = std::array::from_fn(|lane| {
                let t = start + lane;
                let (tree, depth) = pack(if t < parts.n_trees() { parts.tree(t) } else { zero });
                deepest = deepest.max(depth);
                tree
            });
            (trees, deepest)
        };
        let (trees, depths) = (0..parts.n_trees()).step_by(LANES).map(group).unzip();
        Self { trees, depths }
    }

    /// The sum of the row's leaves, in tree order.
    pub(super) fn score(&self, row: &[f32]) -> f32 {
        let mut keys = [0; MAX_FEATURES];
        for (shifted, &value) in keys.iter_mut().zip(row) {
            *shifted = u64::from(key(value)) << 32;
        }
        let mut sum = 0.0;
        for (trees, &depth) in self.trees.iter().zip(&self.depths) {
            let mut places = [0; LANES];
            for _ in 0..depth {
                for (place, tree) in places.iter_mut().zip(trees) {
                    let node = tree.nodes[*place as usize % SLOTS];
                    // The node's lower half only makes it greater, never by a whole key: equal keys go left.
                    let goes_right = keys[usize::from((node >> 8) as u8)] > node;
                    *place = u32::from(node as u8) + u32::from(goes_right);
                }
            }
            for (place, tree) in places.into_iter().zip(trees) {
                let leaf = (tree.nodes[place as usize % SLOTS] >> 16) as usize % MAX_LEAVES;
                sum += f64::from(tree.leaves[leaf]);
            }
        }
        sum as f32
    }
}

/// An integer that orders as the number does, the two zeros being one.
fn key(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    let is_negative = bits >> 31 == 1;
    if is_negative { !bits } else { bits | 1 << 31 }
}

/// A tree in places, breadth first, and its levels of inner nodes.
fn pack(tree: Tree<'_>) -> (PackedTree, u8) {
    let node = |key: u32, leaf: usize, feature: u16, child: usize| {
        u64::from(key) << 32 | (leaf as u64) << 16 | u64::from(feature) << 8 | child as u64
    };
    let mut packed = PackedTree { nodes: [0; SLOTS], leaves: [0.0; MAX_LEAVES] };
    packed.leaves[..tree.leaves.len()].copy_from_slice(tree.leaves);
    // What each place holds, as a child is given in `left` and `right`, and its level.
    let mut places = vec![(tree.root(), 0u8)];
    let mut place = 0;
    while place < places.len() {
        let (child, level) = places[place];
        packed.nodes[place] = match usize::try_from(child) {
            Err(_) => node(LEAF_KEY, !child as usize, 0, place),
            Ok(at) => {
                let left = places.len();
                places.extend([(tree.left[at], level + 1), (tree.right[at], level + 1)]);
                node(key(tree.thresholds[at]), 0, tree.features[at], left)
            }
        };
        place += 1;
    }
    let depth = places.last().map_or(0, |&(_, level)| level);
    (packed, depth)
}
