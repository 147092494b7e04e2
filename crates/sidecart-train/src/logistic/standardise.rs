use rayon::prelude::*;

/// A standardised value is cut at this many standard deviations on either side of the mean.
pub const MAX_DEVIATIONS: f64 = 6.0;

/// Rows of one block; sums are taken block by block, so threads cannot change their order.
const BLOCK: usize = 4_096;

/// Mean and standard deviation of every column, both exact in 32 bits.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Standards {
    pub(crate) mean: Vec<f64>,
    /// 1 for a column that never changes, whose standardised value is then 0.
    pub(crate) scale: Vec<f64>,
}

/// A value in standard deviations from the mean, cut at [`MAX_DEVIATIONS`]; what is unknown
/// (NaN) lies at the mean.
#[inline]
pub(crate) fn standardised(value: f32, mean: f64, scale: f64) -> f64 {
    let deviations = (f64::from(value) - mean) / scale;
    if deviations.is_nan() { 0.0 } else { deviations.clamp(-MAX_DEVIATIONS, MAX_DEVIATIONS) }
}

impl Standards {
    /// Measures the columns of a row-major matrix over its finite values.
    pub(crate) fn of(rows: &[f32], n_columns: usize) -> Self {
        let known = |v: f32| v.is_finite().then(|| f64::from(v));
        let first = sums(rows, n_columns, |_, v| known(v).map_or((0.0, 0.0), |v| (v, 1.0)));
        let mean: Vec<f64> = first.iter().map(|&(sum, n)| rounded(if n > 0.0 { sum / n } else { 0.0 })).collect();
        let second = sums(rows, n_columns, |column, v| {
            known(v).map_or((0.0, 0.0), |v| {
                let off = v - mean[column];
                (off * off, 1.0)
            })
        });
        let deviation = |&(sum, n): &(f64, f64)| if n > 0.0 { rounded((sum / n).sqrt()) } else { 0.0 };
        let scale = second.iter().map(|s| Some(deviation(s)).filter(|&d| d > 0.0).unwrap_or(1.0)).collect();
        Self { mean, scale }
    }
}

/// The nearest number that 32 bits hold.
pub(super) fn rounded(value: f64) -> f64 {
    f64::from(value as f32)
}

/// Sums per column of what `of(column, value)` gives.
fn sums(rows: &[f32], n_columns: usize, of: impl Fn(usize, f32) -> (f64, f64) + Sync) -> Vec<(f64, f64)> {
    let blocks: Vec<Vec<(f64, f64)>> = rows
        .par_chunks(BLOCK * n_columns)
        .map(|block| {
            let mut sums = vec![(0.0, 0.0); n_columns];
            for row in block.chunks_exact(n_columns) {
                for (column, (sum, &value)) in sums.iter_mut().zip(row).enumerate() {
                    let (a, b) = of(column, value);
                    *sum = (sum.0 + a, sum.1 + b);
                }
            }
            sums
        })
        .collect();
    let mut total = vec![(0.0, 0.0); n_columns];
    for block in &blocks {
        for (sum, part) in total.iter_mut().zip(block) {
            *sum = (sum.0 + part.0, sum.1 + part.1);
        }
    }
    total
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn means_deviations_and_gaps() {
        let rows = [1.0, 7.5, f32::NAN, 0.1, 3.0, 7.5, 2.0, 0.1, 5.0, 7.5, f32::INFINITY, 0.1];
        let standards = Standards::of(&rows, 4);
        assert_eq!(standards.mean, [3.0, 7.5, 2.0, f64::from(0.1f32)]);
        assert_eq!(standards.scale, [rounded((8.0f64 / 3.0).sqrt()), 1.0, 1.0, 1.0]);
        assert_eq!(standardised(f32::NAN, 3.0, 2.0), 0.0);
        assert_eq!(standardised(7.0, 3.0, 2.0), 2.0);
        assert_eq!((standardised(f32::INFINITY, 3.0, 2.0), standardised(-1e9, 3.0, 2.0)), (6.0, -6.0));
        assert_eq!(standardised(0.1, standards.mean[3], standards.scale[3]), 0.0);
    }

    #[test]
    fn a_repeated_value_is_constant_at_any_length() {
        let rows = vec![0.1f32; 30_001];
        assert_eq!(Standards::of(&rows, 1), Standards { mean: vec![f64::from(0.1f32)], scale: vec![1.0] });
    }
}
