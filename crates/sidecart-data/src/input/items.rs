use std::collections::{BTreeMap, BTreeSet};

use sidecart_core::{ExternalId, ExternalIdRef, IdKind, IdTable, Money, TextTable, Time};

use super::columns::BadValue;
use super::side_table::{Column, Kind, SideTable, Values, form_of, known, list, needed};
use super::size::{SizeUnit, parse_size};
use super::summary::{IngestSummary, Rule};
use crate::config::SideTableConfig;
use crate::error::{Error, Result};

/// A label per row out of a sorted set, as codes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Labels {
    /// What the labels are: the caller's column.
    pub name: String,
    /// Position in `values` for every row; `u32::MAX` where there is none.
    pub codes: Vec<u32>,
    /// The distinct labels in byte order.
    pub values: TextTable,
}

impl Labels {
    /// "No label".
    pub const NONE: u32 = u32::MAX;

    /// Codes labels by their rank among the distinct ones.
    #[must_use]
    pub fn from_texts(name: impl Into<String>, texts: &[Option<String>]) -> Self {
        let ranks: BTreeMap<&str, u32> = {
            let mut distinct: Vec<&str> = texts.iter().flatten().map(String::as_str).collect();
            distinct.sort_unstable();
            distinct.dedup();
            distinct.into_iter().zip(0..).collect()
        };
        Self {
            name: name.into(),
            codes: texts.iter().map(|t| t.as_deref().map_or(Self::NONE, |t| ranks[t])).collect(),
            values: ranks.keys().collect(),
        }
    }

    /// The label of a row.
    #[must_use]
    pub fn get(&self, row: usize) -> Option<&str> {
        let code = *self.codes.get(row)?;
        (code != Self::NONE).then(|| self.values.get(code as usize))
    }
}

/// What the shop knows of its items, one row an item in the order of `ids`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct ItemTable {
    /// Outside ids, sorted.
    pub ids: IdTable,
    /// Readable names.
    pub names: Option<Vec<Option<String>>>,
    /// Category levels from coarse to fine.
    pub categories: Vec<Labels>,
    /// Brand.
    pub brand: Option<Labels>,
    /// Manufacturer.
    pub manufacturer: Option<Labels>,
    /// Whether the item is the shop's own brand.
    pub private_label: Option<Labels>,
    /// Size text as given.
    pub size: Option<Labels>,
    /// Size in the unit it counts, parsed from the text.
    pub size_amount: Option<Vec<Option<(f64, SizeUnit)>>>,
    /// Shelf price per piece, above zero where known.
    pub price: Option<Vec<Option<Money>>>,
    /// Cost per piece (price - margin where only the margin is given).
    pub cost: Option<Vec<Option<Money>>>,
    /// Margin per piece: the given one, else price - cost.
    pub margin: Option<Vec<Option<Money>>>,
    /// Pieces in stock; none = without limit.
    pub stock: Option<Vec<Option<f64>>>,
    /// First day of sale.
    pub first_sold: Option<Vec<Option<Time>>>,
    /// The ladder the shop puts the item in.
    pub ladder: Option<Labels>,
    /// The item's place in its ladder.
    pub tier: Option<Vec<Option<f64>>>,
    /// The item that this one needs, or the label of the category of which it needs one.
    pub add_on_for: Option<Vec<Option<ExternalId>>>,
    /// Further columns for features and filters.
    pub attributes: Vec<Labels>,
}

const COLUMNS: [super::side_table::Known; 16] = [
    needed("item_id", Kind::Id),
    known("name", Kind::Label),
    list("category", Kind::Label),
    known("brand", Kind::Label),
    known("manufacturer", Kind::Label),
    known("private_label", Kind::Label),
    known("size", Kind::Label),
    known("price", Kind::Number),
    known("cost", Kind::Number),
    known("margin", Kind::Number),
    known("stock", Kind::Number),
    known("first_sold", Kind::Time),
    known("ladder", Kind::Label),
    known("tier", Kind::Number),
    known("add_on_for", Kind::Id),
    list("attributes", Kind::Label),
];

