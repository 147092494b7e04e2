//! The items a model knows: everything bought and everything the shop's item table names.

use sidecart_core::{ExternalIdRef, IdKind, IdTable, TextTable, Time};
use sidecart_data::{Error as DataError, ItemTable, Labels, Ledger, SizeUnit};

use crate::embeddings::{Attribute, ItemFeatures, standard_attributes};
use crate::error::Result;
use crate::segments::is_private_label;

/// The items of a model with what is known of them; the position is the
/// [`ItemId`](sidecart_core::ItemId).
#[derive(Clone, Debug, Default)]
pub struct Catalogue {
    /// Outside ids, sorted.
    pub ids: IdTable,
    /// For every item its row in the item table.
    pub rows: Vec<Option<usize>>,
    /// The shop's item table.
    pub table: ItemTable,
}

impl Catalogue {
    /// Unites the items of a ledger with the shop's item table.
    ///
    /// # Errors
    /// [`DataError::IdForms`] when one has text ids and the other numbers.
    pub fn new(ledger: &Ledger, table: ItemTable, paths: (&std::path::Path, &std::path::Path)) -> Result<Self> {
        let bought = ledger.items();
        if !table.ids.is_empty() && !bought.is_empty() && table.ids.kind() != bought.kind() {
            return Err(DataError::IdForms {
                what: "item_id",
                expected: format!("{}", bought.kind()),
                got: format!("{}", table.ids.kind()),
                first: paths.0.to_path_buf(),
                second: paths.1.to_path_buf(),
            }
            .into());
        }
        let both = || bought.iter().chain(table.ids.iter());
        // A table without ids has a form all the same, which says nothing.
        let kind = if bought.is_empty() { table.ids.kind() } else { bought.kind() };
        let ids = match kind {
            IdKind::Int => IdTable::from_ints(
                both().filter_map(|id| if let ExternalIdRef::Int(id) = id { Some(id) } else { None }).collect(),
            ),
            IdKind::Text => IdTable::from_texts(
                both().filter_map(|id| if let ExternalIdRef::Text(id) = id { Some(id) } else { None }),
            ),
        };
        let rows = ids.iter().map(|id| table.ids.find(id).map(|row| row as usize)).collect();
        Ok(Self { ids, rows, table })
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// Whether there is no item.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Readable names, empty where unknown; `None` when the shop gave none.
    #[must_use]
    pub fn names(&self) -> Option<TextTable> {
        let names = self.table.names.as_ref()?;
        Some(self.rows.iter().map(|row| row.and_then(|r| names[r].as_deref()).unwrap_or("")).collect())
    }

    /// When the shop first sold an item, by its item table.
    #[must_use]
    pub fn first_sold(&self, item: u32) -> Option<Time> {
        let column = self.table.first_sold.as_ref()?;
        column[self.rows[item as usize]?]
    }

    /// Whether every item is the shop's own brand, where known: by the column `private_label`, else
    /// by the column `brand`, where that says "private" or the like of some item.
    #[must_use]
    pub fn private_labels(&self) -> Vec<Option<bool>> {
        let says = |labels: &Labels| labels.values.iter().map(is_private_label).collect::<Vec<bool>>();
        let of_brand = || self.table.brand.as_ref().filter(|brand| says(brand).contains(&true));
        let Some(labels) = self.table.private_label.as_ref().or_else(of_brand) else { return vec![None; self.len()] };
        let means_private = says(labels);
        let of_row = |row: usize| Some(labels.codes[row]).filter(|&code| code != Labels::NONE);
        self.rows.iter().map(|row| Some(means_private[of_row((*row)?)? as usize])).collect()
    }

    /// The values of a label column for every item.
    #[must_use]
    pub fn attribute(&self, labels: &Labels) -> Attribute {
        let code = |row: usize| Some(labels.codes[row]).filter(|&c| c != Labels::NONE);
        Attribute::new(self.rows.iter().map(|row| row.and_then(code)))
    }

    /// What says which items are alike: every category level, brand, manufacturer, and brand,
    /// manufacturer and size band within the finest category.
    #[must_use]
    pub fn features(&self) -> ItemFeatures {
        let mut categories: Vec<Attribute> = Vec::new();
        for level in &self.table.categories {
            let level = self.attribute(level);
            // The same label can stand under several parents; the path down to it is the group.
            categories.push(categories.last().map_or_else(|| level.clone(), |parent| parent.cross(&level)));
        }
        let brands: Vec<Attribute> =
            [&self.table.brand, &self.table.manufacturer].into_iter().flatten().map(|l| self.attribute(l)).collect();
        let sizes: Vec<Attribute> = self.size_bands().into_iter().collect();
        ItemFeatures::new(self.len(), &standard_attributes(&categories, &brands, &sizes))
    }

    /// Sizes in bands of a factor 1.35, by unit.
    fn size_bands(&self) -> Option<Attribute> {
        let sizes = self.table.size_amount.as_ref()?;
        let band = |(amount, unit): (f64, SizeUnit)| {
            let mut step = 0u32;
            let mut edge = 1e-3;
            while edge < amount && step < 200 {
                edge *= 1.35;
                step += 1;
            }
            (unit, step)
        };
        Some(Attribute::new(self.rows.iter().map(|row| row.and_then(|r| sizes[r]).map(band))))
    }
}
