//! Latency of queries in process, one thread, and the time to open a model.
//!
//! `SIDECART_BENCH_MODEL` names a model folder; without it a demo shop is trained first. Baskets
//! are drawn from the model's items in proportion to their baskets, seeded.

#![allow(clippy::print_stdout, reason = "a bench reports on stdout")]

use std::path::PathBuf;
use std::time::Instant;

use sidecart::serve::ranker::{Situation, Stage};
use sidecart::serve::upsell::{PropensityModel, UpsellQuery, UpsellScratch};
use sidecart::serve::{Mode, Query, Scorer, Scratch, Source};

#[path = "support/models.rs"]
mod models;
use models::{demo_model, draw_baskets, known_customers};

const QUERIES: usize = 2_000;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = std::env::var_os("SIDECART_BENCH_MODEL").map_or_else(|| demo_model(folder.path()), PathBuf::from);
    let mut opens: Vec<f64> = (0..7)
        .map(|_| {
            let started = Instant::now();
            let scorer = Scorer::open(&model).expect("a model");
            let elapsed = started.elapsed().as_secs_f64() * 1e3;
            drop(scorer);
            elapsed
        })
        .collect();
    opens.sort_by(f64::total_cmp);
    println!("open with all checks: median {:.1} ms, best {:.1} ms", opens[opens.len() / 2], opens[0]);

    let scorer = Scorer::open(&model).expect("a model");
    upsell(&scorer);
    ranker(&scorer);
    let mut scratch = scorer.scratch();
    for (name, using) in Source::NAMES {
        if !scorer.parts().contains(&name) || matches!(using, Source::Own | Source::OwnFrequency | Source::Mixture) {
            continue;
        }
        for size in [1, 3, 10] {
            let baskets = draw_baskets(&scorer, QUERIES, size);
            let mut times: Vec<f64> = Vec::with_capacity(QUERIES);
            for pass in 0..2 {
                times.clear();
                for basket in &baskets {
                    let query = Query { basket, k: 20, using, ..Query::default() };
                    let started = Instant::now();
                    let answer = scorer.recommend(&query, &mut scratch).expect("an answer");
                    times.push(started.elapsed().as_secs_f64() * 1e6);
                    assert!(pass < 2 && answer.offers.len() <= 20);
                }
            }
            times.sort_by(f64::total_cmp);
            let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
            println!(
                "{name:>14}, {size:>2} items, top 20: p50 {:>7.1} us, p90 {:>7.1} us, p99 {:>7.1} us",
                at(0.5),
                at(0.9),
                at(0.99)
            );
        }
    }
}

/// The default ranker for customers the model knows, and how its time is spent: the differences
/// between queries that stop after each stage.
fn ranker(scorer: &Scorer) {
    let Some(model) = scorer.model().ranker() else { return };
    let customers = known_customers(scorer);
    let mut scratch = scorer.scratch();
    for (name, mode, knows) in [
        ("completion", Mode::Completion, true),
        ("discovery", Mode::Discovery, true),
        ("anonymous", Mode::Completion, false),
    ] {
        if knows && customers.is_empty() {
            continue;
        }
        let Some(rankers) = model.of(Situation::of(mode, knows)) else { continue };
        for size in [3, 10] {
            let baskets = draw_baskets(scorer, QUERIES, size);
            let mut times: [Vec<f64>; 4] = Default::default();
            for (at, basket) in baskets.iter().enumerate().chain(baskets.iter().enumerate()) {
                let history = knows.then(|| &customers[at % customers.len()].history);
                let query = Query { basket, history, mode, k: 20, ..Query::default() };
                let mut n = 0;
                let mut timed = |stage: &mut dyn FnMut(&mut Scratch) -> usize| {
                    let started = Instant::now();
                    n += stage(&mut scratch);
                    started.elapsed().as_secs_f64() * 1e6
                };
                let mut answer =
                    |scratch: &mut Scratch| scorer.recommend(&query, scratch).expect("an answer").offers.len();
                // What a service sees; the stages then find the customer in the cache.
                let whole = timed(&mut answer);
                let pool = timed(&mut |scratch| {
                    let mut n = 0;
                    scorer.ranker_pool(&query, Stage::Trees, scratch, |_, _| n += 1).expect("a pool");
                    n
                });
                let kept = model.settings.kept as usize;
                let candidates = timed(&mut |scratch| {
                    let mut n = 0;
                    scorer.ranker_candidates(&query, &rankers.light, kept, scratch, |_, _| n += 1).expect("candidates");
                    n
                });
                let again = timed(&mut answer);
                assert!(n > 0);
                for (times, took) in times.iter_mut().zip([whole, pool, candidates, again]) {
                    times.push(took);
                }
            }
            // The first pass warms up.
            let at = |times: &mut Vec<f64>, share: f64| {
                let newest = &mut times[QUERIES..];
                newest.sort_by(f64::total_cmp);
                newest[((newest.len() - 1) as f64 * share) as usize]
            };
            let [mut whole, mut pool, mut candidates, mut again] = times;
            let (p50, p90, p99) = (at(&mut whole, 0.5), at(&mut whole, 0.9), at(&mut whole, 0.99));
            let [pool, candidates, again] = [&mut pool, &mut candidates, &mut again].map(|times| at(times, 0.5));
            println!(
                "ranker {name:>10}, {size:>2} items, top 20: p50 {p50:>6.1} us, p90 {p90:>6.1} us, p99 {p99:>6.1} us; \
                 gather and first stage {pool:.1}, features {:.1}, ranking {:.1}",
                candidates - pool,
                again - candidates
            );
        }
    }
}

/// Upgrades of customers the model knows, from the newest item of theirs that has one.
fn upsell(scorer: &Scorer) {
    let Ok(model) = scorer.upsell() else { return };
    let mut customers = Vec::new();
    for customer in known_customers(scorer) {
        let anchor = (0..customer.history.len()).rev().flat_map(|at| customer.history.get(at).items).find(|&&item| {
            model.ladders.row_of(item).is_some_and(|row| {
                let ladder = model.ladders.row(row).ladder;
                model.ladders.ladder(ladder).used && model.ladders.tier_of(row) + 1 < model.ladders.tiers_of(ladder).end
            })
        });
        if let Some(&anchor) = anchor {
            customers.push((customer, [anchor]));
        }
    }
    if customers.is_empty() {
        return;
    }
    let mut scratch = UpsellScratch::default();
    for (name, using) in PropensityModel::NAMES.into_iter().filter(|(_, using)| model.has(*using)) {
        let mut times: Vec<f64> = Vec::with_capacity(customers.len());
        for _ in 0..2 {
            times.clear();
            for (customer, basket) in &customers {
                let query = UpsellQuery { basket, customer: Some(customer), using, k: 5, ..UpsellQuery::default() };
                let started = Instant::now();
                let answer = model.recommend(&query, &mut scratch).expect("an answer");
                times.push(started.elapsed().as_secs_f64() * 1e6);
                assert!(answer.upgrade.is_some());
            }
        }
        times.sort_by(f64::total_cmp);
        let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
        println!(
            "upsell {name:>8}, {} customers, top 5: p50 {:>6.1} us, p90 {:>6.1} us, p99 {:>6.1} us",
            times.len(),
            at(0.5),
            at(0.9),
            at(0.99)
        );
    }
}