/// Reads the item table.
///
/// # Errors
/// Any [`Error`] about files, columns and rows; an item id that stands twice, a negative price,
/// cost or stock are bad rows. A price of zero is an unknown one.
pub fn read_items(config: &SideTableConfig) -> Result<(ItemTable, IngestSummary)> {
    let mut table = SideTable::read("items", config, &COLUMNS, false)?;
    let (id_column, ids) = table.take_ids("item_id")?;
    let names = table.take_labels("name");
    let categories = table.take("category");
    let brand = table.take_labels("brand");
    let manufacturer = table.take_labels("manufacturer");
    let private_label = table.take_labels("private_label");
    let size = table.take_labels("size");
    let amount = "an amount is negative or beyond a thousand million";
    let price = table.take_numbers("price", 0.0..=Money::MAX_ROW, amount);
    let cost = table.take_numbers("cost", 0.0..=Money::MAX_ROW, amount);
    let margin =
        table.take_numbers("margin", -Money::MAX_ROW..=Money::MAX_ROW, "an amount is beyond a thousand million");
    let stock = table.take_numbers("stock", 0.0..=1e12, "a stock is negative");
    let first_sold = match table.take("first_sold").pop() {
        Some(Column { values: Values::Times(times), .. }) => Some(times),
        _ => None,
    };
    let ladder = table.take_labels("ladder");
    let tier = table.take_numbers("tier", 0.0..=1e6, "a tier is negative or above a million");
    let add_on_for = match table.take("add_on_for").pop() {
        Some(Column { values: Values::Ids(ids), .. }) => Some(ids),
        _ => None,
    };
    let attributes = table.take("attributes");
    if let (Some(expected), Some(got)) = (form_of(&ids), add_on_for.as_deref().and_then(form_of))
        && expected != got
        && !(got == IdKind::Text && name_categories(add_on_for.as_deref().unwrap_or_default(), &categories))
    {
        let path = table.path();
        let (expected, got) = (expected.to_string(), got.to_string());
        return Err(Error::IdForms { what: "add_on_for", expected, got, first: path.clone(), second: path });
    }
    if margin.is_some() && cost.is_none() && price.is_none() {
        return Err(Error::Setting {
            key: "margin",
            got: "a margin without a price".into(),
            expected: "a column price beside it, because cost = price - margin, or a column cost",
        });
    }

    let order = sorted_distinct_rows(&mut table, &id_column, &ids);
    let pick =
        |values: &[Option<String>]| -> Vec<Option<String>> { order.iter().map(|&row| values[row].clone()).collect() };
    let pick_labels = |name: &str, values: &Option<Vec<Option<String>>>| {
        values.as_ref().map(|values| Labels::from_texts(name, &pick(values)))
    };
    let pick_columns = |columns: &[Column]| -> Vec<Labels> {
        columns
            .iter()
            .filter_map(|column| match &column.values {
                Values::Labels(values) => Some(Labels::from_texts(column.source.clone(), &pick(values))),
                _ => None,
            })
            .collect()
    };
    let pick_money = |values: &Option<Vec<Option<f64>>>| -> Option<Vec<Option<Money>>> {
        values.as_ref().map(|v| order.iter().map(|&row| v[row].and_then(Money::from_f64)).collect())
    };
    let pick_numbers = |values: &Option<Vec<Option<f64>>>| -> Option<Vec<Option<f64>>> {
        values.as_ref().map(|v| order.iter().map(|&row| v[row]).collect())
    };
    let mut price = pick_money(&price);
    if let Some(price) = &mut price {
        price.iter_mut().for_each(|price| *price = price.filter(|&p| p > Money(0)));
        table.summary.count(Rule::NoPrice, price.iter().filter(|price| price.is_none()).count() as u64);
    }
    let margin = pick_money(&margin);
    let differences = |from: &[Option<Money>], less: &[Option<Money>]| -> Vec<Option<Money>> {
        from.iter().zip(less).map(|(from, less)| Some(Money(from.as_ref()?.0 - less.as_ref()?.0))).collect()
    };
    let cost = pick_money(&cost);
    let of_cost = cost.as_ref().zip(price.as_ref()).map(|(cost, price)| differences(price, cost));
    let of_margin = margin.as_ref().zip(price.as_ref()).map(|(margin, price)| differences(price, margin));
    let margin = match (margin, of_cost) {
        (Some(given), Some(of_cost)) => Some(given.into_iter().zip(of_cost).map(|(a, b)| a.or(b)).collect()),
        (given, of_cost) => given.or(of_cost),
    };
    let cost = cost.or(of_margin);
    let size = pick_labels("size", &size);
    let size_amount: Option<Vec<_>> =
        size.as_ref().map(|size| (0..order.len()).map(|row| size.get(row).and_then(parse_size)).collect());
    if let (Some(size), Some(amounts)) = (&size, &size_amount) {
        let unreadable = (0..order.len()).filter(|&row| size.get(row).is_some() && amounts[row].is_none()).count();
        table.summary.count(Rule::UnreadableSize, unreadable as u64);
    }
    let ids = order.iter().filter_map(|&row| ids[row].clone());
    let items = ItemTable {
        ids: id_table(ids),
        names: names.as_ref().map(|names| pick(names)),
        categories: pick_columns(&categories),
        brand: pick_labels("brand", &brand),
        manufacturer: pick_labels("manufacturer", &manufacturer),
        private_label: pick_labels("private_label", &private_label),
        size,
        size_amount,
        price,
        cost,
        margin,
        stock: pick_numbers(&stock),
        first_sold: first_sold.map(|v| order.iter().map(|&row| v[row].map(Time)).collect()),
        ladder: pick_labels("ladder", &ladder),
        tier: pick_numbers(&tier),
        add_on_for: add_on_for.map(|v| order.iter().map(|&row| v[row].clone()).collect()),
        attributes: pick_columns(&attributes),
    };
    Ok((items, table.settle()?))
}

