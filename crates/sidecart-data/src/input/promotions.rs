use sidecart_core::{ExternalId, IdTable, ItemId, Time};

use super::columns::BadValue;
use super::side_table::{Column, Kind, SideTable, Values, form_of, known, needed};
use super::summary::{IngestSummary, Rule};
use crate::config::SideTableConfig;
use crate::error::{Error, Result};

/// An item promoted for a time.
#[derive(Clone, PartialEq, Debug)]
pub struct Promotion {
    /// What is promoted.
    pub item: ItemId,
    /// From when on.
    pub starts_at: Time,
    /// Until when, exclusive.
    pub ends_at: Time,
    /// Where; everywhere when none.
    pub store: Option<ExternalId>,
    /// How: display, mailer, price, ...
    pub kind: Option<String>,
    /// Share of the price taken off, 0..1.
    pub discount: Option<f64>,
}

const COLUMNS: [super::side_table::Known; 6] = [
    needed("item_id", Kind::Id),
    needed("starts_at", Kind::Time),
    needed("ends_at", Kind::Time),
    known("store_id", Kind::Id),
    known("kind", Kind::Label),
    known("discount", Kind::Number),
];

/// Reads the promotions of known items, sorted by item and start.
///
/// # Errors
/// Any [`Error`](crate::Error) about files, columns and rows; a promotion that ends before it
/// starts or takes off more than everything is a bad row. Unknown items are counted.
pub fn read_promotions(config: &SideTableConfig, items: &IdTable) -> Result<(Vec<Promotion>, IngestSummary)> {
    let mut table = SideTable::read("promotions", config, &COLUMNS, false)?;
    let (_, ids) = table.take_ids("item_id")?;
    if let Some(got) = form_of(&ids).filter(|&got| got != items.kind() && !items.is_empty()) {
        return Err(Error::IdForms {
            what: "item_id",
            expected: items.kind().to_string(),
            got: got.to_string(),
            first: "the catalogue".into(),
            second: table.path(),
        });
    }
    let mut times = |name: &str| match table.take(name).pop() {
        Some(Column { source, values: Values::Times(times) }) => (source, times),
        _ => (name.to_owned(), Vec::new()),
    };
    let (starts_column, starts) = times("starts_at");
    let (ends_column, ends) = times("ends_at");
    let stores = match table.take("store_id").pop() {
        Some(Column { values: Values::Ids(ids), .. }) => Some(ids),
        _ => None,
    };
    let kinds = table.take_labels("kind");
    let discounts = table.take_numbers("discount", 0.0..=1.0, "a discount is not a share between 0 and 1");
    let mut promotions = Vec::new();
    for row in 0..table.n_rows() {
        if table.is_bad(row) {
            continue;
        }
        let (start, end) = (starts[row], ends[row]);
        let null =
            |column: &str| (column.to_owned(), BadValue::new("null", "a promotion has no time", "fill the column"));
        let fault = match (start, end) {
            (None, _) => Some(null(&starts_column)),
            (_, None) => Some(null(&ends_column)),
            (Some(start), Some(end)) if end <= start => Some((
                ends_column.clone(),
                BadValue::new(
                    Time(end),
                    "a promotion ends before it starts",
                    "ends_at is exclusive and must be after starts_at",
                ),
            )),
            _ => None,
        };
        if let Some((column, bad)) = fault {
            table.bad_row(row, &column, bad);
            continue;
        }
        let (Some(id), Some(start), Some(end)) = (&ids[row], start, end) else { continue };
        let Some(item) = items.find(id.as_ref()) else {
            table.summary.count(Rule::UnknownItem, 1);
            continue;
        };
        promotions.push(Promotion {
            item: ItemId(item),
            starts_at: Time(start),
            ends_at: Time(end),
            store: stores.as_ref().and_then(|s| s[row].clone()),
            kind: kinds.as_ref().and_then(|k| k[row].clone()),
            discount: discounts.as_ref().and_then(|d| d[row]),
        });
    }
    promotions.sort_by(|a, b| {
        (a.item, a.starts_at, a.ends_at, &a.store, &a.kind).cmp(&(b.item, b.starts_at, b.ends_at, &b.store, &b.kind))
    });
    Ok((promotions, table.settle()?))
}
