//! Reads a promotion calendar and prints how fast that went and how much memory it took.
//!
//! ```text
//! cargo run --release -p sidecart-data --example promotion_speed -- promotions.parquet items.parquet [threads]
//! ```
//!
//! Takes files, folders or globs with columns of our names; the catalogue is the item table. Peak
//! memory comes from `/proc/self/status` and is left out where there is no such file.
#![expect(clippy::print_stdout, reason = "an example prints its result")]

use std::path::PathBuf;
use std::time::Instant;

use sidecart_core::NoProgress;
use sidecart_data::config::SideTableConfig;
use sidecart_data::{read_items, read_promotions};

fn peak_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let usage = "usage: promotion_speed PROMOTIONS ITEMS [THREADS]";
    let mut table = || -> Result<SideTableConfig, Box<dyn std::error::Error>> {
        let path = PathBuf::from(args.next().ok_or(usage)?);
        Ok(SideTableConfig { path: path.into(), ..SideTableConfig::default() })
    };
    let (promotions, items) = (table()?, table()?);
    let threads: usize = args.next().map_or(Ok(0), |n| n.parse())?;
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let (items, _) = read_items(&items)?;
    let before = peak_mib();
    let start = Instant::now();
    let (promotions, summary) = pool.install(|| read_promotions(&promotions, &items.ids, &NoProgress))?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{summary}");
    println!(
        "{} rows, {} windows, {} stores, kinds: {}",
        promotions.len(),
        promotions.windows().len(),
        promotions.stores().len(),
        promotions.kinds().iter().collect::<Vec<_>>().join(", ")
    );
    println!(
        "{seconds:.2} s with {} threads: {:.2} million rows/s",
        pool.current_num_threads(),
        summary.n_rows as f64 / seconds / 1e6
    );
    if let (Some(before), Some(after)) = (before, peak_mib()) {
        let per_row = (after - before) * f64::from(1 << 20) / summary.n_rows.max(1) as f64;
        println!("peak memory {before:.0} MiB before, {after:.0} MiB after: {per_row:.1} bytes a row");
    }
    Ok(())
}
