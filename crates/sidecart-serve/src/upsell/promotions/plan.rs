use std::ops::Range;

use sidecart_core::ItemId;

use super::super::{MAX_PROMOTION_KINDS, MAX_TIERS};
use super::PromotionKinds;
use super::index::HashIndex;
use crate::error::{Error, Result};

/// The store of promotions that hold in all stores; sorts behind every store.
const EVERYWHERE: u32 = u32::MAX;

/// Store and period as one number that sorts by store, then period.
#[inline]
pub(super) fn group_key(store: Option<u32>, period: i32) -> u64 {
    u64::from(store.unwrap_or(EVERYWHERE)) << 32 | u64::from(period as u32 ^ 1 << 31)
}

/// The tables of a plan, as they are stored.
///
/// A group is a store in a period. Its ladders are `ladders[ladder_offsets[g]..ladder_offsets[g +
/// 1]]`, its items `items[item_offsets[g]..item_offsets[g + 1]]`; both rise.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlanArrays {
    /// Groups with any promotion, rising: store in the high half (all ones where it holds
    /// everywhere), period with its sign bit flipped in the low half. `[n_groups]`
    pub groups: Vec<u64>,
    /// First ladder of each group. `[n_groups + 1]`
    pub ladder_offsets: Vec<u32>,
    /// Ladders with a promoted item. `[n_entries]`
    pub ladders: Vec<u32>,
    /// For each entry and slot of a kind the promoted tiers, bit = level. `[n_entries, n_slots]`
    pub masks: Vec<u16>,
    /// First item of each group. `[n_groups + 1]`
    pub item_offsets: Vec<u32>,
    /// Promoted items that are on a ladder. `[n_promoted]`
    pub items: Vec<u32>,
    /// The kinds each of them is promoted by, bit = slot. `[n_promoted]`
    pub kinds_of_items: Vec<u8>,
}

impl Default for PlanArrays {
    fn default() -> Self {
        Self {
            groups: Vec::new(),
            ladder_offsets: vec![0],
            ladders: Vec::new(),
            masks: Vec::new(),
            item_offsets: vec![0],
            items: Vec::new(),
            kinds_of_items: Vec::new(),
        }
    }
}

/// Which tiers and items are on promotion in a store during a period.
///
/// A promotion counts for a period when it is active in any part of it. It is active from
/// `starts_at`, included, to `ends_at`, excluded, so one that ends exactly when a period begins
/// does not count for that period, and one that begins in a period's last microsecond does. This
/// is the plan for the whole period, known before it begins where the calendar is: a promotion
/// of Saturday also counts for the Monday before it.
///
/// Promotions without a store hold in all stores. Without a store only those are seen, because
/// which store the customer is in is unknown.
///
/// Groups and ladders are found by hashing, items by binary search within a group. Whoever asks
/// for several ladders or items of one store and period takes [`at`](Self::at) once.
///
/// ```
/// use sidecart_core::{ItemId, MICROS_PER_DAY, TextTable, Time};
/// use sidecart_serve::upsell::{Calendar, PlannedPromotion, PromotionKinds, PromotionPlan};
///
/// let kinds: TextTable = ["display", "mailer"].iter().collect();
/// let day = |n: i64| Time(n * MICROS_PER_DAY);
/// let mailer = PlannedPromotion { item: ItemId(7), starts_at: day(5), ends_at: day(6), store: None, kind: Some(1) };
/// let rows = [mailer];
/// let calendar = Calendar {
///     rows: rows.iter().copied(),
///     kinds: &kinds,
///     place: |item: ItemId| (item == ItemId(7)).then_some((0, 2)), // level 2 of ladder 0
///     period_of: |time: Time| (time.0 / (7 * MICROS_PER_DAY)) as i32,
///     periods: 0..=51,
/// };
/// let ranked = PromotionKinds::by_rows(&kinds, rows.iter().map(|row| row.kind));
/// let plan = PromotionPlan::build(ranked, &calendar)?;
/// assert_eq!(plan.masks(Some(3), 0, 0), [0b100, 0, 0, 0]); // the only kind there is has slot 0
/// assert!(plan.covers(None, 0) && !plan.covers(None, 1));
/// # Ok::<(), sidecart_serve::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PromotionPlan {
    kinds: PromotionKinds,
    arrays: PlanArrays,
    /// Position of each group.
    groups: HashIndex,
    /// Position of each ladder of a group.
    entries: HashIndex,
    /// Whether any promotion holds in all stores.
    has_everywhere: bool,
}

