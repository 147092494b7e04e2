//! Kernels for 256-bit vectors with fused multiply-add.

use std::arch::x86_64::*;

use crate::dot::LANES;
use crate::elementwise::{add_rows_body, add_scaled_body, exp_body, max_body, sum_body};
use crate::matmul::{PANEL, Tile};
use crate::quantised::{QuantisedRows, QuantisedVector, quantised_scores_body};
use crate::top_k::kernel::{BLOCK, CandidateBuffer, ScanInput};

const _: () = assert!(LANES == 32 && PANEL == 32 && BLOCK == 16, "the code below holds these in four or two vectors");

#[target_feature(enable = "avx2,fma")]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let len = a.len().min(b.len());
    let whole = len - len % LANES;
    let mut lanes = [_mm256_setzero_ps(); 4];
    let (pa, pb) = (a.as_ptr(), b.as_ptr());
    let mut i = 0;
    while i < whole {
        // SAFETY: i + 32 <= whole <= the length of both slices.
        unsafe { add_products(&mut lanes, pa.add(i), pb.add(i)) };
        i += LANES;
    }
    if whole < len {
        let (mut x, mut y) = ([0.0f32; LANES], [0.0f32; LANES]);
        x[..len - whole].copy_from_slice(&a[whole..len]);
        y[..len - whole].copy_from_slice(&b[whole..len]);
        // SAFETY: both arrays hold 32 values.
        unsafe { add_products(&mut lanes, x.as_ptr(), y.as_ptr()) };
    }
    let low = _mm256_add_ps(lanes[0], lanes[2]);
    let high = _mm256_add_ps(lanes[1], lanes[3]);
    let lanes = _mm256_add_ps(low, high);
    let lanes = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
    let lanes = _mm_add_ps(lanes, _mm_movehl_ps(lanes, lanes));
    _mm_cvtss_f32(_mm_add_ss(lanes, _mm_movehdup_ps(lanes)))
}

