use std::fmt;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// How much one session may be offered. Caps: no order of events leads above them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SessionLimits {
    /// Offers shown in a session, of all kinds. Default 30; 0 offers nothing.
    pub offers_per_session: u32,
    /// Times that one item is shown, 0..=254. Default 3.
    pub shows_per_item: u32,
    /// Seconds for which an item stays away after it was declined. Default one day.
    pub cool_down_s: u32,
    /// Declined offers of a kind after which this kind stays away for the rest of the session,
    /// 1..=254. Default 3.
    pub declines_before_silence: u32,
}

/// Counts of a session end here, so a cap above could never be reached.
const MAX_COUNT: u32 = u8::MAX as u32 - 1;

impl Default for SessionLimits {
    fn default() -> Self {
        Self { offers_per_session: 30, shows_per_item: 3, cool_down_s: 86_400, declines_before_silence: 3 }
    }
}

impl SessionLimits {
    /// Checks every range.
    ///
    /// # Errors
    /// [`Error::Query`] for the first value out of range.
    pub fn check(&self) -> Result<()> {
        let refuse = |field, got: u32, low| {
            Err(Error::Query { field, got: got.to_string(), expected: format!("{low} to {MAX_COUNT}") })
        };
        if self.shows_per_item > MAX_COUNT {
            return refuse("shows_per_item", self.shows_per_item, 0);
        }
        if !(1..=MAX_COUNT).contains(&self.declines_before_silence) {
            return refuse("declines_before_silence", self.declines_before_silence, 1);
        }
        Ok(())
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
    /// The item was declined a short time ago.
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
    fn ranges_are_checked() {
        let good = SessionLimits::default();
        assert!(good.check().is_ok());
        assert!(SessionLimits { shows_per_item: 0, offers_per_session: 0, ..good }.check().is_ok());
        assert!(SessionLimits { shows_per_item: 255, ..good }.check().is_err());
        for declines in [0, 255] {
            assert!(SessionLimits { declines_before_silence: declines, ..good }.check().is_err());
        }
        assert!(serde_json::from_str::<SessionLimits>("{\"shows\": 3}").is_err());
    }

    #[test]
    fn reasons_have_words() {
        assert_eq!(Refusal::CoolDown { until: 5 }.to_string(), "the item was declined and stays away until 5");
        assert_eq!(Refusal::Silence { limit: 2 }.code(), "silence");
    }
}