/// Whether every text is the label of a category, or a path that ends in one.
fn name_categories(texts: &[Option<ExternalId>], categories: &[Column]) -> bool {
    let mut known: BTreeSet<&str> = BTreeSet::new();
    for column in categories {
        if let Values::Labels(labels) = &column.values {
            known.extend(labels.iter().flatten().map(String::as_str));
        }
    }
    texts.iter().flatten().all(|text| match text.as_ref() {
        ExternalIdRef::Text(text) => known.contains(text.rsplit(" > ").next().unwrap_or(text)),
        ExternalIdRef::Int(_) => false,
    })
}

/// Good rows in the order of their ids; every row but the first of an id is a bad one.
pub(crate) fn sorted_distinct_rows(table: &mut SideTable, column: &str, ids: &[Option<ExternalId>]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..table.n_rows()).filter(|&row| !table.is_bad(row)).collect();
    order.sort_by(|&a, &b| ids[a].cmp(&ids[b]).then(a.cmp(&b)));
    for pair in order.windows(2).filter(|pair| ids[pair[0]] == ids[pair[1]]) {
        let value = ids[pair[1]].as_ref().map_or_else(String::new, ToString::to_string);
        table.bad_row(pair[1], column, BadValue::new(value, "an id stands twice", "keep one row for each id"));
    }
    order.retain(|&row| !table.is_bad(row));
    order
}

pub(crate) fn id_table(sorted: impl Iterator<Item = ExternalId>) -> IdTable {
    let mut ints = Vec::new();
    let mut texts = TextTable::default();
    for id in sorted {
        match id.as_ref() {
            ExternalIdRef::Int(id) => ints.push(id),
            ExternalIdRef::Text(id) => texts.push(id),
        }
    }
    if texts.is_empty() { IdTable::Int(ints) } else { IdTable::Text(texts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_ranked() {
        let labels = Labels::from_texts("brand", &[Some("b".into()), None, Some("a".into()), Some("b".into())]);
        assert_eq!(labels.codes, [1, Labels::NONE, 0, 1]);
        assert_eq!((labels.get(2), labels.get(1)), (Some("a"), None));
    }
}
