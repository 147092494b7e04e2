use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::ops::{Range, RangeInclusive};

use sidecart_core::{ItemId, TextTable, Time, mix64};

use super::super::{MAX_PROMOTION_KINDS, MAX_TIERS};
use super::plan::{PlanArrays, group_key, range_of};
use super::{PromotionKinds, PromotionPlan};
use crate::error::{Error, Result};

/// A row of a calendar.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PlannedPromotion {
    /// What is promoted.
    pub item: ItemId,
    /// From when on.
    pub starts_at: Time,
    /// Until when, exclusive; a row that ends before it starts counts for no period.
    pub ends_at: Time,
    /// Where, in the numbers that the plan is asked in; everywhere when none.
    pub store: Option<u32>,
    /// How, as a position in [`Calendar::kinds`].
    pub kind: Option<u8>,
}

/// What a plan is built from.
#[derive(Clone, Debug)]
pub struct Calendar<'a, Rows, Place, PeriodOf> {
    /// The promotions ([`PlannedPromotion`]), in any order; by item is fastest. Walked twice.
    pub rows: Rows,
    /// Names of their kinds.
    pub kinds: &'a TextTable,
    /// Ladder and level of an item, none where it is on no ladder; ladders count from 0.
    pub place: Place,
    /// The period of a time; must not fall while times rise.
    pub period_of: PeriodOf,
    /// The periods to plan. A promotion without an end would otherwise fill centuries.
    pub periods: RangeInclusive<i32>,
}

/// A fixed, fast hash for groups; they are numbers of the shop, not of an attacker.
#[derive(Default)]
struct GroupHasher(u64);

impl Hasher for GroupHasher {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(u64::from(byte));
        }
    }
    fn write_u64(&mut self, value: u64) {
        self.0 = mix64(self.0 ^ value);
    }
}

type GroupMap = HashMap<u64, u32, BuildHasherDefault<GroupHasher>>;

impl<Rows, Place, PeriodOf> Calendar<'_, Rows, Place, PeriodOf>
where
    Rows: Iterator<Item = PlannedPromotion> + Clone,
    Place: Fn(ItemId) -> Option<(u32, u8)>,
    PeriodOf: Fn(Time) -> i32,
{
    /// Calls `visit` with every row and the planned periods that it is active in.
    fn for_each(&self, mut visit: impl FnMut(PlannedPromotion, Range<i32>) -> Result<()>) -> Result<()> {
        let (first_planned, last_planned) = (*self.periods.start(), *self.periods.end());
        // Many rows share their times.
        let mut known = (Time(0), Time(0), 0..0);
        for row in self.rows.clone() {
            if (known.0, known.1) != (row.starts_at, row.ends_at) {
                let mut periods = 0..0;
                if row.starts_at < row.ends_at {
                    // The end is exclusive: the last moment is one microsecond before it.
                    let first = (self.period_of)(row.starts_at).max(first_planned);
                    let last = (self.period_of)(Time(row.ends_at.0 - 1)).min(last_planned);
                    if first <= last {
                        periods = first..last.saturating_add(1);
                    }
                }
                known = (row.starts_at, row.ends_at, periods);
            }
            if !known.2.is_empty() {
                visit(row, known.2.clone())?;
            }
        }
        Ok(())
    }

    /// Slot of a row's kind as a bit, zero where the model does not know the kind.
    fn bits(&self, kinds: &PromotionKinds) -> impl Fn(Option<u8>) -> u8 + use<Rows, Place, PeriodOf> {
        let bit = |name: &str| kinds.slot(name).map_or(0, |slot| 1u8 << slot);
        let of_kind: Vec<u8> = self.kinds.iter().map(bit).collect();
        let unnamed = bit("");
        move |kind| kind.and_then(|kind| of_kind.get(usize::from(kind)).copied()).unwrap_or(unnamed)
    }
}

/// Groups while rows are counted.
#[derive(Default)]
struct Groups {
    numbers: GroupMap,
    keys: Vec<u64>,
    n_items: Vec<u32>,
}

impl Groups {
    fn count(&mut self, key: u64, n: u32) {
        let number = *self.numbers.entry(key).or_insert_with(|| {
            self.keys.push(key);
            self.n_items.push(0);
            self.keys.len() as u32 - 1
        });
        self.n_items[number as usize] += n;
    }

    /// The sorted keys, the first place of each group, and a map from key to that order.
    fn sorted(self) -> (Vec<u64>, Vec<u32>, GroupMap) {
        let mut order: Vec<(u64, u32)> = self.keys.into_iter().zip(self.n_items).collect();
        order.sort_unstable();
        let mut numbers = self.numbers;
        let mut offsets = vec![0u32];
        for (rank, &(key, n_items)) in order.iter().enumerate() {
            numbers.insert(key, rank as u32);
            offsets.push(offsets[rank] + n_items);
        }
        (order.into_iter().map(|(key, _)| key).collect(), offsets, numbers)
    }
}

