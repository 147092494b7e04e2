//! How often the interval of a segment's rate contains the rate, by simulation.

use sidecart_core::{Rng, exp};

use super::{MAX_STRENGTH, segment_rate, strength};

/// How the customers of a segment differ in their own rates.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Heterogeneity {
    None,
    /// One half, one, or three halves of the segment's rate.
    Factors,
    /// A Beta distribution around the segment's rate with this strength.
    Beta(f64),
}

fn gamma(rng: &mut Rng, shape: f64) -> f64 {
    // Marsaglia and Tsang (2000); a shape below 1 is raised and scaled back.
    if shape < 1.0 {
        return gamma(rng, shape + 1.0) * rng.unit().max(1e-300).powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    loop {
        let x = (-2.0 * (1.0 - rng.unit()).ln()).sqrt() * (std::f64::consts::TAU * rng.unit()).cos();
        let v = (1.0 + x / (9.0 * d).sqrt()).powi(3);
        if v > 0.0 && (1.0 - rng.unit()).ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
            return d * v;
        }
    }
}

fn beta(rng: &mut Rng, a: f64, b: f64) -> f64 {
    let (x, y) = (gamma(rng, a), gamma(rng, b));
    x / (x + y).max(1e-300)
}

/// `(upgrades, events)` of customers with a log-normal number of events around `exp(log_events)`.
fn segment(rng: &mut Rng, n_customers: usize, rate: f64, kind: Heterogeneity, log_events: f64) -> Vec<(u32, u32)> {
    (0..n_customers)
        .map(|_| {
            let n = exp(log_events + 0.9 * rng.normal()).max(1.0) as u32;
            let own = match kind {
                Heterogeneity::None => rate,
                Heterogeneity::Factors => rate * [0.5, 1.0, 1.5][rng.below(3)],
                Heterogeneity::Beta(s) => beta(rng, rate * s, (1.0 - rate) * s),
            };
            ((0..n).map(|_| u32::from(rng.chance(own))).sum(), n)
        })
        .collect()
}

/// Share of intervals that contain the segment's rate, with a prior that is off.
fn coverage(rng: &mut Rng, intervals: usize, customers: usize, rate: f64, kind: Heterogeneity, log_events: f64) -> f64 {
    let hits = (0..intervals)
        .filter(|_| {
            let found = segment_rate(&segment(rng, customers, rate, kind, log_events), 0.1, 1.0);
            found.low <= rate && rate <= found.high
        })
        .count();
    hits as f64 / intervals as f64
}

#[test]
fn intervals_cover_fixed_rates() {
    let mut rng = Rng::new(2024, 0);
    let (mut sum, mut cells) = (0.0, 0.0);
    for kind in [Heterogeneity::None, Heterogeneity::Factors, Heterogeneity::Beta(20.0)] {
        for (customers, rate) in [(20, 0.1), (20, 0.3), (60, 0.05), (60, 0.3), (200, 0.02), (200, 0.1), (600, 0.05)] {
            let got = coverage(&mut rng, 400, customers, rate, kind, 1.2);
            // Four standard errors of 400 intervals around 93 to 97 %.
            assert!((0.89..=0.995).contains(&got), "{kind:?} {customers} {rate}: {got}");
            sum += got;
            cells += 1.0;
        }
    }
    // 8,400 intervals: the mean is known to 0.25 points.
    let mean = sum / cells;
    assert!((0.94..=0.97).contains(&mean), "{mean}");
}

#[test]
fn intervals_cover_rates_drawn_from_a_population() {
    let mut rng = Rng::new(2025, 0);
    for (a, b, n_segments) in [(2.0, 14.0, 8), (2.0, 4.0, 8), (2.0, 14.0, 40), (200.0, 1_400.0, 8)] {
        let (mut hits, mut total) = (0, 0);
        for _ in 0..1_600 / n_segments {
            let segments: Vec<_> = (0..n_segments)
                .map(|_| {
                    let rate = beta(&mut rng, a, b).min(0.66);
                    (rate, segment(&mut rng, 40, rate, Heterogeneity::Factors, 1.2))
                })
                .collect();
            let sums: Vec<(f64, f64)> = segments
                .iter()
                .map(|(_, s)| s.iter().fold((0.0, 0.0), |(k, n), c| (k + f64::from(c.0), n + f64::from(c.1))))
                .collect();
            let prior = sums.iter().map(|s| s.0).sum::<f64>() / sums.iter().map(|s| s.1).sum::<f64>();
            let found = strength(&sums.iter().map(|&(k, n)| (k, n, prior)).collect::<Vec<_>>());
            assert!(found <= MAX_STRENGTH);
            for (rate, customers) in &segments {
                let interval = segment_rate(customers, prior, found);
                hits += u32::from(interval.low <= *rate && *rate <= interval.high);
                total += 1;
            }
        }
        let got = f64::from(hits) / f64::from(total);
        assert!((0.93..=0.975).contains(&got), "Beta({a}, {b}), {n_segments} segments: {got}");
    }
}

/// The table of the documentation; run with `--ignored --nocapture`.
#[test]
#[ignore = "prints a table of 192,000 intervals"]
fn table() {
    let mut rng = Rng::new(1, 0);
    let kinds = [Heterogeneity::None, Heterogeneity::Factors, Heterogeneity::Beta(20.0), Heterogeneity::Beta(5.0)];
    for log_events in [0.3, 1.2, 2.5] {
        for kind in kinds {
            for customers in [20, 60, 200, 2_000] {
                let row: Vec<String> = [0.02, 0.05, 0.1, 0.3, 0.5]
                    .iter()
                    .map(|&rate| {
                        let intervals = if customers < 2_000 { 1_000 } else { 200 };
                        format!("{:.3}", coverage(&mut rng, intervals, customers, rate, kind, log_events))
                    })
                    .collect();
                println!("{log_events} {kind:?} {customers}: {}", row.join(" "));
            }
        }
    }
}
