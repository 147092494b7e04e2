//! Ladders from categories, sizes and prices.

use rayon::prelude::*;
use sidecart_core::ln;

use super::kinds::{kinds, path_name};
use super::names::size_range;
use super::prices::Prices;
use super::size_bands::{Measure, band_of, band_starts, measure};
use super::{Draft, LadderParams, tiers};
use crate::catalogue::Catalogue;

/// The ladders of all items that are not `taken`, in the order of categories, measures and bands.
///
/// A ladder is one kind of item in one band of sizes; items without a readable size share a band.
/// Tiers come from the items that sell; the others join the nearest. O(items log items).
pub(super) fn ladders(catalogue: &Catalogue, prices: &Prices, taken: &[bool], params: &LadderParams) -> Vec<Draft> {
    kinds(catalogue)
        .into_par_iter()
        .flat_map_iter(|mut kind| {
            kind.retain(|&item| !taken[item as usize]);
            of_kind(&kind, catalogue, prices, params)
        })
        .collect()
}

/// An item with its size in the unit of the measure.
#[derive(Clone, Copy)]
struct Sized {
    item: u32,
    measure: Measure,
    size: f64,
}

fn of_kind(kind: &[u32], catalogue: &Catalogue, prices: &Prices, params: &LadderParams) -> Vec<Draft> {
    let sizes = catalogue.table.size_amount.as_ref();
    let mut items: Vec<Sized> = kind
        .iter()
        .map(|&item| match catalogue.rows[item as usize].and_then(|row| sizes?[row]) {
            Some((amount, unit)) => {
                let (measure, scale) = measure(unit);
                Sized { item, measure, size: amount * scale }
            }
            None => Sized { item, measure: Measure::Unknown, size: 0.0 },
        })
        .collect();
    let sells = |sized: &Sized| prices.n_lines[sized.item as usize] >= params.min_item_lines;
    let mut drafts = Vec::new();
    items.sort_unstable_by(|a, b| a.measure.cmp(&b.measure).then(a.size.total_cmp(&b.size)).then(a.item.cmp(&b.item)));
    for of_measure in items.chunk_by(|a, b| a.measure == b.measure) {
        let all = !of_measure.iter().any(sells);
        let shaping = of_measure.iter().filter(|sized| all || sells(sized)).map(|sized| sized.size);
        let starts = band_starts(shaping, params.size_step);
        for band in of_measure.chunk_by(|a, b| band_of(&starts, a.size) == band_of(&starts, b.size)) {
            let mut items: Vec<u32> = band.iter().map(|sized| sized.item).collect();
            items.sort_unstable();
            drafts.extend(of_band(&items, catalogue, prices, params));
        }
    }
    drafts
}

/// The ladder of one band, where its prices make two tiers.
fn of_band(items: &[u32], catalogue: &Catalogue, prices: &Prices, params: &LadderParams) -> Option<Draft> {
    let weight = |item: u32| f64::from(prices.n_lines[item as usize]);
    let mut shaping: Vec<(f64, f64)> = items
        .iter()
        .filter(|&&item| prices.n_lines[item as usize] >= params.min_item_lines)
        .filter_map(|&item| Some((prices.log(item)?, weight(item))))
        .collect();
    // Equal prices stand in the order of their items, which `sort_by` keeps.
    shaping.sort_by(|a, b| a.0.total_cmp(&b.0));
    let centres = tiers::centres(&shaping, ln(params.tier_step));
    let priced = || items.iter().filter_map(|&item| Some((item, prices.log(item)?)));
    let places = priced().map(|(item, price)| (item, tiers::tier_of(&centres, price) as u8));
    let name = || {
        let range = size_range(items.iter().copied().filter(|&item| prices.known(item).is_some()), catalogue);
        path_name(catalogue, items[0]) + &range.map(|range| format!(", {range}")).unwrap_or_default()
    };
    Draft::new(name, false, &centres.iter().map(|&c| Some(c)).collect::<Vec<_>>(), places.collect())
}
