/// What boosted trees minimise: a loss of the scores of all rows together.
///
/// [`fit`](super::fit) asks for the derivatives of the loss at the present scores, grows a tree that
/// follows them downhill (one Newton step a leaf), and adds the tree to the scores.
///
/// An implementation sees all scores at once, so the loss need not be a sum over rows. A ranking
/// objective such as LambdaRank (Burges, From RankNet to LambdaRank to LambdaMART, 2010) keeps the
/// offsets of its query groups and the relevance of each row, and
///
/// - in `gradients` sorts each group by score and gives every row the sum of its pairs' lambdas as
///   gradient and of their weights as hessian (a row without pairs has zeros, which is allowed);
/// - in `loss` returns something smaller for better rankings, as 1 - NDCG averaged over groups;
/// - in `initial_score` returns 0, as only differences of scores matter.
///
/// Its rows should be drawn by group: give the group of each row as its
/// [cluster](super::Sample::clusters).
///
/// Results must be the same bits at any number of threads: sum in a fixed order, and use
/// `sidecart_core::{exp, ln}` in place of the platform's functions.
pub trait Objective: Sync {
    /// Rows that the objective speaks of.
    fn n_rows(&self) -> usize;

    /// The score that every row has before the first tree, finite.
    fn initial_score(&self) -> f64;

    /// Writes first and second derivatives of the loss by each row's score.
    ///
    /// All slices have [`n_rows`](Self::n_rows) elements. Both outputs must be finite, hessians not
    /// negative. Their scale is that of a sum over rows, not of a mean: `lambda_l2` and
    /// `min_leaf_hessian` are compared with sums of hessians.
    fn gradients(&self, scores: &[f64], gradients: &mut [f32], hessians: &mut [f32]);

    /// The loss, smaller being better; early stopping compares it between trees.
    fn loss(&self, scores: &[f64]) -> f64;
}
