use sidecart_core::{ItemId, Money};

/// "No such row", "no ladder".
pub const NONE: u32 = u32::MAX;
/// Most tiers of one ladder.
pub const MAX_TIERS: usize = 16;

/// What is known of an item that stands on a ladder.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LadderItem {
    /// The item.
    pub item: ItemId,
    /// Its ladder.
    pub ladder: u32,
    /// Its tier in the ladder, 0 = cheapest.
    pub level: u32,
    /// Shelf price of a piece; 0 where unknown.
    pub price: Money,
    /// Margin of a piece, where known.
    pub margin: Option<Money>,
    /// A number for the manufacturer (or brand); `u32::MAX` where unknown.
    pub maker: u32,
    /// Whether it is the shop's own brand.
    pub private_label: bool,
    /// Natural logarithm of its size; `None` where unknown.
    pub log_size: Option<f32>,
    /// Whether it can be offered at all: not known to be out of stock.
    pub in_stock: bool,
}

/// A ladder as the scorer knows it.
#[derive(Clone, PartialEq, Debug)]
pub struct LadderInfo {
    /// A readable name.
    pub name: String,
    /// Whether the shop gave it; then its tiers are in order whatever the prices.
    pub given: bool,
    /// The label of its probabilities.
    pub label: super::Label,
    /// False for a flagged ladder: its tiers are bought side by side, so nothing of it is offered.
    pub used: bool,
    /// Whether a basket with one of its items has no need of another; false where several are often
    /// bought at once, such as flavours.
    pub one_is_enough: bool,
    /// Times as many baskets with two tiers as chance explains; `None` where too few to say.
    pub side_by_side: Option<f32>,
    /// Natural logarithms of the tiers' centre prices, rising; 0 where prices are unknown.
    pub log_centres: Vec<f32>,
}

/// Items in price tiers. A row is an item on a ladder; rows are ordered by ladder, tier, item, so
/// that a ladder and a tier are ranges of rows. A tier is numbered through all ladders.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct LadderTable {
    rows: Vec<LadderItem>,
    item_rows: Vec<u32>,
    row_tiers: Vec<u32>,
    tier_rows: Vec<u32>,
    ladder_tiers: Vec<u32>,
    private_shares: Vec<f32>,
    ladders: Vec<LadderInfo>,
}

