use crate::{Level, level::dispatch};

/// Lanes of [`sum`] and [`max`].
const LANES: usize = 16;
/// Columns that [`add_rows`] sums at a time.
const STRIP: usize = 64;
/// Below this, `exp` would leave the normal numbers.
const EXP_MIN: f32 = -87.0;
/// Above this, `exp` would overflow its exponent.
const EXP_MAX: f32 = 88.0;

/// `values[i] = e^values[i]`, with a relative error below 3e-7.
///
/// Arguments are clamped to -87..=88, so results are finite, normal and positive: about 1.6e-38
/// at least and 1.7e38 at most. NaN stays NaN. All levels give the same bits.
///
/// The argument is split into `n ln 2 + r` with `|r| <= ln 2 / 2` (two-part constant, Cody and
/// Waite 1980), `e^r` is a Taylor polynomial of degree 7, and `2^n` is put into the exponent.
///
/// ```
/// let mut values = [0.0, 1.0];
/// sidecart_kernels::exp(&mut values);
/// assert_eq!(values[0], 1.0);
/// assert!((values[1] - 2.718_281_8).abs() < 1e-6);
/// ```
#[inline]
pub fn exp(values: &mut [f32]) {
    exp_at(Level::best(), values);
}

/// [`exp`] at a level of the caller's choice.
#[inline]
pub fn exp_at(level: Level, values: &mut [f32]) {
    dispatch!(level, exp(values));
}

/// `out[i] += factor * x[i]` with one rounding each.
///
/// # Panics
/// When the lengths differ.
#[inline]
pub fn add_scaled(out: &mut [f32], x: &[f32], factor: f32) {
    add_scaled_at(Level::best(), out, x, factor);
}

/// [`add_scaled`] at a level of the caller's choice.
///
/// # Panics
/// When the lengths differ.
#[inline]
pub fn add_scaled_at(level: Level, out: &mut [f32], x: &[f32], factor: f32) {
    assert_eq!(out.len(), x.len(), "adding vectors needs one length");
    dispatch!(level, add_scaled(out, x, factor));
}

/// `out[d] += table[r * out.len() + d]` for each `r` of `rows`, in order: a sum of table rows.
///
/// ```
/// let mut out = [0.5, 0.0];
/// sidecart_kernels::add_rows(&mut out, &[1.0, 2.0, 10.0, 20.0, 100.0, 200.0], &[0, 2]);
/// assert_eq!(out, [101.5, 202.0]);
/// ```
///
/// # Panics
/// When the table has no such row.
#[inline]
pub fn add_rows(out: &mut [f32], table: &[f32], rows: &[u32]) {
    add_rows_at(Level::best(), out, table, rows);
}

/// [`add_rows`] at a level of the caller's choice.
///
/// # Panics
/// When the table has no such row.
#[inline]
pub fn add_rows_at(level: Level, out: &mut [f32], table: &[f32], rows: &[u32]) {
    dispatch!(level, add_rows(out, table, rows));
}

/// The sum of a slice in a fixed order: 16 lanes, then a tree. 0 when it is empty.
#[inline]
#[must_use]
pub fn sum(values: &[f32]) -> f32 {
    sum_at(Level::best(), values)
}

/// [`sum`] at a level of the caller's choice.
#[inline]
#[must_use]
pub fn sum_at(level: Level, values: &[f32]) -> f32 {
    dispatch!(level, sum(values))
}

/// The greatest value, negative infinity when the slice is empty. Values must not be NaN.
#[inline]
#[must_use]
pub fn max(values: &[f32]) -> f32 {
    max_at(Level::best(), values)
}

/// [`max`] at a level of the caller's choice.
#[inline]
#[must_use]
pub fn max_at(level: Level, values: &[f32]) -> f32 {
    dispatch!(level, max(values))
}

// The bodies below are inlined into one function per instruction set, where the compiler turns
// the fixed lanes into vectors. Rust never reorders or fuses float operations by itself, so one
// source gives one result.

#[inline(always)]
pub(crate) fn exp_body(values: &mut [f32]) {
    for value in values {
        *value = exp_one(*value);
    }
}

