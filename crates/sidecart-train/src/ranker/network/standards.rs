use sidecart_serve::ranker::CLIP;

use crate::ranker::RankingLists;

/// An inverse spread from which on a feature is a constant that was rounded.
const CONSTANT: f32 = 1e6;

/// Mean of every feature and one over its standard deviation, 0 where it is constant.
pub(super) struct Standards {
    pub(super) means: Vec<f32>,
    pub(super) inverse_scales: Vec<f32>,
}

impl Standards {
    pub(super) fn of(lists: &RankingLists<'_>) -> Self {
        let n_features = lists.n_features;
        let n = (lists.rows.len() / n_features).max(1) as f64;
        let mut means = vec![0.0f64; n_features];
        for row in lists.rows.chunks_exact(n_features) {
            for (sum, &value) in means.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        means.iter_mut().for_each(|sum| *sum /= n);
        let mut squares = vec![0.0f64; n_features];
        for row in lists.rows.chunks_exact(n_features) {
            for ((square, &value), mean) in squares.iter_mut().zip(row).zip(&means) {
                let difference = f64::from(value) - mean;
                *square += difference * difference;
            }
        }
        let inverse = |square: &f64| {
            let inverse = (1.0 / (square / n).sqrt()) as f32;
            if inverse < CONSTANT { inverse } else { 0.0 }
        };
        Self {
            inverse_scales: squares.iter().map(inverse).collect(),
            means: means.iter().map(|&mean| mean as f32).collect(),
        }
    }

    /// Puts a row at the end of others, standardised as serving does it.
    pub(super) fn push(&self, row: &[f32], out: &mut Vec<f32>) {
        let columns = self.means.iter().zip(&self.inverse_scales);
        out.extend(
            row.iter()
                .zip(columns)
                .map(|(&value, (&mean, &inverse_scale))| ((value - mean) * inverse_scale).clamp(-CLIP, CLIP)),
        );
    }
}
