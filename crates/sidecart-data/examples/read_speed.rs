//! Reads a purchase history and prints how fast that went and how much memory it took.
//!
//! ```text
//! cargo run --release -p sidecart-data --example read_speed -- purchases.parquet [threads] [memory MiB]
//! ```
//!
//! Takes a file, folder or glob with columns of our names. Peak memory comes from
//! `/proc/self/status` and is left out where there is no such file.
#![expect(clippy::print_stdout, reason = "an example prints its result")]

use std::path::PathBuf;
use std::time::Instant;

use sidecart_core::NoProgress;
use sidecart_data::config::PurchasesConfig;
use sidecart_data::{ReadOptions, read_purchases};

fn peak_memory() -> Option<String> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    Some(line.trim_start_matches("VmHWM:").trim().to_owned())
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut args = std::env::args().skip(1);
    let path = args.next().ok_or("usage: read_speed PATH [THREADS] [MEMORY_MIB]")?;
    let threads: usize = args.next().map_or(Ok(0), |n| n.parse())?;
    let mut options = ReadOptions::default();
    if let Some(mib) = args.next() {
        options.memory_bytes = mib.parse::<u64>()? << 20;
    }
    let config = PurchasesConfig { path: PathBuf::from(path).into(), ..PurchasesConfig::default() };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build()?;
    let start = Instant::now();
    let (ledger, summary) = pool.install(|| read_purchases(&config, options, &NoProgress))?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{summary}");
    println!(
        "{} baskets, {} lines, {} items, {} customers",
        ledger.n_baskets(),
        ledger.n_lines(),
        ledger.n_items(),
        ledger.customers().len()
    );
    println!(
        "{seconds:.2} s with {} threads: {:.2} million rows/s; peak memory {}",
        pool.current_num_threads(),
        summary.n_rows as f64 / seconds / 1e6,
        peak_memory().unwrap_or_else(|| "unknown".into())
    );
    println!("fingerprint {}", ledger.fingerprint());
    Ok(())
}