impl LadderTable {
    /// Builds the table for a catalogue of `n_items`. Rows must be ordered by ladder, level and
    /// item, every ladder must have as many levels as `log_centres`, 2 to [`MAX_TIERS`], every level
    /// an item.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub fn new(n_items: usize, rows: Vec<LadderItem>, ladders: Vec<LadderInfo>) -> Result<Self, String> {
        if let Some(pair) =
            rows.windows(2).find(|w| (w[0].ladder, w[0].level, w[0].item) >= (w[1].ladder, w[1].level, w[1].item))
        {
            return Err(format!("rows of ladders {} and {} are out of order", pair[0].ladder, pair[1].ladder));
        }
        let mut table = Self { item_rows: vec![NONE; n_items], ladder_tiers: vec![0], ..Self::default() };
        let mut at = 0;
        for (ladder, info) in (0u32..).zip(&ladders) {
            let n_tiers = info.log_centres.len();
            if !(2..=MAX_TIERS).contains(&n_tiers) {
                return Err(format!("ladder {ladder} has {n_tiers} tiers, expected 2 to {MAX_TIERS}"));
            }
            if info.log_centres.iter().any(|c| !c.is_finite()) {
                return Err(format!("a tier of ladder {ladder} has a price that is not finite"));
            }
            for level in 0..n_tiers as u32 {
                table.tier_rows.push(at as u32);
                let tier = table.tier_rows.len() as u32 - 1;
                let begin = at;
                while let Some(row) = rows.get(at).filter(|r| r.ladder == ladder && r.level == level) {
                    let Some(place) = table.item_rows.get_mut(row.item.index()) else {
                        return Err(format!("item {} of {n_items} stands on ladder {ladder}", row.item.0));
                    };
                    if *place != NONE {
                        return Err(format!("item {} stands on two ladders", row.item.0));
                    }
                    if row.price < Money(0) || row.log_size.is_some_and(|s| !s.is_finite()) {
                        return Err(format!("item {} has an impossible price or size", row.item.0));
                    }
                    *place = at as u32;
                    table.row_tiers.push(tier);
                    at += 1;
                }
                if at == begin {
                    return Err(format!("tier {level} of ladder {ladder} has no item"));
                }
                let private = rows[begin..at].iter().filter(|r| r.private_label).count();
                table.private_shares.push(private as f32 / (at - begin) as f32);
            }
            table.ladder_tiers.push(table.tier_rows.len() as u32);
        }
        if let Some(row) = rows.get(at) {
            return Err(format!(
                "item {} stands on tier {} of ladder {}, which is not there",
                row.item.0, row.level, row.ladder
            ));
        }
        table.tier_rows.push(at as u32);
        Ok(Self { rows, ladders, ..table })
    }

    /// Gives every ladder its label.
    pub fn set_labels(&mut self, labels: &[super::Label]) {
        for (ladder, &label) in self.ladders.iter_mut().zip(labels) {
            ladder.label = label;
        }
    }

    /// Number of ladders.
    #[must_use]
    pub fn n_ladders(&self) -> usize {
        self.ladders.len()
    }

    /// Number of tiers of all ladders.
    #[must_use]
    pub fn n_tiers(&self) -> usize {
        self.tier_rows.len().saturating_sub(1)
    }

    /// Number of items on ladders.
    #[must_use]
    pub fn n_rows(&self) -> usize {
        self.rows.len()
    }

    /// All rows.
    #[must_use]
    pub fn rows(&self) -> &[LadderItem] {
        &self.rows
    }

    /// A row.
    #[inline]
    #[must_use]
    pub fn row(&self, row: u32) -> &LadderItem {
        &self.rows[row as usize]
    }

    /// The row of an item; `None` where it stands on no ladder.
    #[inline]
    #[must_use]
    pub fn row_of(&self, item: ItemId) -> Option<u32> {
        self.item_rows.get(item.index()).copied().filter(|&row| row != NONE)
    }

    /// A ladder.
    #[must_use]
    pub fn ladder(&self, ladder: u32) -> &LadderInfo {
        &self.ladders[ladder as usize]
    }

    /// All ladders.
    #[must_use]
    pub fn ladders(&self) -> &[LadderInfo] {
        &self.ladders
    }

    /// The tier of a row.
    #[inline]
    #[must_use]
    pub fn tier_of(&self, row: u32) -> u32 {
        self.row_tiers[row as usize]
    }

    /// The tiers of a ladder, cheapest first.
    #[inline]
    #[must_use]
    pub fn tiers_of(&self, ladder: u32) -> std::ops::Range<u32> {
        self.ladder_tiers[ladder as usize]..self.ladder_tiers[ladder as usize + 1]
    }

    /// Share of a tier's items that are the shop's own brand, 0..=1.
    #[inline]
    #[must_use]
    pub fn private_share(&self, tier: u32) -> f32 {
        self.private_shares[tier as usize]
    }

    /// The rows of a tier.
    #[inline]
    #[must_use]
    pub fn rows_of_tier(&self, tier: u32) -> std::ops::Range<u32> {
        self.tier_rows[tier as usize]..self.tier_rows[tier as usize + 1]
    }

    /// The rows of a ladder.
    #[inline]
    #[must_use]
    pub fn rows_of(&self, ladder: u32) -> std::ops::Range<u32> {
        let tiers = self.tiers_of(ladder);
        self.tier_rows[tiers.start as usize]..self.tier_rows[tiers.end as usize]
    }

    /// Whether a row is an upgrade of another one: same ladder, higher tier, and dearer by the
    /// ratio, where both prices are known. On a ladder that the shop gave any dearer item of a
    /// higher tier will do.
    #[must_use]
    pub fn is_upgrade(&self, from: u32, to: u32, min_price_ratio: f64) -> bool {
        let (a, b) = (self.row(from), self.row(to));
        if a.ladder != b.ladder || b.level <= a.level {
            return false;
        }
        if a.price == Money(0) || b.price == Money(0) {
            return self.ladder(a.ladder).given;
        }
        let ratio = if self.ladder(a.ladder).given { 1.0 } else { min_price_ratio };
        b.price > a.price && b.price.0 as f64 >= ratio * a.price.0 as f64
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::upsell::Label;

    /// Ladders of the given level sizes over items 0, 1, 2, ..; every level is 1.5 times dearer.
    pub(crate) fn table(sizes: &[&[usize]]) -> LadderTable {
        let (mut rows, mut infos) = (Vec::new(), Vec::new());
        for (ladder, levels) in (0u32..).zip(sizes) {
            let mut cents = 200.0;
            let mut log_centres = Vec::new();
            for (level, &n) in (0u32..).zip(*levels) {
                log_centres.push(f32::ln(cents as f32 / 100.0));
                for _ in 0..n {
                    rows.push(LadderItem {
                        item: ItemId(rows.len() as u32),
                        ladder,
                        level,
                        price: Money((cents * 100.0) as i64),
                        margin: None,
                        maker: level % 2,
                        private_label: level == 0,
                        log_size: None,
                        in_stock: true,
                    });
                }
                cents *= 1.5;
            }
            infos.push(LadderInfo {
                name: format!("ladder {ladder}"),
                given: false,
                label: Label::Repeat,
                used: true,
                one_is_enough: true,
                side_by_side: None,
                log_centres,
            });
        }
        LadderTable::new(rows.len() + 1, rows, infos).unwrap()
    }

    #[test]
    fn ranges_fit_together() {
        let table = table(&[&[2, 1, 1], &[1, 3]]);
        assert_eq!((table.n_ladders(), table.n_tiers(), table.n_rows()), (2, 5, 8));
        assert_eq!((table.tiers_of(1), table.rows_of(1), table.rows_of_tier(4)), (3..5, 4..8, 5..8));
        assert_eq!(table.row_of(ItemId(8)), None);
        assert!(table.is_upgrade(0, 3, 1.1) && !table.is_upgrade(3, 0, 1.1) && !table.is_upgrade(0, 1, 1.1));
        assert!(!table.is_upgrade(0, 2, 1.6), "not dear enough");
        assert!(!table.is_upgrade(0, 7, 1.1), "another ladder");
    }

    #[test]
    fn broken_tables_are_refused() {
        let good = table(&[&[1, 1]]);
        let with = |change: &dyn Fn(&mut Vec<LadderItem>, &mut Vec<LadderInfo>)| {
            let (mut rows, mut infos) = (good.rows.clone(), good.ladders.clone());
            change(&mut rows, &mut infos);
            LadderTable::new(3, rows, infos)
        };
        assert!(with(&|_, _| {}).is_ok());
        assert!(with(&|rows, _| rows.swap(0, 1)).is_err());
        assert!(with(&|rows, _| rows[1].level = 2).is_err());
        assert!(with(&|rows, _| rows[1].item = ItemId(3)).is_err());
        assert!(with(&|rows, _| rows[1].item = rows[0].item).is_err());
        assert!(with(&|rows, _| rows[1].ladder = 1).is_err());
        assert!(with(&|rows, _| rows[1].price = Money(-1)).is_err());
        assert!(with(&|_, infos| infos[0].log_centres.truncate(1)).is_err());
        assert!(with(&|_, infos| infos[0].log_centres[0] = f32::NAN).is_err());
    }
}
