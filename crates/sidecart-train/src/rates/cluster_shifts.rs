use sidecart_core::exp;

use super::shrunk_normal;

const MAX_ROUNDS: usize = 60;
const PRECISION: f64 = 1e-10;
/// No step of a shift is longer than this, in log-odds.
const LONGEST_STEP: f64 = 2.0;
/// Events that agree with the model, in each group: a group in which nothing happened has a finite
/// shift.
const AGREEING_EVENTS: f64 = 1.0;

/// One row of a group.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ShiftRow {
    /// Log-odds of the model.
    pub offset: f64,
    /// What happened.
    pub label: bool,
    /// What the row counts, above 0.
    pub weight: f64,
    /// Its group.
    pub group: u16,
    /// Its cluster (a customer).
    pub cluster: usize,
}

/// What a group adds to the log-odds of a model shared by all groups.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct ClusterShift {
    /// The likeliest shift of the group alone.
    pub estimate: f64,
    /// Its standard error: between clusters, and no less than that of independent rows. Infinite
    /// without rows.
    pub error: f64,
    /// The estimate moved towards 0, as far as the groups say that such shifts are chance.
    pub shrunk: f64,
    /// Clusters with a row of the group.
    pub n_clusters: u64,
}

/// Shrunk intercepts of groups on top of known log-odds, where rows come in clusters.
///
/// Each group's likelihood has its maximum in one shift; scores vary between clusters, never between
/// rows, which gives its error (Liang and Zeger: Longitudinal Data Analysis using Generalized Linear
/// Models, 1986); the shifts are then moved towards 0 by [`shrunk_normal`]. Weights count by their
/// ratios. Groups share clusters without that being counted, so that errors of differences are too
/// wide rather than too narrow. O(rows x rounds).
///
/// # Panics
/// If a group is not below `n_groups`, or rows of one cluster do not stand together.
#[must_use]
pub fn cluster_shifts(rows: &[ShiftRow], n_groups: usize) -> Vec<ClusterShift> {
    let n_clusters = rows.chunk_by(|a, b| a.cluster == b.cluster).count();
    let mut seen: Vec<usize> = rows.iter().map(|row| row.cluster).collect();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen.len(), n_clusters, "rows of one cluster stand together");
    let mut shifts: Vec<ClusterShift> = (0..n_groups).map(|group| alone(rows, group as u16)).collect();
    let seen: Vec<(f64, f64)> = shifts.iter().map(|shift| (shift.estimate, shift.error * shift.error)).collect();
    for (shift, shrunk) in shifts.iter_mut().zip(shrunk_normal(&seen, 0.0)) {
        shift.shrunk = shrunk;
    }
    assert!(rows.iter().all(|row| usize::from(row.group) < n_groups), "a group is below {n_groups}");
    shifts
}

fn sigmoid(x: f64) -> f64 {
    let tail = exp(-x.abs());
    if x > 0.0 { 1.0 / (1.0 + tail) } else { tail / (1.0 + tail) }
}

