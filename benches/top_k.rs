//! Latency of exact top-k search: the int8 scan beside the plain float scan, one thread.
//!
//! ```text
//! cargo bench --bench top_k                    # 50,000 and 1,000,000 rows of 64 dimensions, k = 20
//! cargo bench --bench top_k -- 50000           # these sizes only
//! python benches/peers/top_k.py                # the same data through a peer library, with ratios
//! ```
//!
//! Rows are unit vectors in clusters of uneven size. `SIDECART_BENCH_VECTORS` and
//! `SIDECART_BENCH_QUERIES` name raw little-endian `f32` files of 64 dimensions to use instead, and
//! `SIDECART_BENCH_SCORES` a file for the scores found, `k` per query.
//! Each line of output is one measurement; `ratio` divides by the plain scan of the same run.
// A bench reports on standard output.
#![allow(clippy::print_stdout)]

use std::time::Instant;

use sidecart_core::Rng;
use sidecart_kernels::{Level, ScanIndex, Scratch};

const DIM: usize = 64;
const K: usize = 20;
const QUERIES: usize = 1000;
const ROUNDS: usize = 3;

fn main() {
    println!("level {:?}", Level::best());
    if let (Some(vectors), Some(queries)) = (from_file("SIDECART_BENCH_VECTORS"), from_file("SIDECART_BENCH_QUERIES")) {
        measure(&vectors, &queries);
        write_scores(&vectors, &queries);
        return;
    }
    let mut sizes: Vec<usize> = std::env::args().filter_map(|a| a.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![50_000, 1_000_000];
    }
    for n in sizes {
        let (vectors, queries) = clustered(n);
        measure(&vectors, &queries);
    }
}

fn from_file(variable: &str) -> Option<Vec<f32>> {
    let path = std::env::var_os(variable)?;
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    Some(bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect())
}

fn write_scores(vectors: &[f32], queries: &[f32]) {
    let Some(path) = std::env::var_os("SIDECART_BENCH_SCORES") else { return };
    let index = ScanIndex::new(vectors, DIM).expect("finite rows of 64 values");
    let mut scratch = Scratch::default();
    let mut bytes = Vec::new();
    for query in queries.chunks_exact(DIM) {
        let hits = index.search(query, None, K, |_| false, &mut scratch).expect("a finite query");
        bytes.extend(hits.iter().flat_map(|hit| hit.score.to_le_bytes()));
    }
    std::fs::write(&path, bytes).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

/// Unit vectors around `n / 250` centres, centre `c` with weight `c^-1/2`; queries are further draws.
fn clustered(n: usize) -> (Vec<f32>, Vec<f32>) {
    let mut rng = Rng::new(7, n as u64);
    let n_centres = (n / 250).max(50);
    let centres: Vec<f32> = (0..n_centres * DIM).map(|_| rng.normal() as f32).collect();
    let mut weights: Vec<f64> = (1..=n_centres).map(|c| 1.0 / (c as f64).sqrt()).collect();
    for c in 1..n_centres {
        weights[c] += weights[c - 1];
    }
    let mut draw = |count: usize| {
        let mut values = Vec::with_capacity(count * DIM);
        for _ in 0..count {
            let at = rng.unit() * weights[n_centres - 1];
            let centre = weights.partition_point(|&w| w <= at).min(n_centres - 1);
            let row: Vec<f32> = (0..DIM).map(|d| centres[centre * DIM + d] + 0.6 * rng.normal() as f32).collect();
            let norm = row.iter().map(|v| v * v).sum::<f32>().sqrt();
            values.extend(row.iter().map(|v| v / norm));
        }
        values
    };
    (draw(n), draw(QUERIES))
}

fn measure(vectors: &[f32], queries: &[f32]) {
    let start = Instant::now();
    let index = ScanIndex::new(vectors, DIM).expect("finite rows of 64 values");
    let n = index.n_rows();
    println!("top_k/build/rows={n},dim={DIM} seconds={:.3}", start.elapsed().as_secs_f64());
    let queries: Vec<&[f32]> = queries.chunks_exact(DIM).collect();

    let (mut scratch, mut twin) = (Scratch::default(), Scratch::default());
    for query in queries.iter().take(50) {
        let scan = index.search(query, None, K, |_| false, &mut scratch).expect("a finite query");
        let plain = index.search_plain(query, None, K, |_| false, &mut twin).expect("a finite query");
        assert_eq!(scan, plain, "both scans give one answer");
    }

    // Rounds take turns, so that a change of clock speed or load meets both.
    let plain_queries = &queries[..(10_000_000 / n).clamp(10, queries.len())];
    let (mut plain, mut scan) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        latencies(plain_queries, &mut plain, |query| {
            index.search_plain(query, None, K, |_| false, &mut scratch).map_or(0, <[_]>::len)
        });
        latencies(&queries, &mut scan, |query| {
            index.search(query, None, K, |_| false, &mut scratch).map_or(0, <[_]>::len)
        });
    }
    let plain_median = percentile(&mut plain, 0.50);
    for (name, times) in [("plain", &mut plain), ("int8", &mut scan)] {
        let (median, tail) = (percentile(times, 0.50), percentile(times, 0.99));
        println!(
            "top_k/{name}/rows={n},dim={DIM},k={K} p50_us={median:.1} p99_us={tail:.1} ratio={:.2}",
            plain_median / median
        );
    }
}

/// Adds the latency of each query in microseconds.
fn latencies(queries: &[&[f32]], times: &mut Vec<f64>, mut search: impl FnMut(&[f32]) -> usize) {
    for query in queries {
        let start = Instant::now();
        std::hint::black_box(search(std::hint::black_box(query)));
        times.push(start.elapsed().as_secs_f64() * 1e6);
    }
}

fn percentile(times: &mut [f64], share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * share).round() as usize]
}
