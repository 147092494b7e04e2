//! Finds the ladders of a shop and prints them.
//!
//! ```text
//! cargo run --release -p sidecart-train --example ladders -- purchases.parquet items.parquet \
//!     [--category department,category,type] [--csv]
//! ```
//!
//! Takes files, folders or globs with columns of our names; `--category` names the columns with
//! the categories from coarse to fine. `--csv` prints item, ladder and tier instead of a table.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "an example prints its result")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use sidecart_core::NoProgress;
use sidecart_data::config::{ColumnSpec, PurchasesConfig, SideTableConfig};
use sidecart_data::{ReadOptions, read_items, read_purchases};
use sidecart_train::Catalogue;
use sidecart_train::ladders::{Ladder, LadderParams, Ladders, NONE, find};

const USAGE: &str = "usage: ladders PURCHASES ITEMS [--category A,B,C] [--csv]";

fn table(ladders: &Ladders) {
    println!("{:>8} {:>6} {:>7}  {:<40} ladder", "lines", "items", "beside", "tiers (centre price x items)");
    let n_lines = |ladder: &Ladder| ladder.tiers.iter().map(|tier| u64::from(tier.n_lines)).sum::<u64>();
    let mut order: Vec<&Ladder> = ladders.ladders.iter().collect();
    order.sort_by_key(|ladder| std::cmp::Reverse(n_lines(ladder)));
    for ladder in order {
        let tiers: Vec<String> = ladder.tiers.iter().map(|tier| format!("{} x{}", tier.centre, tier.n_items)).collect();
        let beside = ladder.side_by_side.map_or_else(|| "-".into(), |beside| format!("{:.2}", beside.ratio));
        let n_items: u32 = ladder.tiers.iter().map(|tier| tier.n_items).sum();
        let mark = match (ladder.given, ladder.usable) {
            (true, _) => " (given)",
            (false, true) => "",
            (false, false) => " (bought side by side)",
        };
        let tiers = tiers.join(", ");
        println!("{:>8} {n_items:>6} {beside:>7}  {tiers:<40} {}{mark}", n_lines(ladder), ladder.name);
    }
}

fn summary(ladders: &Ladders, seconds: f64) {
    let with = |n: usize| ladders.ladders.iter().filter(|ladder| ladder.tiers.len() >= n).count();
    let mut ratios: Vec<f64> = ladders.ladders.iter().filter_map(|l| Some(l.side_by_side?.ratio)).collect();
    ratios.sort_by(f64::total_cmp);
    let below = ratios.partition_point(|&ratio| ratio < 0.9);
    let above = ratios.len() - ratios.partition_point(|&ratio| ratio <= 1.1);
    let lines: u64 = ladders.ladders.iter().flat_map(|l| &l.tiers).map(|tier| u64::from(tier.n_lines)).sum();
    println!("{} ladders, {} with three or more tiers, {lines} lines; {seconds:.3} s", with(2), with(3));
    println!(
        "tested {}: {below} substitute (ratio below 0.9), {above} are bought side by side (above 1.1); {} items skipped",
        ratios.len(),
        ladders.skipped
    );
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths = Vec::new();
    let (mut csv, mut columns) = (false, BTreeMap::new());
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--csv" => csv = true,
            "--category" => {
                let names = args.next().ok_or(USAGE)?.split(',').map(str::to_owned).collect();
                columns.insert("category".to_owned(), ColumnSpec::Many(names));
            }
            _ => paths.push(PathBuf::from(arg)),
        }
    }
    let [purchases, items] = <[PathBuf; 2]>::try_from(paths).map_err(|_| USAGE)?;
    let config = PurchasesConfig { path: purchases.clone().into(), ..PurchasesConfig::default() };
    let (ledger, _) = read_purchases(&config, ReadOptions::default(), &NoProgress)?;
    let config = SideTableConfig { path: items.clone().into(), columns, ..SideTableConfig::default() };
    let (item_table, _) = read_items(&config)?;
    let paths: (&Path, &Path) = (&purchases, &items);
    let catalogue = Catalogue::new(&ledger, item_table, paths)?;
    let ledger = ledger.over_catalogue(catalogue.ids.clone())?;

    let start = Instant::now();
    let ladders = find(&ledger, &catalogue, &LadderParams::default())?;
    let seconds = start.elapsed().as_secs_f64();
    if csv {
        println!("item,ladder,tier");
        for (item, (&ladder, tier)) in ladders.item_ladder.iter().zip(&ladders.item_tier).enumerate() {
            if ladder != NONE {
                let name = ladders.ladders[ladder as usize].name.replace('"', "\"\"");
                println!("{},\"{name}\",{tier}", catalogue.ids.get(item as u32));
            }
        }
        eprintln!("{seconds:.3} s");
    } else {
        table(&ladders);
        summary(&ladders, seconds);
    }
    Ok(())
}
