use rayon::prelude::*;
use sidecart_core::ln;
use sidecart_kernels::exp;
use sidecart_serve::ranker::NeuralRanker;

use crate::ranker::RankingLists;

/// Lists whose losses are added first, so that the order of the sum is the same for any number of
/// threads.
const SUMMED: usize = 64;

/// Turns the utilities of a list into probabilities, and gives the loss: the negative logarithm of
/// the probability of the right candidate. Not a number where a utility is none.
pub(super) fn softmax(utilities: &mut [f32], chosen: usize) -> f64 {
    let top = utilities.iter().copied().fold(f32::MIN, f32::max);
    for utility in &mut *utilities {
        *utility -= top;
    }
    let right = f64::from(utilities[chosen]);
    exp(utilities);
    let sum: f64 = utilities.iter().map(|&share| f64::from(share)).sum();
    let inverse = (1.0 / sum) as f32;
    for share in utilities {
        *share *= inverse;
    }
    if sum.is_finite() { ln(sum) - right } else { f64::NAN }
}

/// The mean loss on lists, as serving would rank them.
pub(super) fn mean_loss(ranker: &NeuralRanker, lists: &RankingLists<'_>) -> f64 {
    let starts: Vec<usize> = (0..lists.len()).step_by(SUMMED).collect();
    let sums: Vec<f64> = starts
        .into_par_iter()
        .map(|start| {
            let mut utilities = Vec::new();
            let losses = (start..lists.len().min(start + SUMMED)).map(|at| {
                let rows = lists.list(at);
                utilities.clear();
                utilities.resize(rows.len() / lists.n_features, 0.0);
                ranker.score_block(rows, &mut utilities);
                softmax(&mut utilities, lists.chosen[at] as usize)
            });
            losses.sum()
        })
        .collect();
    sums.iter().sum::<f64>() / lists.len().max(1) as f64
}
