use proptest::prelude::*;
use sidecart_core::{Clock, ItemId, MICROS_PER_DAY, TextTable, Time};

use super::super::{MAX_PROMOTION_KINDS, Periods};
use super::*;
use crate::error::Error;

const N_ITEMS: u32 = 12;
const N_TIERS: [u8; 3] = [2, 3, 16];
/// Microseconds of a period.
const LENGTH: i64 = 10;

/// Items 0..10 are on three ladders, 10 and 11 on none.
fn place(item: ItemId) -> Option<(u32, u8)> {
    let levels = [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (1, 2), (2, 0), (2, 15), (2, 7), (0, 1)];
    levels.get(item.index()).copied()
}

fn period_of(time: Time) -> i32 {
    time.0.div_euclid(LENGTH) as i32
}

fn names(n: usize) -> TextTable {
    ["coupon", "display", "feature", "mailer", "price", "tasting"][..n].iter().collect()
}

fn plan_of(rows: &[PlannedPromotion], kinds: &TextTable) -> PromotionPlan {
    let ranked = PromotionKinds::by_rows(kinds, rows.iter().map(|row| row.kind));
    let calendar = Calendar { rows: rows.iter().copied(), kinds, place, period_of, periods: -3..=6 };
    PromotionPlan::build(ranked, &calendar).unwrap()
}

fn row(item: u32, starts_at: i64, ends_at: i64, store: Option<u32>, kind: Option<u8>) -> PlannedPromotion {
    PlannedPromotion { item: ItemId(item), starts_at: Time(starts_at), ends_at: Time(ends_at), store, kind }
}

fn rows_strategy() -> impl Strategy<Value = Vec<PlannedPromotion>> {
    let store = prop::option::of(prop::sample::select(vec![0, 1, 5, u32::MAX - 1]));
    let row = (0..N_ITEMS, -40i64..80, -2i64..45, store, prop::option::of(0u8..7))
        .prop_map(|(item, start, length, store, kind)| row(item, start, start + length, store, kind));
    prop::collection::vec(row, 0..25)
}

/// Rows that are active in a part of a period, in a store.
fn active(
    rows: &[PlannedPromotion],
    store: Option<u32>,
    period: i32,
) -> impl Iterator<Item = &PlannedPromotion> + Clone {
    let begins = i64::from(period) * LENGTH;
    let planned = (-3..=6).contains(&period);
    rows.iter().filter(move |row| {
        let here = row.store.is_none() || row.store == store;
        // A moment of the period at which the promotion runs.
        let runs = (begins..begins + LENGTH).any(|at| row.starts_at.0 <= at && at < row.ends_at.0);
        planned && here && runs
    })
}

/// Slot of a row's kind, from the definition: rank by rows, then name; the last slot is shared.
fn slot_of(rows: &[PlannedPromotion], kinds: &TextTable, kind: Option<u8>) -> usize {
    let name =
        |kind: Option<u8>| kind.filter(|&k| usize::from(k) < kinds.len()).map_or("", |k| kinds.get(usize::from(k)));
    let n_rows = |wanted: &str| rows.iter().filter(|row| name(row.kind) == wanted).count();
    let mine = name(kind);
    let mut all: Vec<&str> = rows.iter().map(|row| name(row.kind)).collect();
    all.sort_unstable();
    all.dedup();
    let before = |other: &&&str| (n_rows(mine), **other) < (n_rows(other), mine);
    all.iter().filter(|other| **other != mine).filter(before).count().min(MAX_PROMOTION_KINDS - 1)
}

