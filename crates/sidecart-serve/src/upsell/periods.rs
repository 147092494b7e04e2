use sidecart_core::{Clock, MICROS_PER_DAY, Time};

/// Cuts time into periods of equal length, in which a customer's purchases of a ladder count as
/// one.
///
/// Periods of whole weeks begin on Monday at the hour at which the shop's day begins. Where times
/// are a bare order a period is so many steps of it; without times everything lies in one period.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Periods {
    length: i64,
    shift: i64,
}

/// 1970-01-01 was a Thursday.
const DAYS_FROM_MONDAY: i64 = 3;

impl Periods {
    /// Periods of `days` days that begin `day_starts_at` hours after midnight UTC (which counts for
    /// calendar times only), or of as many steps where times are a bare order.
    #[must_use]
    pub fn new(clock: Clock, days: u32, day_starts_at: i8) -> Self {
        let n = i64::from(days.max(1));
        match clock {
            Clock::Calendar => {
                let hours = DAYS_FROM_MONDAY * 24 - i64::from(day_starts_at);
                Self { length: n * MICROS_PER_DAY, shift: hours * (MICROS_PER_DAY / 24) }
            }
            Clock::Days => Self { length: n * MICROS_PER_DAY, shift: 0 },
            Clock::Order => Self { length: n, shift: 0 },
            Clock::None => Self { length: i64::MAX, shift: 0 },
        }
    }

    /// The period a time lies in. Times beyond about six million years count as the last period
    /// that a number can name.
    #[inline]
    #[must_use]
    pub fn of(&self, time: Time) -> i32 {
        let period = time.0.saturating_add(self.shift).div_euclid(self.length);
        period.clamp(i64::from(i32::MIN / 2), i64::from(i32::MAX / 2)) as i32
    }

    /// The first moment of a period.
    #[must_use]
    pub fn start(&self, period: i32) -> Time {
        Time(i64::from(period).saturating_mul(self.length).saturating_sub(self.shift))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn weeks_begin_on_monday() {
        let weeks = Periods::new(Clock::Calendar, 7, 0);
        let of = |text: &str| weeks.of(Time::parse(text).unwrap());
        assert_eq!(of("2024-01-01"), of("2024-01-07T23:59:59"));
        assert_eq!(of("2024-01-01"), of("2023-12-31T23:59:59") + 1);
        assert_eq!(weeks.start(of("2024-01-03")), Time::parse("2024-01-01").unwrap());
        let late = Periods::new(Clock::Calendar, 7, 5);
        let time = |text: &str| late.of(Time::parse(text).unwrap());
        assert_eq!(time("2024-01-01T04:59:59") + 1, time("2024-01-01T05:00:00"));
    }

    proptest! {
        #[test]
        fn a_period_holds_its_times(micros in -1_000_000_000_000_000i64..4_000_000_000_000_000, days in 1u32..400, hour in -12i8..=12) {
            for clock in [Clock::Calendar, Clock::Days] {
                let periods = Periods::new(clock, days, hour);
                let period = periods.of(Time(micros));
                prop_assert!(periods.start(period).0 <= micros && micros < periods.start(period + 1).0);
            }
        }
    }

    #[test]
    fn any_time_has_a_period() {
        for clock in [Clock::None, Clock::Calendar, Clock::Days, Clock::Order] {
            let periods = Periods::new(clock, 1, 0);
            assert!(
                periods.of(Time(i64::MIN)) <= periods.of(Time(0)) && periods.of(Time(0)) <= periods.of(Time(i64::MAX))
            );
        }
        assert_eq!(Periods::new(Clock::None, 7, 0).of(Time(5)), 0);
    }
}
