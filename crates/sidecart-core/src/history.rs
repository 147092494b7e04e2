use std::collections::HashMap;

use crate::{ExternalIdRef, ItemId, Time};

/// One basket of a customer's past.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PastBasket<'a> {
    /// When it was bought.
    pub time: Time,
    /// What it held: known items, each once.
    pub items: &'a [ItemId],
    /// What was paid for all of each item, in units of the currency; 0 where unknown. As long as
    /// `items`.
    pub paid: &'a [f32],
}

impl PastBasket<'_> {
    /// The items with what was paid for each.
    pub fn lines(&self) -> impl ExactSizeIterator<Item = (ItemId, f32)> + '_ {
        self.items.iter().copied().zip(self.paid.iter().copied())
    }
}

/// What is known of one customer: the past, the segment and numbers that sum the past up.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Customer {
    /// Past baskets.
    pub history: History,
    /// The segment, as a position in the model's list of segments.
    pub segment: Option<u16>,
    /// Numbers that sum the past up; the model says what each is. Empty where there are none.
    pub traits: Vec<f32>,
}

impl Customer {
    /// Empties it, keeping the memory.
    pub fn clear(&mut self) {
        self.history.clear();
        self.segment = None;
        self.traits.clear();
    }
}

/// Baskets of one customer in rising time, with a view of the part before a time.
///
/// ```
/// use sidecart_core::{History, ItemId, Time};
///
/// let mut history = History::default();
/// history.push(Time(10), &[ItemId(1), ItemId(2)]);
/// history.push(Time(20), &[ItemId(1)]);
/// let before: Vec<_> = history.as_of(Time(20)).map(|b| b.time).collect();
/// assert_eq!(before, [Time(10)]); // strictly before
/// ```
#[derive(Clone, PartialEq, Debug)]
pub struct History {
    times: Vec<Time>,
    offsets: Vec<usize>,
    items: Vec<ItemId>,
    paid: Vec<f32>,
}

impl Default for History {
    fn default() -> Self {
        Self { times: Vec::new(), offsets: vec![0], items: Vec::new(), paid: Vec::new() }
    }
}

impl History {
    /// Empties it, keeping the memory.
    pub fn clear(&mut self) {
        self.times.clear();
        self.offsets.truncate(1);
        self.items.clear();
        self.paid.clear();
    }

    /// Appends a basket of unknown prices; times must not fall.
    pub fn push(&mut self, time: Time, items: &[ItemId]) {
        self.push_lines(time, items.iter().map(|&item| (item, 0.0)));
    }

    /// Appends a basket of items with what was paid for each, 0 where unknown; times must not
    /// fall.
    pub fn push_lines(&mut self, time: Time, lines: impl IntoIterator<Item = (ItemId, f32)>) {
        debug_assert!(self.times.last().is_none_or(|&last| last <= time), "times must not fall");
        self.times.push(time);
        for (item, paid) in lines {
            self.items.push(item);
            self.paid.push(paid);
        }
        self.offsets.push(self.items.len());
    }

    /// Appends a basket of another history; times must not fall.
    pub fn push_basket(&mut self, basket: PastBasket<'_>) {
        self.push_lines(basket.time, basket.lines());
    }

    /// Number of baskets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.times.len()
    }

    /// Whether there is no basket.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.times.is_empty()
    }

    /// The basket at a position, oldest first.
    #[must_use]
    pub fn get(&self, position: usize) -> PastBasket<'_> {
        let lines = self.offsets[position]..self.offsets[position + 1];
        PastBasket { time: self.times[position], items: &self.items[lines.clone()], paid: &self.paid[lines] }
    }

    /// The baskets strictly before `time`, newest first.
    pub fn as_of(&self, time: Time) -> impl ExactSizeIterator<Item = PastBasket<'_>> {
        let n = self.times.partition_point(|&t| t < time);
        (0..n).rev().map(|i| self.get(i))
    }

    /// Keeps the `n` newest baskets.
    pub fn keep_newest(&mut self, n: usize) {
        let drop = self.len().saturating_sub(n);
        if drop > 0 {
            let lines = self.offsets[drop];
            self.times.drain(..drop);
            self.items.drain(..lines);
            self.paid.drain(..lines);
            self.offsets.drain(..drop);
            for offset in &mut self.offsets {
                *offset -= lines;
            }
        }
    }
}

