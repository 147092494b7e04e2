//! Items of one kind: the finest category the shop knows.

use sidecart_data::Labels;

use crate::catalogue::Catalogue;

/// Items grouped by their path of categories, in the order of the paths; items of a group rise.
///
/// An item without a category is in no group. Neither is one whose path ends where that of others
/// goes on: it is not sorted in yet, and what else stops there has nothing else in common.
/// O(items log items).
pub(super) fn kinds(catalogue: &Catalogue) -> Vec<Vec<u32>> {
    let levels = &catalogue.table.categories;
    let path = |item: u32| {
        let row = catalogue.rows[item as usize];
        levels.iter().map(move |level| row.map_or(Labels::NONE, |row| level.codes[row]))
    };
    let mut items: Vec<u32> =
        (0..catalogue.len() as u32).filter(|&item| path(item).any(|code| code != Labels::NONE)).collect();
    items.sort_unstable_by(|&a, &b| path(a).cmp(path(b)).then(a.cmp(&b)));
    let mut kinds: Vec<Vec<u32>> = Vec::new();
    let mut before = None;
    for kind in items.chunk_by(|&a, &b| path(a).eq(path(b))) {
        // "No label" is the greatest code: a path that ends early comes last of those it begins.
        let depth = path(kind[0]).collect::<Vec<_>>().iter().rposition(|&code| code != Labels::NONE);
        let depth = depth.map_or(0, |last| last + 1);
        let goes_on = before.is_some_and(|other| path(other).take(depth).eq(path(kind[0]).take(depth)));
        if !goes_on {
            kinds.push(kind.to_vec());
        }
        before = Some(kind[0]);
    }
    kinds
}

/// The labels of an item's categories, such as `Grocery > Hot drinks > Ground coffee`.
pub(super) fn path_name(catalogue: &Catalogue, item: u32) -> String {
    let row = catalogue.rows[item as usize];
    let labels = catalogue.table.categories.iter().filter_map(|level| level.get(row?));
    labels.collect::<Vec<_>>().join(" > ")
}

#[cfg(test)]
mod tests {
    use sidecart_core::IdTable;
    use sidecart_data::ItemTable;

    use super::*;

    #[test]
    fn the_finest_category_is_the_kind() {
        let rows = [
            [Some("Food"), Some("Tea")],
            [Some("Food"), None],
            [None, None],
            [Some("Home"), Some("Tea")],
            [Some("Food"), Some("Tea")],
            [Some("Toys"), None],
            [None, Some("Loose")],
        ];
        let level = |at: usize| {
            let texts: Vec<Option<String>> = rows.iter().map(|row| row[at].map(Into::into)).collect();
            Labels::from_texts("level", &texts)
        };
        let ids = IdTable::from_ints((0..7).collect());
        let table = ItemTable { ids: ids.clone(), categories: vec![level(0), level(1)], ..ItemTable::default() };
        // Item 7 is sold and not in the table.
        let rows = (0..7).map(Some).chain([None]).collect();
        let catalogue = Catalogue { ids: IdTable::from_ints((0..8).collect()), rows, table };
        assert_eq!(kinds(&catalogue), [vec![0, 4], vec![3], vec![5], vec![6]]);
        let names: Vec<String> = [0, 3, 5, 6].map(|item| path_name(&catalogue, item)).into();
        assert_eq!(names, ["Food > Tea", "Home > Tea", "Toys", "Loose"]);
    }
}
