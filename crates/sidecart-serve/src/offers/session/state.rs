use super::{ItemKey, Refusal, SessionLimits};
use crate::offers::OfferKind;

/// Items whose shows a token counts one by one.
pub const MAX_SHOWN: usize = 64;
/// Declines that a token remembers one by one.
pub const MAX_DECLINED: usize = 32;
/// Longest session: 90 days.
pub const MAX_LIFETIME_S: u32 = 90 * 86_400;

/// An item that was shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shown {
    /// The item.
    pub item: ItemKey,
    /// How often, of any kind; 255 stands for that and more.
    pub n_times: u8,
}

/// An item that was declined.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Declined {
    /// The item.
    pub item: ItemKey,
    /// How often at this time; 255 stands for that and more.
    pub n_times: u8,
    /// When, in seconds since 1970.
    pub time: i64,
}

/// What a session was shown and has declined, and what may be shown after it: the one place where
/// the policy's caps on sessions and its cool-down are decided.
///
/// In memory it is exact. A token holds the newest [`MAX_SHOWN`] items and [`MAX_DECLINED`] declines;
/// of more it merges the older declines of one item into a newer one and forgets the oldest items.
/// From then on every item that is not known one by one counts as shown as often as the most of those
/// that went, and no item counts as declined earlier than they were. So what was forgotten can make
/// the server more cautious, never less.
///
/// ```
/// use sidecart_core::ExternalIdRef;
/// use sidecart_serve::offers::OfferKind;
/// use sidecart_serve::offers::session::{ItemKey, SessionLimits, SessionState};
///
/// let limits = SessionLimits { cool_down_s: 600, ..SessionLimits::default() };
/// let case = ItemKey::of(ExternalIdRef::Text("case-s22"));
/// let mut session = SessionState::new(1_000, 3_600);
/// session.record_shown(case);
/// assert!(session.may_show(case, OfferKind::CrossSell, 1_001, &limits).is_ok());
/// session.record_declined(case, Some(OfferKind::CrossSell), 1_002);
/// assert!(session.may_show(case, OfferKind::CrossSell, 1_601, &limits).is_err());
/// assert!(session.may_show(case, OfferKind::CrossSell, 1_602, &limits).is_ok());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionState {
    pub(super) started_at: i64,
    pub(super) lifetime_s: u32,
    pub(super) shown_total: u32,
    /// Offers declined by kind; 255 stands for that and more.
    pub(super) declined_by_kind: [u8; 3],
    /// How often items that are not in `shown` count as shown.
    pub(super) shown_floor: u8,
    /// The latest decline that was forgotten.
    pub(super) declined_floor_s: Option<i32>,
    /// By the time they were last shown.
    pub(super) shown: Vec<Shown>,
    /// By rising time; an item stands once for each.
    pub(super) declined: Vec<DeclinedAfter>,
}

/// A [`Declined`] whose time counts from the beginning of the session; below 0 it was before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DeclinedAfter {
    pub(super) item: ItemKey,
    pub(super) n_times: u8,
    pub(super) after_s: i32,
}

/// A session as it is seen at a moment.
#[derive(Clone, Copy, Debug)]
pub struct SessionAt<'a> {
    /// The session.
    pub state: &'a SessionState,
    /// The moment, in seconds since 1970 or on any other clock that all of the session's times are of.
    pub now: i64,
}

impl SessionState {
    /// A session that begins `now` (seconds since 1970) and ends `lifetime_s` later, at most
    /// [`MAX_LIFETIME_S`].
    #[must_use]
    pub fn new(now: i64, lifetime_s: u32) -> Self {
        Self {
            started_at: now,
            lifetime_s: lifetime_s.min(MAX_LIFETIME_S),
            shown_total: 0,
            declined_by_kind: [0; 3],
            shown_floor: 0,
            declined_floor_s: None,
            shown: Vec::new(),
            declined: Vec::new(),
        }
    }

