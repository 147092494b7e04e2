//! What offers need to know of items: prices, margins, stock, sales, categories, hosts of add-ons and
//! attributes for filters.

mod categories;
mod hosts;
mod sales;

#[cfg(test)]
mod tests;

use sidecart_core::{Money, Progress, Quantity};
use sidecart_data::{Labels, Ledger};
use sidecart_serve::offers::{Attributes, NO_GROUP, OfferItem, OfferItems};

use crate::catalogue::Catalogue;
use crate::error::{Error, Result};
use crate::ladders::prices;

/// The facts of every item of a catalogue over whose items the ledger is.
///
/// A price is that of the item table, else the usual shelf price of the ledger; a margin is the given
/// one, else that price less the cost. What neither says stays unknown. O(lines + items log items).
///
/// # Errors
/// [`Error::Bug`] where ledger and catalogue do not belong together.
pub fn items(ledger: &Ledger, catalogue: &Catalogue, progress: &dyn Progress) -> Result<OfferItems> {
    let table = &catalogue.table;
    let usual = prices::usual(ledger, catalogue);
    let sales = sales::count(ledger, catalogue.len());
    let categories = categories::tree(catalogue);
    let (hosts, n_unknown) = hosts::table(catalogue, &categories.tree);
    if n_unknown > 0 {
        progress.note(&format!(
            "{n_unknown} add-ons belong to something that is neither an item nor a category: they are offered as any item"
        ));
    }
    let of_row = |column: &Option<Vec<Option<Money>>>, row: Option<usize>| column.as_ref()?[row?];
    // A few grams for a fortune are a wrong ticket.
    let is_sane = |price: &Money| price.to_f64() <= Money::MAX_ROW;
    let facts = (0..catalogue.len())
        .map(|item| {
            let row = catalogue.rows[item];
            let price = of_row(&table.price, row).or_else(|| usual.known(item as u32).filter(is_sane));
            let of_cost = || Some(Money(price?.0 - of_row(&table.cost, row)?.0));
            let stock = row.and_then(|row| table.stock.as_ref()?[row]);
            let brand = table.brand.as_ref().zip(row).map_or(Labels::NONE, |(brand, row)| brand.codes[row]);
            OfferItem {
                price,
                margin: of_row(&table.margin, row).or_else(of_cost),
                // More than can be counted is without limit.
                stock: stock.and_then(Quantity::from_f64),
                first_sold: catalogue.first_sold(item as u32).or(sales.first[item]),
                sold_per_day: sales.per_day[item],
                category: categories.of_item[item],
                brand: if brand == Labels::NONE { NO_GROUP } else { brand },
            }
        })
        .collect();
    let brands = table.brand.as_ref().map(|brand| brand.values.clone()).unwrap_or_default();
    let columns: Vec<(String, Vec<Option<&str>>)> = table
        .attributes
        .iter()
        .map(|labels| {
            let value = |row: &Option<usize>| row.and_then(|row| labels.get(row));
            (labels.name.clone(), catalogue.rows.iter().map(value).collect())
        })
        .collect();
    let attributes = Attributes::from_columns(catalogue.len(), &columns);
    OfferItems::new(facts, categories.tree, brands, hosts, attributes).map_err(|what| Error::Bug { what })
}
