//! The portable twin of every kernel: the definition that the others must equal.

use crate::dot::LANES;
use crate::elementwise::{add_rows_body, add_scaled_body, exp_body, max_body, sum_body};
use crate::matmul::{PANEL, Tile};
use crate::quantised::{QuantisedRows, QuantisedVector, quantised_scores_body};
use crate::top_k::kernel::{BLOCK, CandidateBuffer, ScanInput};

pub(crate) fn dot(a: &[f32], b: &[f32]) -> f32 {
    let mut lanes = [0.0f32; LANES];
    let mut add = |a: &[f32], b: &[f32]| {
        for ((lane, &x), &y) in lanes.iter_mut().zip(a).zip(b) {
            *lane = x.mul_add(y, *lane);
        }
    };
    let whole = a.len() - a.len() % LANES;
    for (x, y) in a[..whole].chunks_exact(LANES).zip(b[..whole].chunks_exact(LANES)) {
        add(x, y);
    }
    if whole < a.len() {
        // Full lanes of zeros, so that the missing ones see the same additions as in a vector.
        let (mut x, mut y) = ([0.0f32; LANES], [0.0f32; LANES]);
        x[..a.len() - whole].copy_from_slice(&a[whole..]);
        y[..a.len() - whole].copy_from_slice(&b[whole..]);
        add(&x, &y);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

pub(crate) fn exp(values: &mut [f32]) {
    exp_body(values);
}

pub(crate) fn add_scaled(out: &mut [f32], x: &[f32], factor: f32) {
    add_scaled_body(out, x, factor);
}

pub(crate) fn add_rows(out: &mut [f32], table: &[f32], rows: &[u32]) {
    add_rows_body(out, table, rows);
}

pub(crate) fn sum(values: &[f32]) -> f32 {
    sum_body(values)
}

pub(crate) fn quantised_scores(rows: &QuantisedRows, query: &QuantisedVector, chosen: &[u32], scores: &mut [f32]) {
    quantised_scores_body(rows, query, chosen, scores);
}

pub(crate) fn max(values: &[f32]) -> f32 {
    max_body(values)
}

pub(crate) fn multiply_tile(tile: &Tile<'_>, out: &mut [f32]) {
    assert!(tile.is_inside(out), "a tile lies inside its matrices");
    for i in 0..tile.rows {
        let row = &mut out[i * tile.out_stride..i * tile.out_stride + PANEL];
        for p in 0..tile.depth {
            let factor = tile.a[i * tile.a_row_stride + p * tile.a_depth_stride];
            for (o, &b) in row.iter_mut().zip(&tile.panel[p * PANEL..(p + 1) * PANEL]) {
                *o = factor.mul_add(b, *o);
            }
        }
    }
}

pub(crate) fn scan(input: &ScanInput<'_>, first_block: usize, found: &mut CandidateBuffer) -> usize {
    let mut block = first_block;
    while block < input.n_blocks() && found.has_room() {
        let mut sums = [0i32; BLOCK];
        for (line, &word) in input.block(block).iter().zip(input.words) {
            for (sum, row) in sums.iter_mut().zip(line.0.chunks_exact(4)) {
                for (&r, q) in row.iter().zip(word.to_le_bytes()) {
                    *sum += i32::from(r) * i32::from(q as i8);
                }
            }
        }
        let margin = input.margin(block);
        for (lane, &sum) in sums.iter().enumerate() {
            let row = block * BLOCK + lane;
            let estimate = ((sum - input.correction) as f32).mul_add(input.scale, margin);
            let upper = match input.bias {
                None => estimate * input.row_scales[row],
                Some(bias) => {
                    let upper = estimate.mul_add(input.row_scales[row], bias[row]);
                    bias[row].abs().mul_add(input.bias_slack, upper)
                }
            };
            if upper >= input.needed {
                found.push(row as u32);
            }
        }
        block += 1;
    }
    block
}
