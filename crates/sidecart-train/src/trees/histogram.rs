//! Sums of derivatives by bin, in integers.
//!
//! Integer sums do not depend on their order, so histograms are the same bits at any number of
//! threads, and a child's histogram is exactly its parent's less its sibling's.

/// Bins of a histogram; a code indexes it without a check.
const N_CODES: usize = 256;

/// Sums over some rows: of gradients, and of hessians and ones together, in [`FixedPoint`].
pub(super) type Cell = [i64; 2];

/// One cell for each code of a feature.
pub(super) type Histogram = [Cell; N_CODES];

/// The histogram of no rows.
pub(super) const EMPTY: Histogram = [[0; 2]; N_CODES];

/// How derivatives become integers.
///
/// The scales are powers of two, as great as the sums over all rows allow: with 100,000 rows a
/// gradient keeps 45 bits below the greatest, a hessian 29. The second integer of a cell has the
/// count of rows in its lowest `count_bits` bits and the hessians above.
#[derive(Clone, Copy, Debug)]
pub(super) struct FixedPoint {
    gradient_scale: f64,
    hessian_scale: f64,
    count_bits: u32,
}

impl FixedPoint {
    /// For `n_rows` rows with derivatives of at most `max_gradient` and `max_hessian` in magnitude.
    pub(super) fn new(n_rows: usize, max_gradient: f32, max_hessian: f32) -> Self {
        let count_bits = usize::BITS - n_rows.leading_zeros();
        Self {
            gradient_scale: scale(max_gradient, 62 - count_bits as i32),
            hessian_scale: scale(max_hessian, 63 - 2 * count_bits as i32),
            count_bits,
        }
    }

    /// One row.
    #[inline]
    pub(super) fn encode(&self, gradient: f32, hessian: f32) -> Cell {
        let hessian = (f64::from(hessian) * self.hessian_scale) as i64;
        [(f64::from(gradient) * self.gradient_scale) as i64, hessian << self.count_bits | 1]
    }

    /// Sum of gradients and of hessians.
    #[inline]
    pub(super) fn decode(&self, cell: Cell) -> (f64, f64) {
        (cell[0] as f64 / self.gradient_scale, (cell[1] >> self.count_bits) as f64 / self.hessian_scale)
    }

    /// Number of rows.
    #[inline]
    pub(super) fn count(&self, cell: Cell) -> usize {
        (cell[1] & ((1 << self.count_bits) - 1)) as usize
    }
}

/// The greatest power of two with `value * scale <= 2^bits`, or 1 for zero.
fn scale(value: f32, bits: i32) -> f64 {
    if value == 0.0 {
        return 1.0;
    }
    let exponent = (f64::from(value).to_bits() >> 52) as i32 - 1023;
    // value < 2^(exponent + 1)
    f64::from_bits(((1023 + bits - exponent - 1) as u64) << 52)
}

/// Adds `cells[i]` to the bin of row `rows[i]` in the histograms of `K` features with these codes.
///
/// Several features at a time: the additions to one histogram wait for each other where rows of
/// one bin follow, those to several do not.
pub(super) fn add_rows<const K: usize>(codes: [&[u8]; K], rows: &[u32], cells: &[Cell], into: &mut [Histogram; K]) {
    for (&row, cell) in rows.iter().zip(cells) {
        for (codes, histogram) in codes.iter().zip(into.iter_mut()) {
            let bin = &mut histogram[usize::from(codes[row as usize])];
            bin[0] += cell[0];
            bin[1] += cell[1];
        }
    }
}

/// `parent - child`, bin by bin, into `parent`.
pub(super) fn subtract(parent: &mut Histogram, child: &Histogram, n_bins: usize) {
    for (parent, child) in parent.iter_mut().zip(child).take(n_bins) {
        parent[0] -= child[0];
        parent[1] -= child[1];
    }
}
