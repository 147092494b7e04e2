//! Times as they stand in requests.

use sidecart_core::{Clock, Time};

use crate::json::Value;

/// Reads a time in the form of a model's own times: a date or instant in text (UTC, or with an
/// offset such as `+02:00`) for a calendar, a whole number for days and orders.
pub(crate) fn read_time(value: &Value<'_>, clock: Clock) -> Option<Time> {
    match (clock, value) {
        (Clock::Calendar, Value::Text(text)) => read_instant(text),
        (Clock::Days, value) => whole(value)?.checked_mul(sidecart_core::MICROS_PER_DAY).map(Time),
        (Clock::Order, value) => whole(value).map(Time),
        (Clock::Calendar | Clock::None, _) => None,
    }
}

/// What a time of a clock looks like.
pub(crate) fn expected_time(clock: Clock) -> &'static str {
    match clock {
        Clock::Calendar => "expected a time such as 2025-06-30 or 2025-06-30T12:00:00Z",
        Clock::Days => "expected a day number",
        Clock::Order => "expected an order number",
        Clock::None => "expected no time: this model's history has none",
    }
}

fn whole(value: &Value<'_>) -> Option<i64> {
    match value {
        Value::Integer(number) => Some(*number),
        Value::Text(text) => text.trim().parse().ok(),
        _ => None,
    }
}

fn read_instant(text: &str) -> Option<Time> {
    let text = text.trim();
    let clock_at = text.find(['T', ' ']);
    let offset_at = clock_at.and_then(|at| Some(at + text[at..].find(['+', '-'])?));
    let Some(at) = offset_at else { return Time::parse(text) };
    let (hours, minutes) = text[at + 1..].split_once(':')?;
    let two_digits = |part: &str| part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit());
    if !two_digits(hours) || !two_digits(minutes) {
        return None;
    }
    let minutes = hours.parse::<i64>().ok()? * 60 + minutes.parse::<i64>().ok()?;
    let east = if text.as_bytes()[at] == b'+' { 1 } else { -1 };
    Time::parse(&text[..at]).map(|local| Time(local.0 - east * minutes * 60_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_clock_has_its_form() {
        let text = |text: &'static str| Value::Text(text.into());
        let noon = Time::parse("2025-06-30T12:00:00");
        for same in
            ["2025-06-30T12:00:00", "2025-06-30 12:00:00Z", "2025-06-30T14:30:00+02:30", "2025-06-30T07:00:00-05:00"]
        {
            assert_eq!(read_time(&text(same), Clock::Calendar), noon, "{same}");
        }
        for bad in ["", "noon", "2025-06-30T12:00:00+2", "2025-06-30T12:00:00+aa:bb", "2025-13-01", "1751284800"] {
            assert_eq!(read_time(&text(bad), Clock::Calendar), None, "{bad}");
        }
        assert_eq!(read_time(&Value::Integer(3), Clock::Calendar), None);
        assert_eq!(read_time(&Value::Integer(3), Clock::Order), Some(Time(3)));
        assert_eq!(read_time(&text(" 3"), Clock::Days), Some(Time(3 * sidecart_core::MICROS_PER_DAY)));
        assert_eq!(read_time(&Value::Integer(i64::MAX), Clock::Days), None);
        assert_eq!(read_time(&Value::Integer(3), Clock::None), None);
    }
}
