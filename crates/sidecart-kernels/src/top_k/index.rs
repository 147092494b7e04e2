use crate::KernelError;
use crate::top_k::bias::check_finite;
use crate::top_k::kernel::{BLOCK, BlockBound, Line};

/// Most dimensions: 255 * 127 * 65,536 still fits an `i32`.
const MAX_DIM: usize = 65_536;
/// Rows whose largest value lies outside this range are scored without int8, where the error
/// bound could overflow or drown in numbers below the normal range.
pub(crate) const TAME: std::ops::RangeInclusive<f32> = 1e-15..=1e15;

/// Rows prepared for exact top-k search by inner product.
///
/// Beside the float rows `R` (any owner or borrower of a slice) it holds them as int8 with one
/// scale per row: sixteen rows interleaved four dimensions at a time, about `n * dim` bytes. A
/// query scans the int8 form, which is a quarter of the memory traffic, and scores in float every
/// row whose int8 estimate plus error bound could still reach the k-th best. So the answer is
/// exactly that of a plain float scan.
///
/// The bound: with row `x = s x' + e` and query `q = t q' + f` (`x'`, `q'` whole numbers),
/// `q.x = s t (q'.x') + (t q').e + f.x`, and by Cauchy and Schwarz the last two terms are at most
/// `|t q'| |e| + |f| |x|`; `|e| / s` and `|x| / s` are kept as maxima of each block. A relative slack
/// covers the rounding of both float computations.
///
/// See the crate's example.
#[derive(Clone)]
pub struct ScanIndex<R> {
    rows: R,
    dim: usize,
    n_rows: usize,
    pub(crate) lines: Vec<Line>,
    pub(crate) row_scales: Vec<f32>,
    pub(crate) bounds: Vec<BlockBound>,
    /// Whether all rows are zero or in the range the bound is proven for.
    pub(crate) is_tame: bool,
}

impl<R> std::fmt::Debug for ScanIndex<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScanIndex").field("n_rows", &self.n_rows).field("dim", &self.dim).finish_non_exhaustive()
    }
}

impl<R: AsRef<[f32]>> ScanIndex<R> {
    /// Prepares `rows` of `dim` values each. O(n dim).
    ///
    /// # Errors
    /// A length that is no multiple of `dim`, a `dim` outside 1..=65,536, more than `u32::MAX`
    /// rows, or a value that is not finite.
    pub fn new(rows: R, dim: usize) -> Result<Self, KernelError> {
        let values = rows.as_ref();
        if dim == 0 || dim > MAX_DIM {
            return Err(KernelError::Dimension { got: dim, limit: MAX_DIM });
        }
        if !values.len().is_multiple_of(dim) {
            return Err(KernelError::RowLength { got: values.len(), dim });
        }
        let n_rows = values.len() / dim;
        let limit = u32::MAX as usize;
        if n_rows > limit {
            return Err(KernelError::TooManyRows { got: n_rows, limit });
        }
        check_finite("rows", values)?;

        let n_blocks = n_rows.div_ceil(BLOCK);
        let lines_per_block = dim.div_ceil(4);
        let mut lines = vec![Line([128; 64]); n_blocks * lines_per_block];
        let mut row_scales = vec![f32::NAN; n_blocks * BLOCK];
        let mut bounds = vec![BlockBound::default(); n_blocks];
        let mut is_tame = true;
        for (row, values) in values.chunks_exact(dim).enumerate() {
            let (block, lane) = (row / BLOCK, row % BLOCK);
            let lines = &mut lines[block * lines_per_block..(block + 1) * lines_per_block];
            let largest = values.iter().fold(0.0f32, |most, v| most.max(v.abs()));
            let scale = largest / 127.0;
            row_scales[row] = scale;
            if largest == 0.0 {
                continue;
            }
            is_tame &= TAME.contains(&largest);
            let (mut residual, mut norm) = (0.0f64, 0.0f64);
            for (d, &value) in values.iter().enumerate() {
                let quantised = (value / scale).round().clamp(-127.0, 127.0);
                lines[d / 4].0[lane * 4 + d % 4] = (quantised as i32 + 128) as u8;
                residual += (f64::from(value) - f64::from(quantised) * f64::from(scale)).powi(2);
                norm += f64::from(value).powi(2);
            }
            let ratio = |square: f64| (square.sqrt() / f64::from(scale) * (1.0 + 1e-6)) as f32;
            let bound = &mut bounds[block];
            bound.residual = bound.residual.max(ratio(residual));
            bound.norm = bound.norm.max(ratio(norm));
        }
        Ok(Self { rows, dim, n_rows, lines, row_scales, bounds, is_tame })
    }

    /// Number of rows.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.n_rows
    }

    /// Values of a row.
    #[must_use]
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// The float rows, one behind the other.
    #[must_use]
    pub fn rows(&self) -> &[f32] {
        self.rows.as_ref()
    }

    /// One float row.
    ///
    /// # Panics
    /// When there is no such row.
    #[inline]
    #[must_use]
    pub fn row(&self, row: usize) -> &[f32] {
        &self.rows()[row * self.dim..(row + 1) * self.dim]
    }
}
