use super::{ItemKey, Refusal, SessionLimits};
use crate::offers::OfferKind;

/// Items whose shows a session counts one by one.
pub const MAX_SHOWN: usize = 64;
/// Declined items that a session remembers one by one.
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
    /// As what it was offered.
    pub kind: OfferKind,
    /// When, in seconds since 1970.
    pub time: i64,
}

/// What a session was shown and has declined, in bounded memory.
///
/// Up to [`MAX_SHOWN`] shown and [`MAX_DECLINED`] declined items are known one by one, the newest
/// of each. Where one more comes, the oldest goes, and from then on every item that is *not* known
/// one by one counts as shown as often, and declined as late, as the most of those that went. So
/// what was forgotten can make the server more cautious, never less.
///
/// ```
/// use sidecart_core::ExternalIdRef;
/// use sidecart_serve::offers::OfferKind;
/// use sidecart_serve::offers::session::{ItemKey, SessionLimits, SessionState};
///
/// let limits = SessionLimits { cool_down_s: 600, ..SessionLimits::default() };
/// let case = ItemKey::of(ExternalIdRef::Text("case-s22"));
/// let mut session = SessionState::new(1_000, 3_600);
/// session.record_shown(case, OfferKind::CrossSell);
/// assert!(session.may_show(case, OfferKind::CrossSell, 1_001, &limits).is_ok());
/// session.record_declined(case, OfferKind::CrossSell, 1_002);
/// assert!(session.may_show(case, OfferKind::CrossSell, 1_601, &limits).is_err());
/// assert!(session.may_show(case, OfferKind::CrossSell, 1_602, &limits).is_ok());
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SessionState {
    pub(super) started_at: i64,
    pub(super) lifetime_s: u32,
    /// Offers shown by kind.
    pub(super) shown_by_kind: [u32; 3],
    /// Offers declined by kind; 255 stands for that and more.
    pub(super) declined_by_kind: [u8; 3],
    /// How often items that are not in `shown` count as shown.
    pub(super) shown_floor: u8,
    /// Seconds after the beginning at which items not in `declined` count as declined.
    pub(super) declined_floor_s: Option<u32>,
    /// By the time they were last shown.
    pub(super) shown: Vec<Shown>,
    /// By the time they were last declined; seconds count from the beginning.
    pub(super) declined: Vec<DeclinedAfter>,
}

/// A [`Declined`] whose time counts from the beginning of the session.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct DeclinedAfter {
    pub(super) item: ItemKey,
    pub(super) kind: OfferKind,
    pub(super) after_s: u32,
}

impl SessionState {
    /// A session that begins `now` (seconds since 1970) and ends `lifetime_s` later, at most
    /// [`MAX_LIFETIME_S`].
    ///
    /// With the session ends what it knows of declined items, so a lifetime below `cool_down_s`
    /// cuts the cool-down short.
    #[must_use]
    pub fn new(now: i64, lifetime_s: u32) -> Self {
        Self {
            started_at: now,
            lifetime_s: lifetime_s.min(MAX_LIFETIME_S),
            shown_by_kind: [0; 3],
            declined_by_kind: [0; 3],
            shown_floor: 0,
            declined_floor_s: None,
            shown: Vec::new(),
            declined: Vec::new(),
        }
    }

    /// The first second at which the session is over.
    #[must_use]
    pub fn expires_at(&self) -> i64 {
        self.started_at.saturating_add(i64::from(self.lifetime_s))
    }

    /// When it began, in seconds since 1970.
    #[must_use]
    pub fn started_at(&self) -> i64 {
        self.started_at
    }

    /// Offers shown so far.
    #[must_use]
    pub fn shown_total(&self) -> u32 {
        self.shown_by_kind.iter().fold(0, |sum, n| sum.saturating_add(*n))
    }

