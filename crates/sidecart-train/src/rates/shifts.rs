use sidecart_core::exp;

/// Rounds of linearising and re-estimating; ten are usually enough.
const MAX_ROUNDS: usize = 100;
/// Shifts of less than this no longer change anything.
const PRECISION: f64 = 1e-10;
/// The largest penalty, used when the segments do not differ.
const MAX_PENALTY: f64 = 1e9;
/// No step of a shift is longer than this, in log-odds.
const LONGEST_STEP: f64 = 2.0;

/// What a segment adds to the log-odds of a model shared by all segments.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Shift {
    /// Added to the log-odds.
    pub shift: f64,
    /// The penalty on the squared shift: the inverse variance of the shifts, at most 1e9 (then
    /// every shift is 0). The same for all segments.
    pub strength: f64,
    /// Events of the segment.
    pub events: u64,
}

/// Shrunk intercepts of segments on top of known log-odds.
///
/// Row `i` has the log-odds `offsets[i]`, the outcome `labels[i]` and belongs to `segment[i]`. The
/// shifts are drawn from a normal distribution with mean 0, whose variance is found by penalised
/// quasi-likelihood (Breslow and Clayton, 1993): the segments' likelihoods are linearised at the
/// current shifts, the variance is the maximum of their marginal likelihood, and shifts are one
/// penalised Newton step away. Without variance between segments all shifts are exactly 0. A
/// segment without events gets 0. Takes 5 to 20 passes over the rows, in their order.
///
/// # Panics
/// If lengths differ or a segment is not below `n_segments`.
#[must_use]
pub fn segment_shifts(offsets: &[f64], labels: &[bool], segment: &[u16], n_segments: usize) -> Vec<Shift> {
    assert!(offsets.len() == labels.len() && offsets.len() == segment.len(), "one offset, label and segment per row");
    let mut events = vec![0u64; n_segments];
    for &s in segment {
        events[usize::from(s)] += 1;
    }
    let mut shifts = vec![0.0; n_segments];
    let mut variance = 0.0;
    for _ in 0..MAX_ROUNDS {
        let slopes = slopes(offsets, labels, segment, &shifts);
        // Each likelihood is taken for a normal one with this centre and precision.
        let normal: Vec<(f64, f64)> = shifts
            .iter()
            .zip(&slopes)
            .filter(|(_, s)| s.information > 0.0)
            .map(|(shift, s)| (shift + s.score / s.information, s.information))
            .collect();
        variance = between_variance(&normal);
        let mut longest = 0.0f64;
        for (shift, s) in shifts.iter_mut().zip(&slopes) {
            let target = shrink(*shift, s, variance);
            let step = (target - *shift).clamp(-LONGEST_STEP, LONGEST_STEP);
            *shift += step;
            longest = longest.max(step.abs());
        }
        if longest < PRECISION {
            break;
        }
    }
    let strength = if variance > 1.0 / MAX_PENALTY { 1.0 / variance } else { MAX_PENALTY };
    shifts.iter().zip(events).map(|(&shift, events)| Shift { shift, strength, events }).collect()
}

/// First and (negative) second derivative of a segment's log-likelihood in its shift.
#[derive(Clone, Copy, Default)]
struct Slopes {
    score: f64,
    information: f64,
}

fn slopes(offsets: &[f64], labels: &[bool], segment: &[u16], shifts: &[f64]) -> Vec<Slopes> {
    let mut slopes = vec![Slopes::default(); shifts.len()];
    for ((&offset, &label), &s) in offsets.iter().zip(labels).zip(segment) {
        let s = usize::from(s);
        let p = 1.0 / (1.0 + exp(-(offset + shifts[s])));
        slopes[s].score += f64::from(u8::from(label)) - p;
        slopes[s].information += p * (1.0 - p);
    }
    slopes
}

/// The penalised Newton target of a shift; with no variance it is 0.
fn shrink(shift: f64, slopes: &Slopes, variance: f64) -> f64 {
    let weight = variance * slopes.information;
    (weight * shift + variance * slopes.score) / (1.0 + weight)
}