/// The shift of one group and its error.
fn alone(rows: &[ShiftRow], group: u16) -> ClusterShift {
    let of_group = || rows.iter().filter(|row| row.group == group);
    let (n, total) = of_group().fold((0.0, 0.0), |(n, total), row| (n + 1.0, total + row.weight));
    if n == 0.0 {
        return ClusterShift { error: f64::INFINITY, ..ClusterShift::default() };
    }
    let unit = n / total;
    let agreeing = AGREEING_EVENTS / n;
    let mut shift = 0.0;
    let mut information = 0.0;
    for _ in 0..MAX_ROUNDS {
        let mut score = 0.0;
        information = 0.0;
        for row in of_group() {
            let p = sigmoid(row.offset + shift);
            let weight = row.weight * unit;
            score += weight * (f64::from(u8::from(row.label)) - p) + agreeing * (sigmoid(row.offset) - p);
            information += (weight + agreeing) * p * (1.0 - p);
        }
        let step = (score / information).clamp(-LONGEST_STEP, LONGEST_STEP);
        shift += step;
        if step.abs() < PRECISION {
            break;
        }
    }
    let (mut spread, mut squares, mut n_clusters) = (0.0, 0.0, 0u64);
    for cluster in rows.chunk_by(|a, b| a.cluster == b.cluster) {
        let mut in_group = cluster.iter().filter(|row| row.group == group).peekable();
        if in_group.peek().is_none() {
            continue;
        }
        n_clusters += 1;
        let mut score = 0.0;
        for row in in_group {
            let (p, weight) = (sigmoid(row.offset + shift), row.weight * unit);
            score += weight * (f64::from(u8::from(row.label)) - p);
            squares += weight * weight * p * (1.0 - p);
        }
        spread += score * score;
    }
    let error = (f64::max(spread, squares) / (information * information)).sqrt();
    ClusterShift { estimate: shift, error, shrunk: 0.0, n_clusters }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidecart_core::{Rng, ln};

    /// Clusters of rows whose log-odds are moved by the group, and by a whim of the cluster.
    fn planted(seed: u64, shifts: &[f64], n_clusters: usize, whim: f64) -> Vec<ShiftRow> {
        let mut rng = Rng::new(seed, 0);
        let mut rows = Vec::new();
        for cluster in 0..n_clusters {
            let mood = whim * rng.normal();
            for _ in 0..1 + rng.below(8) {
                let group = rng.below(shifts.len()) as u16;
                let offset = -1.5 + rng.normal();
                let label = rng.chance(sigmoid(offset + shifts[usize::from(group)] + mood));
                rows.push(ShiftRow { offset, label, weight: 1.0, group, cluster });
            }
        }
        rows
    }

    #[test]
    fn planted_shifts_come_back() {
        let truth = [1.0, 0.0, -1.0];
        let found = cluster_shifts(&planted(1, &truth, 6_000, 0.0), 4);
        for (shift, truth) in found.iter().zip(truth) {
            assert!((shift.estimate - truth).abs() < 3.5 * shift.error && shift.error < 0.06, "{shift:?}");
            assert!((shift.shrunk - shift.estimate).abs() < 0.1 * shift.error.max(0.05), "{shift:?}");
        }
        assert_eq!((found[3].error, found[3].shrunk, found[3].n_clusters), (f64::INFINITY, 0.0, 0));
    }

    #[test]
    fn a_group_by_hand() {
        // Half of twenty events where the model says 1 in 4: ln(0.5 / 0.5) - ln(0.25 / 0.75), pulled
        // by one event that agrees.
        let offset = ln(0.25 / 0.75);
        let rows: Vec<ShiftRow> =
            (0..20).map(|at| ShiftRow { offset, label: at % 2 == 0, weight: 3.0, group: 0, cluster: at }).collect();
        let p = (10.0 + 0.25) / 21.0;
        let found = cluster_shifts(&rows, 1)[0];
        assert!((found.estimate - (ln(p / (1.0 - p)) - offset)).abs() < 1e-9, "{found:?}");
        let never: Vec<ShiftRow> = rows.iter().map(|row| ShiftRow { label: false, ..*row }).collect();
        assert!(cluster_shifts(&never, 1)[0].estimate < -2.0);
    }

    #[test]
    fn errors_count_clusters_and_cover_the_truth() {
        let independent = cluster_shifts(&planted(3, &[0.0], 2_000, 0.0), 1)[0];
        let moody = cluster_shifts(&planted(3, &[0.0], 2_000, 1.5), 1)[0];
        assert!(moody.error > 1.3 * independent.error, "{moody:?} {independent:?}");
        let n_trials = 400;
        let covered = (0..n_trials).filter(|&seed| {
            let shift = cluster_shifts(&planted(seed, &[0.8, -0.4], 300, 0.0), 2)[0];
            (shift.estimate - 0.8).abs() < 1.96 * shift.error
        });
        let share = covered.count() as f64 / n_trials as f64;
        assert!((0.92..=0.98).contains(&share), "{share}");
    }

    #[test]
    #[should_panic(expected = "stand together")]
    fn scattered_clusters_are_refused() {
        let mut rows = planted(1, &[0.0], 3, 0.0);
        let first = rows[0];
        rows.push(first);
        let _ = cluster_shifts(&rows, 1);
    }
}
