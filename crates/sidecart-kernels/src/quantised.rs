use crate::top_k::check_finite;
use crate::{KernelError, Level, level::dispatch, prefetch_read};

/// Rows in int8, one behind the other, for scores of chosen rows: a row of 64 dimensions is one
/// cache line, where its floats are four.
///
/// [`ScanIndex`](crate::ScanIndex) interleaves its rows, which suits a pass over all of them; one
/// row would then lie in as many lines as it has fours of dimensions. Scores differ from those of
/// the floats by the rounding to 127 steps in each direction, and are the same on every machine.
///
/// ```
/// use sidecart_kernels::{QuantisedRows, QuantisedVector};
/// let rows = QuantisedRows::new(&[1.0, 0.0, 0.5, -0.5], 2)?;
/// let mut query = QuantisedVector::default();
/// query.fill(&[2.0, 1.0]);
/// let mut scores = Vec::new();
/// rows.scores(&query, &[1, 0], &mut scores);
/// assert!((scores[0] - 0.5).abs() < 0.02 && (scores[1] - 2.0).abs() < 0.02);
/// # Ok::<(), sidecart_kernels::KernelError>(())
/// ```
#[derive(Clone, Debug)]
pub struct QuantisedRows {
    dim: usize,
    values: Vec<i8>,
    scales: Vec<f32>,
}

/// A query for [`QuantisedRows`].
#[derive(Clone, Debug, Default)]
pub struct QuantisedVector {
    /// As 16-bit numbers, so that products of two need no further widening.
    values: Vec<i16>,
    scale: f32,
}

/// Steps of a row or query to each side of zero.
const STEPS: f32 = 127.0;
/// Most dimensions: 65,536 products of 127 x 127 fit an `i32`.
const MAX_DIM: usize = 65_536;
/// Rows asked for ahead of their use.
const PREFETCHED: usize = 8;

/// Writes the rounded values and returns the size of a step; 0 where all are zero.
fn quantise(values: &[f32], mut put: impl FnMut(f32)) -> f32 {
    let largest = values.iter().fold(0.0f32, |most, v| most.max(v.abs()));
    // Below this the inverse of a step is not finite; such a vector scores 0.
    if largest < f32::MIN_POSITIVE * STEPS {
        values.iter().for_each(|_| put(0.0));
        return 0.0;
    }
    let scale = largest / STEPS;
    values.iter().for_each(|value| put((value / scale).round().clamp(-STEPS, STEPS)));
    scale
}

impl QuantisedVector {
    /// Takes over a query of finite values. O(dim).
    pub fn fill(&mut self, query: &[f32]) {
        let Self { values, scale } = self;
        values.clear();
        *scale = quantise(query, |value| values.push(value as i16));
    }
}

impl QuantisedRows {
    /// Rounds `rows` of `dim` values each. O(n dim).
    ///
    /// # Errors
    /// A length that is no multiple of `dim`, a `dim` outside 1..=65,536, or a value that is not
    /// finite.
    pub fn new(rows: &[f32], dim: usize) -> Result<Self, KernelError> {
        if dim == 0 || dim > MAX_DIM {
            return Err(KernelError::Dimension { got: dim, limit: MAX_DIM });
        }
        if !rows.len().is_multiple_of(dim) {
            return Err(KernelError::RowLength { got: rows.len(), dim });
        }
        check_finite("rows", rows)?;
        let mut values = Vec::with_capacity(rows.len());
        let scales = rows.chunks_exact(dim).map(|row| quantise(row, |value| values.push(value as i8))).collect();
        Ok(Self { dim, values, scales })
    }

    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.scales.len()
    }

    /// Replaces `scores` by the inner products of the query and the chosen rows, in their order.
    /// O(chosen x dim); no allocation once `scores` is large enough.
    ///
    /// # Panics
    /// When a chosen row does not exist or the query has another number of dimensions.
    pub fn scores(&self, query: &QuantisedVector, chosen: &[u32], scores: &mut Vec<f32>) {
        self.scores_at(Level::best(), query, chosen, scores);
    }

    /// [`scores`](Self::scores) at a level of the caller's choice.
    ///
    /// # Panics
    /// As [`scores`](Self::scores).
    pub fn scores_at(&self, level: Level, query: &QuantisedVector, chosen: &[u32], scores: &mut Vec<f32>) {
        assert_eq!(query.values.len(), self.dim, "a query has the dimensions of the rows");
        scores.clear();
        scores.resize(chosen.len(), 0.0);
        dispatch!(level, quantised_scores(self, query, chosen, scores));
    }
}