impl Default for PromotionPlan {
    /// A plan in which nothing is known.
    fn default() -> Self {
        Self::new(PromotionKinds::default(), PlanArrays::default())
    }
}

/// The plan for one store and period.
#[derive(Clone, Copy, Debug)]
pub struct Planned<'a> {
    plan: &'a PromotionPlan,
    /// The group of the store and that of all stores.
    groups: [Option<usize>; 2],
}

/// Group and ladder as one number.
#[inline]
fn entry_key(group: usize, ladder: u32) -> u64 {
    (group as u64) << 32 | u64::from(ladder)
}

impl PromotionPlan {
    /// Indexes tables that keep what [`PlanArrays`] says.
    pub(super) fn new(kinds: PromotionKinds, arrays: PlanArrays) -> Self {
        let mut group = 0;
        let keys: Vec<u64> = arrays
            .ladders
            .iter()
            .enumerate()
            .map(|(entry, &ladder)| {
                while arrays.ladder_offsets[group + 1] as usize <= entry {
                    group += 1;
                }
                entry_key(group, ladder)
            })
            .collect();
        Self {
            groups: HashIndex::new(arrays.groups.iter().copied()),
            entries: HashIndex::new(keys.into_iter()),
            has_everywhere: arrays.groups.last().is_some_and(|&key| (key >> 32) as u32 == EVERYWHERE),
            kinds,
            arrays,
        }
    }

    /// The kinds and their slots.
    #[must_use]
    pub fn kinds(&self) -> &PromotionKinds {
        &self.kinds
    }

    /// The tables, to be stored.
    #[must_use]
    pub fn arrays(&self) -> &PlanArrays {
        &self.arrays
    }

    /// The plan for a store and period. O(1)
    #[inline]
    #[must_use]
    pub fn at(&self, store: Option<u32>, period: i32) -> Planned<'_> {
        let group = |store| {
            let key = group_key(store, period);
            self.groups.find(key, |group| self.arrays.groups[group] == key)
        };
        // A store with the number that stands for all stores would see them twice.
        let own = store.filter(|&store| store != EVERYWHERE).and_then(|store| group(Some(store)));
        let everywhere = if self.has_everywhere { group(None) } else { None };
        Planned { plan: self, groups: [own, everywhere] }
    }

    /// The tiers of a ladder with an item on promotion, by slot of the kind, bit = level; see
    /// [`Planned::masks`]. Nothing is promoted where the plan does not [cover](Self::covers) the
    /// period.
    #[inline]
    #[must_use]
    pub fn masks(&self, store: Option<u32>, period: i32, ladder: u32) -> [u16; MAX_PROMOTION_KINDS] {
        self.at(store, period).masks(ladder)
    }

    /// Whether a plan is known: whether any item, on a ladder or not, is on promotion in the store
    /// during the period, by a promotion of that store or of all stores. Without a store only
    /// those of all stores count.
    ///
    /// Where this is false nobody has said what is on promotion: that is unknown, not nothing.
    #[inline]
    #[must_use]
    pub fn covers(&self, store: Option<u32>, period: i32) -> bool {
        self.at(store, period).is_known()
    }

    /// Takes stored tables. `n_items` is the size of the catalogue; `n_tiers` the number of tiers
    /// of each ladder. O(tables)
    ///
    /// # Errors
    /// [`Error::Model`] where lengths disagree, keys do not rise, or a ladder, tier, item or kind
    /// is out of range.
    pub fn from_parts(kinds: PromotionKinds, arrays: PlanArrays, n_items: usize, n_tiers: &[u8]) -> Result<Self> {
        let n_slots = kinds.n_slots();
        let n_groups = arrays.groups.len();
        check_rising("upsell.promotion_groups", &arrays.groups)?;
        check_len("upsell.promotion_masks", arrays.masks.len(), arrays.ladders.len() * n_slots)?;
        check_len("upsell.promotion_item_kinds", arrays.kinds_of_items.len(), arrays.items.len())?;
        check_lists(
            ("upsell.promotion_ladder_offsets", &arrays.ladder_offsets, n_groups),
            ("upsell.promotion_ladders", &arrays.ladders, n_tiers.len()),
        )?;
        check_lists(
            ("upsell.promotion_item_offsets", &arrays.item_offsets, n_groups),
            ("upsell.promotion_items", &arrays.items, n_items),
        )?;
        for (masks, &ladder) in arrays.masks.chunks_exact(n_slots.max(1)).zip(&arrays.ladders) {
            let tiers = u32::from(n_tiers[ladder as usize]).min(MAX_TIERS as u32);
            let all = masks.iter().fold(0, |all, mask| all | mask);
            if u32::from(all) >> tiers != 0 {
                let expected = format!("tiers below {tiers} of ladder {ladder}");
                return Err(damaged("upsell.promotion_masks", "a tier is out of range", expected, format!("{all:#b}")));
            }
        }
        if let Some(&kinds) = arrays.kinds_of_items.iter().find(|&&kinds| kinds == 0 || kinds >> n_slots != 0) {
            let expected = format!("some of {n_slots} kinds");
            return Err(damaged(
                "upsell.promotion_item_kinds",
                "a kind is out of range",
                expected,
                format!("{kinds:#b}"),
            ));
        }
        Ok(Self::new(kinds, arrays))
    }
}

