//! Which columns of a purchase file hold what, and whether all files agree.

use sidecart_core::{Clock, IdKind};

use super::columns::{self, TimeForm};
use super::files::ParquetInput;
use super::ids;
use crate::config::{ColumnSpec, PurchasesConfig, check_names};
use crate::error::{Error, Result};

const NAMES: [&str; 10] = [
    "basket_id",
    "item_id",
    "customer_id",
    "timestamp",
    "quantity",
    "unit_price",
    "paid_total",
    "store_id",
    "channel",
    DISCOUNTS,
];

const DISCOUNTS: &str = "discount_totals";

/// A column of one file.
#[derive(Clone, Debug)]
pub(crate) struct Source {
    /// Position among the columns of the file.
    pub(crate) index: usize,
    /// The caller's name.
    pub(crate) column: String,
}

/// The columns of one file by our names.
pub(crate) struct FileColumns {
    pub(crate) basket: Source,
    pub(crate) item: Source,
    pub(crate) customer: Option<Source>,
    pub(crate) time: Option<Source>,
    pub(crate) quantity: Option<Source>,
    pub(crate) unit_price: Option<Source>,
    pub(crate) paid_total: Option<Source>,
    pub(crate) store: Option<Source>,
    pub(crate) discounts: Vec<Source>,
}

impl FileColumns {
    pub(crate) fn has_price(&self) -> bool {
        self.unit_price.is_some() || self.paid_total.is_some()
    }

    /// Positions of all columns that are read, rising.
    pub(crate) fn indexes(&self) -> Vec<usize> {
        let optional =
            [&self.customer, &self.time, &self.quantity, &self.unit_price, &self.paid_total, &self.store].into_iter();
        let mut all: Vec<usize> = [&self.basket, &self.item]
            .into_iter()
            .chain(optional.flatten())
            .chain(&self.discounts)
            .map(|source| source.index)
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }
}

/// Finds and checks the columns of every file; all must have the same ids and times.
pub(crate) fn resolve_all(inputs: &[ParquetInput], config: &PurchasesConfig) -> Result<(Vec<FileColumns>, Clock)> {
    let columns = inputs.iter().map(|input| resolve(input, config)).collect::<Result<Vec<_>>>()?;
    for (name, get) in ID_COLUMNS {
        check_agreement(inputs, &columns, name, get, |input, source| {
            id_kind(input, name, source).map(|kind| kind.map(|kind| format!("{kind} ids")))
        })?;
    }
    let time = |columns: &FileColumns| columns.time.clone();
    check_agreement(inputs, &columns, "timestamp", time, |input, source| {
        time_form(input, source, config).map(|form| Some(form.to_string()))
    })?;
    let clock = match (inputs.first(), columns.first().and_then(time)) {
        (Some(input), Some(source)) => time_form(input, &source, config)?.clock,
        _ => Clock::None,
    };
    Ok((columns, clock))
}

/// Checks what a mapping says without a file.
pub(crate) fn check_mapping(config: &PurchasesConfig) -> Result<()> {
    check_names("purchases", &config.columns, &NAMES)?;
    for name in NAMES {
        let n_columns = config.columns.get(name).map_or(1, |spec| spec.as_slice().len());
        if name != DISCOUNTS && n_columns != 1 {
            return Err(Error::Setting {
                key: name,
                got: format!("{n_columns} columns"),
                expected: "one column; of the purchases only discount_totals takes a list",
            });
        }
    }
    Ok(())
}

type Getter = fn(&FileColumns) -> Option<Source>;

const ID_COLUMNS: [(&str, Getter); 4] = [
    ("basket_id", |columns| Some(columns.basket.clone())),
    ("item_id", |columns| Some(columns.item.clone())),
    ("customer_id", |columns| columns.customer.clone()),
    ("store_id", |columns| columns.store.clone()),
];

