use std::fmt;

/// Microseconds in a day.
pub const MICROS_PER_DAY: i64 = 86_400_000_000;

/// A point in time: microseconds since 1970-01-01 UTC, or an order number (see [`Clock`]).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
#[repr(transparent)]
pub struct Time(pub i64);

/// What a [`Time`] counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Clock {
    /// There is no time: all baskets are equally old.
    #[default]
    None,
    /// Microseconds since 1970-01-01 UTC.
    Calendar,
    /// Whole days in the caller's own count, held as microseconds.
    Days,
    /// A bare order: only "before" and "after" mean something; ages count baskets.
    Order,
}

impl Clock {
    /// The name in manifests and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Calendar => "calendar",
            Self::Days => "days",
            Self::Order => "order",
        }
    }

    /// The clock of a name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::None, Self::Calendar, Self::Days, Self::Order].into_iter().find(|c| c.name() == name)
    }

    /// Whether differences of times are durations.
    #[must_use]
    pub fn has_durations(self) -> bool {
        matches!(self, Self::Calendar | Self::Days)
    }

    /// Reads a time in the form that [`show`](Self::show) gives it; `None` where it has another one, and
    /// for [`Clock::None`].
    ///
    /// ```
    /// use sidecart_core::{Clock, MICROS_PER_DAY, Time};
    ///
    /// assert_eq!(Clock::Days.parse("3"), Some(Time(3 * MICROS_PER_DAY)));
    /// assert_eq!(Clock::Calendar.parse("1970-01-02"), Some(Time(MICROS_PER_DAY)));
    /// ```
    #[must_use]
    pub fn parse(self, text: &str) -> Option<Time> {
        match self {
            Self::Calendar => Time::parse(text),
            Self::Days => text.trim().parse::<i64>().ok()?.checked_mul(MICROS_PER_DAY).map(Time),
            Self::Order => text.trim().parse().ok().map(Time),
            Self::None => None,
        }
    }

    /// What a time looks like, in words.
    #[must_use]
    pub fn expected(self) -> &'static str {
        match self {
            Self::Calendar => "a date such as 2025-06-30 or 2025-06-30T12:00:00",
            Self::Days => "a day number",
            Self::Order => "an order number",
            Self::None => "nothing: the history has no times",
        }
    }

    /// A time in the form people read: a date, a day number, an order number.
    #[must_use]
    pub fn show(self, time: Time) -> String {
        match self {
            Self::None => "-".into(),
            Self::Calendar => time.to_string(),
            Self::Days => time.0.div_euclid(MICROS_PER_DAY).to_string(),
            Self::Order => time.0.to_string(),
        }
    }
}

impl Time {
    /// Days from `earlier` to `self` for clocks with durations.
    #[must_use]
    pub fn days_since(self, earlier: Self) -> f64 {
        (self.0 as f64 - earlier.0 as f64) / MICROS_PER_DAY as f64
    }

    /// Reads `2025-06-30`, `2025-06-30T12:34:56` or `2025-06-30 12:34:56[.ffffff][Z]` as UTC.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_end_matches('Z');
        let (date, clock) = match text.find(['T', ' ']) {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let mut parts = date.splitn(3, '-').map(str::parse::<i64>);
        let (year, month, day) = (parts.next()?.ok()?, parts.next()?.ok()?, parts.next()?.ok()?);
        if !(1..=9999).contains(&year) || !(1..=12).contains(&month) || day < 1 || day > days_in_month(year, month) {
            return None;
        }
        let mut micros = days_from_civil(year, month, day) * MICROS_PER_DAY;
        if let Some(clock) = clock {
            let mut parts = clock.splitn(3, ':');
            let hour: i64 = parts.next()?.parse().ok()?;
            let minute: i64 = parts.next()?.parse().ok()?;
            let seconds: f64 = parts.next().map_or(Some(0.0), |s| s.parse().ok())?;
            if !(0..24).contains(&hour) || !(0..60).contains(&minute) || !(0.0..60.0).contains(&seconds) {
                return None;
            }
            micros += (hour * 3600 + minute * 60) * 1_000_000 + (seconds * 1e6).round() as i64;
        }
        Some(Self(micros))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil_from_days(self.0.div_euclid(MICROS_PER_DAY));
        let rest = self.0.rem_euclid(MICROS_PER_DAY);
        write!(f, "{year:04}-{month:02}-{day:02}")?;
        if rest != 0 {
            let seconds = rest / 1_000_000;
            write!(f, "T{:02}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
            if rest % 1_000_000 != 0 {
                write!(f, ".{:06}", rest % 1_000_000)?;
            }
        }
        Ok(())
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in_month(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the proleptic Gregorian calendar, counting years from March so that
/// the leap day comes last.
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = (shifted + 2) % 12 + 1;
    (era * 400 + year_of_era + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_dates() {
        assert_eq!(Time::parse("1970-01-01"), Some(Time(0)));
        assert_eq!(Time::parse("2000-02-29"), Some(Time(11_016 * MICROS_PER_DAY)));
        assert_eq!(Time::parse("2017-11-01T12:30:00").map(|t| t.to_string()).as_deref(), Some("2017-11-01T12:30:00"));
        for bad in ["", "2021-02-29", "2021-13-01", "2021-01-01T25:00:00", "yesterday"] {
            assert_eq!(Time::parse(bad), None, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn shown_times_read_back(micros in -62_135_596_800_000_000i64..253_402_300_799_000_000) {
            prop_assert_eq!(Time::parse(&Time(micros).to_string()), Some(Time(micros)));
        }
    }
}
