use sidecart_core::{Clock, History, Time};

use super::signal;
use crate::model::Model;
use crate::scratch::Scratch;

/// The customer's own past, strictly before `at`: how often and how lately each item was bought,
/// and how often it went with items of the present basket.
///
/// Ages count days, or the customer's baskets where times are a bare order, back from the newest
/// of these baskets: signals are shares, so the time since then would cancel out, and would make
/// all of them vanish for a customer who was away for years. O(lines of the past).
pub(crate) fn own(model: &Model, history: &History, at: Time, scratch: &mut Scratch) {
    let settings = model.settings();
    let newest = history.as_of(at).next().map_or(at, |basket| basket.time);
    for (position, basket) in history.as_of(at).enumerate() {
        let age = match model.clock() {
            Clock::None => 0.0,
            Clock::Order => position as f64,
            Clock::Calendar | Clock::Days => newest.days_since(basket.time),
        };
        let mut decays = [(-age / settings.own_frequency_tau) as f32, (-age / settings.own_together_tau) as f32];
        sidecart_kernels::exp(&mut decays);
        let shared: f32 = basket
            .items
            .iter()
            .filter(|&&item| scratch.is_in_basket(item))
            .map(|item| model.rarity[item.index()])
            .sum();
        for item in basket.items {
            if let Some(signals) = scratch.signals(item.0) {
                signals[signal::OWN_FREQUENCY] += decays[0];
                signals[signal::OWN_TOGETHER] += shared * decays[1];
            }
        }
    }
}

/// Blocks everything the customer bought before `at`.
pub(crate) fn block_owned(history: &History, at: Time, scratch: &mut Scratch) {
    for basket in history.as_of(at) {
        for item in basket.items {
            scratch.block(item.0);
        }
    }
}
