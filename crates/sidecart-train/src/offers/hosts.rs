use std::collections::BTreeMap;

use sidecart_core::ItemId;
use sidecart_serve::offers::{CategoryTree, Host, HostTable};

use crate::catalogue::Catalogue;

/// What every add-on belongs to: the item that column `add_on_for` names, else the categories of that
/// label or path; and the number of those that name neither.
pub(super) fn table(catalogue: &Catalogue, categories: &CategoryTree) -> (HostTable, usize) {
    let Some(column) = &catalogue.table.add_on_for else { return (HostTable::default(), 0) };
    let (mut rows, mut n_unknown) = (Vec::new(), 0);
    let mut found: BTreeMap<String, Vec<Host>> = BTreeMap::new();
    for (item, row) in (0u32..).map(ItemId).zip(&catalogue.rows) {
        let Some(name) = row.and_then(|row| column[row].as_ref()) else { continue };
        let hosts = found.entry(name.to_string()).or_insert_with(|| match catalogue.ids.find(name.as_ref()) {
            Some(host) => vec![Host::Item(ItemId(host))],
            None => categories.find(&name.to_string()).into_iter().map(Host::Category).collect(),
        });
        let others = hosts.iter().filter(|&&host| host != Host::Item(item));
        let before = rows.len();
        rows.extend(others.map(|&host| (item, host)));
        n_unknown += usize::from(rows.len() == before);
    }
    (HostTable::new(rows), n_unknown)
}
