//! Kernels for 512-bit vectors with VNNI.
//!
//! Measure `cargo bench --bench top_k` before changing a loop here.

use std::arch::x86_64::*;

use crate::dot::LANES;
use crate::elementwise::{add_rows_body, add_scaled_body, exp_body, max_body, sum_body};
use crate::matmul::{PANEL, Tile};
use crate::quantised::{QuantisedRows, QuantisedVector, quantised_scores_body};
use crate::top_k::kernel::{BLOCK, CandidateBuffer, Line, ScanInput};

const _: () = assert!(LANES == 32 && PANEL == 32 && BLOCK == 16, "the code below holds these in two or one vectors");

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let len = a.len().min(b.len());
    let whole = len - len % LANES;
    let (pa, pb) = (a.as_ptr(), b.as_ptr());
    let (mut low, mut high) = (_mm512_setzero_ps(), _mm512_setzero_ps());
    let mut i = 0;
    while i < whole {
        // SAFETY: i + 32 <= whole <= the length of both slices.
        unsafe {
            low = _mm512_fmadd_ps(_mm512_loadu_ps(pa.add(i)), _mm512_loadu_ps(pb.add(i)), low);
            high = _mm512_fmadd_ps(_mm512_loadu_ps(pa.add(i + 16)), _mm512_loadu_ps(pb.add(i + 16)), high);
        }
        i += LANES;
    }
    if whole < len {
        let mask = (1u32 << (len - whole)) - 1;
        let (mask_low, mask_high) = (mask as u16, (mask >> 16) as u16);
        // SAFETY: masked-off lanes are not read; the others lie below the length of both slices.
        // The pointer of the upper half may point past the end only when its mask is empty, and
        // `wrapping_add` makes computing it sound.
        unsafe {
            let (a_low, b_low) = (pa.add(whole), pb.add(whole));
            let (a_high, b_high) = (pa.wrapping_add(whole + 16), pb.wrapping_add(whole + 16));
            low = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask_low, a_low), _mm512_maskz_loadu_ps(mask_low, b_low), low);
            high = _mm512_fmadd_ps(
                _mm512_maskz_loadu_ps(mask_high, a_high),
                _mm512_maskz_loadu_ps(mask_high, b_high),
                high,
            );
        }
    }
    let lanes = _mm512_add_ps(low, high);
    let lanes = _mm256_add_ps(_mm512_castps512_ps256(lanes), _mm512_extractf32x8_ps::<1>(lanes));
    let lanes = _mm_add_ps(_mm256_castps256_ps128(lanes), _mm256_extractf128_ps::<1>(lanes));
    let lanes = _mm_add_ps(lanes, _mm_movehl_ps(lanes, lanes));
    _mm_cvtss_f32(_mm_add_ss(lanes, _mm_movehdup_ps(lanes)))
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
pub(crate) fn exp(values: &mut [f32]) {
    exp_body(values);
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
pub(crate) fn add_scaled(out: &mut [f32], x: &[f32], factor: f32) {
    add_scaled_body(out, x, factor);
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
pub(crate) fn add_rows(out: &mut [f32], table: &[f32], rows: &[u32]) {
    add_rows_body(out, table, rows);
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
pub(crate) fn sum(values: &[f32]) -> f32 {
    sum_body(values)
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
pub(crate) fn quantised_scores(rows: &QuantisedRows, query: &QuantisedVector, chosen: &[u32], scores: &mut [f32]) {
    quantised_scores_body(rows, query, chosen, scores);
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
pub(crate) fn max(values: &[f32]) -> f32 {
    max_body(values)
}

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
pub(crate) fn multiply_tile(tile: &Tile<'_>, out: &mut [f32]) {
    assert!(tile.is_inside(out), "a tile lies inside its matrices");
    match tile.rows {
        1 => multiply_rows::<1>(tile, out),
        2 => multiply_rows::<2>(tile, out),
        3 => multiply_rows::<3>(tile, out),
        4 => multiply_rows::<4>(tile, out),
        5 => multiply_rows::<5>(tile, out),
        6 => multiply_rows::<6>(tile, out),
        7 => multiply_rows::<7>(tile, out),
        _ => multiply_rows::<8>(tile, out),
    }
}

/// `ROWS` x 32 sums in registers. The caller has checked that the tile lies inside its matrices.
#[inline]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl")]
fn multiply_rows<const ROWS: usize>(tile: &Tile<'_>, out: &mut [f32]) {
    let (row_stride, depth_stride) = (tile.a_row_stride, tile.a_depth_stride);
    let mut sums = [[_mm512_setzero_ps(); 2]; ROWS];
    // SAFETY: `is_inside` holds for tile and out, and ROWS == tile.rows: the largest offset into
    // `out` is (ROWS - 1) * out_stride + 32, into the panel depth * 32, into `a`
    // (ROWS - 1) * row_stride + (depth - 1) * depth_stride.
    unsafe {
        for (i, sum) in sums.iter_mut().enumerate() {
            let o = out.as_ptr().add(i * tile.out_stride);
            *sum = [_mm512_loadu_ps(o), _mm512_loadu_ps(o.add(16))];
        }
        let (mut a, mut b) = (tile.a.as_ptr(), tile.panel.as_ptr());
        for _ in 0..tile.depth {
            let (low, high) = (_mm512_loadu_ps(b), _mm512_loadu_ps(b.add(16)));
            for (i, sum) in sums.iter_mut().enumerate() {
                let factor = _mm512_set1_ps(*a.add(i * row_stride));
                sum[0] = _mm512_fmadd_ps(factor, low, sum[0]);
                sum[1] = _mm512_fmadd_ps(factor, high, sum[1]);
            }
            a = a.wrapping_add(depth_stride);
            b = b.add(PANEL);
        }
        for (i, sum) in sums.iter().enumerate() {
            let o = out.as_mut_ptr().add(i * tile.out_stride);
            _mm512_storeu_ps(o, sum[0]);
            _mm512_storeu_ps(o.add(16), sum[1]);
        }
    }
}

/// Blocks whose sums share one load of the query.
const TOGETHER: usize = 4;

#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
pub(crate) fn scan(input: &ScanInput<'_>, first_block: usize, found: &mut CandidateBuffer) -> usize {
    let mut block = first_block;
    while block + TOGETHER <= input.n_blocks() && found.has_room() {
        scan_blocks::<TOGETHER>(input, block, found);
        block += TOGETHER;
    }
    while block < input.n_blocks() && found.has_room() {
        scan_blocks::<1>(input, block, found);
        block += 1;
    }
    block
}

#[inline]
#[target_feature(enable = "avx2,fma,avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")]
fn scan_blocks<const N: usize>(input: &ScanInput<'_>, first: usize, found: &mut CandidateBuffer) {
    let lines: [&[Line]; N] = std::array::from_fn(|i| input.block(first + i));
    let mut sums = [_mm512_setzero_si512(); N];
    for (d, &word) in input.words.iter().enumerate() {
        let query = _mm512_set1_epi32(word);
        for (sum, lines) in sums.iter_mut().zip(lines) {
            // SAFETY: `block` returns as many lines as there are words, each of 64 aligned bytes.
            let rows = unsafe { _mm512_load_si512(lines.as_ptr().add(d).cast()) };
            *sum = _mm512_dpbusd_epi32(*sum, rows, query);
        }
    }
    let (correction, scale) = (_mm512_set1_epi32(input.correction), _mm512_set1_ps(input.scale));
    let needed = _mm512_set1_ps(input.needed);
    for (i, &sum) in sums.iter().enumerate() {
        let block = first + i;
        let row = block * BLOCK;
        let value = _mm512_cvtepi32_ps(_mm512_sub_epi32(sum, correction));
        let estimate = _mm512_fmadd_ps(value, scale, _mm512_set1_ps(input.margin(block)));
        let row_scales: &[f32; BLOCK] = input.row_scales[row..row + BLOCK].try_into().expect("a block has 16 rows");
        // SAFETY: the array holds 16 values.
        let row_scales = unsafe { _mm512_loadu_ps(row_scales.as_ptr()) };
        let upper = match input.bias {
            None => _mm512_mul_ps(estimate, row_scales),
            Some(bias) => {
                let bias: &[f32; BLOCK] = bias[row..row + BLOCK].try_into().expect("a block has 16 rows");
                // SAFETY: the array holds 16 values.
                let bias = unsafe { _mm512_loadu_ps(bias.as_ptr()) };
                let upper = _mm512_fmadd_ps(estimate, row_scales, bias);
                _mm512_fmadd_ps(_mm512_abs_ps(bias), _mm512_set1_ps(input.bias_slack), upper)
            }
        };
        let mut mask = _mm512_cmp_ps_mask::<_CMP_GE_OQ>(upper, needed);
        while mask != 0 {
            found.push(row as u32 + mask.trailing_zeros());
            mask &= mask - 1;
        }
    }
}
