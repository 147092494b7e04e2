//! A tiny purchase history as Parquet files, whole or with one thing wrong.

#![allow(dead_code, reason = "each test binary uses its part")]

use std::path::PathBuf;

use arrow_array::ArrayRef;
use sidecart_core::NoProgress;
use sidecart_data::config::{Paths, PurchasesConfig};
use sidecart_data::{Error, IngestSummary, Ledger, ReadOptions, read_purchases};
use tempfile::TempDir;

use crate::parquet_files::{Columns, days, floats, ints, write};

/// A table and what its error says.
pub(crate) type Case<'a> = (&'a str, Columns, &'a [&'a str]);

/// Four good rows: two baskets of customer 7, one of customer 8.
pub(crate) fn shop() -> Columns {
    vec![
        ("basket_id", ints([1, 1, 2, 3])),
        ("item_id", ints([10, 20, 10, 30])),
        ("customer_id", ints([7, 7, 7, 8])),
        ("timestamp", days([20_000, 20_000, 20_001, 20_002])),
        ("quantity", ints([1, 2, 1, 1])),
        ("unit_price", floats([1.5, 2.0, 1.5, 9.99])),
    ]
}

/// The shop with some columns replaced or added.
pub(crate) fn with(changes: impl IntoIterator<Item = (&'static str, ArrayRef)>) -> Columns {
    let mut columns = shop();
    for (name, array) in changes {
        columns.retain(|(n, _)| *n != name);
        columns.push((name, array));
    }
    columns
}

/// The shop without some columns.
pub(crate) fn without(names: &[&str]) -> Columns {
    shop().into_iter().filter(|(name, _)| !names.contains(name)).collect()
}

/// The configuration that reads a path.
pub(crate) fn config(path: impl Into<PathBuf>) -> PurchasesConfig {
    PurchasesConfig { path: Paths::One(path.into()), ..PurchasesConfig::default() }
}

/// Reads with default options.
pub(crate) fn read(config: &PurchasesConfig) -> Result<(Ledger, IngestSummary), Error> {
    read_purchases(config, ReadOptions::default(), &NoProgress)
}

/// Reads one table of two-row row groups with a changed configuration.
pub(crate) fn read_table(
    columns: &Columns,
    change: impl Fn(&mut PurchasesConfig),
) -> Result<(Ledger, IngestSummary), Error> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("purchases.parquet");
    write(&path, columns, 2);
    let mut config = config(path);
    change(&mut config);
    read(&config)
}

/// Reads several tables as the files `1.parquet`, `2.parquet`, ... of a folder.
pub(crate) fn read_files(tables: &[Columns]) -> Result<(Ledger, IngestSummary), Error> {
    let folder = TempDir::new().unwrap();
    for (position, columns) in tables.iter().enumerate() {
        write(&folder.path().join(format!("{}.parquet", position + 1)), columns, 2);
    }
    read(&config(folder.path()))
}
