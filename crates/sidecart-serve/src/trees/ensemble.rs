use super::leaf_masks::{BLOCK_ROWS, LeafMasks};
use super::parts::TreeParts;
use super::walk::{MAX_FEATURES, Walk};
use crate::Result;

/// A sum of binary decision trees.
///
/// ```
/// use sidecart_serve::trees::{TreeEnsemble, TreeParts};
///
/// // One constant, and one tree: feature 1 at most 0.5 gives -1, else +1.
/// let trees = TreeEnsemble::from_parts(
///     2,
///     TreeParts {
///         offsets: &[0, 0, 1],
///         features: &[1],
///         thresholds: &[0.5],
///         left: &[-1],
///         right: &[-2],
///         leaves: &[10.0, -1.0, 1.0],
///     },
/// )?;
/// assert_eq!(trees.score(&[7.0, 0.5]), 9.0);
/// assert_eq!(trees.score(&[7.0, 0.6]), 11.0);
/// # Ok::<(), sidecart_serve::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct TreeEnsemble {
    n_features: usize,
    offsets: Vec<u32>,
    features: Vec<u16>,
    thresholds: Vec<f32>,
    left: Vec<i32>,
    right: Vec<i32>,
    leaves: Vec<f32>,
    fast: Option<FastForms>,
}

/// The same trees for the fast paths, which hold rows of at most [`MAX_FEATURES`] features.
#[derive(Clone, Debug)]
struct FastForms {
    walk: Walk,
    masks: LeafMasks,
}

impl PartialEq for TreeEnsemble {
    fn eq(&self, other: &Self) -> bool {
        self.n_features == other.n_features && self.parts() == other.parts()
    }
}

impl TreeEnsemble {
    /// Trees over rows of `n_features` features, from their arrays. Linear in the arrays.
    ///
    /// # Errors
    /// [`Error::Model`](crate::Error::Model) if the arrays break any promise of [`TreeParts`]: a
    /// length, an index, a cycle, a child with two parents, a tree of more than
    /// [`MAX_LEAVES`](super::MAX_LEAVES) leaves, a number that is not finite.
    pub fn from_parts(n_features: usize, parts: TreeParts<'_>) -> Result<Self> {
        parts.check(n_features)?;
        Ok(Self {
            n_features,
            offsets: parts.offsets.to_vec(),
            features: parts.features.to_vec(),
            thresholds: parts.thresholds.to_vec(),
            left: parts.left.to_vec(),
            right: parts.right.to_vec(),
            leaves: parts.leaves.to_vec(),
            fast: (n_features <= MAX_FEATURES)
                .then(|| FastForms { walk: Walk::new(&parts), masks: LeafMasks::new(&parts) }),
        })
    }

    /// The arrays, as [`from_parts`](Self::from_parts) takes them.
    #[must_use]
    pub fn parts(&self) -> TreeParts<'_> {
        TreeParts {
            offsets: &self.offsets,
            features: &self.features,
            thresholds: &self.thresholds,
            left: &self.left,
            right: &self.right,
            leaves: &self.leaves,
        }
    }

    /// Features of a row.
    #[must_use]
    pub fn n_features(&self) -> usize {
        self.n_features
    }

    /// Number of trees.
    #[must_use]
    pub fn n_trees(&self) -> usize {
        self.offsets.len() - 1
    }

    /// The score of one row: the values of its leaves, added in tree order in double precision.
    ///
    /// The features must be finite. Rows of more than 256 features take the plain path.
    ///
    /// # Panics
    /// When the row does not have [`n_features`](Self::n_features) features.
    #[must_use]
    pub fn score(&self, features: &[f32]) -> f32 {
        self.check_row(features.len());
        match &self.fast {
            Some(fast) => fast.walk.score(features),
            None => self.score_plain(features),
        }
    }

    /// The plain twin of [`score`](Self::score), node by node: the same bits, several times slower.
    ///
    /// # Panics
    /// When the row does not have [`n_features`](Self::n_features) features.
    #[must_use]
    pub fn score_plain(&self, features: &[f32]) -> f32 {
        self.check_row(features.len());
        let parts = self.parts();
        let leaf_value = |t: usize| {
            let tree = parts.tree(t);
            let mut at = tree.root();
            while let Ok(node) = usize::try_from(at) {
                let goes_right = features[usize::from(tree.features[node])] > tree.thresholds[node];
                at = if goes_right { tree.right[node] } else { tree.left[node] };
            }
            f64::from(tree.leaves[!at as usize])
        };
        (0..self.n_trees()).fold(0.0, |sum, t| sum + leaf_value(t)) as f32
    }

    /// The scores of many rows, `rows` being `[scores.len(), n_features]` row by row: the same bits
    /// as [`score`](Self::score) of each, in about half the time from 32 rows on.
    ///
    /// # Panics
    /// When the lengths do not agree.
    pub fn score_block(&self, rows: &[f32], scores: &mut [f32]) {
        assert_eq!(rows.len(), scores.len() * self.n_features, "one row of features for each score");
        let row = |i: usize| &rows[i * self.n_features..][..self.n_features];
        let n_in_blocks = if self.fast.is_some() { scores.len() - scores.len() % BLOCK_ROWS } else { 0 };
        let (in_blocks, rest) = scores.split_at_mut(n_in_blocks);
        if let Some(fast) = &self.fast
            && !in_blocks.is_empty()
        {
            let mut columns = [[0.0; BLOCK_ROWS]; MAX_FEATURES];
            for (block, scores) in in_blocks.chunks_exact_mut(BLOCK_ROWS).enumerate() {
                for i in 0..BLOCK_ROWS {
                    for (column, &value) in columns.iter_mut().zip(row(block * BLOCK_ROWS + i)) {
                        column[i] = value;
                    }
                }
                scores.copy_from_slice(&fast.masks.score(&columns));
            }
        }
        for (i, score) in rest.iter_mut().enumerate() {
            *score = self.score(row(n_in_blocks + i));
        }
    }

    fn check_row(&self, len: usize) {
        assert_eq!(len, self.n_features, "a row has one value for each feature");
    }
}
