use std::ops::RangeInclusive;

use sidecart_core::{IdTable, ItemId, Time};
use sidecart_data::Promotions;
use sidecart_serve::upsell::{Calendar, LadderTable, Periods, PlannedPromotion, PromotionKinds, PromotionPlan};

use crate::error::Result;

/// Periods beyond the end of training that a plan is kept for.
pub const PLANNED_PERIODS: i32 = 520;

/// Builds the plan of promotions for a range of periods. A promotion counts for a period when it
/// fills half of it, or spends half of its own length in it: one that begins at midnight, while the
/// shop's day begins at four, does not count for the week it spends four hours in.
///
/// # Errors
/// As [`PromotionPlan::build`].
pub fn plan(
    promotions: &Promotions,
    kinds: PromotionKinds,
    ladders: &LadderTable,
    periods: Periods,
    planned: RangeInclusive<i32>,
) -> Result<PromotionPlan> {
    let windows: Vec<(Time, Time)> =
        promotions.windows().iter().map(|&(from, to)| whole_periods(periods, from, to)).collect();
    let rows = promotions.iter().map(|row| {
        let (starts_at, ends_at) = windows[row.window as usize];
        PlannedPromotion { item: row.item, starts_at, ends_at, store: row.store, kind: row.kind }
    });
    let calendar = Calendar {
        rows,
        kinds: promotions.kinds(),
        place: |item: ItemId| {
            let row = ladders.row(ladders.row_of(item)?);
            Some((row.ladder, row.level as u8))
        },
        period_of: |time: Time| periods.of(time),
        periods: planned,
    };
    Ok(PromotionPlan::build(kinds, &calendar)?)
}

/// The plan beyond the end of training, where there is one.
pub(super) fn future_plan(
    promotions: Option<&Promotions>,
    kinds: &PromotionKinds,
    table: &LadderTable,
    periods: Periods,
    last: i32,
) -> Result<Option<PromotionPlan>> {
    let begins = periods.start(last + 1);
    let Some(promotions) = promotions.filter(|p| p.windows().iter().any(|&(_, ends): &(Time, Time)| ends > begins))
    else {
        return Ok(None);
    };
    let planned = last + 1..=last.saturating_add(PLANNED_PERIODS);
    let plan = plan(promotions, kinds.clone(), table, periods, planned)?;
    Ok((!plan.arrays().groups.is_empty()).then_some(plan))
}

/// The periods a promotion counts for, as times; nothing where it ends before it starts.
fn whole_periods(periods: Periods, from: Time, to: Time) -> (Time, Time) {
    if from >= to {
        return (from, from);
    }
    let counts = |period: i32| {
        let (begin, end) = (periods.start(period).0, periods.start(period.saturating_add(1)).0);
        let overlap = i128::from(to.0.min(end)) - i128::from(from.0.max(begin));
        let length = (i128::from(to.0) - i128::from(from.0)).min(i128::from(end) - i128::from(begin));
        2 * overlap >= length
    };
    let (mut first, mut last) = (periods.of(from), periods.of(Time(to.0 - 1)));
    if first < last && !counts(first) {
        first += 1;
    }
    if first < last && !counts(last) {
        last -= 1;
    }
    (periods.start(first), periods.start(last.saturating_add(1)))
}

/// The plan's number of every store of a ledger; `None` for stores without promotions.
#[must_use]
pub fn plan_stores(stores: &IdTable, promotions: &Promotions) -> Vec<Option<u32>> {
    stores.iter().map(|id| promotions.stores().find(id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidecart_core::{Clock, MICROS_PER_DAY};

    #[test]
    fn a_promotion_counts_where_it_mostly_is() {
        let weeks = Periods::new(Clock::Calendar, 7, 4);
        let hour = MICROS_PER_DAY / 24;
        let at = |week: i32, hours: i64| Time(weeks.start(week).0 + hours * hour);
        let counted = |from: Time, to: Time| {
            let (from, to) = whole_periods(weeks, from, to);
            weeks.of(from)..weeks.of(to)
        };
        assert_eq!(counted(at(10, -4), at(11, -4)), 10..11, "a week from midnight");
        assert_eq!(counted(at(10, 130), at(10, 150)), 10..11, "a Saturday");
        assert_eq!(counted(at(10, -4), at(13, -4)), 10..13);
        assert_eq!(counted(at(10, 84), at(11, 84)), 10..12, "half a week each");
        assert_eq!(counted(at(10, 100), at(11, 20)), 10..11);
        assert!(counted(at(10, 5), at(10, 5)).is_empty());
    }
}
