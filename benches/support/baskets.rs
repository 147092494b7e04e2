//! Baskets for the counting benches: from raw files named by environment variables, or drawn.

use std::time::Instant;

use sidecart_core::{Baskets, ItemId, Rng};

/// The input of a run.
pub(crate) struct Input {
    /// What to call it.
    pub(crate) name: String,
    /// The baskets.
    pub(crate) baskets: Baskets,
    /// Every item is below this.
    pub(crate) n_items: usize,
}

/// `SIDECART_BENCH_OFFSETS` (row offsets, one more than baskets) and `SIDECART_BENCH_ITEMS` name
/// files of little-endian `u32`; without them 100,000 baskets of 10 draws from 20,000 items by
/// Zipf's law are drawn.
pub(crate) fn input() -> Input {
    let (Ok(offsets), Ok(items)) = (std::env::var("SIDECART_BENCH_OFFSETS"), std::env::var("SIDECART_BENCH_ITEMS"))
    else {
        return Input { name: "drawn-zipf-1M".to_owned(), baskets: drawn(100_000, 10, 20_000), n_items: 20_000 };
    };
    let (offsets, items) = (read(&offsets), read(&items));
    let baskets: Baskets =
        offsets.windows(2).map(|w| items[w[0] as usize..w[1] as usize].iter().map(|&i| ItemId(i))).collect();
    let n_items = items.iter().max().map_or(0, |&i| i as usize + 1);
    let name = std::env::var("SIDECART_BENCH_NAME").unwrap_or_else(|_| "files".to_owned());
    Input { name, baskets, n_items }
}

fn read(path: &str) -> Vec<u32> {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{path}: {error}"));
    bytes.chunks_exact(4).map(|b| u32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect()
}

fn drawn(n_baskets: usize, n_draws: usize, n_items: usize) -> Baskets {
    let mut rng = Rng::new(11, 0);
    let mut below = vec![0.0f64];
    for rank in 1..=n_items {
        below.push(below[rank - 1] + 1.0 / rank as f64);
    }
    let total = below[n_items];
    (0..n_baskets)
        .map(|_| {
            let mut basket: Vec<u32> = (0..n_draws)
                .map(|_| {
                    let point = rng.unit() * total;
                    (below.partition_point(|&b| b <= point) - 1) as u32
                })
                .collect();
            basket.sort_unstable();
            basket.dedup();
            basket.into_iter().map(ItemId)
        })
        .collect()
}

/// A number from the environment.
pub(crate) fn setting(name: &str, default: usize) -> usize {
    std::env::var(name).ok().and_then(|value| value.parse().ok()).unwrap_or(default)
}

/// A pool of `SIDECART_BENCH_THREADS` threads, 1 by default.
pub(crate) fn pool() -> rayon::ThreadPool {
    let n_threads = setting("SIDECART_BENCH_THREADS", 1);
    rayon::ThreadPoolBuilder::new().num_threads(n_threads).build().expect("a thread pool starts")
}

/// Runs `work` `SIDECART_BENCH_REPEATS` times (5 by default) and gives the last result with the
/// median time in seconds.
pub(crate) fn median<T>(mut work: impl FnMut() -> T) -> (T, f64) {
    let mut seconds = Vec::new();
    loop {
        let start = Instant::now();
        let result = work();
        seconds.push(start.elapsed().as_secs_f64());
        if seconds.len() >= setting("SIDECART_BENCH_REPEATS", 5) {
            seconds.sort_unstable_by(f64::total_cmp);
            return (result, seconds[seconds.len() / 2]);
        }
    }
}

/// Peak resident memory of this process in MiB, 0 where the system does not tell.
pub(crate) fn peak_rss_mib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok()).unwrap_or(0) / 1024
}
