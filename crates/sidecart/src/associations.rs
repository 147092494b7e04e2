//! Which items, categories or brands are bought together more often than chance explains.

use sidecart_core::{Baskets, ItemId};
use sidecart_data::Labels;
use sidecart_train::associations::{Associations, find};
use sidecart_train::counting::{CappedBaskets, line_hash};

use crate::config::Config;
use crate::dataset::Dataset;
use crate::error::{Error, Result};

/// Associations at a level, with the labels of that level.
pub struct AssociationTable {
    /// Label of every group (item ids at the level of items).
    pub labels: Vec<String>,
    /// The associations between groups.
    pub found: Associations,
}

/// Finds associations between items (`level` = none) or between the values of an item column:
/// a category level, `brand`, `manufacturer` or an attribute. A basket holds a value once; items
/// without a value are left out.
///
/// # Errors
/// [`Error::Setting`] for an unknown column, and any error of counting.
pub fn associations(dataset: &Dataset, config: &Config, level: Option<&str>) -> Result<AssociationTable> {
    let ledger = &dataset.ledger;
    let (labels, baskets) = match level {
        None => {
            let ids = dataset.catalogue.ids.iter().map(|id| id.to_string()).collect();
            (ids, std::borrow::Cow::Borrowed(ledger.baskets()))
        }
        Some(name) => {
            let column = column(dataset, name)?;
            let code = |item: ItemId| {
                dataset.catalogue.rows[item.index()].map(|row| column.codes[row]).filter(|&c| c != Labels::NONE)
            };
            let mut groups = Vec::new();
            let mut grouped = Baskets::with_capacity(ledger.n_baskets(), ledger.n_lines());
            for basket in ledger.baskets().iter() {
                groups.clear();
                groups.extend(basket.iter().filter_map(|&item| code(item)).map(ItemId));
                groups.sort_unstable();
                groups.dedup();
                grouped.push(groups.iter().copied());
            }
            let labels: Vec<String> = column.values.iter().map(str::to_owned).collect();
            (labels, std::borrow::Cow::Owned(grouped))
        }
    };
    let max_items = config.models.counting.max_basket_items as usize;
    let capped = CappedBaskets::new(&baskets, labels.len(), max_items, |basket, item| {
        line_hash(ledger.basket_keys()[basket], u64::from(item.0))
    });
    let found =
        find(&capped, ledger.basket_customers(), &config.models.associations).map_err(sidecart_train::Error::from)?;
    Ok(AssociationTable { labels, found })
}

fn column<'a>(dataset: &'a Dataset, name: &str) -> Result<&'a Labels> {
    let table = &dataset.catalogue.table;
    let named: Vec<(&str, &Labels)> = table
        .categories
        .iter()
        .chain(&table.attributes)
        .map(|labels| (labels.name.as_str(), labels))
        .chain(
            [("brand", &table.brand), ("manufacturer", &table.manufacturer)]
                .into_iter()
                .filter_map(|(n, l)| Some((n, l.as_ref()?))),
        )
        .collect();
    named.iter().find(|(n, _)| *n == name).map(|(_, labels)| *labels).ok_or_else(|| Error::Setting {
        key: "--level".into(),
        got: name.to_owned(),
        expected: format!(
            "a category, brand, manufacturer or attribute of the item table: {}",
            named.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", ")
        ),
    })
}