/// Why an [`EventLog`] refused a purchase.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventLogError {
    /// The log is full.
    #[error("the event log holds its limit of {limit} lines; open it with a larger limit or retrain")]
    Full {
        /// Largest number of lines.
        limit: usize,
    },
}

/// Purchases made after an artifact was trained, by customer, bounded in memory.
///
/// It changes what is known of customers and what is popular, never neighbours or vectors.
/// Customers keep their outside ids here, because new ones appear after training.
#[derive(Clone, Debug)]
pub struct EventLog {
    /// Two maps by form of id, so that a borrowed id is looked up without being copied.
    by_int: HashMap<i64, History>,
    by_text: HashMap<Box<str>, History>,
    anonymous: History,
    n_lines: usize,
    limit: usize,
    last_time: Option<Time>,
}

impl EventLog {
    /// An empty log of at most `limit` lines (one line = one item of one basket).
    #[must_use]
    pub fn with_limit(limit: usize) -> Self {
        Self {
            by_int: HashMap::new(),
            by_text: HashMap::new(),
            anonymous: History::default(),
            n_lines: 0,
            limit,
            last_time: None,
        }
    }

    /// Appends a basket of unknown prices, as [`record_lines`](Self::record_lines).
    ///
    /// # Errors
    /// [`EventLogError::Full`]; nothing is then changed.
    pub fn record(&mut self, customer: ExternalIdRef<'_>, time: Time, items: &[ItemId]) -> Result<(), EventLogError> {
        self.record_lines(Some(customer), time, items.iter().map(|&item| (item, 0.0)))
    }

    /// Appends a basket of items with what was paid for each (0 where unknown). A basket older
    /// than the customer's newest one is sorted in; a basket of the same time stands behind its
    /// equals. Anonymous baskets count for what sells, and belong to nobody's past.
    ///
    /// # Errors
    /// [`EventLogError::Full`]; nothing is then changed.
    pub fn record_lines(
        &mut self,
        customer: Option<ExternalIdRef<'_>>,
        time: Time,
        lines: impl ExactSizeIterator<Item = (ItemId, f32)>,
    ) -> Result<(), EventLogError> {
        if self.n_lines + lines.len() > self.limit {
            return Err(EventLogError::Full { limit: self.limit });
        }
        self.n_lines += lines.len();
        self.last_time = self.last_time.max(Some(time));
        let history = match customer {
            Some(ExternalIdRef::Int(id)) => self.by_int.entry(id).or_default(),
            Some(ExternalIdRef::Text(id)) => self.by_text.entry(id.into()).or_default(),
            None => &mut self.anonymous,
        };
        let at = history.times.partition_point(|&t| t <= time);
        if at == history.len() {
            history.push_lines(time, lines);
        } else {
            let mut sorted = History::default();
            for i in 0..at {
                sorted.push_basket(history.get(i));
            }
            sorted.push_lines(time, lines);
            for i in at..history.len() {
                sorted.push_basket(history.get(i));
            }
            *history = sorted;
        }
        Ok(())
    }

    /// Drops every basket at or before `time`, and customers of whom nothing is left; the number of
    /// lines dropped. [`last_time`](Self::last_time) stays. O(customers + lines).
    pub fn forget_through(&mut self, time: Time) -> usize {
        let before = self.n_lines;
        let n_lines = &mut self.n_lines;
        let mut forget = |history: &mut History| {
            let n_items = history.items.len();
            history.keep_newest(history.len() - history.times.partition_point(|&t| t <= time));
            *n_lines -= n_items - history.items.len();
            !history.is_empty()
        };
        self.by_int.retain(|_, history| forget(history));
        self.by_text.retain(|_, history| forget(history));
        forget(&mut self.anonymous);
        before - self.n_lines
    }

