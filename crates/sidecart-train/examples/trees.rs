//! Fits boosted trees and prints log loss, AUC and times.
//!
//! A made-up problem of 20,000 rows:
//! `cargo run --release -p sidecart-train --example trees`
//!
//! Own rows, from `train`, `valid` and `test` files of a folder, `NAME.x.bin` with little-endian f32
//! features row by row and `NAME.y.bin` with f32 labels; the second number uses the first so many
//! columns only:
//! `cargo run --release -p sidecart-train --example trees -- FOLDER N_COLUMNS [N_USED]`

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::path::Path;
use std::time::Instant;

use sidecart_core::{NoProgress, Rng, exp};
use sidecart_train::trees::{FeatureRows, Logistic, Objective, Sample, TreeParams, fit};

type Error = Box<dyn std::error::Error>;

/// Features row by row, and labels.
struct Part {
    values: Vec<f32>,
    labels: Vec<f32>,
}

impl Part {
    /// Twenty features of which three matter, two of them only together.
    fn made_up(n_rows: usize, stream: u64) -> Self {
        let mut rng = Rng::new(1, stream);
        let mut part = Self { values: Vec::new(), labels: Vec::new() };
        for _ in 0..n_rows {
            let row: Vec<f64> = (0..20).map(|_| rng.unit()).collect();
            let log_odds = 4.0 * row[0] - 3.0 + 2.0 * f64::from((row[1] > 0.5) == (row[2] > 0.5));
            part.labels.push(f32::from(u8::from(rng.chance(1.0 / (1.0 + exp(-log_odds))))));
            part.values.extend(row.iter().map(|&v| v as f32));
        }
        part
    }

    fn read(folder: &Path, name: &str, n_columns: usize, n_used: usize) -> Result<Self, Error> {
        let floats = |kind: &str| -> Result<Vec<f32>, Error> {
            let path = folder.join(format!("{name}.{kind}.bin"));
            let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            Ok(bytes.as_chunks::<4>().0.iter().map(|b| f32::from_le_bytes(*b)).collect())
        };
        let rows = floats("x")?;
        let values = rows.chunks(n_columns).flat_map(|row| &row[..n_used.min(row.len())]).copied().collect();
        Ok(Self { values, labels: floats("y")? })
    }
}

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (parts, n_features, params) = match args.as_slice() {
        [] => ([1, 2, 3].map(|stream| Part::made_up(20_000, stream)), 20, TreeParams::default()),
        [folder, n_columns, rest @ ..] => {
            let n_columns: usize = n_columns.parse()?;
            let n_used = rest.first().map_or(Ok(n_columns), |n| n.parse())?;
            let read = |name| Part::read(Path::new(folder), name, n_columns, n_used);
            ([read("train")?, read("valid")?, read("test")?], n_used, TreeParams::default())
        }
        _ => return Err("give nothing, or a folder and a number of columns".into()),
    };
    let [train, valid, test] = &parts;
    let (train_loss, valid_loss) = (Logistic::new(&train.labels, None)?, Logistic::new(&valid.labels, None)?);
    let train = Sample { rows: FeatureRows::new(&train.values, n_features)?, objective: &train_loss, clusters: None };
    let valid = Sample { rows: FeatureRows::new(&valid.values, n_features)?, objective: &valid_loss, clusters: None };

    let started = Instant::now();
    let boosted = fit(&train, Some(&valid), &params, 1, &NoProgress)?;
    let seconds = started.elapsed().as_secs_f64();
    let n_grown = boosted.valid_losses.len() - 1;
    println!(
        "{} of {n_grown} trees kept, {} rows, {n_features} features, {seconds:.2} s",
        boosted.n_rounds,
        train.rows.n_rows()
    );

    let started = Instant::now();
    let scores: Vec<f32> = test.values.chunks(n_features).map(|row| boosted.trees.score(row)).collect();
    let row_micros = started.elapsed().as_secs_f64() * 1e6 / scores.len() as f64;
    let started = Instant::now();
    let mut block_scores = vec![0.0; scores.len()];
    boosted.trees.score_block(&test.values, &mut block_scores);
    let block_micros = started.elapsed().as_secs_f64() * 1e6 / scores.len() as f64;
    println!("scoring: {row_micros:.2} us a row alone, {block_micros:.2} us in a block");

    let log_odds: Vec<f64> = scores.iter().map(|&s| f64::from(s)).collect();
    let loss = Logistic::new(&test.labels, None)?.loss(&log_odds);
    println!("test: log loss {loss:.5}, AUC {:.4}", area_under_curve(&scores, &test.labels));
    Ok(())
}

/// Share of pairs of a yes and a no in which the yes scores higher, ties counted half.
fn area_under_curve(scores: &[f32], labels: &[f32]) -> f64 {
    let mut order: Vec<usize> = (0..scores.len()).collect();
    order.sort_unstable_by(|&a, &b| scores[a].total_cmp(&scores[b]));
    let (mut noes, mut yeses, mut wins) = (0.0, 0.0, 0.0);
    for tied in order.chunk_by(|&a, &b| scores[a] == scores[b]) {
        let tied_yeses = tied.iter().filter(|&&i| labels[i] > 0.5).count() as f64;
        let tied_noes = tied.len() as f64 - tied_yeses;
        wins += tied_yeses * (noes + tied_noes / 2.0);
        noes += tied_noes;
        yeses += tied_yeses;
    }
    wins / (noes * yeses)
}
