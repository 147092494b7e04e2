//! Pair counting: pairs in baskets per second, one line of JSON.
//!
//! `cargo bench --bench count_pairs`; `benches/peers/counting.py` runs it beside other programs.
//! Run it before touching `counting/index.rs` or `counting/algorithm.rs`.
#![allow(clippy::print_stdout)]

#[path = "support/baskets.rs"]
mod baskets;

use sidecart_train::counting::{CappedBaskets, Columns, PairCounter};

fn main() {
    let input = baskets::input();
    let pool = baskets::pool();
    let capped = CappedBaskets::new(&input.baskets, input.n_items, 500, |_, item| u64::from(item.0));
    let weights = capped.weights(0.7);
    let build = || {
        PairCounter::new(capped.baskets(), &weights, input.n_items, Columns::MoreFrequent, 1)
            .expect("fewer than 2^32 lines")
    };
    let (counter, index_s) = pool.install(|| baskets::median(build));
    let (totals, count_s) = pool.install(|| baskets::median(|| counter.totals()));
    let (cells, cells_s) = pool.install(|| {
        baskets::median(|| {
            let rows = counter.fold_cells(
                || 0u64,
                |sum, _, cells| *sum += cells.iter().map(|c| c.weight).sum::<u64>(),
                |sum| sum,
            );
            rows.iter().sum::<u64>()
        })
    });
    println!(
        "{}",
        serde_json::json!({
            "bench": "count_pairs",
            "data": input.name,
            "threads": pool.current_num_threads(),
            "pairs": totals.n_pairs,
            "distinct_pairs": totals.n_distinct,
            "index_s": index_s,
            "count_s": count_s,
            "mpairs_per_s": totals.n_pairs as f64 / count_s / 1e6,
            "sorted_weighted_cells_s": cells_s,
            "sum_of_weights": cells,
            "peak_rss_mib": baskets::peak_rss_mib(),
        })
    );
}