/// The form of an id column; none where the column is all null, which fits every form.
fn id_kind(input: &ParquetInput, name: &str, source: &Source) -> Result<Option<IdKind>> {
    let data_type = input.data_type(source.index);
    let may_be_null = matches!(name, "customer_id" | "store_id");
    if may_be_null && data_type.is_null() {
        return Ok(None);
    }
    ids::id_kind(&input.path, name, &source.column, data_type).map(Some)
}

fn time_form(input: &ParquetInput, source: &Source, config: &PurchasesConfig) -> Result<TimeForm> {
    columns::time_form(&input.path, "timestamp", &source.column, input.data_type(source.index), config.time_unit)
}

fn discount_columns(config: &PurchasesConfig) -> &[String] {
    config.columns.get(DISCOUNTS).map_or(&config.discount_totals, ColumnSpec::as_slice)
}

fn resolve(input: &ParquetInput, config: &PurchasesConfig) -> Result<FileColumns> {
    let column_of = |name: &str| {
        let mapped = config.columns.get(name).and_then(|spec| spec.as_slice().first());
        mapped.map_or_else(|| name.to_owned(), Clone::clone)
    };
    let needed = |name: &str| -> Result<Source> {
        let column = column_of(name);
        Ok(Source { index: input.column(name, &column)?, column })
    };
    let optional = |name: &str| -> Result<Option<Source>> {
        if config.columns.contains_key(name) {
            return needed(name).map(Some);
        }
        Ok(input.find(name).map(|index| Source { index, column: name.to_owned() }))
    };
    let number = |name: &str| -> Result<Option<Source>> {
        let source = optional(name)?;
        if let Some(source) = &source {
            columns::check_number(&input.path, name, &source.column, input.data_type(source.index))?;
        }
        Ok(source)
    };
    optional("channel")?;
    let paid_total = number("paid_total")?;
    let discounts = discount_columns(config)
        .iter()
        .map(|column| {
            let index = input.column(DISCOUNTS, column)?;
            columns::check_number(&input.path, DISCOUNTS, column, input.data_type(index))?;
            Ok(Source { index, column: column.clone() })
        })
        .collect::<Result<Vec<_>>>()?;
    if !discounts.is_empty() && paid_total.is_none() {
        return Err(Error::Setting {
            key: DISCOUNTS,
            got: discount_columns(config).join(", "),
            expected: "a column paid_total beside it, because shelf price = (paid_total + discounts) / quantity",
        });
    }
    Ok(FileColumns {
        basket: needed("basket_id")?,
        item: needed("item_id")?,
        customer: optional("customer_id")?,
        time: optional("timestamp")?,
        quantity: number("quantity")?,
        unit_price: number("unit_price")?,
        paid_total,
        store: optional("store_id")?,
        discounts,
    })
}

/// Checks that a column is in all files or in none, and of one form.
fn check_agreement(
    inputs: &[ParquetInput],
    columns: &[FileColumns],
    name: &'static str,
    get: impl Fn(&FileColumns) -> Option<Source>,
    form_of: impl Fn(&ParquetInput, &Source) -> Result<Option<String>>,
) -> Result<()> {
    let found: Vec<Option<Source>> = columns.iter().map(get).collect();
    let Some(with) = found.iter().position(Option::is_some) else { return Ok(()) };
    let mut first: Option<(String, &ParquetInput)> = None;
    for (input, source) in inputs.iter().zip(&found) {
        let Some(source) = source else {
            let column = found[with].as_ref().map_or_else(String::new, |source| source.column.clone());
            let first = inputs[with].path.clone();
            return Err(Error::ColumnInSome { file: input.path.clone(), name, column, first });
        };
        match (form_of(input, source)?, &first) {
            (Some(got), Some((expected, at))) if &got != expected => {
                return Err(Error::MixedTypes {
                    file: input.path.clone(),
                    column: source.column.as_str().into(),
                    expected: expected.as_str().into(),
                    got: got.into(),
                    first: at.path.clone(),
                });
            }
            (Some(got), None) => first = Some((got, input)),
            _ => {}
        }
    }
    Ok(())
}
