//! The inverse of a symmetric positive definite matrix, in place and in parallel.

use rayon::prelude::*;

/// Side of a tile.
pub(super) const TILE: usize = 64;
const AREA: usize = TILE * TILE;
/// Side of the block of sums that the inner loop holds in registers.
const BLOCK: usize = 4;

/// The lower triangle of a symmetric matrix in square tiles, one row of tiles after another.
///
/// Within a tile values stand row by row. The last tiles are padded by a unit matrix, which an
/// inverse leaves as it is.
#[derive(Debug)]
pub(super) struct SymmetricTiles {
    n: usize,
    n_tiles: usize,
    values: Vec<f64>,
}

/// Position of a tile of the lower triangle.
fn tile_at(row: usize, col: usize) -> usize {
    row * (row + 1) / 2 + col
}

impl SymmetricTiles {
    /// Bytes of a matrix of `n` rows and of what its inverse needs beside it: about 4 n^2.
    pub(super) fn bytes(n: usize) -> u64 {
        let n_tiles = n.div_ceil(TILE) as u64;
        let tiles = n_tiles * (n_tiles + 1) / 2 + 2 * n_tiles + 1;
        tiles * (AREA * size_of::<f64>()) as u64
    }

    /// A matrix of zeros; `None` when there is no memory for it.
    pub(super) fn zeros(n: usize) -> Option<Self> {
        let n_tiles = n.div_ceil(TILE);
        let len = tile_at(n_tiles, 0) * AREA;
        let mut values = Vec::new();
        values.try_reserve_exact(len).ok()?;
        values.resize(len, 0.0);
        let mut matrix = Self { n, n_tiles, values };
        for i in n..n_tiles * TILE {
            *matrix.lower_mut(i, i) = 1.0;
        }
        Some(matrix)
    }

    fn at(row: usize, col: usize) -> usize {
        tile_at(row / TILE, col / TILE) * AREA + row % TILE * TILE + col % TILE
    }

    /// The value of a cell.
    #[inline]
    pub(super) fn get(&self, i: usize, j: usize) -> f64 {
        self.values[Self::at(i.max(j), i.min(j))]
    }

    /// A cell of the lower triangle, `col <= row`.
    pub(super) fn lower_mut(&mut self, row: usize, col: usize) -> &mut f64 {
        &mut self.values[Self::at(row, col)]
    }

    /// Number of rows.
    pub(super) fn n(&self) -> usize {
        self.n
    }

    /// The rows of tiles, each a slice that begins with the tile of column 0.
    pub(super) fn tile_rows_mut(&mut self) -> Vec<&mut [f64]> {
        let mut rest = self.values.as_mut_slice();
        let mut rows = Vec::with_capacity(self.n_tiles);
        for row in 0..self.n_tiles {
            let (head, tail) = rest.split_at_mut((row + 1) * AREA);
            rows.push(head);
            rest = tail;
        }
        rows
    }

    fn tile(&self, row: usize, col: usize) -> &[f64] {
        &self.values[tile_at(row, col) * AREA..][..AREA]
    }