    /// The newest time of any basket.
    #[must_use]
    pub fn last_time(&self) -> Option<Time> {
        self.last_time
    }

    /// Every basket, anonymous ones too, in no order that may be relied on.
    pub fn baskets(&self) -> impl Iterator<Item = PastBasket<'_>> {
        let all = self.by_int.values().chain(self.by_text.values()).chain(std::iter::once(&self.anonymous));
        all.flat_map(|history| (0..history.len()).map(|at| history.get(at)))
    }

    /// What is known of a customer since training. Allocates nothing.
    #[must_use]
    pub fn customer(&self, customer: ExternalIdRef<'_>) -> Option<&History> {
        match customer {
            ExternalIdRef::Int(id) => self.by_int.get(&id),
            ExternalIdRef::Text(id) => self.by_text.get(id),
        }
    }

    /// Number of lines held.
    #[must_use]
    pub fn n_lines(&self) -> usize {
        self.n_lines
    }

    /// Number of customers with a purchase.
    #[must_use]
    pub fn n_customers(&self) -> usize {
        self.by_int.len() + self.by_text.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_log_is_sorted_and_as_of_is_strict(times in proptest::collection::vec(0i64..20, 0..30), at in 0i64..22) {
            let mut log = EventLog::with_limit(1000);
            for (i, &t) in times.iter().enumerate() {
                log.record(ExternalIdRef::Int(1), Time(t), &[ItemId(i as u32)]).unwrap();
            }
            let empty = History::default();
            let history = log.customer(ExternalIdRef::Int(1)).unwrap_or(&empty);
            let seen: Vec<i64> = history.as_of(Time(at)).map(|b| b.time.0).collect();
            let mut plain: Vec<i64> = times.iter().copied().filter(|&t| t < at).collect();
            plain.sort_unstable_by(|a, b| b.cmp(a));
            prop_assert_eq!(seen, plain);
        }
    }

    #[test]
    fn a_full_log_says_so_and_keeps_what_it_has() {
        let mut log = EventLog::with_limit(2);
        log.record(ExternalIdRef::Text("a"), Time(1), &[ItemId(0), ItemId(1)]).unwrap();
        assert_eq!(log.record(ExternalIdRef::Text("a"), Time(2), &[ItemId(0)]), Err(EventLogError::Full { limit: 2 }));
        assert_eq!((log.n_lines(), log.n_customers()), (2, 1));
    }

    proptest! {
        #[test]
        fn what_is_forgotten_was_never_there(
            purchases in proptest::collection::vec((0u8..4, 0i64..9, 1usize..4), 0..30),
            through in -1i64..10,
        ) {
            let (mut log, mut without) = (EventLog::with_limit(1000), EventLog::with_limit(1000));
            let mut n_lines = 0;
            for &(who, time, n_items) in &purchases {
                let customer = [None, Some(ExternalIdRef::Int(1)), Some(ExternalIdRef::Text("a")), Some(ExternalIdRef::Int(2))];
                let lines = || (0..n_items as u32).map(|item| (ItemId(item), 1.0));
                log.record_lines(customer[usize::from(who)], Time(time), lines()).unwrap();
                if time > through {
                    without.record_lines(customer[usize::from(who)], Time(time), lines()).unwrap();
                } else {
                    n_lines += n_items;
                }
            }
            prop_assert_eq!(log.forget_through(Time(through)), n_lines);
            prop_assert_eq!((&log.by_int, &log.by_text, &log.anonymous), (&without.by_int, &without.by_text, &without.anonymous));
            prop_assert_eq!(log.n_lines(), without.n_lines());
        }
    }

    #[test]
    fn keeps_the_newest() {
        let mut history = History::default();
        for t in 0..5 {
            history.push(Time(t), &[ItemId(t as u32)]);
        }
        history.keep_newest(2);
        let left: Vec<u32> = history.as_of(Time(9)).map(|b| b.items[0].0).collect();
        assert_eq!(left, [4, 3]);
    }
}
