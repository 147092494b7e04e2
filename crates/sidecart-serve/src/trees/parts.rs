use std::fmt::Display;

use crate::{Error, Result};

/// Leaves that a tree may have.
pub const MAX_LEAVES: usize = 32;

/// The arrays of a [`TreeEnsemble`](super::TreeEnsemble), ready to be stored as tensors.
///
/// Tree `t` has `m = offsets[t + 1] - offsets[t]` inner nodes, which lie at
/// `offsets[t]..offsets[t + 1]` of the four node arrays, and `m + 1` leaves, which lie from
/// `offsets[t] + t` on in `leaves`. A row begins at inner node 0 of the tree and goes left if its
/// feature is at most the threshold. Children count within the tree: `c >= 0` is inner node `c`,
/// `c < 0` is leaf `!c`. A child's number is greater than its parent's, and every inner node but
/// the first, and every leaf, is the child of exactly one node. A tree without inner nodes is one
/// leaf, a constant.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct TreeParts<'a> {
    /// First inner node of each tree, and the end, `[n_trees + 1]`.
    pub offsets: &'a [u32],
    /// Feature that an inner node looks at, `[n_nodes]`.
    pub features: &'a [u16],
    /// Greatest value that goes left, finite, `[n_nodes]`.
    pub thresholds: &'a [f32],
    /// Child of the rows that go left, `[n_nodes]`.
    pub left: &'a [i32],
    /// Child of the rows that go right, `[n_nodes]`.
    pub right: &'a [i32],
    /// Values of the leaves, finite, `[n_nodes + n_trees]`.
    pub leaves: &'a [f32],
}

impl<'a> TreeParts<'a> {
    /// Number of trees, for parts that have been checked.
    #[must_use]
    pub fn n_trees(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Tree `tree`, for parts that have been checked.
    pub(super) fn tree(&self, tree: usize) -> Tree<'a> {
        let (start, end) = (self.offsets[tree] as usize, self.offsets[tree + 1] as usize);
        Tree {
            features: &self.features[start..end],
            thresholds: &self.thresholds[start..end],
            left: &self.left[start..end],
            right: &self.right[start..end],
            leaves: &self.leaves[start + tree..=end + tree],
        }
    }

    /// Checks everything the type's description promises.
    ///
    /// # Errors
    /// [`Error::Model`] with the first array that breaks it.
    pub(super) fn check(&self, n_features: usize) -> Result<()> {
        let n_nodes = self.features.len();
        let n_trees = self
            .offsets
            .len()
            .checked_sub(1)
            .ok_or_else(|| damage("trees.offsets", "wrong length", "at least one offset", "none"))?;
        if self.offsets[0] != 0 || self.offsets[n_trees] as usize != n_nodes {
            let got = format!("{} to {}", self.offsets[0], self.offsets[n_trees]);
            return Err(damage("trees.offsets", "wrong bounds", format!("0 to {n_nodes}"), got));
        }
        let lengths = [
            ("trees.thresholds", self.thresholds.len(), n_nodes),
            ("trees.left", self.left.len(), n_nodes),
            ("trees.right", self.right.len(), n_nodes),
            ("trees.leaves", self.leaves.len(), n_nodes + n_trees),
        ];
        if let Some((section, got, expected)) = lengths.into_iter().find(|(_, got, expected)| got != expected) {
            return Err(damage(section, "wrong length", expected, got));
        }
        for (t, pair) in self.offsets.windows(2).enumerate() {
            let expected = || format!("at most {} inner nodes in tree {t}", MAX_LEAVES - 1);
            match pair[1].checked_sub(pair[0]) {
                None => return Err(damage("trees.offsets", "falling", "rising offsets", format!("{pair:?}"))),
                Some(m) if m as usize >= MAX_LEAVES => {
                    return Err(damage("trees.offsets", "tree too large", expected(), m));
                }
                Some(_) => {}
            }
        }
        if let Some(&feature) = self.features.iter().find(|&&f| usize::from(f) >= n_features) {
            return Err(damage("trees.features", "unknown feature", format!("below {n_features}"), feature));
        }
        for (section, values) in [("trees.thresholds", self.thresholds), ("trees.leaves", self.leaves)] {
            if let Some(value) = values.iter().find(|v| !v.is_finite()) {
                return Err(damage(section, "not finite", "finite numbers", value));
            }
        }
        (0..n_trees).try_for_each(|t| self.tree(t).check_shape(t))
    }
}

/// The arrays of one tree.
#[derive(Clone, Copy)]
pub(super) struct Tree<'a> {
    pub(super) features: &'a [u16],
    pub(super) thresholds: &'a [f32],
    pub(super) left: &'a [i32],
    pub(super) right: &'a [i32],
    pub(super) leaves: &'a [f32],
}

impl Tree<'_> {
    /// The root, given as a child is: inner node 0, or the only leaf.
    pub(super) fn root(&self) -> i32 {
        if self.features.is_empty() { !0 } else { 0 }
    }

    /// Every inner node but the first and every leaf is reached from exactly one, earlier node.
    /// There are as many children as such nodes and leaves, so none twice means each once.
    fn check_shape(&self, tree: usize) -> Result<()> {
        let n_nodes = self.features.len();
        let (mut nodes_seen, mut leaves_seen) = (0u32, 0u32);
        for parent in 0..n_nodes {
            for (section, children) in [("trees.left", self.left), ("trees.right", self.right)] {
                let child = children[parent];
                let number = if child < 0 { !child } else { child } as usize;
                let range = if child < 0 { 0..n_nodes + 1 } else { parent + 1..n_nodes };
                if !range.contains(&number) {
                    let expected = format!(
                        "a leaf from {} to -1 or an inner node from {} to {n_nodes} (excluded)",
                        !(n_nodes as i32),
                        parent + 1
                    );
                    return Err(damage(section, "child out of range", expected, format!("{child} in tree {tree}")));
                }
                let seen = if child < 0 { &mut leaves_seen } else { &mut nodes_seen };
                if *seen >> number & 1 == 1 {
                    let got = format!("{child} again in tree {tree}");
                    return Err(damage(section, "child of two nodes", "each child once", got));
                }
                *seen |= 1 << number;
            }
        }
        Ok(())
    }
}

fn damage(section: &'static str, problem: &'static str, expected: impl Display, got: impl Display) -> Error {
    Error::Model { section, problem, expected: expected.to_string(), got: got.to_string() }
}
