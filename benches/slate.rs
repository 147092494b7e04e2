//! What a slate takes beside the ranking it starts from, in process, one thread.
//!
//! `SIDECART_BENCH_MODEL` names a model folder; without it a demo shop is trained first. Both are
//! asked in turns for the same baskets, which are drawn from the model's items in proportion to
//! their baskets, seeded.

#![allow(clippy::print_stdout, reason = "a bench reports on stdout")]

use std::path::PathBuf;
use std::time::Instant;

use sidecart::core::Customer;
use sidecart::serve::offers::{OfferKind, OfferKinds, OffersQuery, RANKING_DEPTH};
use sidecart::serve::{Query, Scorer};

#[path = "support/models.rs"]
mod models;
use models::{demo_model, draw_baskets, known_customers};

const QUERIES: usize = 2_000;
/// Both are asked so often; the first pass warms up.
const PASSES: usize = 3;

fn main() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let model = std::env::var_os("SIDECART_BENCH_MODEL").map_or_else(|| demo_model(folder.path()), PathBuf::from);
    let scorer = Scorer::open(&model).expect("a model");
    let customers = known_customers(&scorer);
    println!("times in us; the ranking is that of the best {RANKING_DEPTH}");
    println!(
        "{:>10} {:>10} {:>6} | {:>12} {:>12} | {:>9} {:>9} | {:>10}",
        "kinds", "customers", "items", "ranking p50", "slate p50", "more p50", "more p99", "offers"
    );
    for (name, kinds) in [("cross-sell", OfferKinds::of(&[OfferKind::CrossSell])), ("all", OfferKinds::ALL)] {
        for (who, known) in [("unknown", &[][..]), ("known", &customers)] {
            if who == "known" && known.is_empty() {
                continue;
            }
            for size in [1, 3, 10] {
                measure(&scorer, (name, kinds), (who, known), size);
            }
        }
    }
}

fn measure(scorer: &Scorer, (name, kinds): (&str, OfferKinds), (who, customers): (&str, &[Customer]), size: usize) {
    let baskets = draw_baskets(scorer, QUERIES, size);
    let (mut scratch, mut offers_scratch) = (scorer.scratch(), scorer.offers_scratch());
    let (mut rankings, mut slates, mut more, mut n_offers) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for pass in 0..PASSES {
        for (at, basket) in baskets.iter().enumerate() {
            let customer = (!customers.is_empty()).then(|| &customers[at % customers.len()]);
            let history = customer.map(|customer| &customer.history);
            let mut rank = || {
                let query = Query { basket, history, k: RANKING_DEPTH, ..Query::default() };
                let started = Instant::now();
                assert!(scorer.recommend(&query, &mut scratch).expect("an answer").offers.len() <= RANKING_DEPTH);
                started.elapsed().as_secs_f64() * 1e6
            };
            let mut offer = || {
                let query = OffersQuery { basket, customer, kinds, ..OffersQuery::default() };
                let started = Instant::now();
                let n = scorer.offers(&query, &mut offers_scratch).expect("a slate").offers.len();
                (started.elapsed().as_secs_f64() * 1e6, n)
            };
            // Who asks first finds the customer's data in memory only: turns make that even.
            let (ranking, (slate, n)) = if (at + pass) % 2 == 0 {
                let ranking = rank();
                (ranking, offer())
            } else {
                let slate = offer();
                (rank(), slate)
            };
            if pass > 0 {
                rankings.push(ranking);
                slates.push(slate);
                more.push(slate - ranking);
                n_offers += n;
            }
        }
    }
    let at = |times: &mut Vec<f64>, share: f64| {
        times.sort_by(f64::total_cmp);
        times[((times.len() - 1) as f64 * share) as usize]
    };
    println!(
        "{name:>10} {who:>10} {size:>6} | {:>12.1} {:>12.1} | {:>9.1} {:>9.1} | {:>10.2}",
        at(&mut rankings, 0.5),
        at(&mut slates, 0.5),
        at(&mut more, 0.5),
        at(&mut more, 0.99),
        n_offers as f64 / more.len() as f64
    );
}