proptest! {
    #[test]
    fn a_plan_is_what_a_scan_of_the_rows_finds(rows in rows_strategy(), n_kinds in 0usize..=6) {
        let kinds = names(n_kinds);
        let plan = plan_of(&rows, &kinds);
        for store in [None, Some(0), Some(1), Some(2), Some(5), Some(u32::MAX - 1), Some(u32::MAX)] {
            for period in -5..=9 {
                let active = active(&rows, store, period);
                prop_assert_eq!(plan.covers(store, period), active.clone().next().is_some());
                for ladder in 0..4 {
                    let mut masks = [0u16; MAX_PROMOTION_KINDS];
                    for row in active.clone() {
                        if let Some((_, level)) = place(row.item).filter(|(l, _)| *l == ladder) {
                            masks[slot_of(&rows, &kinds, row.kind)] |= 1 << level;
                        }
                    }
                    prop_assert_eq!(plan.masks(store, period, ladder), masks);
                }
                for item in (0..N_ITEMS + 1).map(ItemId) {
                    let of_item = active.clone().filter(|row| row.item == item && place(item).is_some());
                    let bits = of_item.fold(0, |bits, row| bits | 1 << slot_of(&rows, &kinds, row.kind));
                    prop_assert_eq!(plan.at(store, period).kinds_of(item), bits);
                }
            }
        }
    }

    #[test]
    fn stored_plans_come_back_and_no_order_of_rows_changes_them(rows in rows_strategy()) {
        let kinds = names(6);
        let plan = plan_of(&rows, &kinds);
        let backwards: Vec<PlannedPromotion> = rows.iter().rev().copied().collect();
        prop_assert_eq!(&plan_of(&backwards, &kinds), &plan);
        let stored = PromotionKinds::from_names(plan.kinds().names().clone()).unwrap();
        let read = PromotionPlan::from_parts(stored, plan.arrays().clone(), N_ITEMS as usize, &N_TIERS).unwrap();
        prop_assert_eq!(read, plan);
    }
}

#[test]
fn weeks_are_touched_to_the_microsecond() {
    let weeks = Periods::new(Clock::Calendar, 7, 0);
    let monday = Time::parse("2024-01-01").unwrap();
    let week = weeks.of(monday);
    let next_monday = monday.0 + 7 * MICROS_PER_DAY;
    let touched = |starts_at: i64, ends_at: i64| {
        let kinds = names(1);
        let rows = [row(0, starts_at, ends_at, None, Some(0))];
        let period_of = |time| weeks.of(time);
        let calendar =
            Calendar { rows: rows.into_iter(), kinds: &kinds, place, period_of, periods: week - 9..=week + 9 };
        let ranked = PromotionKinds::by_rows(&kinds, [Some(0)].into_iter());
        let plan = PromotionPlan::build(ranked, &calendar).unwrap();
        (week - 1..=week + 2).filter(|&w| plan.masks(None, w, 0) == [1, 0, 0, 0]).map(|w| w - week).collect::<Vec<_>>()
    };
    assert_eq!(touched(monday.0, next_monday), [0], "a promotion of a whole week");
    assert_eq!(touched(monday.0 - 1, next_monday), [-1, 0]);
    assert_eq!(touched(monday.0, next_monday + 1), [0, 1]);
    assert_eq!(touched(next_monday - 1, next_monday), [0], "the last microsecond");
    assert_eq!(touched(next_monday, next_monday + 1), [1], "the first microsecond");
    assert_eq!(touched(monday.0 - 5, monday.0), [-1], "ended as the week began");
    assert_eq!(touched(monday.0, monday.0), [0i32; 0], "never active");
}

#[test]
fn promotions_without_an_end_fill_the_planned_periods_only() {
    let kinds = names(1);
    let rows = [row(0, i64::MIN, i64::MAX, Some(0), Some(0))];
    let ranked = PromotionKinds::by_rows(&kinds, [Some(0)].into_iter());
    let periods = Periods::new(Clock::Calendar, 1, 0);
    let calendar =
        Calendar { rows: rows.into_iter(), kinds: &kinds, place, period_of: |t| periods.of(t), periods: 10..=12 };
    let plan = PromotionPlan::build(ranked, &calendar).unwrap();
    assert_eq!(plan.arrays().groups.len(), 3);
    assert_eq!([9, 10, 12, 13].map(|p| plan.covers(Some(0), p)), [false, true, true, false]);
}

#[test]
fn kinds_are_ranked_by_rows_and_the_last_slot_is_shared() {
    let kinds = names(6);
    let of = [5, 5, 5, 4, 4, 0, 1, 2, 2];
    let ranked = PromotionKinds::by_rows(&kinds, of.into_iter().map(Some).chain([None]));
    assert_eq!(ranked.names().iter().collect::<Vec<_>>(), ["tasting", "feature", "price", "", "coupon", "display"]);
    assert_eq!(ranked.n_slots(), 4);
    let slots = ["tasting", "feature", "price", "", "coupon", "display", "mailer"].map(|name| ranked.slot(name));
    assert_eq!(slots, [Some(0), Some(1), Some(2), Some(3), Some(3), Some(3), None]);
    assert_eq!(PromotionKinds::default().n_slots(), 0);
}