#[inline(always)]
fn exp_one(x: f32) -> f32 {
    const ROUND: f32 = 12_582_912.0; // 1.5 * 2^23: adding it leaves the nearest whole number in the low bits
    const LN_2_HIGH: f32 = 0.693_359_4; // 355/512, exact in 9 bits, so n * LN_2_HIGH is exact
    const LN_2_LOW: f32 = -2.121_944_4e-4;
    let low = if x < EXP_MIN { EXP_MIN } else { x };
    let x = if low > EXP_MAX { EXP_MAX } else { low };
    let shifted = x.mul_add(std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = n.mul_add(-LN_2_LOW, n.mul_add(-LN_2_HIGH, x));
    let mut p = 1.0 / 5040.0;
    p = r.mul_add(p, 1.0 / 720.0);
    p = r.mul_add(p, 1.0 / 120.0);
    p = r.mul_add(p, 1.0 / 24.0);
    p = r.mul_add(p, 1.0 / 6.0);
    p = r.mul_add(p, 0.5);
    p = r.mul_add(p, 1.0);
    p = r.mul_add(p, 1.0);
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    p * f32::from_bits(exponent)
}

#[inline(always)]
pub(crate) fn add_scaled_body(out: &mut [f32], x: &[f32], factor: f32) {
    for (o, &x) in out.iter_mut().zip(x) {
        *o = factor.mul_add(x, *o);
    }
}

#[inline(always)]
pub(crate) fn add_rows_body(out: &mut [f32], table: &[f32], rows: &[u32]) {
    let dim = out.len();
    let mut start = 0;
    // A strip of sums stays in registers while the rows pass by.
    for strip in out.chunks_exact_mut(STRIP) {
        let mut sums = [0.0f32; STRIP];
        sums.copy_from_slice(strip);
        for &row in rows {
            let from = row as usize * dim + start;
            for (sum, &value) in sums.iter_mut().zip(&table[from..from + STRIP]) {
                *sum += value;
            }
        }
        strip.copy_from_slice(&sums);
        start += STRIP;
    }
    for &row in rows {
        let from = row as usize * dim;
        for (o, &value) in out[start..].iter_mut().zip(&table[from + start..from + dim]) {
            *o += value;
        }
    }
}

#[inline(always)]
fn fold_lanes(values: &[f32], start: f32, join: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let mut chunks = values.chunks_exact(LANES);
    for chunk in &mut chunks {
        for (lane, &value) in lanes.iter_mut().zip(chunk) {
            *lane = join(*lane, value);
        }
    }
    for (lane, &value) in lanes.iter_mut().zip(chunks.remainder()) {
        *lane = join(*lane, value);
    }
    let mut width = LANES / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] = join(lanes[i], lanes[i + width]);
        }
        width /= 2;
    }
    lanes[0]
}

#[inline(always)]
pub(crate) fn sum_body(values: &[f32]) -> f32 {
    fold_lanes(values, 0.0, |a, b| a + b)
}

#[inline(always)]
pub(crate) fn max_body(values: &[f32]) -> f32 {
    fold_lanes(values, f32::NEG_INFINITY, |a, b| if b > a { b } else { a })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = Vec<f32>> {
        proptest::collection::vec(-100.0f32..100.0, 0..120)
    }

    fn bits(values: &[f32]) -> Vec<u32> {
        values.iter().map(|v| v.to_bits()).collect()
    }

    proptest! {
        #[test]
        fn all_levels_agree_bit_for_bit(x in values(), factor in -2.0f32..2.0) {
            let mut plain_exp = x.clone();
            exp_at(Level::Plain, &mut plain_exp);
            let mut plain_sum = x.iter().map(|v| v * 0.1).collect::<Vec<_>>();
            let start = plain_sum.clone();
            add_scaled_at(Level::Plain, &mut plain_sum, &x, factor);
            for level in Level::ALL {
                let mut e = x.clone();
                exp_at(level, &mut e);
                prop_assert_eq!(bits(&e), bits(&plain_exp));
                let mut s = start.clone();
                add_scaled_at(level, &mut s, &x, factor);
                prop_assert_eq!(bits(&s), bits(&plain_sum));
                prop_assert_eq!(sum_at(level, &x).to_bits(), sum_at(Level::Plain, &x).to_bits());
                prop_assert_eq!(max_at(level, &x), x.iter().copied().fold(f32::NEG_INFINITY, f32::max));
            }
            let wide: f64 = x.iter().map(|&v| f64::from(v)).sum();
            prop_assert!((f64::from(sum(&x)) - wide).abs() < 1e-2);
        }
    }

    proptest! {
        #[test]
        fn rows_are_added_in_order(dim in 1usize..150, rows in proptest::collection::vec(0u32..7, 0..9)) {
            let table: Vec<f32> = (0..7 * dim).map(|i| (i as f32 * 0.37).sin() * 10.0).collect();
            let start: Vec<f32> = (0..dim).map(|d| d as f32 * 0.1).collect();
            let mut plain = start.clone();
            for &row in &rows {
                for (o, v) in plain.iter_mut().zip(&table[row as usize * dim..]) {
                    *o += v;
                }
            }
            for level in Level::ALL {
                let mut out = start.clone();
                add_rows_at(level, &mut out, &table, &rows);
                prop_assert_eq!(bits(&out), bits(&plain));
            }
        }
    }

    #[test]
    fn exp_is_accurate_over_its_whole_range() {
        let mut x: Vec<f32> = (0..=175_000).map(|i| EXP_MIN + i as f32 * 1e-3).collect();
        let expected: Vec<f64> = x.iter().map(|&v| f64::from(v.clamp(EXP_MIN, EXP_MAX)).exp()).collect();
        exp(&mut x);
        for (got, want) in x.iter().zip(&expected) {
            assert!(((f64::from(*got) - want) / want).abs() < 3e-7, "{got} {want}");
        }
    }

    #[test]
    fn exp_clamps() {
        let mut x = [-1e30, f32::NEG_INFINITY, f32::INFINITY, 1e30, 0.0];
        exp(&mut x);
        assert!(x.iter().all(|v| v.is_finite() && *v > 0.0));
        assert_eq!(x[4], 1.0);
    }
}