impl PromotionPlan {
    /// Plans a calendar: counts the promoted items of each store and period, puts them in their
    /// place, then sums the tiers of their ladders up. The rows of kinds without a slot only show
    /// that a plan is [known](Self::covers).
    ///
    /// O(rows x periods of a row); beside the rows about five bytes for each row and period of an
    /// item on a ladder. Equal rows give equal plans in any order.
    ///
    /// # Errors
    /// [`Error::Query`] where an item lies above level 15 of its ladder, or where rows of items on
    /// ladders are active in more than 4,294,967,295 periods in all.
    pub fn build<Rows, Place, PeriodOf>(
        kinds: PromotionKinds,
        calendar: &Calendar<'_, Rows, Place, PeriodOf>,
    ) -> Result<Self>
    where
        Rows: Iterator<Item = PlannedPromotion> + Clone,
        Place: Fn(ItemId) -> Option<(u32, u8)>,
        PeriodOf: Fn(Time) -> i32,
    {
        let bits = calendar.bits(&kinds);
        let mut groups = Groups::default();
        let mut n_places = 0u64;
        let mut n_ladders = 0usize;
        calendar.for_each(|row, periods| {
            let place = (calendar.place)(row.item);
            if let Some((ladder, level)) = place {
                if usize::from(level) >= MAX_TIERS {
                    return Err(out_of_range("tier", level, format!("a level below {MAX_TIERS}")));
                }
                n_ladders = n_ladders.max(ladder as usize + 1);
            }
            let n = u32::from(place.is_some() && bits(row.kind) != 0);
            n_places += u64::from(n) * periods.len() as u64;
            if n_places > u64::from(u32::MAX) {
                let expected = "at most 4294967295 periods of all rows; shorten the promotions or lengthen the period";
                return Err(out_of_range("promotions", n_places, expected.into()));
            }
            periods.for_each(|period| groups.count(group_key(row.store, period), n));
            Ok(())
        })?;
        let (groups, starts, numbers) = groups.sorted();
        let mut items = vec![0u32; n_places as usize];
        let mut kinds_of_items = vec![0u8; n_places as usize];
        let mut next = starts.clone();
        calendar.for_each(|row, periods| {
            let bit = bits(row.kind);
            if bit != 0 && (calendar.place)(row.item).is_some() {
                for period in periods {
                    let group = numbers[&group_key(row.store, period)] as usize;
                    items[next[group] as usize] = row.item.0;
                    kinds_of_items[next[group] as usize] = bit;
                    next[group] += 1;
                }
            }
            Ok(())
        })?;

        let mut arrays = PlanArrays { groups, items, kinds_of_items, ..PlanArrays::default() };
        let mut tiers = LadderTiers { masks: vec![[0; MAX_PROMOTION_KINDS]; n_ladders], touched: Vec::new() };
        let n_slots = kinds.n_slots();
        let mut n_kept = 0;
        for group in 0..arrays.groups.len() {
            let range = range_of(&starts, group);
            sort_by_item(&mut arrays.items[range.clone()], &mut arrays.kinds_of_items[range.clone()]);
            let mut at = range.start;
            while at < range.end {
                let (item, mut kinds) = (arrays.items[at], arrays.kinds_of_items[at]);
                at += 1;
                while at < range.end && arrays.items[at] == item {
                    kinds |= arrays.kinds_of_items[at];
                    at += 1;
                }
                // Items move towards the front, over those that have been taken up already.
                (arrays.items[n_kept], arrays.kinds_of_items[n_kept]) = (item, kinds);
                n_kept += 1;
                if let Some(place) = (calendar.place)(ItemId(item)) {
                    tiers.add(place, kinds);
                }
            }
            tiers.flush(n_slots, &mut arrays);
            arrays.item_offsets.push(n_kept as u32);
            arrays.ladder_offsets.push(arrays.ladders.len() as u32);
        }
        arrays.items.truncate(n_kept);
        arrays.kinds_of_items.truncate(n_kept);
        arrays.items.shrink_to_fit();
        arrays.kinds_of_items.shrink_to_fit();
        Ok(Self::new(kinds, arrays))
    }
}

/// Promoted tiers of the ladders of one group.
struct LadderTiers {
    /// By ladder and slot; zero outside `touched`.
    masks: Vec<[u16; MAX_PROMOTION_KINDS]>,
    touched: Vec<u32>,
}

impl LadderTiers {
    fn add(&mut self, (ladder, level): (u32, u8), kinds: u8) {
        let masks = &mut self.masks[ladder as usize];
        if masks.iter().all(|&mask| mask == 0) {
            self.touched.push(ladder);
        }
        for (slot, mask) in masks.iter_mut().enumerate() {
            *mask |= u16::from(kinds >> slot & 1) << level;
        }
    }

    fn flush(&mut self, n_slots: usize, arrays: &mut PlanArrays) {
        self.touched.sort_unstable();
        for &ladder in &self.touched {
            let masks = std::mem::take(&mut self.masks[ladder as usize]);
            arrays.ladders.push(ladder);
            arrays.masks.extend_from_slice(&masks[..n_slots]);
        }
        self.touched.clear();
    }
}

/// Sorts items together with their kinds; those of a calendar by item are sorted already.
fn sort_by_item(items: &mut [u32], kinds: &mut [u8]) {
    if items.is_sorted() {
        return;
    }
    let mut pairs: Vec<(u32, u8)> = items.iter().copied().zip(kinds.iter().copied()).collect();
    pairs.sort_unstable();
    for (at, (item, bits)) in pairs.into_iter().enumerate() {
        (items[at], kinds[at]) = (item, bits);
    }
}

#[expect(clippy::needless_pass_by_value, reason = "callers pass numbers and fresh texts")]
fn out_of_range(field: &'static str, got: impl ToString, expected: String) -> Error {
    Error::Query { field, got: got.to_string(), expected }
}
