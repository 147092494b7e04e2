use std::collections::BTreeMap;

use sidecart_data::Labels;
use sidecart_serve::offers::{CategoryTree, NO_GROUP};

use crate::catalogue::Catalogue;

/// The shop's categories and the finest one of every item.
pub(super) struct Categories {
    pub(super) tree: CategoryTree,
    /// [`NO_GROUP`] where the item table says nothing.
    pub(super) of_item: Vec<u32>,
}

/// Every path of category labels from the top is a node; a level without a label is passed over. The
/// same label under two parents is two nodes. O(items log items).
pub(super) fn tree(catalogue: &Catalogue) -> Categories {
    let levels = &catalogue.table.categories;
    let path = |row: usize| -> Vec<(usize, u32)> {
        levels.iter().map(|level| level.codes[row]).enumerate().filter(|&(_, code)| code != Labels::NONE).collect()
    };
    let paths: Vec<Vec<(usize, u32)>> = catalogue.rows.iter().map(|row| row.map(path).unwrap_or_default()).collect();
    // A path sorts before those that go on from it, so that parents come first.
    let mut nodes: BTreeMap<&[(usize, u32)], u32> = BTreeMap::new();
    for path in &paths {
        for depth in 1..=path.len() {
            nodes.insert(&path[..depth], NO_GROUP);
        }
    }
    for (number, node) in nodes.values_mut().zip(0..) {
        *number = node;
    }
    let find = |path: &[(usize, u32)]| nodes.get(path).copied().unwrap_or(NO_GROUP);
    let parents = nodes.keys().map(|path| find(&path[..path.len() - 1])).collect();
    let label = |path: &&[(usize, u32)]| path.last().map(|&(level, code)| levels[level].values.get(code as usize));
    let labels = nodes.keys().filter_map(label).collect();
    let tree = CategoryTree::new(labels, parents).expect("parents come first");
    Categories { tree, of_item: paths.iter().map(|path| find(path)).collect() }
}
