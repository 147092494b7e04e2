//! Names of ladders that people read.

use std::collections::{BTreeMap, BTreeSet};

use sidecart_data::{SizeUnit, WrittenSize};

use super::size_bands::measure;
use crate::catalogue::Catalogue;

/// The sizes of items from the smallest to the largest in the unit most of them are written in,
/// such as `11-13 oz`; `None` where no size is known.
pub(super) fn size_range(items: impl Iterator<Item = u32>, catalogue: &Catalogue) -> Option<String> {
    let table = &catalogue.table;
    let amounts = table.size_amount.as_ref()?;
    let (mut smallest, mut largest) = (f64::INFINITY, 0.0f64);
    // How many items use a unit, and how many of the measure's own unit one of it is.
    let mut units: BTreeMap<&str, (u32, f64)> = BTreeMap::new();
    for row in items.filter_map(|item| catalogue.rows[item as usize]) {
        let Some((amount, unit)) = amounts[row] else { continue };
        let size = amount * measure(unit).1;
        (smallest, largest) = (smallest.min(size), largest.max(size));
        let written = table.size.as_ref().and_then(|size| size.get(row)).and_then(WrittenSize::parse);
        let (name, scale) =
            written.map_or((base_name(unit), measure(unit).1), |w| (w.unit, w.scale * measure(w.base).1));
        units.entry(name).or_insert((0, scale)).0 += 1;
    }
    // Of equally common units the first by name.
    let (unit, &(_, scale)) = units.iter().rev().max_by_key(|(_, (n, _))| *n)?;
    let (from, to) = (short(smallest / scale), short(largest / scale));
    Some(if from == to { format!("{from} {unit}") } else { format!("{from}-{to} {unit}") })
}

fn base_name(unit: SizeUnit) -> &'static str {
    match unit {
        SizeUnit::Gram => "g",
        SizeUnit::Millilitre => "ml",
        SizeUnit::Piece => "ct",
        SizeUnit::Metre => "m",
        SizeUnit::SquareMetre => "sq m",
    }
}

/// Three or more significant digits without trailing zeros.
fn short(value: f64) -> String {
    let decimals = match value {
        v if v < 0.995 => 3,
        v if v < 9.995 => 2,
        v if v < 99.95 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// Makes every name unique: the second of a name becomes `name (2)`.
pub(super) fn make_unique<'a>(names: impl Iterator<Item = &'a mut String>) {
    let mut used: BTreeSet<String> = BTreeSet::new();
    for name in names {
        if !used.insert(name.clone()) {
            let free = (2u32..).map(|n| format!("{name} ({n})")).find(|name| !used.contains(name));
            *name = free.expect("there are fewer ladders than numbers");
            used.insert(name.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use sidecart_core::IdTable;
    use sidecart_data::{ItemTable, Labels, parse_size};

    use super::*;

    fn range(sizes: &[&str]) -> Option<String> {
        let texts: Vec<Option<String>> = sizes.iter().map(|&s| Some(s.to_owned())).collect();
        let ids = IdTable::from_ints((0..sizes.len() as i64).collect());
        let table = ItemTable {
            ids: ids.clone(),
            size: Some(Labels::from_texts("size", &texts)),
            size_amount: Some(sizes.iter().map(|size| parse_size(size)).collect()),
            ..ItemTable::default()
        };
        let catalogue = Catalogue { ids, rows: (0..sizes.len()).map(Some).collect(), table };
        size_range(0..sizes.len() as u32, &catalogue)
    }

    #[test]
    fn ranges_are_in_the_unit_of_most() {
        for (sizes, expected) in [
            (&["11 OZ", "13 OZ", "12.5 OZ"][..], "11-13 oz"),
            (&["16 OZ", "1 PT", "16 FL OZ", "18.75 OZ"], "16-18.8 oz"),
            (&["500 ml", "0.5 L", "500 ML"], "500 ml"),
            (&["6 CT", "8 ct"], "6-8 ct"),
            (&["2/12 OZ"], "24 oz"),
        ] {
            assert_eq!(range(sizes).as_deref(), Some(expected));
        }
        assert_eq!(range(&["large"]), None);
        assert_eq!([0.005, 0.25, 1.0, 1.505, 12.25, 1000.0].map(short), ["0.005", "0.25", "1", "1.5", "12.2", "1000"]);
    }

    #[test]
    fn names_become_unique() {
        let mut names = ["a", "a (2)", "a", "a", "b"].map(String::from);
        make_unique(names.iter_mut());
        assert_eq!(names, ["a", "a (2)", "a (3)", "a (4)", "b"]);
    }
}