    /// Offers of a kind shown so far.
    #[must_use]
    pub fn shown_of(&self, kind: OfferKind) -> u32 {
        self.shown_by_kind[kind as usize]
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

    /// The declined items that are known one by one, the one last declined at the end.
    pub fn declined(&self) -> impl ExactSizeIterator<Item = Declined> {
        let started_at = self.started_at;
        self.declined.iter().map(move |declined| Declined {
            item: declined.item,
            kind: declined.kind,
            time: started_at.saturating_add(i64::from(declined.after_s)),
        })
    }

    /// Whether an item may be shown as an offer of a kind; O([`MAX_SHOWN`]).
    ///
    /// Call [`record_shown`](Self::record_shown) for what is then shown, before the next question.
    ///
    /// # Errors
    /// The first [`Refusal`] in this order: the session is over, its offers are used up, the kind
    /// was declined too often, the item was shown too often, the item was declined lately.
    pub fn may_show(&self, item: ItemKey, kind: OfferKind, now: i64, limits: &SessionLimits) -> Result<(), Refusal> {
        if now >= self.expires_at() {
            return Err(Refusal::SessionOver);
        }
        if self.shown_total() >= limits.offers_per_session {
            return Err(Refusal::OffersPerSession { limit: limits.offers_per_session });
        }
        // A count that ends at 255 stands for any above, so a cap from there on holds at 255.
        let declines = limits.declines_before_silence.min(u8::MAX.into());
        if u32::from(self.declined_of(kind)) >= declines {
            return Err(Refusal::Silence { limit: declines });
        }
        let shows = limits.shows_per_item.min(u8::MAX.into());
        if u32::from(self.times_shown(item)) >= shows {
            return Err(Refusal::ShowsPerItem { limit: shows });
        }
        match self.last_declined(item).map(|time| time.saturating_add(i64::from(limits.cool_down_s))) {
            Some(until) if now < until => Err(Refusal::CoolDown { until }),
            _ => Ok(()),
        }
    }

    /// How often an item counts as shown.
    fn times_shown(&self, item: ItemKey) -> u8 {
        self.shown.iter().find(|shown| shown.item == item).map_or(self.shown_floor, |shown| shown.n_times)
    }

    /// When an item counts as declined last.
    fn last_declined(&self, item: ItemKey) -> Option<i64> {
        let known = self.declined.iter().find(|declined| declined.item == item).map(|declined| declined.after_s);
        known.or(self.declined_floor_s).map(|after_s| self.started_at.saturating_add(i64::from(after_s)))
    }

    /// Counts an offer that is shown.
    pub fn record_shown(&mut self, item: ItemKey, kind: OfferKind) {
        let total = &mut self.shown_by_kind[kind as usize];
        *total = total.saturating_add(1);
        let n_times = self.times_shown(item).saturating_add(1);
        self.shown.retain(|shown| shown.item != item);
        if self.shown.len() == MAX_SHOWN {
            self.shown_floor = self.shown_floor.max(self.shown.remove(0).n_times);
        }
        self.shown.push(Shown { item, n_times });
    }

    /// Counts an offer that was declined at a time (seconds since 1970). A time before the
    /// beginning or an earlier decline counts as that one, which clocks of several servers may ask
    /// for; one after the end as the end.
    pub fn record_declined(&mut self, item: ItemKey, kind: OfferKind, time: i64) {
        let n_declined = &mut self.declined_by_kind[kind as usize];
        *n_declined = n_declined.saturating_add(1);
        let elapsed = time.saturating_sub(self.started_at).clamp(0, i64::from(self.lifetime_s));
        let newest = self.declined.last().map_or(0, |declined| declined.after_s);
        let after_s = u32::try_from(elapsed).unwrap_or(self.lifetime_s).max(newest);
        self.declined.retain(|declined| declined.item != item);
        if self.declined.len() == MAX_DECLINED {
            let gone = self.declined.remove(0);
            self.declined_floor_s = self.declined_floor_s.max(Some(gone.after_s));
        }
        self.declined.push(DeclinedAfter { item, kind, after_s });
    }
}
