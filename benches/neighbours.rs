//! Neighbours of all items, from baskets to sorted lists, one line of JSON.
//!
//! `cargo bench --bench neighbours`; `benches/peers/counting.py` runs it beside other programs.
//! `SIDECART_BENCH_MIN_BASKETS` (1) and `SIDECART_BENCH_PER_ITEM` (200) set the size of the task.
#![allow(clippy::print_stdout)]

#[path = "support/baskets.rs"]
mod baskets;

use sidecart_train::counting::CappedBaskets;
use sidecart_train::neighbours::{NeighbourParams, fit};

fn main() {
    let input = baskets::input();
    let params = NeighbourParams {
        min_item_baskets: baskets::setting("SIDECART_BENCH_MIN_BASKETS", 1) as u32,
        per_item: baskets::setting("SIDECART_BENCH_PER_ITEM", 200) as u32,
        ..Default::default()
    };
    let pool = baskets::pool();
    let (neighbours, fit_s) = pool.install(|| {
        baskets::median(|| {
            let capped = CappedBaskets::new(&input.baskets, input.n_items, 500, |_, item| u64::from(item.0));
            fit(&capped, &params).expect("default settings and fewer than 2^32 lines")
        })
    });
    println!(
        "{}",
        serde_json::json!({
            "bench": "neighbours",
            "data": input.name,
            "threads": pool.current_num_threads(),
            "per_item": params.per_item,
            "min_item_baskets": params.min_item_baskets,
            "neighbours": neighbours.items.len(),
            "fit_s": fit_s,
            "peak_rss_mib": baskets::peak_rss_mib(),
        })
    );
}
