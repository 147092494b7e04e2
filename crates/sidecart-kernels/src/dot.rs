use crate::{Level, level::dispatch};

/// Parallel sums of a dot product; part of its definition, as it decides the order of additions.
pub(crate) const LANES: usize = 32;

/// The inner product of two vectors of the same length.
///
/// Element `i` goes to lane `i % 32` by fused multiply-add in rising `i` (the tail is padded with
/// zeros), then the lanes are added in a fixed tree (16 apart, 8 apart, .. 1 apart). So all
/// levels give the same bits. O(n), no allocation.
///
/// ```
/// assert_eq!(sidecart_kernels::dot(&[1.0, 2.0], &[3.0, 0.5]), 4.0);
/// ```
///
/// # Panics
/// When the lengths differ.
#[inline]
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    dot_at(Level::best(), a, b)
}

/// [`dot`] at a level of the caller's choice.
///
/// # Panics
/// When the lengths differ.
#[inline]
#[must_use]
pub fn dot_at(level: Level, a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len(), "a dot product needs vectors of one length");
    dispatch!(level, dot(a, b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn all_levels_agree_bit_for_bit(pairs in proptest::collection::vec((-1e3f32..1e3, -1e-3f32..1e3), 0..200)) {
            let (a, b): (Vec<f32>, Vec<f32>) = pairs.into_iter().unzip();
            let plain = dot_at(Level::Plain, &a, &b);
            for level in Level::ALL {
                prop_assert_eq!(dot_at(level, &a, &b).to_bits(), plain.to_bits());
            }
            let wide: f64 = a.iter().zip(&b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum();
            let size: f64 = a.iter().zip(&b).map(|(&x, &y)| (f64::from(x) * f64::from(y)).abs()).sum();
            prop_assert!((f64::from(plain) - wide).abs() <= 1e-5 * size + 1e-30);
        }
    }

    #[test]
    fn tiny_products_round_alike() {
        let a = [1e-30_f32; 5];
        let b = [-1e-30_f32; 5];
        for level in Level::ALL {
            assert_eq!(dot_at(level, &a, &b).to_bits(), dot_at(Level::Plain, &a, &b).to_bits());
        }
    }
}