/// The kernel; compiled once for every level.
#[inline(always)]
pub(crate) fn quantised_scores_body(rows: &QuantisedRows, query: &QuantisedVector, chosen: &[u32], scores: &mut [f32]) {
    let dim = rows.dim;
    for (at, (score, &row)) in scores.iter_mut().zip(chosen).enumerate() {
        if let Some(&later) = chosen.get(at + PREFETCHED) {
            prefetch_read(&rows.values, later as usize * dim);
        }
        let row = row as usize;
        let values = &rows.values[row * dim..(row + 1) * dim];
        let products = values.iter().zip(&query.values).map(|(&a, &b)| i32::from(i16::from(a)) * i32::from(b));
        *score = products.sum::<i32>() as f32 * (rows.scales[row] * query.scale);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_levels_agree_and_stay_close_to_floats(
            dim in 1usize..80,
            seeds in proptest::collection::vec(-1.0f32..1.0, 1_000),
            tiny in proptest::bool::ANY,
        ) {
            let factor = if tiny { 1e-30 } else { 3.0 };
            let query: Vec<f32> = seeds[..dim].iter().map(|v| v * factor).collect();
            let n = (seeds.len() - dim) / dim;
            let table = &seeds[dim..dim + n * dim];
            let rows = QuantisedRows::new(table, dim).unwrap();
            prop_assert_eq!(rows.n_rows(), n);
            let chosen: Vec<u32> = (0..n as u32).rev().collect();
            let mut prepared = QuantisedVector::default();
            prepared.fill(&query);
            let mut plain = Vec::new();
            rows.scores_at(Level::Plain, &prepared, &chosen, &mut plain);
            for level in Level::ALL {
                let mut scores = vec![9.0; 3];
                rows.scores_at(level, &prepared, &chosen, &mut scores);
                prop_assert_eq!(scores.iter().map(|s| s.to_bits()).collect::<Vec<_>>(),
                    plain.iter().map(|s| s.to_bits()).collect::<Vec<_>>());
            }
            let size = |v: &[f32]| v.iter().fold(0.0f32, |most, x| most.max(x.abs()));
            for (&row, &score) in chosen.iter().zip(&plain) {
                let values = &table[row as usize * dim..(row as usize + 1) * dim];
                let exact = crate::dot(values, &query);
                let step = dim as f32 * size(values) * size(&query) / 127.0;
                prop_assert!((score - exact).abs() <= 1.1 * step + 1e-30, "{score} for {exact}");
            }
        }
    }

    #[test]
    fn zeros_score_nothing_and_bad_rows_are_refused() {
        let rows = QuantisedRows::new(&[0.0; 6], 3).unwrap();
        let (mut query, mut scores) = (QuantisedVector::default(), Vec::new());
        query.fill(&[0.0, 1e-44, 0.0]);
        rows.scores(&query, &[0, 1], &mut scores);
        assert_eq!(scores, [0.0, 0.0]);
        assert!(matches!(QuantisedRows::new(&[0.0; 5], 3), Err(KernelError::RowLength { .. })));
        assert!(matches!(QuantisedRows::new(&[], 0), Err(KernelError::Dimension { .. })));
        assert!(QuantisedRows::new(&[f32::NAN], 1).is_err());
    }
}
