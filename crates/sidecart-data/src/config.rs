//! Where the tables are and what their columns are called.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// One path or several: files, folders or globs.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Paths {
    /// One path.
    One(PathBuf),
    /// Several, read as one table.
    Many(Vec<PathBuf>),
}

impl Default for Paths {
    fn default() -> Self {
        Self::Many(Vec::new())
    }
}

impl Paths {
    /// The paths in the order given.
    #[must_use]
    pub fn as_slice(&self) -> &[PathBuf] {
        match self {
            Self::One(path) => std::slice::from_ref(path),
            Self::Many(paths) => paths,
        }
    }

    /// Makes relative paths relative to a folder.
    pub fn resolve_against(&mut self, folder: &Path) {
        let paths = match self {
            Self::One(path) => std::slice::from_mut(path),
            Self::Many(paths) => paths,
        };
        for path in paths {
            if path.is_relative() {
                *path = folder.join(&*path);
            }
        }
    }
}

impl From<PathBuf> for Paths {
    fn from(path: PathBuf) -> Self {
        Self::One(path)
    }
}

/// A column of the caller's file, or several in order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ColumnSpec {
    /// One column.
    One(String),
    /// Several, in order.
    Many(Vec<String>),
}

impl ColumnSpec {
    /// The column names.
    #[must_use]
    pub fn as_slice(&self) -> &[String] {
        match self {
            Self::One(name) => std::slice::from_ref(name),
            Self::Many(names) => names,
        }
    }
}

/// Our name -> the caller's column. Columns that already have our name need no entry.
pub type ColumnMap = BTreeMap<String, ColumnSpec>;

/// What to do with a row that breaks a rule.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum OnBadRow {
    /// Stop with an error that names the row.
    #[default]
    Fail,
    /// Leave the row out, count it and report the first one.
    Skip,
}

/// What an integer time column counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TimeUnit {
    /// A bare order: only before and after mean something.
    #[default]
    Order,
    /// Days in a count of the caller's own.
    Days,
}

/// `[purchases]`: the history, one row an item of a receipt.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PurchasesConfig {
    /// A file, folder, glob or a list of them.
    pub path: Paths,
    /// Rows that break a rule: `fail` (default) or `skip`.
    pub on_bad_row: OnBadRow,
    /// Our name -> the caller's column.
    pub columns: ColumnMap,
    /// What an integer `timestamp` counts: `order` (default) or `days`.
    pub time_unit: TimeUnit,
    /// Columns with discounts to add to `paid_total` for the shelf price.
    pub discount_totals: Vec<String>,
}

/// `[items]`, `[customers]` or `[promotions]`: a table beside the history.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SideTableConfig {
    /// A file, folder, glob or a list of them.
    pub path: Paths,
    /// Rows that break a rule: `fail` (default) or `skip`.
    pub on_bad_row: OnBadRow,
    /// Our name -> the caller's column (`category` and `attributes` take a list).
    pub columns: ColumnMap,
    /// What integer times count. No key of its own: the program that reads the tables sets it to
    /// the `time_unit` of `[purchases]`, because both must count the same.
    #[serde(skip)]
    pub time_unit: TimeUnit,
}

/// Checks that a mapping uses only names the table has.
pub(crate) fn check_names(table: &'static str, columns: &ColumnMap, known: &[&str]) -> Result<()> {
    match columns.keys().find(|name| !known.contains(&name.as_str())) {
        Some(name) => Err(Error::UnknownMapping { table, name: name.clone(), known: known.join(", ") }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_read_and_unknown_keys_are_refused() {
        let purchases: PurchasesConfig = toml::from_str(
            "path = [\"a\", \"/b\"]\non_bad_row = \"skip\"\ntime_unit = \"days\"\ncolumns = { basket_id = \"ticket\" }",
        )
        .unwrap();
        assert_eq!((purchases.on_bad_row, purchases.time_unit), (OnBadRow::Skip, TimeUnit::Days));
        let mut path = purchases.path;
        path.resolve_against(Path::new("/shop"));
        assert_eq!(path.as_slice(), [PathBuf::from("/shop/a"), PathBuf::from("/b")]);
        let items: SideTableConfig = toml::from_str("columns = { category = [\"a\", \"b\"] }").unwrap();
        assert_eq!(items.columns["category"].as_slice(), ["a", "b"]);
        for wrong in ["paths = \"a\"", "on_bad_row = \"drop\"", "time_unit = \"hours\"", "path = 3"] {
            assert!(toml::from_str::<PurchasesConfig>(wrong).is_err(), "{wrong}");
        }
        assert!(toml::from_str::<SideTableConfig>("time_unit = \"days\"").is_err());
    }
}
