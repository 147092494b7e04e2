use sidecart_core::{IdTable, ItemId, TextTable, Time};

/// An item promoted for a time.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Promotion {
    /// What is promoted.
    pub item: ItemId,
    /// Position of start and end in [`Promotions::windows`].
    pub window: u32,
    /// From when on.
    pub starts_at: Time,
    /// Until when, exclusive.
    pub ends_at: Time,
    /// Where, as a position in [`Promotions::stores`]; everywhere when none.
    pub store: Option<u32>,
    /// How, as a position in [`Promotions::kinds`].
    pub kind: Option<u8>,
    /// Share of the price taken off, 0..=1.
    pub discount: Option<f32>,
}

/// The promotion calendar of a shop: no two rows of the same item, time, store and kind.
///
/// Rows stand by item, start, end, store (everywhere last) and kind (none last). A row takes nine
/// bytes, and four more where any row of the calendar has a discount, so that a year of every
/// item in every store fits.
///
/// ```
/// use sidecart_data::Promotions;
///
/// let calendar = Promotions::default();
/// assert_eq!((calendar.len(), calendar.iter().count()), (0, 0));
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct Promotions {
    /// Rows of each item: `offsets[item]..offsets[item + 1]`.
    pub(super) offsets: Vec<u32>,
    /// Position in `windows` of each row.
    pub(super) window_of: Vec<u32>,
    /// Position in `stores` of each row, or [`EVERYWHERE`].
    pub(super) store_of: Vec<u32>,
    /// Position in `kinds` of each row, or [`NO_KIND`].
    pub(super) kind_of: Vec<u8>,
    /// Discount of each row or [`NO_DISCOUNT`]; empty where no row has one.
    pub(super) discounts: Vec<f32>,
    /// Distinct starts and ends, rising.
    pub(super) windows: Vec<(Time, Time)>,
    pub(super) stores: IdTable,
    pub(super) kinds: TextTable,
}

/// The store of a row that holds everywhere.
pub(super) const EVERYWHERE: u32 = u32::MAX;
/// The kind of a row without one.
pub(super) const NO_KIND: u8 = u8::MAX;
/// The discount of a row without one.
pub(super) const NO_DISCOUNT: f32 = -1.0;
/// The most kinds a calendar can have.
pub(super) const MAX_KINDS: usize = NO_KIND as usize;

impl Default for Promotions {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            window_of: Vec::new(),
            store_of: Vec::new(),
            kind_of: Vec::new(),
            discounts: Vec::new(),
            windows: Vec::new(),
            stores: IdTable::default(),
            kinds: TextTable::default(),
        }
    }
}

impl Promotions {
    /// Number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.window_of.len()
    }

    /// Whether nothing is promoted.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.window_of.is_empty()
    }

    /// Outside ids of the stores that the files name, sorted; a store whose rows were all left out
    /// is among them.
    #[must_use]
    pub fn stores(&self) -> &IdTable {
        &self.stores
    }

    /// Names of the kinds in byte order, at most 255; a kind whose rows were all left out is among
    /// them.
    #[must_use]
    pub fn kinds(&self) -> &TextTable {
        &self.kinds
    }

    /// Distinct pairs of start and exclusive end, rising.
    #[must_use]
    pub fn windows(&self) -> &[(Time, Time)] {
        &self.windows
    }

    /// All rows in order.
    pub fn iter(&self) -> impl Iterator<Item = Promotion> + Clone + '_ {
        (0..self.offsets.len() as u32 - 1).flat_map(|item| self.of_item(ItemId(item)))
    }

    /// The rows of an item in order; none for an item beyond the catalogue.
    pub fn of_item(&self, item: ItemId) -> impl ExactSizeIterator<Item = Promotion> + Clone + '_ {
        let offset = |at: usize| self.offsets.get(at).map_or(self.len(), |&o| o as usize);
        (offset(item.index())..offset(item.index() + 1)).map(move |row| self.row(item, row))
    }

    #[inline]
    fn row(&self, item: ItemId, row: usize) -> Promotion {
        let (starts_at, ends_at) = self.windows[self.window_of[row] as usize];
        let (store, kind) = (self.store_of[row], self.kind_of[row]);
        Promotion {
            item,
            window: self.window_of[row],
            starts_at,
            ends_at,
            store: (store != EVERYWHERE).then_some(store),
            kind: (kind != NO_KIND).then_some(kind),
            discount: self.discounts.get(row).copied().filter(|&discount| discount != NO_DISCOUNT),
        }
    }
}
