//! The demo shop as tests read it: its files, and the history and catalogue they hold.

use std::collections::BTreeMap;
use std::path::Path;

use sidecart_core::NoProgress;
use sidecart_data::config::{ColumnSpec, PurchasesConfig, SideTableConfig};
use sidecart_data::demo::{DemoParams, DemoShop};
use sidecart_data::{Ledger, read_items, read_purchases};

use crate::catalogue::Catalogue;

/// Generates a shop, writes it, and reads purchases and items back; the ledger is over the ids of
/// the catalogue.
pub(crate) fn demo_shop(params: &DemoParams) -> (DemoShop, Ledger, Catalogue) {
    let folder = tempfile::tempdir().unwrap();
    let shop = DemoShop::generate(params);
    shop.write_to(folder.path()).unwrap();
    let path = folder.path().join("purchases.parquet").into();
    let config = PurchasesConfig { path, ..PurchasesConfig::default() };
    let ledger = read_purchases(&config, Default::default(), &NoProgress).unwrap().0;
    let levels = ColumnSpec::Many(["department", "category", "type"].map(Into::into).into());
    let path = folder.path().join("items.parquet").into();
    let columns = BTreeMap::from([("category".into(), levels)]);
    let items = read_items(&SideTableConfig { path, columns, ..Default::default() }).unwrap().0;
    let catalogue = Catalogue::new(&ledger, items, (Path::new("p"), Path::new("i"))).unwrap();
    let ledger = ledger.over_catalogue(catalogue.ids.clone()).unwrap();
    (shop, ledger, catalogue)
}
