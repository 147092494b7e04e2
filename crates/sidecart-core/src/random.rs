/// A bijective mix of 64 bits: equal inputs give equal outputs for ever, on every machine.
///
/// The finaliser of SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
/// Generators, 2014).
#[inline]
#[must_use]
pub fn mix64(value: u64) -> u64 {
    let mut z = value.wrapping_add(0x9E37_79B9_7F4A_7C15);
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}

/// A small seeded generator (SplitMix64), owned so that results never change with a dependency.
#[derive(Clone, Debug)]
pub struct Rng {
    state: u64,
}

impl Rng {
    /// A generator for one purpose: different `stream` values are independent of each other.
    #[must_use]
    pub fn new(seed: u64, stream: u64) -> Self {
        Self { state: mix64(mix64(seed) ^ stream.wrapping_mul(0xD1B5_4A32_D192_ED03)) }
    }

    /// The next 64 bits.
    #[inline]
    pub fn next_u64(&mut self) -> u64 {
        let value = mix64(self.state);
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        value
    }

    /// Uniform in `0..n` without bias worth speaking of (bias below n / 2^64); 0 for `n == 0`.
    #[inline]
    pub fn below(&mut self, n: usize) -> usize {
        ((u128::from(self.next_u64()) * n as u128) >> 64) as usize
    }

    /// Uniform in `[0, 1)` with 53 bits.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        (self.next_u64() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// True with probability `p`.
    pub fn chance(&mut self, p: f64) -> bool {
        self.unit() < p
    }

    /// A draw close to the standard normal: the sum of twelve uniforms minus six. Only sums, so
    /// the value is the same on every machine.
    pub fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.unit()).sum::<f64>() - 6.0
    }

    /// Puts a slice into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for last in (1..values.len()).rev() {
            values.swap(last, self.below(last + 1));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_fixed_for_ever() {
        let mut rng = Rng::new(1, 2);
        let first: Vec<u64> = (0..2).map(|_| rng.next_u64()).collect();
        assert_eq!(mix64(0), 0xE220_A839_7B1D_CDAF);
        assert_ne!(first[0], first[1]);
        assert_eq!(Rng::new(1, 2).next_u64(), first[0]);
        assert_ne!(Rng::new(1, 3).next_u64(), first[0]);
    }

    #[test]
    fn draws_have_the_right_means() {
        let mut rng = Rng::new(7, 0);
        let n = 20_000;
        let unit: f64 = (0..n).map(|_| rng.unit()).sum::<f64>() / f64::from(n);
        let below: f64 = (0..n).map(|_| rng.below(10) as f64).sum::<f64>() / f64::from(n);
        let normal: f64 = (0..n).map(|_| rng.normal().powi(2)).sum::<f64>() / f64::from(n);
        assert!((unit - 0.5).abs() < 0.02 && (below - 4.5).abs() < 0.1 && (normal - 1.0).abs() < 0.05);
    }
}