impl Planned<'_> {
    /// Whether any item is on promotion; see [`PromotionPlan::covers`].
    #[inline]
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.groups.iter().any(Option::is_some)
    }

    /// The tiers of a ladder with an item on promotion, one mask for each slot of a kind, bit =
    /// level; zero for slots without a kind. O(1)
    #[inline]
    #[must_use]
    pub fn masks(&self, ladder: u32) -> [u16; MAX_PROMOTION_KINDS] {
        let PlanArrays { ladder_offsets, ladders, masks, .. } = &self.plan.arrays;
        let n_slots = self.plan.kinds.n_slots();
        let mut out = [0; MAX_PROMOTION_KINDS];
        for &group in self.groups.iter().flatten() {
            let range = range_of(ladder_offsets, group);
            let is_it = |entry: usize| ladders[entry] == ladder && range.contains(&entry);
            if let Some(entry) = self.plan.entries.find(entry_key(group, ladder), is_it) {
                for (out, mask) in out.iter_mut().zip(&masks[entry * n_slots..][..n_slots]) {
                    *out |= mask;
                }
            }
        }
        out
    }

    /// The kinds an item is promoted by, bit = slot; zero for an item on no ladder, whose
    /// promotions are not kept. O(log items of the store and period)
    #[inline]
    #[must_use]
    pub fn kinds_of(&self, item: ItemId) -> u8 {
        let PlanArrays { item_offsets, items, kinds_of_items, .. } = &self.plan.arrays;
        let kinds = |&group: &usize| {
            let range = range_of(item_offsets, group);
            items[range.clone()].binary_search(&item.0).map_or(0, |at| kinds_of_items[range.start + at])
        };
        self.groups.iter().flatten().map(kinds).fold(0, |all, kinds| all | kinds)
    }
}

pub(super) fn range_of(offsets: &[u32], group: usize) -> Range<usize> {
    offsets[group] as usize..offsets[group + 1] as usize
}

#[expect(clippy::needless_pass_by_value, reason = "callers pass numbers and fresh texts")]
fn damaged(section: &'static str, problem: &'static str, expected: String, got: impl ToString) -> Error {
    Error::Model { section, problem, expected, got: got.to_string() }
}

fn check_len(section: &'static str, got: usize, expected: usize) -> Result<()> {
    if got == expected { Ok(()) } else { Err(damaged(section, "wrong number of values", expected.to_string(), got)) }
}

fn check_rising<T: Copy + PartialOrd + std::fmt::Display>(section: &'static str, values: &[T]) -> Result<()> {
    match values.windows(2).find(|pair| pair[0] >= pair[1]) {
        Some(pair) => Err(damaged(section, "values do not rise", format!("> {}", pair[0]), pair[1])),
        None => Ok(()),
    }
}

/// Checks rising lists of values below a limit, one list a group.
fn check_lists(
    (offsets_section, offsets, n_groups): (&'static str, &[u32], usize),
    (section, values, limit): (&'static str, &[u32], usize),
) -> Result<()> {
    check_len(offsets_section, offsets.len(), n_groups + 1)?;
    let ends = (offsets[0] as usize, offsets[n_groups] as usize);
    if ends != (0, values.len()) {
        let expected = format!("0..{}", values.len());
        return Err(damaged(
            offsets_section,
            "offsets do not span the values",
            expected,
            format!("{}..{}", ends.0, ends.1),
        ));
    }
    if let Some(pair) = offsets.windows(2).find(|pair| pair[0] > pair[1]) {
        return Err(damaged(offsets_section, "offsets fall", format!(">= {}", pair[0]), pair[1]));
    }
    for group in 0..n_groups {
        let list = &values[range_of(offsets, group)];
        check_rising(section, list)?;
        if let Some(&last) = list.last().filter(|&&last| last as usize >= limit) {
            return Err(damaged(section, "a number is out of range", format!("< {limit}"), last));
        }
    }
    Ok(())
}