/// The variance at which normal estimates `(centre, precision)` around 0 are likeliest; 0 when
/// they differ no more than their precision explains.
pub(super) fn between_variance(normal: &[(f64, f64)]) -> f64 {
    // Slope of the log-likelihood in the variance, which falls through 0 at the maximum.
    let slope = |variance: f64| -> f64 {
        normal
            .iter()
            .map(|&(centre, precision)| {
                let total = 1.0 / (variance + 1.0 / precision);
                0.5 * total * (total * centre * centre - 1.0)
            })
            .sum()
    };
    // At 0 weighted by the precisions, where the estimates of small segments say little.
    if slope(0.0) <= 0.0 {
        return 0.0;
    }
    let (mut low, mut high) = (0.0, 1.0);
    while slope(high) > 0.0 && high < 1e6 {
        low = high;
        high *= 2.0;
    }
    for _ in 0..100 {
        let middle = 0.5 * (low + high);
        if slope(middle) > 0.0 {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidecart_core::{Rng, ln};

    fn rows(rng: &mut Rng, per_segment: &[usize], planted: &[f64]) -> (Vec<f64>, Vec<bool>, Vec<u16>) {
        let (mut offsets, mut labels, mut segment) = (Vec::new(), Vec::new(), Vec::new());
        for (s, (&n, shift)) in per_segment.iter().zip(planted).enumerate() {
            for _ in 0..n {
                let offset = -2.0 + rng.normal();
                offsets.push(offset);
                labels.push(rng.chance(1.0 / (1.0 + exp(-(offset + shift)))));
                segment.push(s as u16);
            }
        }
        (offsets, labels, segment)
    }

    /// Penalised log-likelihood of one segment.
    fn penalised(offsets: &[f64], labels: &[bool], segment: &[u16], s: u16, shift: f64, penalty: f64) -> f64 {
        let rows = offsets.iter().zip(labels).zip(segment).filter(|(_, of)| **of == s);
        rows.map(|((o, &y), _)| if y { -ln(1.0 + exp(-(o + shift))) } else { -ln(1.0 + exp(o + shift)) }).sum::<f64>()
            - 0.5 * penalty * shift * shift
    }

    #[test]
    fn planted_shifts_are_found_and_shrunk() {
        let mut rng = Rng::new(8, 0);
        let planted: Vec<f64> = (0..40).map(|_| 0.4 * rng.normal()).collect();
        let sizes: Vec<usize> = (0..40).map(|s| if s % 2 == 0 { 4_000 } else { 100 }).collect();
        let (offsets, labels, segment) = rows(&mut rng, &sizes, &planted);
        let found = segment_shifts(&offsets, &labels, &segment, 40);
        let variance = 1.0 / found[0].strength;
        assert!((0.08..0.30).contains(&variance), "{variance}");
        for (s, shift) in found.iter().enumerate() {
            assert_eq!(shift.events, sizes[s] as u64);
            if sizes[s] == 4_000 {
                assert!((shift.shift - planted[s]).abs() < 0.25, "{s} {shift:?} {}", planted[s]);
            }
        }
        // Small segments move less than large ones.
        let spread = |small: bool| {
            found.iter().enumerate().filter(|(s, _)| (s % 2 == 1) == small).map(|(_, f)| f.shift * f.shift).sum::<f64>()
        };
        assert!(spread(true) < spread(false));
        // Every shift is the maximum of its penalised likelihood.
        for (s, shift) in found.iter().enumerate().take(6) {
            let at = |d: f64| penalised(&offsets, &labels, &segment, s as u16, shift.shift + d, shift.strength);
            assert!(at(0.0) >= at(0.003) && at(0.0) >= at(-0.003), "{s}");
        }
    }

    #[test]
    fn equal_segments_get_exactly_nothing() {
        // Every segment has the very rate its offset says.
        let offset = ln(0.2 / 0.8);
        let labels: Vec<bool> = (0..500).map(|i| i % 5 == 0).collect();
        let segment: Vec<u16> = (0..500).map(|i| (i / 100) as u16).collect();
        let found = segment_shifts(&vec![offset; 500], &labels, &segment, 6);
        assert!(found.iter().all(|s| s.shift == 0.0 && s.strength == MAX_PENALTY));
        assert_eq!(found[5].events, 0);
    }

    #[test]
    fn chance_differences_stay_small() {
        let mut rng = Rng::new(9, 0);
        let mut largest = 0.0f64;
        for _ in 0..20 {
            let (offsets, labels, segment) = rows(&mut rng, &[1_000; 8], &[0.0; 8]);
            let found = segment_shifts(&offsets, &labels, &segment, 8);
            largest = found.iter().map(|s| s.shift.abs()).fold(largest, f64::max);
        }
        // One segment alone would be off by 0.09 at one standard error.
        assert!(largest < 0.25, "{largest}");
    }

    #[test]
    fn certain_segments_stay_finite() {
        let labels: Vec<bool> = (0..400).map(|i| i < 200).collect();
        let segment: Vec<u16> = (0..400).map(|i| u16::from(i < 200)).collect();
        let found = segment_shifts(&vec![0.0; 400], &labels, &segment, 2);
        assert!(found[1].shift > 2.0 && found[1].shift < 30.0, "{found:?}");
        assert!((found[0].shift + found[1].shift).abs() < 1e-6);
    }
}
