use burn::tensor::{Device, Tensor, TensorData};
use sidecart_serve::ranker::CLIP;
use sidecart_train::ranker::RankingLists;

/// Utility that is added to what only fills up a list: its share of the softmax is 0.
const NEVER: f32 = -1e9;

/// Mean and one over the standard deviation of every feature; 0 where it is constant.
pub(crate) struct Standards {
    pub(crate) means: Vec<f32>,
    pub(crate) inverse_scales: Vec<f32>,
}

impl Standards {
    pub(crate) fn of(lists: &RankingLists<'_>) -> Self {
        let n_features = lists.n_features;
        let n = (lists.rows.len() / n_features).max(1) as f64;
        let mut sums = vec![0.0f64; n_features];
        for row in lists.rows.chunks_exact(n_features) {
            for (sum, &value) in sums.iter_mut().zip(row) {
                *sum += f64::from(value);
            }
        }
        let means: Vec<f64> = sums.iter().map(|sum| sum / n).collect();
        let mut squares = vec![0.0f64; n_features];
        for row in lists.rows.chunks_exact(n_features) {
            for ((square, &value), mean) in squares.iter_mut().zip(row).zip(&means) {
                *square += (f64::from(value) - mean) * (f64::from(value) - mean);
            }
        }
        let inverse = |square: &f64| if *square > 0.0 { (1.0 / (square / n).sqrt()) as f32 } else { 0.0 };
        Self {
            means: means.iter().map(|&mean| mean as f32).collect(),
            // Rounding of a constant is no spread.
            inverse_scales: squares.iter().map(inverse).map(|scale| if scale < 1e6 { scale } else { 0.0 }).collect(),
        }
    }
}

/// Some lists as tensors, the shorter ones filled up to the length of the longest.
pub(crate) struct Batch {
    /// Standardised features, `[n_lists * length, n_features]`.
    pub(crate) inputs: Tensor<2>,
    /// 0 for a candidate, a very small number for what fills up, `[n_lists, length]`.
    pub(crate) penalties: Tensor<2>,
    /// 1 for the right candidate, else 0, `[n_lists, length]`.
    pub(crate) targets: Tensor<2>,
}

impl Batch {
    pub(crate) fn new(lists: &RankingLists<'_>, picked: &[usize], standards: &Standards, device: &Device) -> Self {
        let n_features = lists.n_features;
        let size = |list: usize| lists.offsets[list + 1] - lists.offsets[list];
        let length = picked.iter().map(|&list| size(list)).max().unwrap_or(0);
        let mut inputs = vec![0.0f32; picked.len() * length * n_features];
        let mut penalties = vec![NEVER; picked.len() * length];
        let mut targets = vec![0.0f32; picked.len() * length];
        for (at, &list) in picked.iter().enumerate() {
            let rows = lists.list(list).chunks_exact(n_features);
            for (row, out) in rows.zip(inputs[at * length * n_features..].chunks_exact_mut(n_features)) {
                let columns = standards.means.iter().zip(&standards.inverse_scales);
                for ((out, &value), (&mean, &scale)) in out.iter_mut().zip(row).zip(columns) {
                    *out = ((value - mean) * scale).clamp(-CLIP, CLIP);
                }
            }
            penalties[at * length..][..size(list)].fill(0.0);
            targets[at * length + lists.chosen[list] as usize] = 1.0;
        }
        let tensor =
            |values: Vec<f32>, shape: [usize; 2]| Tensor::<2>::from_data(TensorData::new(values, shape), device);
        Self {
            inputs: tensor(inputs, [picked.len() * length, n_features]),
            penalties: tensor(penalties, [picked.len(), length]),
            targets: tensor(targets, [picked.len(), length]),
        }
    }
}
