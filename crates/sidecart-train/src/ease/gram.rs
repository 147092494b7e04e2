//! The weighted Gram matrix of some items.

use rayon::prelude::*;
use sidecart_core::ItemId;

use super::inverse::{SymmetricTiles, TILE};
use crate::counting::CappedBaskets;

/// No position: the item does not take part.
const ABSENT: u32 = u32::MAX;

/// The baskets over the positions of the items that take part, and the baskets of each of these.
struct Incidence {
    offsets: Vec<usize>,
    positions: Vec<u32>,
    posting_offsets: Vec<usize>,
    postings: Vec<u32>,
}

impl Incidence {
    fn new(baskets: &CappedBaskets<'_>, items: &[ItemId]) -> Self {
        let mut position_of = vec![ABSENT; baskets.n_items()];
        for (position, item) in (0..).zip(items) {
            position_of[item.index()] = position;
        }
        let mut offsets = vec![0];
        let mut positions = Vec::new();
        let mut posting_offsets = vec![0usize; items.len() + 1];
        for basket in baskets.baskets().iter() {
            positions.extend(basket.iter().map(|item| position_of[item.index()]).filter(|&at| at != ABSENT));
            offsets.push(positions.len());
        }
        for &position in &positions {
            posting_offsets[position as usize + 1] += 1;
        }
        for at in 0..items.len() {
            posting_offsets[at + 1] += posting_offsets[at];
        }
        let mut next = posting_offsets.clone();
        let mut postings = vec![0u32; positions.len()];
        for (basket, range) in (0..).zip(offsets.windows(2)) {
            for &position in &positions[range[0]..range[1]] {
                postings[next[position as usize]] = basket;
                next[position as usize] += 1;
            }
        }
        Self { offsets, positions, posting_offsets, postings }
    }

    fn basket(&self, basket: u32) -> &[u32] {
        &self.positions[self.offsets[basket as usize]..self.offsets[basket as usize + 1]]
    }

    fn baskets_of(&self, position: usize) -> &[u32] {
        &self.postings[self.posting_offsets[position]..self.posting_offsets[position + 1]]
    }
}

/// Adds to every pair of `items` the weights of the baskets that hold both, to the diagonal those
/// of the item's own.
///
/// The weights are integers below 2^17, so that sums in floating point are exact and the same in
/// any order. Each thread fills rows of tiles of its own. O(pairs within the baskets), 8 bytes per
/// line beside the matrix.
pub(super) fn add_gram(matrix: &mut SymmetricTiles, baskets: &CappedBaskets<'_>, weights: &[u32], items: &[ItemId]) {
    let incidence = Incidence::new(baskets, items);
    matrix.tile_rows_mut().into_par_iter().enumerate().for_each(|(tile_row, tiles)| {
        let first = tile_row * TILE;
        for row in first..items.len().min(first + TILE) {
            for &basket in incidence.baskets_of(row) {
                let weight = f64::from(weights[basket as usize]);
                for col in incidence.basket(basket).iter().map(|&at| at as usize).filter(|&at| at <= row) {
                    tiles[(col / TILE * TILE + row - first) * TILE + col % TILE] += weight;
                }
            }
        }
    });
}
