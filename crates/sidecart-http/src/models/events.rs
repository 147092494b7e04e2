use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use sidecart_core::{EventLog, ExternalId, ItemId, Time};
use sidecart_serve::Scorer;

use crate::limits::EVENT_RELEASE_PART;

/// A purchase made after training, in the shop's own ids, so that it outlives a version.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Purchase {
    pub(crate) basket: ExternalId,
    pub(crate) customer: Option<ExternalId>,
    pub(crate) time: Time,
    /// Items with what was paid for all of each, 0 where unknown.
    pub(crate) lines: Vec<(ExternalId, f32)>,
}

/// What became of a purchase.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Recorded {
    /// It is kept.
    New,
    /// The same was sent before.
    Duplicate,
    /// Another with the same basket id was sent before, and stands.
    Conflict,
    /// There is room for newer ones only.
    TooOld,
}

impl Recorded {
    pub(crate) const NAMES: [&'static str; 4] = ["recorded", "duplicate", "conflict", "too_old"];

    pub(crate) fn name(self) -> &'static str {
        Self::NAMES[self as usize]
    }
}

/// Figures of an [`EventStore`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct EventCounts {
    pub(crate) n_baskets: usize,
    pub(crate) n_lines: usize,
    /// Lines dropped to make room, since the start.
    pub(crate) n_dropped_lines: u64,
    /// Purchases by what became of them, in the order of [`Recorded::NAMES`].
    pub(crate) outcomes: [u64; 4],
}

/// Purchases after training, at most so many lines, each basket id once.
///
/// When it is full the purchases of the oldest times go first, until a sixteenth of the limit is
/// free; purchases of one time go together. A purchase older than all that would go is not taken.
pub(crate) struct EventStore {
    by_time: BTreeMap<(Time, u64), Purchase>,
    /// Where each basket stands, with a hash of what was sent.
    baskets: HashMap<ExternalId, ((Time, u64), u64)>,
    limit: usize,
    next: u64,
    counts: EventCounts,
}

impl EventStore {
    pub(crate) fn with_limit(limit: usize) -> Self {
        Self { by_time: BTreeMap::new(), baskets: HashMap::new(), limit, next: 0, counts: EventCounts::default() }
    }

    pub(crate) fn counts(&self) -> EventCounts {
        self.counts
    }

    /// Takes a purchase, and with it into the log of the live version.
    pub(crate) fn record(&mut self, purchase: Purchase, scorer: &Scorer, log: &mut EventLog) -> Recorded {
        let recorded = self.try_record(purchase, scorer, log);
        self.counts.outcomes[recorded as usize] += 1;
        recorded
    }

    fn try_record(&mut self, purchase: Purchase, scorer: &Scorer, log: &mut EventLog) -> Recorded {
        let hash = content_hash(&purchase);
        if let Some((_, known)) = self.baskets.get(&purchase.basket) {
            return if *known == hash { Recorded::Duplicate } else { Recorded::Conflict };
        }
        if self.counts.n_lines + purchase.lines.len() > self.limit {
            let through = self.release_through(purchase.lines.len());
            if purchase.time <= through {
                return Recorded::TooOld;
            }
            self.forget_through(through);
            log.forget_through(through);
        }
        let place = (purchase.time, self.next);
        self.next += 1;
        self.counts.n_baskets += 1;
        self.counts.n_lines += purchase.lines.len();
        enter(&purchase, scorer, log);
        self.baskets.insert(purchase.basket.clone(), (place, hash));
        self.by_time.insert(place, purchase);
        Recorded::New
    }

    /// The time through which purchases have to go for `n_lines` more, and a part of the limit beside.
    fn release_through(&self, n_lines: usize) -> Time {
        let excess = (self.counts.n_lines + n_lines).saturating_sub(self.limit);
        let wanted = excess.max(self.limit / EVENT_RELEASE_PART);
        let mut freed = 0;
        let mut through = Time(i64::MIN);
        for ((time, _), purchase) in &self.by_time {
            if freed >= wanted {
                break;
            }
            freed += purchase.lines.len();
            through = *time;
        }
        through
    }

    fn forget_through(&mut self, through: Time) {
        let newer = match through.0.checked_add(1) {
            Some(next) => self.by_time.split_off(&(Time(next), 0)),
            None => BTreeMap::new(),
        };
        for purchase in std::mem::replace(&mut self.by_time, newer).into_values() {
            self.counts.n_baskets -= 1;
            self.counts.n_lines -= purchase.lines.len();
            self.counts.n_dropped_lines += purchase.lines.len() as u64;
            self.baskets.remove(&purchase.basket);
        }
    }

    /// The log of a version: what the model knows already and items it does not know are left out.
    pub(crate) fn log_for(&self, scorer: &Scorer) -> EventLog {
        let mut log = EventLog::with_limit(self.limit);
        for purchase in self.by_time.values() {
            enter(purchase, scorer, &mut log);
        }
        log
    }
}

fn enter(purchase: &Purchase, scorer: &Scorer, log: &mut EventLog) {
    if purchase.time <= scorer.trained_through() {
        return;
    }
    let items = scorer.model().items();
    let known = purchase.lines.iter().filter_map(|(id, paid)| Some((ItemId(items.find(id.as_ref())?), *paid)));
    let mut lines: Vec<(ItemId, f32)> = known.collect();
    lines.sort_unstable_by_key(|(item, _)| *item);
    lines.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            kept.1 += later.1;
        }
        same
    });
    if !lines.is_empty() {
        let customer = purchase.customer.as_ref().map(ExternalId::as_ref);
        let recorded = log.record_lines(customer, purchase.time, lines.into_iter());
        debug_assert!(recorded.is_ok(), "a log has as much room as the store");
    }
}

fn content_hash(purchase: &Purchase) -> u64 {
    let mut hasher = DefaultHasher::new();
    purchase.customer.hash(&mut hasher);
    purchase.time.hash(&mut hasher);
    for (id, paid) in &purchase.lines {
        id.hash(&mut hasher);
        paid.to_bits().hash(&mut hasher);
    }
    hasher.finish()
}
