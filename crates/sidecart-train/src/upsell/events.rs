use std::ops::Range;

use sidecart_serve::upsell::{Label, LadderTable, RateKind, Regime, usual_item, usual_tier};

use super::histories::{Group, LadderHistories};

/// What makes an event of a record.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct EventRules {
    /// Newest records that say what is usual.
    pub window: usize,
    /// Earlier records that make a customer established.
    pub min_records: u32,
    /// Share of the newest records that the usual tier needs.
    pub min_share: f64,
    /// Times dearer that an upgrade must be.
    pub min_price_ratio: f64,
}

/// One purchase at which the customer could have gone above the usual tier.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Event {
    /// Position among the groups.
    pub group: u32,
    /// Position of the record in its group, which is the number of earlier records.
    pub record: u32,
    /// Period of the record.
    pub period: i32,
    /// Row of the item the customer usually buys.
    pub anchor: u32,
    /// How much of a past there is.
    pub regime: Regime,
    /// Whether the customer went up.
    pub upgraded: bool,
}

impl Event {
    /// The rates the event counts for.
    #[must_use]
    pub fn kind(&self) -> RateKind {
        match self.regime {
            Regime::Established => RateKind::Repeat,
            Regime::Mixed | Regime::Few => RateKind::Sparse,
        }
    }
}

/// The events of repeat purchases in the periods of a range, ordered by period, customer and
/// ladder. Only records before an event say what is usual. O(records x records of a group).
#[must_use]
pub fn repeat_events(
    histories: &LadderHistories,
    ladders: &LadderTable,
    rules: &EventRules,
    periods: Range<i32>,
) -> Vec<Event> {
    let mut events = Vec::new();
    for (at, group) in (0u32..).zip(&histories.groups) {
        let records = histories.records_of(group);
        for (n, record) in records.iter().enumerate().skip(1) {
            if !periods.contains(&record.period) {
                continue;
            }
            let Some(usual) = usual_tier(ladders, &records[..n], rules.window) else { continue };
            if usual.tier + 1 == ladders.tiers_of(group.ladder).end {
                continue;
            }
            let Some(anchor) = usual_item(ladders, &records[..n], usual.tier) else { continue };
            events.push(Event {
                group: at,
                record: n as u32,
                period: record.period,
                anchor,
                regime: Regime::of(n, usual.share, rules.min_records, rules.min_share),
                upgraded: ladders.is_upgrade(anchor, record.row, rules.min_price_ratio),
            });
        }
    }
    // Stable: within a period customers and ladders stay in order.
    events.sort_by_key(|event| event.period);
    events
}

/// A purchase that counts for a rate: the tier it could have left, and whether it did.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Trial {
    /// Position among the groups.
    pub group: u32,
    /// The period of the purchase.
    pub period: i32,
    /// The tier.
    pub tier: u32,
    /// Whether a higher one was taken.
    pub upgraded: bool,
}

/// Replacements: every purchase after the first against the tier owned last.
pub fn replacements<'a>(histories: &'a LadderHistories, ladders: &'a LadderTable) -> impl Iterator<Item = Trial> + 'a {
    (0u32..).zip(&histories.groups).flat_map(move |(at, group)| {
        let top = ladders.tiers_of(group.ladder).end - 1;
        histories.records_of(group).windows(2).filter_map(move |pair| {
            let (owned, next) = (ladders.tier_of(pair[0].row), ladders.tier_of(pair[1].row));
            (owned < top).then_some(Trial { group: at, period: pair[1].period, tier: owned, upgraded: next > owned })
        })
    })
}

/// First purchases, once for every tier below the top: whether they were above it.
pub fn first_purchases<'a>(
    histories: &'a LadderHistories,
    ladders: &'a LadderTable,
) -> impl Iterator<Item = Trial> + 'a {
    (0u32..).zip(&histories.groups).flat_map(move |(at, group)| {
        let tiers = ladders.tiers_of(group.ladder);
        let first = histories.records_of(group).first().map(|record| (record.period, ladders.tier_of(record.row)));
        first.into_iter().flat_map(move |(period, first)| {
            (tiers.start..tiers.end - 1).map(move |tier| Trial { group: at, period, tier, upgraded: first > tier })
        })
    })
}

/// Customers and records that a label needs.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct LabelRules {
    /// Customers with enough records for an event of repeat purchases.
    pub min_repeat_customers: u32,
    /// Their share of the ladder's customers.
    pub min_repeat_share: f64,
    /// Customers with a second purchase.
    pub min_replacement_customers: u32,
}

/// What the probabilities of every ladder are probabilities of.
#[must_use]
pub fn labels(histories: &LadderHistories, n_ladders: usize, min_records: usize, rules: &LabelRules) -> Vec<Label> {
    #[derive(Clone, Default)]
    struct Counts {
        customers: u32,
        replacing: u32,
        repeating: u32,
    }
    let mut counts = vec![Counts::default(); n_ladders];
    for Group { ladder, records, .. } in &histories.groups {
        let counts = &mut counts[*ladder as usize];
        counts.customers += 1;
        counts.replacing += u32::from(records.len() >= 2);
        counts.repeating += u32::from(records.len() > min_records);
    }
    let label = |c: &Counts| {
        let share = f64::from(c.repeating) / f64::from(c.customers.max(1));
        if c.repeating >= rules.min_repeat_customers && share >= rules.min_repeat_share {
            Label::Repeat
        } else if c.replacing >= rules.min_replacement_customers {
            Label::Replacement
        } else {
            Label::TierShare
        }
    };
    counts.iter().map(label).collect()
}
