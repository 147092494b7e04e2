use std::f64::consts::LOG2_E;

/// Adding this rounds a small number to an integer, which then is the lowest bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// The leading 32 bits of ln 2, so that a small integer times it is exact.
const LN_2_HIGH: f64 = f64::from_bits(0x3FE6_2E42_FEE0_0000);
const LN_2_LOW: f64 = 1.908_214_929_270_587_7e-10;
/// `1 / k!` from k = 13 down to 0.
const RECIPROCAL_FACTORIALS: [f64; 14] = {
    let mut reciprocals = [1.0; 14];
    let mut factorial = 1.0;
    let mut k = 1;
    while k < 14 {
        factorial *= k as f64;
        reciprocals[13 - k] = 1.0 / factorial;
        k += 1;
    }
    reciprocals
};
/// Differences beyond this give the same as this.
const MAX_DIFFERENCE: f64 = 700.0;

/// `1 / (1 + e^difference)`: how wrongly a pair stands whose better row leads by `difference`.
///
/// The same bits on every machine, as `sidecart_core::exp`, with a relative error below 1e-14. One
/// is needed for every pair of every query before every tree: no branch, call or division by term
/// stands here, so that the compiler computes several pairs at a time.
#[inline]
pub(super) fn sigmoid(difference: f64) -> f64 {
    let x = difference.clamp(-MAX_DIFFERENCE, MAX_DIFFERENCE);
    let shifted = x * LOG2_E + ROUND;
    let halvings = shifted - ROUND;
    let rest = (x - halvings * LN_2_HIGH) - halvings * LN_2_LOW;
    let mut series = RECIPROCAL_FACTORIALS[0];
    for reciprocal in &RECIPROCAL_FACTORIALS[1..] {
        series = series * rest + reciprocal;
    }
    let power = f64::from_bits(shifted.to_bits().wrapping_add(1023) << 52);
    1.0 / (1.0 + series * power)
}

#[cfg(test)]
mod tests {
    use sidecart_core::exp;

    use super::*;

    #[test]
    fn is_the_quotient_of_exponentials() {
        for i in -69_999..=69_999 {
            let difference = f64::from(i) / 100.0 + 0.0001;
            let expected = 1.0 / (1.0 + exp(difference));
            let error = (sigmoid(difference) - expected).abs();
            assert!(error <= 1e-14 * expected, "{difference}: {} for {expected}", sigmoid(difference));
        }
        assert_eq!(sigmoid(0.0), 0.5);
        assert_eq!(sigmoid(-1e300), 1.0);
        assert!(sigmoid(1e300) > 0.0 && sigmoid(1e300) < 1e-300);
    }
}
