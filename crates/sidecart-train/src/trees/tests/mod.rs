//! Tests of the parts, and of the whole.

mod bins;
mod boosting;
mod growing;

use sidecart_core::Rng;

/// Numbers that are hard to bin: both zeros, neighbours, the smallest and the greatest.
fn nasty_number(rng: &mut Rng) -> f32 {
    let one = 1.0f32.to_bits();
    match rng.below(12) {
        0 => -0.0,
        1 => 0.0,
        2 => f32::from_bits(1),
        3 => -f32::from_bits(1),
        4 => f32::MAX,
        5 => -f32::MAX,
        6 => f32::from_bits(one + 1),
        7 => f32::from_bits(one),
        8 => f32::from_bits(one - 1),
        _ => (rng.unit() - 0.5) as f32,
    }
}