/// Adds 32 products to the lanes.
///
/// # Safety
/// 32 values must be readable at both pointers.
#[inline]
#[target_feature(enable = "avx2,fma")]
unsafe fn add_products(lanes: &mut [__m256; 4], a: *const f32, b: *const f32) {
    for (j, lane) in lanes.iter_mut().enumerate() {
        // SAFETY: 8 j + 8 <= 32, and the caller vouches for 32 values.
        *lane = unsafe { _mm256_fmadd_ps(_mm256_loadu_ps(a.add(8 * j)), _mm256_loadu_ps(b.add(8 * j)), *lane) };
    }
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn exp(values: &mut [f32]) {
    exp_body(values);
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn add_scaled(out: &mut [f32], x: &[f32], factor: f32) {
    add_scaled_body(out, x, factor);
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn add_rows(out: &mut [f32], table: &[f32], rows: &[u32]) {
    add_rows_body(out, table, rows);
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn sum(values: &[f32]) -> f32 {
    sum_body(values)
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn quantised_scores(rows: &QuantisedRows, query: &QuantisedVector, chosen: &[u32], scores: &mut [f32]) {
    quantised_scores_body(rows, query, chosen, scores);
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn max(values: &[f32]) -> f32 {
    max_body(values)
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn multiply_tile(tile: &Tile<'_>, out: &mut [f32]) {
    assert!(tile.is_inside(out), "a tile lies inside its matrices");
    // Sixteen registers hold 4 rows x 16 columns of sums, two lines of the panel and one factor.
    for col in [0, PANEL / 2] {
        let mut row = 0;
        while row < tile.rows {
            let rows = (tile.rows - row).min(4);
            match rows {
                1 => multiply_rows::<1>(tile, row, col, out),
                2 => multiply_rows::<2>(tile, row, col, out),
                3 => multiply_rows::<3>(tile, row, col, out),
                _ => multiply_rows::<4>(tile, row, col, out),
            }
            row += rows;
        }
    }
}

/// `ROWS` x 16 sums in registers. The caller has checked that the tile lies inside its matrices
/// and that `row + ROWS <= tile.rows` and `col <= 16`.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn multiply_rows<const ROWS: usize>(tile: &Tile<'_>, row: usize, col: usize, out: &mut [f32]) {
    let (row_stride, depth_stride) = (tile.a_row_stride, tile.a_depth_stride);
    let mut sums = [[_mm256_setzero_ps(); 2]; ROWS];
    // SAFETY: `is_inside` holds for tile and out: the largest offset into `out` is
    // (tile.rows - 1) * out_stride + 32, into the panel depth * 32, into `a`
    // (tile.rows - 1) * row_stride + (depth - 1) * depth_stride.
    unsafe {
        for (i, sum) in sums.iter_mut().enumerate() {
            let o = out.as_ptr().add((row + i) * tile.out_stride + col);
            *sum = [_mm256_loadu_ps(o), _mm256_loadu_ps(o.add(8))];
        }
        let mut a = tile.a.as_ptr().add(row * row_stride);
        let mut b = tile.panel.as_ptr().add(col);
        for _ in 0..tile.depth {
            let (low, high) = (_mm256_loadu_ps(b), _mm256_loadu_ps(b.add(8)));
            for (i, sum) in sums.iter_mut().enumerate() {
                let factor = _mm256_set1_ps(*a.add(i * row_stride));
                sum[0] = _mm256_fmadd_ps(factor, low, sum[0]);
                sum[1] = _mm256_fmadd_ps(factor, high, sum[1]);
            }
            // The last step leaves the slices; the pointers are not read there.
            a = a.wrapping_add(depth_stride);
            b = b.wrapping_add(PANEL);
        }
        for (i, sum) in sums.iter().enumerate() {
            let o = out.as_mut_ptr().add((row + i) * tile.out_stride + col);
            _mm256_storeu_ps(o, sum[0]);
            _mm256_storeu_ps(o.add(8), sum[1]);
        }
    }
}

#[target_feature(enable = "avx2,fma")]
pub(crate) fn scan(input: &ScanInput<'_>, first_block: usize, found: &mut CandidateBuffer) -> usize {
    let low_bytes = _mm256_set1_epi16(0x00FF);
    let (correction, scale) = (_mm256_set1_epi32(input.correction), _mm256_set1_ps(input.scale));
    let needed = _mm256_set1_ps(input.needed);
    let mut block = first_block;
    while block < input.n_blocks() && found.has_room() {
        let mut sums = [_mm256_setzero_si256(); 2];
        for (line, &word) in input.block(block).iter().zip(input.words) {
            // The 8-bit multiply-add would saturate (255 * 127 * 2 > 32767), so even and odd
            // bytes are widened to 16 bits and multiplied there, which cannot overflow.
            let query = _mm256_set1_epi32(word);
            let even_query = _mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(query));
            let odd_query = _mm256_srai_epi16::<8>(query);
            for (half, sum) in sums.iter_mut().enumerate() {
                // SAFETY: a line holds 64 aligned bytes, of which 32 are read from 0 or 32.
                let rows = unsafe { _mm256_load_si256(line.0.as_ptr().add(32 * half).cast()) };
                let even = _mm256_madd_epi16(_mm256_and_si256(rows, low_bytes), even_query);
                let odd = _mm256_madd_epi16(_mm256_srli_epi16::<8>(rows), odd_query);
                *sum = _mm256_add_epi32(*sum, _mm256_add_epi32(even, odd));
            }
        }
        let margin = _mm256_set1_ps(input.margin(block));
        for (half, &sum) in sums.iter().enumerate() {
            let row = block * BLOCK + 8 * half;
            let value = _mm256_cvtepi32_ps(_mm256_sub_epi32(sum, correction));
            let estimate = _mm256_fmadd_ps(value, scale, margin);
            let row_scales: &[f32; 8] = input.row_scales[row..row + 8].try_into().expect("half a block has 8 rows");
            // SAFETY: the array holds 8 values.
            let row_scales = unsafe { _mm256_loadu_ps(row_scales.as_ptr()) };
            let upper = match input.bias {
                None => _mm256_mul_ps(estimate, row_scales),
                Some(bias) => {
                    let bias: &[f32; 8] = bias[row..row + 8].try_into().expect("half a block has 8 rows");
                    // SAFETY: the array holds 8 values.
                    let bias = unsafe { _mm256_loadu_ps(bias.as_ptr()) };
                    let size = _mm256_andnot_ps(_mm256_set1_ps(-0.0), bias);
                    let upper = _mm256_fmadd_ps(estimate, row_scales, bias);
                    _mm256_fmadd_ps(size, _mm256_set1_ps(input.bias_slack), upper)
                }
            };
            let mut mask = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GE_OQ>(upper, needed)) as u32;
            while mask != 0 {
                found.push(row as u32 + mask.trailing_zeros());
                mask &= mask - 1;
            }
        }
        block += 1;
    }
    block
}
