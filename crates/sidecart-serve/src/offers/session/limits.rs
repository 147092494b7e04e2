use std::fmt;

use crate::offers::Policy;

const SECONDS_PER_DAY: f64 = 86_400.0;

/// How much one session may be offered: the part of a [`Policy`] that speaks of sessions, in seconds.
/// Caps: no order of events leads above them.
///
/// ```
/// use sidecart_serve::offers::Policy;
/// use sidecart_serve::offers::session::SessionLimits;
///
/// let limits = SessionLimits::of(&Policy { cool_down_days: 0.5, ..Policy::default() });
/// assert_eq!((limits.offers_per_session, limits.cool_down_s), (24, 43_200));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionLimits {
    /// Offers shown in a session, of all kinds; 0 offers nothing.
    pub offers_per_session: u32,
    /// Times that one item is shown; `None` without limit. From 255 on it counts as 255.
    pub shows_per_item: Option<u32>,
    /// Seconds for which an item stays away after it was declined.
    pub cool_down_s: u32,
    /// Declines within these seconds after which it stays away; 0 counts as 1, from 255 on as 255.
    pub declines_before_cool_down: u32,
    /// Declined offers of a kind after which this kind stays away for the rest of the session;
    /// `None` without limit. From 255 on it counts as 255.
    pub declines_before_silence: Option<u32>,
}

impl SessionLimits {
    /// What a policy says of sessions.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        Self {
            offers_per_session: policy.offers_per_session,
            shows_per_item: policy.shows_per_item,
            // A part of a second counts as one: what was declined rests rather too long.
            cool_down_s: (policy.cool_down_days * SECONDS_PER_DAY).ceil() as u32,
            declines_before_cool_down: policy.declines_before_cool_down,
            declines_before_silence: policy.declines_before_silence,
        }
    }
}

impl Default for SessionLimits {
    fn default() -> Self {
        Self::of(&Policy::default())
    }
}

/// Why an offer is not shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Refusal {
    /// The session is over; begin another one.
    SessionOver,
    /// So many offers were shown already.
    OffersPerSession {
        /// The cap.
        limit: u32,
    },
    /// So many offers of this kind were declined.
    Silence {
        /// The cap.
        limit: u32,
    },
    /// The item was shown so often.
    ShowsPerItem {
        /// The cap.
        limit: u32,
    },
    /// The item was declined so often, a short time ago.
    CoolDown {
        /// When it may come back, in seconds since 1970.
        until: i64,
    },
}

impl Refusal {
    /// The reason in one word for files and counters.
    #[must_use]
    pub fn code(self) -> &'static str {
        match self {
            Self::SessionOver => "session_over",
            Self::OffersPerSession { .. } => "offers_per_session",
            Self::Silence { .. } => "silence",
            Self::ShowsPerItem { .. } => "shows_per_item",
            Self::CoolDown { .. } => "cool_down",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SessionOver => write!(f, "the session is over"),
            Self::OffersPerSession { limit } => write!(f, "the session has seen its {limit} offers"),
            Self::Silence { limit } => write!(f, "{limit} offers of this kind were declined"),
            Self::ShowsPerItem { limit } => write!(f, "the item was shown {limit} times"),
            Self::CoolDown { until } => write!(f, "the item was declined and stays away until {until}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_those_of_the_policy() {
        let policy = Policy {
            offers_per_session: 7,
            cool_down_days: 1.0 / 86_400.0 + 1e-9,
            declines_before_cool_down: 3,
            shows_per_item: Some(2),
            declines_before_silence: Some(4),
            ..Policy::default()
        };
        let expected = SessionLimits {
            offers_per_session: 7,
            shows_per_item: Some(2),
            cool_down_s: 2,
            declines_before_cool_down: 3,
            declines_before_silence: Some(4),
        };
        assert_eq!(SessionLimits::of(&policy), expected);
        let longest = Policy { cool_down_days: 3_650.0, ..Policy::default() };
        assert_eq!(SessionLimits::of(&longest).cool_down_s, 3_650 * 86_400);
    }

    #[test]
    fn reasons_have_words() {
        assert_eq!(Refusal::CoolDown { until: 5 }.to_string(), "the item was declined and stays away until 5");
        assert_eq!(Refusal::Silence { limit: 2 }.code(), "silence");
    }
}
