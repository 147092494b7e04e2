use sidecart_core::{Clock, MICROS_PER_DAY};
use sidecart_data::Ledger;

const HOUR: i64 = MICROS_PER_DAY / 24;

/// The hour at which a day of the shop begins, in hours from midnight UTC, -11..=12: the middle of
/// the three quietest hours. Midnight where times have no hours, so that a shop's evening does not
/// fall into the next day because its clock is not the one of its files.
#[must_use]
pub fn day_starts_at(ledger: &Ledger) -> i8 {
    if ledger.clock() != Clock::Calendar {
        return 0;
    }
    let mut baskets = [0u64; 24];
    for time in ledger.basket_times() {
        baskets[(time.0.rem_euclid(MICROS_PER_DAY) / HOUR) as usize] += 1;
    }
    quietest_hour(&baskets)
}

fn quietest_hour(baskets: &[u64; 24]) -> i8 {
    if baskets.iter().filter(|&&n| n > 0).count() <= 1 {
        return 0;
    }
    let around = |hour: usize| baskets[(hour + 23) % 24] + baskets[hour] + baskets[(hour + 1) % 24];
    let quietest = (0..24).map(around).min().unwrap_or(0);
    // Of equally quiet hours the middle of the first stretch, so that a night is halved.
    let is_quiet = |hour: usize| around(hour % 24) == quietest;
    let Some(begin) = (0..24).find(|&hour| is_quiet(hour) && !is_quiet(hour + 23)) else { return 0 };
    let length = (1..24).find(|&n| !is_quiet(begin + n)).unwrap_or(24);
    let hour = ((begin + length / 2) % 24) as i8;
    if hour > 12 { hour - 24 } else { hour }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_begins_in_the_middle_of_the_night() {
        let shop = |open: std::ops::Range<usize>| {
            let mut baskets = [0; 24];
            open.for_each(|hour| baskets[hour % 24] = 100);
            quietest_hour(&baskets)
        };
        assert_eq!(shop(8..20), 2, "quiet from 20 to 8, the middle of which is 2");
        assert_eq!(shop(13..25), 7, "five hours west of Greenwich");
        assert_eq!(shop(22..34), -8, "ten hours east");
        assert_eq!(shop(0..1), 0, "dates without hours");
        assert_eq!(shop(0..24), 0);
    }
}
