use sidecart_core::{MICROS_PER_DAY, Quantity, Time};
use sidecart_data::Ledger;

/// Days whose sales say how fast stock goes.
const RECENT_DAYS: i64 = 28;

/// How items sold.
pub(super) struct Sales {
    /// Pieces a day in the newest days of the history; `None` where times are no days.
    pub(super) per_day: Vec<Option<f32>>,
    /// First sale in the history; `None` where times are no days or there is none.
    pub(super) first: Vec<Option<Time>>,
}

/// Counts pieces over the newest 28 days, or over the whole history where it is shorter. O(lines).
pub(super) fn count(ledger: &Ledger, n_items: usize) -> Sales {
    let (Some(oldest), Some(newest), true) = (ledger.first_time(), ledger.last_time(), ledger.clock().has_durations())
    else {
        return Sales { per_day: vec![None; n_items], first: vec![None; n_items] };
    };
    let days = (newest.days_since(oldest).ceil() as i64 + 1).clamp(1, RECENT_DAYS);
    let since = Time(newest.0.saturating_sub(days * MICROS_PER_DAY));
    let (mut pieces, mut first) = (vec![0i64; n_items], vec![None::<Time>; n_items]);
    for (basket, &time) in ledger.basket_times().iter().enumerate() {
        for line in ledger.lines(basket) {
            let at = line.item.index();
            first[at] = Some(first[at].map_or(time, |first| first.min(time)));
            if time > since {
                pieces[at] = pieces[at].saturating_add(line.quantity.0);
            }
        }
    }
    let per_day = |&pieces: &i64| Some((Quantity(pieces).to_f64() / days as f64) as f32);
    Sales { per_day: pieces.iter().map(per_day).collect(), first }
}
