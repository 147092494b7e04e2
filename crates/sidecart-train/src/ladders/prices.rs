//! What a piece of every item costs on the shelf, and how often it was bought.

use rayon::prelude::*;
use sidecart_core::{Money, Quantity};
use sidecart_data::Ledger;

use crate::catalogue::Catalogue;

/// Shelf prices and purchases of every item of a catalogue.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct Prices {
    /// Usual shelf price of a piece; `Money(0)` where unknown.
    pub(crate) usual: Vec<Money>,
    /// Lines of the ledger.
    pub(crate) n_lines: Vec<u32>,
}

impl Prices {
    /// The price of an item, where known.
    pub(crate) fn known(&self, item: u32) -> Option<Money> {
        Some(self.usual[item as usize]).filter(|&price| price > Money(0))
    }

    /// The price where known, as its natural logarithm.
    pub(crate) fn log(&self, item: u32) -> Option<f64> {
        self.known(item).map(|price| sidecart_core::ln(price.0 as f64))
    }
}

/// The median of an item's shelf prices per piece, which discounts and a few wrong tickets do not
/// move; for an item never sold with a price the price of the item table.
///
/// O(lines) time, 8 bytes for every line with a price.
pub(crate) fn usual(ledger: &Ledger, catalogue: &Catalogue) -> Prices {
    let n_items = catalogue.len();
    let mut n_lines = vec![0u32; n_items];
    for item in ledger.baskets().items() {
        n_lines[item.index()] += 1;
    }
    let table = |item: usize| catalogue.table.price.as_ref()?[catalogue.rows[item]?];
    let mut usual: Vec<Money> = (0..n_items).map(|item| table(item).unwrap_or_default()).collect();
    if ledger.has_prices() {
        // Prices of one item side by side: its slice begins where the lines before it end.
        let mut prices = vec![0i64; ledger.n_lines()];
        let mut filled: Vec<usize> = Vec::with_capacity(n_items);
        let mut start = 0;
        for &n in &n_lines {
            filled.push(start);
            start += n as usize;
        }
        for basket in 0..ledger.n_baskets() {
            for line in ledger.lines(basket) {
                if let Some(price) = line.shelf.and_then(|shelf| per_piece(shelf, line.quantity)) {
                    let end = &mut filled[line.item.index()];
                    prices[*end] = price;
                    *end += 1;
                }
            }
        }
        let mut slices: Vec<&mut [i64]> = Vec::with_capacity(n_items);
        let (mut rest, mut start) = (prices.as_mut_slice(), 0);
        for (&n, &end) in n_lines.iter().zip(&filled) {
            let (of_item, after) = rest.split_at_mut(n as usize);
            slices.push(&mut of_item[..end - start]);
            rest = after;
            start += n as usize;
        }
        usual.par_iter_mut().zip(slices).for_each(|(price, seen)| {
            if let Some(middle) = median(seen) {
                *price = Money(middle);
            }
        });
    }
    Prices { usual, n_lines }
}

/// A shelf total over its quantity, to the nearest ten-thousandth; `None` when that is nothing.
fn per_piece(shelf: Money, quantity: Quantity) -> Option<i64> {
    let (total, quantity) = (i128::from(shelf.0) * i128::from(Quantity::SCALE), i128::from(quantity.0));
    let price = (total + quantity / 2).checked_div(quantity)?;
    i64::try_from(price).ok().filter(|&price| price > 0)
}

/// The median; of an even number of values the mean of the middle two, rounded down.
fn median(values: &mut [i64]) -> Option<i64> {
    if values.is_empty() {
        return None;
    }
    let is_odd = values.len() % 2 == 1;
    let (below, &mut upper, _) = values.select_nth_unstable(values.len() / 2);
    let lower = if is_odd { Some(upper) } else { below.iter().max().copied() };
    lower.map(|lower| lower + (upper - lower) / 2)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn prices_are_of_one_piece() {
        assert_eq!(per_piece(Money(59_700), Quantity(3_000)), Some(19_900));
        assert_eq!(per_piece(Money(20_000), Quantity(345)), Some(57_971));
        assert_eq!(per_piece(Money(1), Quantity(1_000_000)), None);
        assert_eq!(per_piece(Money(1), Quantity(0)), None);
    }

    proptest! {
        #[test]
        fn the_median_is_that_of_the_sorted_values(mut values in prop::collection::vec(1i64..1000, 0..20)) {
            let mut sorted = values.clone();
            sorted.sort_unstable();
            let n = sorted.len();
            let expected = match n {
                0 => None,
                _ => Some((sorted[(n - 1) / 2] + sorted[n / 2]) / 2),
            };
            prop_assert_eq!(median(&mut values), expected);
        }
    }
}
