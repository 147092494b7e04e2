use sidecart_core::{Clock, History, Time};

use super::signal;
use crate::model::Model;
use crate::scratch::{BLOCKED, IN_BASKET, Scratch};

/// The customer's own past, strictly before `at`: how often and how lately each item was bought,
/// and how often it went with items of the present basket.
///
/// Ages count days, or the customer's baskets where times are a bare order. O(lines of the past).
pub(crate) fn own(model: &Model, history: &History, at: Time, scratch: &mut Scratch) {
    let settings = model.settings();
    for (position, basket) in history.as_of(at).enumerate() {
        let age = match model.clock() {
            Clock::None => 0.0,
            Clock::Order => position as f64,
            Clock::Calendar | Clock::Days => at.days_since(basket.time),
        };
        let frequency = (-age / settings.own_frequency_tau).exp() as f32;
        let shared: f32 = basket
            .items
            .iter()
            .filter(|item| scratch.is(item.0, IN_BASKET))
            .map(|item| model.idf[item.index()])
            .sum();
        let together = if shared > 0.0 { shared * (-age / settings.own_together_tau).exp() as f32 } else { 0.0 };
        for item in basket.items {
            scratch.add(signal::OWN_FREQUENCY, item.0, frequency);
            scratch.signals[signal::OWN_TOGETHER][item.index()] += together;
        }
    }
}

/// Blocks everything the customer bought before `at`.
pub(crate) fn block_owned(history: &History, at: Time, scratch: &mut Scratch) {
    for basket in history.as_of(at) {
        for item in basket.items {
            scratch.mark(item.0, BLOCKED);
        }
    }
}
