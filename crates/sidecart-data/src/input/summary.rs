use std::collections::BTreeMap;
use std::fmt;

use serde::Serialize;

use crate::error::RowPosition;

/// A documented rule for rows that are odd but no error, or that were skipped on request.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Rule {
    /// `quantity` below zero: a return, left out. Its prices are not looked at.
    Return,
    /// `quantity` of zero (or less than half a thousandth of a piece), left out.
    ZeroQuantity,
    /// `quantity` is null: read as one piece. Where a table has no such column every row is one
    /// piece and nothing is counted.
    NullQuantity,
    /// No customer, because the id is null or the table has no such column: an anonymous basket.
    Anonymous,
    /// No shelf price, because prices are zero or null: the line counts, its price is unknown.
    /// Counted where the table has a price column at all.
    NoPrice,
    /// The same item twice in a basket: quantities and totals added up; where one total is
    /// unknown, so is the sum. A line holds at most 4,294,967 pieces.
    Duplicate,
    /// Rows of a basket with different times: the newest counts.
    BasketTimes,
    /// Rows of a basket with different stores: the one with the smallest id counts. Rows without a
    /// store take that of the others.
    BasketStores,
    /// A row that breaks a rule, skipped because `on_bad_row = "skip"`.
    BadRow,
    /// Baskets that belong to two customers, or to a customer and to nobody, skipped with all
    /// their rows because `on_bad_row = "skip"`.
    BasketOfTwo,
    /// A promotion of an item that nobody bought and no item table knows.
    UnknownItem,
    /// Promotions of the same item, time, store and kind: one of them counts, that with the
    /// greatest discount.
    RepeatedPromotion,
    /// A `size` text that is no size: the size is unknown.
    UnreadableSize,
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Return => "returns (negative quantity), left out",
            Self::ZeroQuantity => "rows with quantity 0, left out",
            Self::NullQuantity => "rows without a quantity, read as one piece",
            Self::Anonymous => "rows without a customer, kept as anonymous baskets",
            Self::NoPrice => "rows with a price of 0 or none, kept with an unknown price",
            Self::Duplicate => "rows that repeat an item of their basket, added up",
            Self::BasketTimes => "baskets whose rows differ in time, the newest counts",
            Self::BasketStores => "baskets whose rows differ in store, the smallest id counts",
            Self::BadRow => "rows that break a rule, skipped",
            Self::BasketOfTwo => "baskets given to two customers, skipped",
            Self::UnknownItem => "promotions of unknown items, left out",
            Self::RepeatedPromotion => "promotions that repeat another, the greatest discount counts",
            Self::UnreadableSize => "sizes that cannot be read, taken as unknown",
        })
    }
}

/// How often a rule was applied, and where first.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RuleCount {
    /// Number of rows (or baskets).
    pub count: u64,
    /// The first one in file order, with what was wrong.
    pub first: Option<(RowPosition, String)>,
}

/// What was read and which rules were applied.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct IngestSummary {
    /// Files read.
    pub n_files: usize,
    /// Rows read.
    pub n_rows: u64,
    /// Rules that were applied.
    pub rules: BTreeMap<Rule, RuleCount>,
}

impl IngestSummary {
    pub(crate) fn count(&mut self, rule: Rule, count: u64) {
        if count > 0 {
            self.rules.entry(rule).or_default().count += count;
        }
    }

    pub(crate) fn count_at(&mut self, rule: Rule, at: impl FnOnce() -> (RowPosition, String)) {
        let entry = self.rules.entry(rule).or_default();
        entry.count += 1;
        if entry.first.is_none() {
            entry.first = Some(at());
        }
    }

    /// Adds the counts of another part of the input.
    pub fn merge(&mut self, other: Self) {
        self.n_files += other.n_files;
        self.n_rows += other.n_rows;
        for (rule, theirs) in other.rules {
            let ours = self.rules.entry(rule).or_default();
            ours.count += theirs.count;
            ours.first = match (ours.first.take(), theirs.first) {
                (Some(a), Some(b)) => Some(if a.0 <= b.0 { a } else { b }),
                (a, b) => a.or(b),
            };
        }
    }

    /// How often a rule was applied.
    #[must_use]
    pub fn n(&self, rule: Rule) -> u64 {
        self.rules.get(&rule).map_or(0, |r| r.count)
    }
}

impl fmt::Display for IngestSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} rows from {} file{}", self.n_rows, self.n_files, if self.n_files == 1 { "" } else { "s" })?;
        for (rule, applied) in &self.rules {
            write!(f, "\n  {:>10}  {rule}", applied.count)?;
            if let Some((position, problem)) = &applied.first {
                write!(f, " (first: {position}: {problem})")?;
            }
        }
        Ok(())
    }
}
