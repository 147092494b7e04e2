use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Upper ends of the buckets in microseconds: scoring takes tens to hundreds, trouble shows in
/// milliseconds and seconds.
pub(crate) const BUCKETS_MICROS: [u64; 14] =
    [50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000, 10_000_000];

/// Counts of durations by bucket, with their sum.
#[derive(Default)]
pub(crate) struct Histogram {
    /// The last place holds what is beyond all buckets.
    buckets: [AtomicU64; BUCKETS_MICROS.len() + 1],
    sum_nanos: AtomicU64,
}

impl Histogram {
    pub(crate) fn observe(&self, took: Duration) {
        let micros = took.as_nanos().div_ceil(1_000) as u64;
        let place = BUCKETS_MICROS.partition_point(|&end| end < micros);
        self.buckets[place].fetch_add(1, Ordering::Relaxed);
        self.sum_nanos.fetch_add(took.as_nanos() as u64, Ordering::Relaxed);
    }

    /// Running totals by bucket, that of all last.
    pub(crate) fn running_totals(&self) -> [u64; BUCKETS_MICROS.len() + 1] {
        let mut total = 0;
        std::array::from_fn(|place| {
            total += self.buckets[place].load(Ordering::Relaxed);
            total
        })
    }

    pub(crate) fn sum_seconds(&self) -> f64 {
        self.sum_nanos.load(Ordering::Relaxed) as f64 / 1e9
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_falls_into_the_first_bucket_that_holds_it() {
        let histogram = Histogram::default();
        for nanos in [1, 50_000, 50_001, 100_000, 20_000_000_000] {
            histogram.observe(Duration::from_nanos(nanos));
        }
        let totals = histogram.running_totals();
        assert_eq!((totals[0], totals[1], totals[13], totals[14]), (2, 4, 4, 5));
        assert!((histogram.sum_seconds() - 20.000_200_002).abs() < 1e-9);
    }
}