    /// Replaces a positive definite matrix by its inverse; false, with the values in ruins, when
    /// it is not positive definite to working precision.
    ///
    /// Symmetric Gauss-Jordan elimination by tiles: its pivots are the squares of the diagonal of
    /// the Cholesky factor, so that none needs a search, and every tile of the triangle takes the
    /// same update in each step. n^3 / 2 multiply-adds. Each tile is computed by one thread in one
    /// order, so the result is the same at any number of threads.
    #[must_use]
    pub(super) fn invert(&mut self) -> bool {
        let n_tiles = self.n_tiles;
        let places: Vec<(usize, usize)> = (0..n_tiles).flat_map(|i| (0..=i).map(move |j| (i, j))).collect();
        let mut column = vec![0.0; n_tiles * AREA];
        let mut scaled = vec![0.0; n_tiles * AREA];
        let mut pivot = vec![0.0; AREA];
        for k in 0..n_tiles {
            pivot.copy_from_slice(self.tile(k, k));
            if !sweep(&mut pivot) {
                return false;
            }
            // The column of tiles, each transposed, and minus the column times the pivot's inverse.
            column.par_chunks_mut(AREA).zip(scaled.par_chunks_mut(AREA)).enumerate().for_each(
                |(i, (column, scaled))| {
                    if i > k {
                        transpose(self.tile(i, k), column);
                    } else {
                        column.copy_from_slice(self.tile(k, i));
                    }
                    scaled.fill(0.0);
                    add_product(scaled, &pivot, column);
                },
            );
            self.values.par_chunks_mut(AREA).zip(&places).for_each(|(tile, &(i, j))| {
                let scaled = |i: usize| &scaled[i * AREA..][..AREA];
                if i == k && j == k {
                    tile.copy_from_slice(&pivot);
                } else if i == k {
                    tile.copy_from_slice(scaled(j));
                    tile.iter_mut().for_each(|value| *value = -*value);
                } else if j == k {
                    transpose(scaled(i), tile);
                    tile.iter_mut().for_each(|value| *value = -*value);
                } else {
                    add_product(tile, scaled(i), &column[j * AREA..][..AREA]);
                }
            });
        }
        self.values.par_chunks_mut(AREA).for_each(|tile| tile.iter_mut().for_each(|value| *value = -*value));
        true
    }
}

/// Replaces a tile, of which the lower triangle is read, by minus its inverse; false when a pivot
/// is not positive.
fn sweep(tile: &mut [f64]) -> bool {
    let mut column = [0.0; TILE];
    for p in 0..TILE {
        let diagonal = tile[p * TILE + p];
        if !(diagonal > 0.0 && diagonal.is_finite()) {
            return false;
        }
        for (i, value) in column.iter_mut().enumerate() {
            *value = tile[i.max(p) * TILE + i.min(p)];
        }
        let inverse = 1.0 / diagonal;
        for i in 0..TILE {
            let factor = column[i] * inverse;
            for (value, other) in tile[i * TILE..=i * TILE + i].iter_mut().zip(&column) {
                *value -= factor * other;
            }
        }
        for i in 0..TILE {
            tile[i.max(p) * TILE + i.min(p)] = if i == p { -inverse } else { column[i] * inverse };
        }
    }
    for i in 0..TILE {
        for j in 0..i {
            tile[j * TILE + i] = tile[i * TILE + j];
        }
    }
    true
}

fn transpose(from: &[f64], to: &mut [f64]) {
    for (i, row) in from.chunks_exact(TILE).enumerate() {
        for (j, value) in row.iter().enumerate() {
            to[j * TILE + i] = *value;
        }
    }
}

/// Adds to `out[a][b]` the sum over `q` of `x[q][a] y[q][b]`, in rising order of `q`.
fn add_product(out: &mut [f64], x: &[f64], y: &[f64]) {
    for (rows, a) in out.chunks_exact_mut(BLOCK * TILE).zip((0..TILE).step_by(BLOCK)) {
        for b in (0..TILE).step_by(BLOCK) {
            let mut sums = [[0.0f64; BLOCK]; BLOCK];
            for (x, y) in x.chunks_exact(TILE).zip(y.chunks_exact(TILE)) {
                let (x, y) = (&x[a..a + BLOCK], &y[b..b + BLOCK]);
                for (sums, x) in sums.iter_mut().zip(x) {
                    for (sum, y) in sums.iter_mut().zip(y) {
                        *sum += x * y;
                    }
                }
            }
            for (row, sums) in rows.chunks_exact_mut(TILE).zip(&sums) {
                for (value, sum) in row[b..b + BLOCK].iter_mut().zip(sums) {
                    *value += sum;
                }
            }
        }
    }
}
