//! The category of every item, as a path from the coarsest level down.

use std::collections::BTreeMap;

use sidecart_data::Labels;

use crate::catalogue::Catalogue;

/// "No category".
pub(crate) const NONE: u32 = u32::MAX;

/// The categories of one depth with the items in them.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(crate) struct ItemCategories {
    /// Position in `names` for every item; [`NONE`] where the item table says nothing.
    pub(crate) of_item: Vec<u32>,
    /// Readable names, distinct: the finest label, after its parents where several paths end in it.
    pub(crate) names: Vec<String>,
}

impl ItemCategories {
    /// Groups items by their first `depth` category levels. The same label can stand under several
    /// parents; the path down to it is the category. O(items log items).
    pub(crate) fn at(catalogue: &Catalogue, depth: usize) -> Self {
        let levels = &catalogue.table.categories[..depth.min(catalogue.table.categories.len())];
        let path = |row: usize| -> Option<Vec<u32>> {
            let codes: Vec<u32> = levels.iter().map(|level| level.codes[row]).collect();
            codes.iter().any(|&code| code != Labels::NONE).then_some(codes)
        };
        let paths: Vec<Option<Vec<u32>>> = catalogue.rows.iter().map(|row| row.and_then(path)).collect();
        let distinct: BTreeMap<&[u32], u32> = {
            let mut distinct: Vec<&[u32]> = paths.iter().flatten().map(Vec::as_slice).collect();
            distinct.sort_unstable();
            distinct.dedup();
            distinct.into_iter().zip(0..).collect()
        };
        let of_item = paths.iter().map(|path| path.as_ref().map_or(NONE, |path| distinct[path.as_slice()])).collect();
        let labels = |path: &[u32]| -> Vec<String> {
            let known = path.iter().zip(levels).filter(|&(&code, _)| code != Labels::NONE);
            known.map(|(&code, level)| level.values.get(code as usize).to_owned()).collect()
        };
        let full: Vec<Vec<String>> = distinct.keys().map(|path| labels(path)).collect();
        let mut uses: BTreeMap<&str, u32> = BTreeMap::new();
        for last in full.iter().filter_map(|labels| labels.last()) {
            *uses.entry(last).or_default() += 1;
        }
        let names = full.iter().map(|labels| match labels.last() {
            Some(last) if uses[last.as_str()] == 1 => last.clone(),
            _ => labels.join(" / "),
        });
        Self { names: names.collect(), of_item }
    }

    /// Number of categories.
    pub(crate) fn len(&self) -> usize {
        self.names.len()
    }
}

#[cfg(test)]
mod tests {
    use sidecart_core::IdTable;
    use sidecart_data::ItemTable;

    use super::*;

    #[test]
    fn a_label_under_two_parents_is_two_categories() {
        let level = |name: &str, texts: [&str; 5]| {
            Labels::from_texts(name, &texts.map(|t| (!t.is_empty()).then(|| t.to_owned())))
        };
        let table = ItemTable {
            categories: vec![
                level("department", ["food", "food", "home", "home", ""]),
                level("category", ["tea", "other", "other", "", ""]),
            ],
            ..ItemTable::default()
        };
        let ids = IdTable::from_ints((0..6).collect());
        let rows = vec![Some(0), Some(1), Some(2), Some(3), Some(4), None];
        let catalogue = Catalogue { ids, rows, table };
        let fine = ItemCategories::at(&catalogue, 2);
        let name = |item: usize| fine.names.get(fine.of_item[item] as usize).map(String::as_str);
        let names = [Some("tea"), Some("food / other"), Some("home / other"), Some("home"), None, None];
        assert_eq!([0, 1, 2, 3, 4, 5].map(name), names);
        let coarse = ItemCategories::at(&catalogue, 1);
        assert_eq!((coarse.len(), &coarse.of_item[..]), (2, &[0, 0, 1, 1, NONE, NONE][..]));
        assert_eq!(ItemCategories::at(&catalogue, 0).of_item, [NONE; 6]);
    }
}
