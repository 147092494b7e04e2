use std::ops::Range;

use crate::{Level, level::dispatch};

/// Columns of a packed panel.
pub(crate) const PANEL: usize = 32;
/// Rows of one tile.
pub(crate) const TILE_ROWS: usize = 8;
/// Depth of a packed panel: 256 x 32 floats are 32 KiB, which stay in the first cache.
const DEPTH: usize = 256;

/// Sizes of a matrix product: `out[rows, cols] = a[rows, depth] * b[depth, cols]`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MatmulShape {
    /// Rows of `out` that are computed.
    pub rows: usize,
    /// Columns of `out` and `b`.
    pub cols: usize,
    /// Length of each sum.
    pub depth: usize,
}

/// What happens to the values that `out` holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Destination {
    /// They are replaced.
    Overwrite,
    /// The sums go on from them.
    Add,
}

/// A block of at most eight output rows times one panel.
pub(crate) struct Tile<'a> {
    /// Element (row, p) is at `row * a_row_stride + p * a_depth_stride`.
    pub(crate) a: &'a [f32],
    pub(crate) a_row_stride: usize,
    pub(crate) a_depth_stride: usize,
    /// `depth` x [`PANEL`] values.
    pub(crate) panel: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) depth: usize,
    pub(crate) out_stride: usize,
}

impl Tile<'_> {
    /// Whether every element that a kernel touches lies inside the slices.
    #[inline]
    pub(crate) fn is_inside(&self, out: &[f32]) -> bool {
        (1..=TILE_ROWS).contains(&self.rows)
            && self.depth > 0
            && self.panel.len() >= self.depth * PANEL
            && (self.rows - 1) * self.a_row_stride + (self.depth - 1) * self.a_depth_stride < self.a.len()
            && (self.rows - 1) * self.out_stride + PANEL <= out.len()
    }
}

/// `out[rows, cols] (+)= a[rows, depth] * b[depth, cols]`, all row by row.
///
/// Every element is one chain of fused multiply-adds in rising depth, so neither the level nor the
/// way rows are split over threads changes a bit. To split the work, give each thread its rows of
/// `a` and `out`. No allocation.
///
/// ```
/// use sidecart_kernels::{Destination, MatmulShape, matmul};
///
/// let mut out = [0.0; 2];
/// let shape = MatmulShape { rows: 1, cols: 2, depth: 2 };
/// matmul(&mut out, &[1.0, 2.0], &[1.0, 0.0, 0.0, 1.0], shape, Destination::Overwrite);
/// assert_eq!(out, [1.0, 2.0]);
/// ```
///
/// # Panics
/// When a slice has another length than the shape says.
pub fn matmul(out: &mut [f32], a: &[f32], b: &[f32], shape: MatmulShape, destination: Destination) {
    matmul_level(Level::best(), out, a, b, shape, destination);
}

/// [`matmul`] at a level of the caller's choice.
///
/// # Panics
/// When a slice has another length than the shape says.
pub fn matmul_level(level: Level, out: &mut [f32], a: &[f32], b: &[f32], shape: MatmulShape, destination: Destination) {
    assert_eq!(a.len(), shape.rows * shape.depth, "a must be rows x depth");
    multiply(level, out, Left { values: a, row_stride: shape.depth, depth_stride: 1 }, b, shape, destination);
}

/// `out[rows, cols] (+)= a[depth, width][.., columns]^T * b[depth, cols]`: a product with the
/// transpose of some columns of `a`.
///
/// `shape.rows` is the number of `columns`; `a` has `a.len() / shape.depth` columns in all. Same
/// order of sums as [`matmul`].
///
/// # Panics
/// When a slice has another length than the shape says or `columns` leaves `a`.
pub fn matmul_at(
    out: &mut [f32],
    a: &[f32],
    columns: Range<usize>,
    b: &[f32],
    shape: MatmulShape,
    destination: Destination,
) {
    matmul_at_level(Level::best(), out, a, columns, b, shape, destination);
}

/// [`matmul_at`] at a level of the caller's choice.
///
/// # Panics
/// When a slice has another length than the shape says or `columns` leaves `a`.
pub fn matmul_at_level(
    level: Level,
    out: &mut [f32],
    a: &[f32],
    columns: Range<usize>,
    b: &[f32],
    shape: MatmulShape,
    destination: Destination,
) {
    let width = a.len().checked_div(shape.depth).unwrap_or(columns.end);
    assert_eq!(a.len(), width * shape.depth, "a must be depth x width");
    assert!(columns.len() == shape.rows && columns.end <= width, "columns must be rows columns of a");
    let left = Left { values: a.get(columns.start..).unwrap_or(&[]), row_stride: 1, depth_stride: width };
    multiply(level, out, left, b, shape, destination);
}

/// The left factor with its strides.
#[derive(Clone, Copy)]
struct Left<'a> {
    values: &'a [f32],
    row_stride: usize,
    depth_stride: usize,
}

