//! Fits ranking trees over made-up queries and prints NDCG and times.
//!
//! 10,000 queries of 80 rows with 70 features, of which one or two rows are relevant:
//! `cargo run --release -p sidecart-train --example lambda_rank`
//!
//! Another number of queries, and the rows written to a folder for other programs, `train` and
//! `test` with `NAME.x.bin`, little-endian f32 features row by row, and `NAME.y.bin`, f32 relevance:
//! `cargo run --release -p sidecart-train --example lambda_rank -- N_QUERIES [FOLDER]`
//!
//! `RAYON_NUM_THREADS` limits the threads.

#![allow(clippy::print_stdout, reason = "an example prints")]

use std::path::Path;
use std::time::Instant;

use sidecart_core::{NoProgress, Rng};
use sidecart_train::ranker::objective::{DEFAULT_TRUNCATION, LambdaRank};
use sidecart_train::trees::{FeatureRows, Logistic, Objective, Sample, TreeParams, fit};

type Error = Box<dyn std::error::Error>;

const N_FEATURES: usize = 70;
const N_ROWS_OF_QUERY: usize = 80;

/// Features row by row, and which rows are relevant.
struct Part {
    values: Vec<f32>,
    relevant: Vec<bool>,
    offsets: Vec<usize>,
}

impl Part {
    /// Continuous features, small counts, features that are mostly zero, and ten of the query. The
    /// one or two rows of greatest utility are relevant: a sum of effects with two interactions.
    fn made_up(n_queries: usize, stream: u64) -> Self {
        let mut rng = Rng::new(1, stream);
        let mut part = Self { values: Vec::new(), relevant: Vec::new(), offsets: vec![0] };
        for _ in 0..n_queries {
            let of_query: Vec<f64> = (0..10).map(|_| rng.normal()).collect();
            let mut utilities = Vec::new();
            for _ in 0..N_ROWS_OF_QUERY {
                let row: Vec<f64> = (0..N_FEATURES)
                    .map(|feature| match feature {
                        0..10 => of_query[feature],
                        10..30 => rng.normal(),
                        30..50 => (2.0 * rng.normal().abs()).floor(),
                        _ => {
                            if rng.chance(0.15) {
                                rng.unit()
                            } else {
                                0.0
                            }
                        }
                    })
                    .collect();
                let effects = 0.8 * row[10] + 0.5 * row[11].abs() + 0.3 * row[30] - 0.25 * row[31] + 2.0 * row[50];
                let together = 0.6 * row[12] * row[0] + f64::from(row[13] > 0.0 && row[32] > 1.0);
                utilities.push(effects + together + 1.2 * rng.normal());
                part.values.extend(row.iter().map(|&v| v as f32));
            }
            let mut order: Vec<usize> = (0..N_ROWS_OF_QUERY).collect();
            order.sort_unstable_by(|&a, &b| utilities[b].total_cmp(&utilities[a]));
            let n_relevant = 1 + rng.below(2);
            part.relevant.extend((0..N_ROWS_OF_QUERY).map(|row| order[..n_relevant].contains(&row)));
            part.offsets.push(part.relevant.len());
        }
        part
    }

    fn labels(&self) -> Vec<f32> {
        self.relevant.iter().map(|&r| f32::from(u8::from(r))).collect()
    }

    fn write(&self, folder: &Path, name: &str) -> Result<(), Error> {
        for (kind, values) in [("x", &self.values), ("y", &self.labels())] {
            let path = folder.join(format!("{name}.{kind}.bin"));
            let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
            std::fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }
}

fn main() -> Result<(), Error> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let n_queries: usize = args.first().map_or(Ok(10_000), |n| n.parse())?;
    let (train, test) = (Part::made_up(n_queries, 1), Part::made_up(2_000, 2));
    if let Some(folder) = args.get(1) {
        train.write(Path::new(folder), "train")?;
        test.write(Path::new(folder), "test")?;
    }
    let ranking = LambdaRank::new(&train.offsets, &train.relevant, None, DEFAULT_TRUNCATION)?;
    let labels = train.labels();
    let logistic = Logistic::new(&labels, None)?;
    let clusters = ranking.query_of_row();
    let test_ranking = LambdaRank::new(&test.offsets, &test.relevant, None, DEFAULT_TRUNCATION)?;
    let objectives: [(&str, &dyn Objective); 2] = [("LambdaRank", &ranking), ("log loss", &logistic)];
    for (name, objective) in objectives {
        for max_leaves in [15, 31] {
            let rows = FeatureRows::new(&train.values, N_FEATURES)?;
            let sample = Sample { rows, objective, clusters: Some(&clusters) };
            let params = TreeParams {
                max_trees: 150,
                max_leaves,
                learning_rate: 0.1,
                row_fraction: 1.0,
                min_leaf_rows: 100,
                ..TreeParams::default()
            };
            let started = Instant::now();
            let boosted = fit(&sample, None, &params, 1, &NoProgress)?;
            let seconds = started.elapsed().as_secs_f64();
            let mut scores = vec![0.0; test.relevant.len()];
            boosted.trees.score_block(&test.values, &mut scores);
            let scores: Vec<f64> = scores.into_iter().map(f64::from).collect();
            println!(
                "{name}: {} rows, {} trees of {max_leaves} leaves, {seconds:.2} s, test NDCG@10 {:.4}",
                train.relevant.len(),
                boosted.n_rounds,
                test_ranking.ndcg(&scores, 10)
            );
        }
    }
    Ok(())
}
