use sidecart_core::IdTable;

use super::items::{Labels, id_table, sorted_distinct_rows};
use super::side_table::{Column, Kind, SideTable, Values, known, needed};
use super::summary::IngestSummary;
use crate::config::SideTableConfig;
use crate::error::Result;

/// What the shop knows of its customers, one row a customer in the order of `ids`.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct CustomerTable {
    /// Outside ids, sorted.
    pub ids: IdTable,
    /// The `segment` column first where there is one, then every other column.
    pub columns: Vec<Labels>,
}

impl CustomerTable {
    /// The column of a name.
    #[must_use]
    pub fn column(&self, name: &str) -> Option<&Labels> {
        self.columns.iter().find(|c| c.name == name)
    }
}

const COLUMNS: [super::side_table::Known; 2] = [needed("customer_id", Kind::Id), known("segment", Kind::Label)];

/// Reads the customer table with all its columns of strings, numbers, booleans or dates; nested and
/// binary columns are no labels and are left out.
///
/// # Errors
/// Any [`Error`](crate::Error) about files, columns and rows; a customer id that stands twice is a
/// bad row.
pub fn read_customers(config: &SideTableConfig) -> Result<(CustomerTable, IngestSummary)> {
    let mut table = SideTable::read("customers", config, &COLUMNS, true)?;
    let (id_column, ids) = table.take_ids("customer_id")?;
    let mut columns: Vec<Column> = table.take("segment");
    if let Some(segment) = columns.first_mut() {
        "segment".clone_into(&mut segment.source);
    }
    columns.extend(table.take("attributes"));
    let order = sorted_distinct_rows(&mut table, &id_column, &ids);
    let columns = columns
        .into_iter()
        .filter_map(|column| match column.values {
            Values::Labels(values) => {
                let picked: Vec<Option<String>> = order.iter().map(|&row| values[row].clone()).collect();
                Some(Labels::from_texts(column.source, &picked))
            }
            _ => None,
        })
        .collect();
    let ids = id_table(order.iter().filter_map(|&row| ids[row].clone()));
    Ok((CustomerTable { ids, columns }, table.settle()?))
}