fn multiply(level: Level, out: &mut [f32], left: Left<'_>, b: &[f32], shape: MatmulShape, destination: Destination) {
    let MatmulShape { rows, cols, depth } = shape;
    assert_eq!(out.len(), rows * cols, "out must be rows x cols");
    assert_eq!(b.len(), depth * cols, "b must be depth x cols");
    if destination == Destination::Overwrite {
        out.fill(0.0);
    }
    if rows == 0 || cols == 0 || depth == 0 {
        return;
    }
    let mut panel = [0.0f32; DEPTH * PANEL];
    let mut edge = [0.0f32; TILE_ROWS * PANEL];
    for col in (0..cols).step_by(PANEL) {
        let width = PANEL.min(cols - col);
        for start in (0..depth).step_by(DEPTH) {
            let depth = DEPTH.min(depth - start);
            for (p, line) in panel.chunks_exact_mut(PANEL).take(depth).enumerate() {
                let from = (start + p) * cols + col;
                line[..width].copy_from_slice(&b[from..from + width]);
            }
            for row in (0..rows).step_by(TILE_ROWS) {
                let mut tile = Tile {
                    a: &left.values[row * left.row_stride + start * left.depth_stride..],
                    a_row_stride: left.row_stride,
                    a_depth_stride: left.depth_stride,
                    panel: &panel,
                    rows: TILE_ROWS.min(rows - row),
                    depth,
                    out_stride: cols,
                };
                if width == PANEL {
                    dispatch!(level, multiply_tile(&tile, &mut out[row * cols + col..]));
                } else {
                    // The last columns go through a full-width copy; what lies beyond is not read back.
                    tile.out_stride = PANEL;
                    for (i, line) in edge.chunks_exact_mut(PANEL).take(tile.rows).enumerate() {
                        let from = (row + i) * cols + col;
                        line[..width].copy_from_slice(&out[from..from + width]);
                    }
                    dispatch!(level, multiply_tile(&tile, &mut edge));
                    for (i, line) in edge.chunks_exact(PANEL).take(tile.rows).enumerate() {
                        let to = (row + i) * cols + col;
                        out[to..to + width].copy_from_slice(&line[..width]);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn matrix(len: usize, seed: u32) -> Vec<f32> {
        let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(12_345);
        (0..len)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (state >> 8) as f32 / (1 << 23) as f32 - 1.0
            })
            .collect()
    }

    /// The definition: one chain per element.
    fn chains(out: &mut [f32], a: impl Fn(usize, usize) -> f32, b: &[f32], shape: MatmulShape) {
        for i in 0..shape.rows {
            for j in 0..shape.cols {
                let o = &mut out[i * shape.cols + j];
                for p in 0..shape.depth {
                    *o = a(i, p).mul_add(b[p * shape.cols + j], *o);
                }
            }
        }
    }

    fn check(shape: MatmulShape, columns_before: usize, seed: u32) {
        let MatmulShape { rows, cols, depth } = shape;
        let (a, b, start) = (matrix(rows * depth, seed), matrix(depth * cols, seed + 1), matrix(rows * cols, seed + 2));
        let width = rows + columns_before;
        let wide = matrix(depth * width, seed + 3);
        for destination in [Destination::Add, Destination::Overwrite] {
            let from = if destination == Destination::Add { start.clone() } else { vec![0.0; rows * cols] };
            let (mut plain, mut plain_at) = (from.clone(), from);
            chains(&mut plain, |i, p| a[i * depth + p], &b, shape);
            chains(&mut plain_at, |i, p| wide[p * width + columns_before + i], &b, shape);
            for level in Level::ALL {
                let mut out = start.clone();
                matmul_level(level, &mut out, &a, &b, shape, destination);
                assert!(out.iter().zip(&plain).all(|(x, y)| x.to_bits() == y.to_bits()), "{level:?} {shape:?}");
                out.copy_from_slice(&start);
                matmul_at_level(level, &mut out, &wide, columns_before..width, &b, shape, destination);
                assert!(out.iter().zip(&plain_at).all(|(x, y)| x.to_bits() == y.to_bits()), "{level:?} {shape:?}");
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn all_levels_equal_the_chain(rows in 0usize..20, cols in 0usize..70, depth in 0usize..40, before in 0usize..5, seed in 0u32..1000) {
            check(MatmulShape { rows, cols, depth }, before, seed);
        }
    }

    #[test]
    fn sums_longer_than_a_panel_go_on_in_order() {
        check(MatmulShape { rows: 9, cols: 33, depth: 2 * DEPTH + 3 }, 2, 5);
    }

    #[test]
    fn splitting_rows_changes_nothing() {
        let shape = MatmulShape { rows: 21, cols: 40, depth: 30 };
        let (a, b) = (matrix(21 * 30, 1), matrix(30 * 40, 2));
        let mut whole = vec![0.0; 21 * 40];
        matmul(&mut whole, &a, &b, shape, Destination::Overwrite);
        let mut parts = vec![0.0; 21 * 40];
        for (part, rows) in parts.chunks_mut(5 * 40).zip(a.chunks(5 * 30)) {
            let shape = MatmulShape { rows: rows.len() / 30, ..shape };
            matmul(part, rows, &b, shape, Destination::Overwrite);
        }
        assert_eq!(whole, parts);
    }
}
