use sidecart_core::Rng;

use super::truth::DemoTruth;
use super::{DemoLine, DemoShop, STREAM_SHUFFLE};

/// Tries to find another place for a line before it stays where it is.
const MAX_TRIES: usize = 16;

impl DemoShop {
    /// A copy without any pair: every line changes places with a random line of another basket.
    ///
    /// Basket sizes, customers, times and the total pieces and money of each item stay; a basket
    /// still holds an item at most once. What a model finds in the copy is an accident. The copy's
    /// truth keeps ladders, noise, slow movers and newcomers, and has no pairs, add-ons or upgrades.
    /// Takes time in proportion to the lines.
    #[must_use]
    pub fn shuffled(&self, seed: u64) -> Self {
        let truth = DemoTruth {
            ladders: self.truth.ladders.clone(),
            noise: self.truth.noise.clone(),
            slow_movers: self.truth.slow_movers.clone(),
            newcomers: self.truth.newcomers.clone(),
            ..DemoTruth::default()
        };
        Self {
            lines: reassigned(&self.lines, &self.offsets, &mut Rng::new(seed, STREAM_SHUFFLE)),
            offsets: self.offsets.clone(),
            truth,
            params: self.params.clone(),
            items: self.items.clone(),
            customers: self.customers.clone(),
            promotions: self.promotions.clone(),
            baskets: self.baskets.clone(),
        }
    }
}

/// Swaps each line with a random one where neither basket would hold an item twice.
///
/// Swaps start from a valid table and keep it valid, so no repair is needed at the end.
fn reassigned(lines: &[DemoLine], offsets: &[usize], rng: &mut Rng) -> Vec<DemoLine> {
    let mut items: Vec<u32> = lines.iter().map(|line| line.item.0).collect();
    let mut origins: Vec<u32> = (0..lines.len() as u32).collect();
    // First and end slot of the basket of each slot: one look-up where most of the time goes.
    let mut bounds: Vec<(u32, u32)> = Vec::with_capacity(lines.len());
    for pair in offsets.windows(2) {
        bounds.resize(pair[1], (pair[0] as u32, pair[1] as u32));
    }
    let holds =
        |items: &[u32], (first, end): (u32, u32), item: u32| items[first as usize..end as usize].contains(&item);
    for slot in 0..lines.len() {
        for _ in 0..MAX_TRIES {
            let other = rng.below(lines.len());
            if !holds(&items, bounds[other], items[slot]) && !holds(&items, bounds[slot], items[other]) {
                items.swap(slot, other);
                origins.swap(slot, other);
                break;
            }
        }
    }
    let mut shuffled: Vec<DemoLine> = origins.iter().map(|&line_idx| lines[line_idx as usize]).collect();
    for pair in offsets.windows(2) {
        shuffled[pair[0]..pair[1]].sort_unstable_by_key(|line| line.item);
    }
    shuffled
}