#[test]
fn kinds_a_model_never_saw_have_no_tiers_but_make_the_plan_known() {
    let learned = PromotionKinds::by_rows(&names(1), [Some(0)].into_iter());
    let kinds = names(2);
    let rows = [row(0, 0, 1, None, Some(1)), row(1, 0, 1, None, Some(0))];
    let calendar = Calendar { rows: rows.into_iter(), kinds: &kinds, place, period_of, periods: 0..=0 };
    let plan = PromotionPlan::build(learned, &calendar).unwrap();
    assert_eq!(plan.masks(None, 0, 0), [0b10, 0, 0, 0]);
    assert_eq!((plan.at(None, 0).kinds_of(ItemId(0)), plan.at(None, 0).kinds_of(ItemId(1))), (0, 1));
    let unseen = Calendar { rows: rows[..1].iter().copied(), kinds: &kinds, place, period_of, periods: 0..=0 };
    let plan = PromotionPlan::build(plan.kinds().clone(), &unseen).unwrap();
    assert!(plan.covers(Some(4), 0) && plan.masks(Some(4), 0, 0) == [0; 4]);
}

#[test]
fn ladders_above_sixteen_tiers_are_refused() {
    let kinds = names(1);
    let rows = [row(0, 0, 1, None, None)];
    let calendar =
        Calendar { rows: rows.into_iter(), kinds: &kinds, place: |_: ItemId| Some((0, 16)), period_of, periods: 0..=0 };
    let error = PromotionPlan::build(PromotionKinds::default(), &calendar).unwrap_err().to_string();
    assert_eq!(error, "tier = 16: expected a level below 16");
}

#[test]
fn damaged_tables_are_refused() {
    let rows = [
        row(0, 0, 1, Some(0), Some(0)),
        row(3, 0, 1, Some(0), Some(1)),
        row(7, 0, 1, Some(0), Some(0)),
        row(1, 10, 11, None, Some(1)),
    ];
    let plan = plan_of(&rows, &names(2));
    let read = |arrays: PlanArrays| PromotionPlan::from_parts(plan.kinds().clone(), arrays, N_ITEMS as usize, &N_TIERS);
    assert!(read(plan.arrays().clone()).is_ok());
    type Damage = fn(&mut PlanArrays);
    let damages: [(Damage, &str, &str); 18] = [
        (|a| a.groups.swap(0, 1), "promotion_groups", "do not rise"),
        (|a| a.groups[1] = a.groups[0], "promotion_groups", "do not rise"),
        (|a| a.groups.truncate(1), "ladder_offsets", "wrong number"),
        (|a| a.ladder_offsets.push(4), "ladder_offsets", "wrong number"),
        (|a| a.ladder_offsets.clear(), "ladder_offsets", "wrong number"),
        (|a| a.ladder_offsets[0] = 1, "ladder_offsets", "do not span"),
        (|a| a.ladder_offsets[2] = 9, "ladder_offsets", "do not span"),
        (|a| a.ladder_offsets[1] = 9, "ladder_offsets", "offsets fall"),
        (|a| a.ladders.swap(0, 1), "promotion_ladders", "do not rise"),
        (|a| a.ladders[2] = 3, "promotion_ladders", "out of range"),
        (|a| a.masks.truncate(3), "promotion_masks", "wrong number"),
        (|a| a.masks[0] = 0b100, "promotion_masks", "a tier is out of range"),
        (|a| a.item_offsets[1] = 9, "item_offsets", "offsets fall"),
        (|a| a.items.swap(0, 1), "promotion_items", "do not rise"),
        (|a| a.items[2] = N_ITEMS, "promotion_items", "out of range"),
        (|a| a.kinds_of_items.truncate(3), "item_kinds", "wrong number"),
        (|a| a.kinds_of_items[0] = 0, "item_kinds", "a kind is out of range"),
        (|a| a.kinds_of_items[0] = 0b100, "item_kinds", "a kind is out of range"),
    ];
    for (number, (damage, section, problem)) in damages.into_iter().enumerate() {
        let mut arrays = plan.arrays().clone();
        damage(&mut arrays);
        let error = read(arrays).unwrap_err();
        assert!(matches!(error, Error::Model { .. }));
        let text = error.to_string();
        assert!(text.contains(section) && text.contains(problem), "damage {number}: {text}");
    }
    let twice: TextTable = ["a", "b", "a"].iter().collect();
    assert!(PromotionKinds::from_names(twice).unwrap_err().to_string().contains("a kind stands twice"));
    let many: TextTable = (0..257).map(|n| n.to_string()).collect();
    assert!(PromotionKinds::from_names(many).unwrap_err().to_string().contains("at most 256"));
}
