//! All tables of a shop, read and joined.

use std::path::{Path, PathBuf};

use sidecart_core::{CustomerId, Progress};
use sidecart_data::config::SideTableConfig;
use sidecart_data::{
    CustomerTable, Error as DataError, IngestSummary, ItemTable, Ledger, Promotions, ReadOptions, read_customers,
    read_items, read_promotions, read_purchases,
};
use sidecart_train::Catalogue;
use sidecart_train::segments::{SegmentError, SegmentSpec, Segmentation};
use sidecart_train::upsell::UpsellInputs;

use crate::config::Config;
use crate::error::{Error, Result};

/// A shop's history with its tables; items of the ledger are items of the catalogue.
pub struct Dataset {
    /// The validated history.
    pub ledger: Ledger,
    /// Everything known of items.
    pub catalogue: Catalogue,
    /// Everything known of customers.
    pub customers: Option<CustomerTable>,
    /// The promotion calendar; empty where none is configured.
    pub promotions: Promotions,
    /// Which segment a customer is in, where segments are columns of the customer table.
    pub segments: Option<Segments>,
    /// Where segments come from, where they are configured.
    pub segment_spec: Option<SegmentSpec>,
    /// What was read, table by table.
    pub summaries: Vec<(&'static str, IngestSummary)>,
}

/// Segments of the customers of a ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Segments {
    /// Names in byte order.
    pub names: Vec<String>,
    /// Segment of each customer.
    pub of_customer: Vec<Option<u16>>,
}

impl Segments {
    /// The segment of a customer.
    #[must_use]
    pub fn of(&self, customer: CustomerId) -> Option<u16> {
        self.of_customer.get(customer.index()).copied().flatten()
    }
}

fn first_path(config: &sidecart_data::config::Paths) -> &Path {
    config.as_slice().first().map_or(Path::new(""), PathBuf::as_path)
}

/// Reads the history alone: from the files of the configuration, or from Statistics files.
///
/// # Errors
/// Any error about files and rows.
pub fn read_ledger(
    config: &Config,
    statistics: &[PathBuf],
    options: ReadOptions,
    progress: &dyn Progress,
) -> Result<(Ledger, Option<IngestSummary>)> {
    let Some((first, rest)) = statistics.split_first() else {
        let (ledger, summary) = read_purchases(&config.purchases, options, progress)?;
        return Ok((ledger, Some(summary)));
    };
    let mut ledger = Ledger::load(first)?;
    for path in rest {
        ledger = ledger.merge(&Ledger::load(path)?)?;
    }
    Ok((ledger, None))
}

impl Dataset {
    /// Reads every table of a configuration. With `statistics` the history comes from those files
    /// instead of the purchases.
    ///
    /// # Errors
    /// Any error about files, rows and ids that can never match.
    pub fn read(
        config: &Config,
        statistics: &[PathBuf],
        options: ReadOptions,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let (ledger, summary) = read_ledger(config, statistics, options, progress)?;
        let mut summaries: Vec<(&'static str, IngestSummary)> = summary.map(|s| ("purchases", s)).into_iter().collect();
        let purchases = statistics.first().map_or(first_path(&config.purchases.path), PathBuf::as_path);
        let mut items = ItemTable::default();
        // Integer times count the same in all tables.
        let timed =
            |table: &SideTableConfig| SideTableConfig { time_unit: config.purchases.time_unit, ..table.clone() };
        if let Some(table) = &config.items {
            let (read, summary) = read_items(&timed(table))?;
            summaries.push(("items", summary));
            items = read;
        }
        let items_path = config.items.as_ref().map_or(Path::new(""), |t| first_path(&t.path));
        let catalogue = Catalogue::new(&ledger, items, (purchases, items_path))?;
        let ledger = ledger.over_catalogue(catalogue.ids.clone())?;
        let mut customers = None;
        if let Some(table) = &config.customers {
            let (read, summary) = read_customers(table)?;
            summaries.push(("customers", summary));
            if !read.ids.is_empty() && !ledger.customers().is_empty() && read.ids.kind() != ledger.customers().kind() {
                return Err(DataError::IdForms {
                    what: "customer_id",
                    expected: ledger.customers().kind().to_string(),
                    got: read.ids.kind().to_string(),
                    first: purchases.to_path_buf(),
                    second: first_path(&table.path).to_path_buf(),
                }
                .into());
            }
            customers = Some(read);
        }
        let mut promotions = Promotions::default();
        if let Some(table) = &config.promotions {
            let (read, summary) = read_promotions(&timed(table), &catalogue.ids, progress)?;
            let (ours, theirs) = (ledger.stores(), read.stores());
            if !ours.is_empty() && !theirs.is_empty() && ours.kind() != theirs.kind() {
                return Err(DataError::IdForms {
                    what: "store_id",
                    expected: ours.kind().to_string(),
                    got: theirs.kind().to_string(),
                    first: purchases.to_path_buf(),
                    second: first_path(&table.path).to_path_buf(),
                }
                .into());
            }
            summaries.push(("promotions", summary));
            promotions = read;
        }
        let segments = segments(config, customers.as_ref(), &ledger)?;
        let segment_spec = config.segments.as_ref().map(|segments| segments.by.spec());
        Ok(Self { ledger, catalogue, customers, promotions, segments, segment_spec, summaries })
    }
}

impl Dataset {
    /// What upgrades are learned from beside ledger and catalogue.
    #[must_use]
    pub fn upsell_inputs(&self) -> UpsellInputs<'_> {
        UpsellInputs {
            promotions: Some(&self.promotions),
            customers: self.customers.as_ref(),
            segments: self.segment_spec.as_ref(),
        }
    }
}

/// Segments from columns; learned ones are made in training.
fn segments(config: &Config, customers: Option<&CustomerTable>, ledger: &Ledger) -> Result<Option<Segments>> {
    let (Some(SegmentSpec::Columns(columns)), Some(table)) =
        (config.segments.as_ref().map(|segments| segments.by.spec()), customers)
    else {
        return Ok(None);
    };
    let setting = |got: String, expected: String| Error::Setting { key: "segments.by".into(), got, expected };
    let found = Segmentation::from_columns(ledger, table, &columns).map_err(|error| match error {
        SegmentError::UnknownColumn { name, known } => {
            setting(name, format!("a column of the customer table: {known}"))
        }
        SegmentError::TooMany { got, limit } => {
            setting(format!("{got} different values"), format!("at most {limit} segments; choose coarser columns"))
        }
        other => setting(columns.join(", "), other.to_string()),
    })?;
    Ok(Some(Segments { names: found.names, of_customer: found.of_customer }))
}