    /// The session after this one: nothing was shown in it, and no kind is silent. When items were
    /// declined stays known, because a cool-down may outlast a session.
    #[must_use]
    pub fn renewed(&self, now: i64, lifetime_s: u32) -> Self {
        let mut next = Self::new(now, lifetime_s);
        let moved = |after_s: i32| next.after(self.started_at.saturating_add(i64::from(after_s)));
        let declined: Vec<_> =
            self.declined.iter().map(|old| DeclinedAfter { after_s: moved(old.after_s), ..*old }).collect();
        next.declined_floor_s = self.declined_floor_s.map(moved);
        next.declined = declined;
        next
    }

    /// The session at a moment, for [`OffersQuery::session`](crate::offers::OffersQuery::session).
    #[must_use]
    pub fn at(&self, now: i64) -> SessionAt<'_> {
        SessionAt { state: self, now }
    }

    /// The first second at which the session is over.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        self.started_at.saturating_add(i64::from(self.lifetime_s))
    }

    /// Whether it is over.
    #[must_use]
    pub fn is_over(&self, now: i64) -> bool {
        now >= self.expires_at()
    }

    /// When it began, in seconds since 1970.
    #[must_use]
    pub fn started_at(&self) -> i64 {
        self.started_at
    }

    /// Offers shown so far.
    #[must_use]
    pub fn shown_total(&self) -> u32 {
        self.shown_total
    }

    /// Offers of a kind declined so far; 255 stands for that and more.
    #[must_use]
    pub fn declined_of(&self, kind: OfferKind) -> u8 {
        self.declined_by_kind[kind as usize]
    }

    /// The shown items that are known one by one, the one last shown at the end.
    #[must_use]
    pub fn shown(&self) -> &[Shown] {
        &self.shown
    }

    /// The declines that are known one by one, the last at the end.
    pub fn declined(&self) -> impl ExactSizeIterator<Item = Declined> {
        let started_at = self.started_at;
        self.declined.iter().map(move |declined| Declined {
            item: declined.item,
            n_times: declined.n_times,
            time: started_at.saturating_add(i64::from(declined.after_s)),
        })
    }

    /// Whether an item may be shown as an offer of a kind; O(items known).
    ///
    /// Call [`record_shown`](Self::record_shown) for what is then shown, before the next question.
    ///
    /// # Errors
    /// The first [`Refusal`] in this order: the session is over, its offers are used up, the kind
    /// was declined too often, the item was shown too often, the item was declined lately.
    pub fn may_show(&self, item: ItemKey, kind: OfferKind, now: i64, limits: &SessionLimits) -> Result<(), Refusal> {
        self.offers_left(now, limits)?;
        self.may_show_kind(kind, limits)?;
        self.may_show_item(item, now, limits)
    }

    /// How many more offers the session may see, at least 1.
    pub(crate) fn offers_left(&self, now: i64, limits: &SessionLimits) -> Result<u32, Refusal> {
        if self.is_over(now) {
            return Err(Refusal::SessionOver);
        }
        match limits.offers_per_session.saturating_sub(self.shown_total) {
            0 => Err(Refusal::OffersPerSession { limit: limits.offers_per_session }),
            left => Ok(left),
        }
    }

    pub(crate) fn may_show_kind(&self, kind: OfferKind, limits: &SessionLimits) -> Result<(), Refusal> {
        match limits.declines_before_silence.map(capped) {
            Some(limit) if u32::from(self.declined_of(kind)) >= limit => Err(Refusal::Silence { limit }),
            _ => Ok(()),
        }
    }

    pub(crate) fn may_show_item(&self, item: ItemKey, now: i64, limits: &SessionLimits) -> Result<(), Refusal> {
        match limits.shows_per_item.map(capped) {
            Some(limit) if u32::from(self.times_shown(item)) >= limit => return Err(Refusal::ShowsPerItem { limit }),
            _ => {}
        }
        let declined = self.nth_newest_decline(item, capped(limits.declines_before_cool_down.max(1)));
        // One after the present is of a clock that is ahead, and counts as well.
        match declined.map(|time| time.saturating_add(i64::from(limits.cool_down_s))) {
            Some(until) if now < until => Err(Refusal::CoolDown { until }),
            _ => Ok(()),
        }
    }

    /// Whether there can be an item or a kind that may not be shown, so that no key has to be made where
    /// there is none.
    pub(crate) fn forbids_items(&self, limits: &SessionLimits) -> bool {
        let knows_declined = !self.declined.is_empty() || self.declined_floor_s.is_some();
        knows_declined || self.declined_by_kind != [0; 3] || limits.shows_per_item.is_some()
    }

    /// How often an item counts as shown.
    fn times_shown(&self, item: ItemKey) -> u8 {
        self.shown.iter().find(|shown| shown.item == item).map_or(self.shown_floor, |shown| shown.n_times)
    }

    /// When the n-th newest decline of an item was, or may have been where some were forgotten.
    fn nth_newest_decline(&self, item: ItemKey, n: u32) -> Option<i64> {
        let mut left = n;
        let known = self.declined.iter().rev().filter(|declined| declined.item == item).find(|declined| {
            left = left.saturating_sub(declined.n_times.into());
            left == 0
        });
        let after_s = known.map(|declined| declined.after_s).max(self.declined_floor_s)?;
        Some(self.started_at.saturating_add(i64::from(after_s)))
    }

    /// Counts an offer that is shown.
    pub fn record_shown(&mut self, item: ItemKey) {
        self.shown_total = self.shown_total.saturating_add(1);
        let n_times = self.times_shown(item).saturating_add(1);
        self.shown.retain(|shown| shown.item != item);
        self.shown.push(Shown { item, n_times });
    }

    /// Counts an offer that was declined at a time (seconds since 1970), of a kind where that is
    /// known. One after the end of the session counts as at its end, one more than 68 years before
    /// its beginning as 68 years before.
    pub fn record_declined(&mut self, item: ItemKey, kind: Option<OfferKind>, time: i64) {
        if let Some(kind) = kind {
            let n_declined = &mut self.declined_by_kind[kind as usize];
            *n_declined = n_declined.saturating_add(1);
        }
        let after_s = self.after(time);
        let end = self.declined.partition_point(|declined| declined.after_s <= after_s);
        let same_time =
            self.declined[..end].iter().rposition(|declined| declined.after_s < after_s).map_or(0, |at| at + 1);
        match self.declined[same_time..end].iter_mut().find(|declined| declined.item == item) {
            Some(declined) => declined.n_times = declined.n_times.saturating_add(1),
            None => self.declined.insert(end, DeclinedAfter { item, n_times: 1, after_s }),
        }
    }

    /// A time as it is stored.
    fn after(&self, time: i64) -> i32 {
        let elapsed = time.saturating_sub(self.started_at).clamp(i64::from(i32::MIN + 1), i64::from(self.lifetime_s));
        i32::try_from(elapsed).unwrap_or(i32::MAX)
    }

    /// The state as a token holds it: [`MAX_SHOWN`] shown items and [`MAX_DECLINED`] declines.
    pub(super) fn shortened(mut self) -> Self {
        let n_forgotten = self.shown.len().saturating_sub(MAX_SHOWN);
        for gone in self.shown.drain(..n_forgotten) {
            self.shown_floor = self.shown_floor.max(gone.n_times);
        }
        let mut at = 0;
        while self.declined.len() > MAX_DECLINED && at < self.declined.len() {
            let DeclinedAfter { item, n_times, .. } = self.declined[at];
            match self.declined[at + 1..].iter_mut().find(|newer| newer.item == item) {
                Some(newer) => {
                    newer.n_times = newer.n_times.saturating_add(n_times);
                    self.declined.remove(at);
                }
                None => at += 1,
            }
        }
        let n_forgotten = self.declined.len().saturating_sub(MAX_DECLINED);
        for gone in self.declined.drain(..n_forgotten) {
            self.declined_floor_s = self.declined_floor_s.max(Some(gone.after_s));
        }
        self
    }
}

/// A count ends at 255 and stands for any above, so a cap from there on holds at 255.
fn capped(limit: u32) -> u32 {
    limit.min(u8::MAX.into())
}
