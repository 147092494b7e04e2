//! Evaluates three simple rankers on simulated purchases and prints the report:
//! `cargo run --release -p sidecart-eval --example report -- table|json|html`.
#![allow(clippy::print_stdout)]

use sidecart_core::{CustomerId, ItemId, NoProgress, Rng, Time};
use sidecart_eval::{
    EvalError, EvaluateParams, Evaluation, HideOneParams, Query, RankFn, TestBasket, TrainingFacts, hide_one,
};

const N_ITEMS: u32 = 600;
const N_CUSTOMERS: u32 = 800;

/// Items come in threes that are bought together; low numbers are bought more often.
fn draw_basket(rng: &mut Rng) -> Vec<ItemId> {
    let mut items = Vec::new();
    for _ in 0..1 + rng.below(3) {
        let item = (f64::from(N_ITEMS) * rng.unit() * rng.unit() * rng.unit()) as u32;
        items.push(ItemId(item));
        if rng.chance(0.5) {
            items.push(ItemId(item / 3 * 3 + rng.below(3) as u32));
        }
    }
    items.sort_unstable();
    items.dedup();
    items
}

fn take(k: usize, query: Query<'_>, ranked: impl Iterator<Item = u32>, out: &mut Vec<ItemId>) {
    for item in ranked.map(ItemId) {
        if out.len() == k {
            break;
        }
        if !query.basket.contains(&item) && !out.contains(&item) {
            out.push(item);
        }
    }
}

fn main() -> Result<(), EvalError> {
    let mut rng = Rng::new(1, 0);
    let customer_of = |basket: u32| (!basket.is_multiple_of(10)).then_some(CustomerId(basket % N_CUSTOMERS));
    let training: Vec<_> = (0..20_000).map(|basket| (customer_of(basket), draw_basket(&mut rng))).collect();
    let mut item_baskets = vec![0; N_ITEMS as usize];
    let mut own = vec![vec![0u32; N_ITEMS as usize]; N_CUSTOMERS as usize];
    for (customer, items) in &training {
        for item in items {
            item_baskets[item.index()] += 1;
            if let Some(customer) = customer {
                own[customer.index()][item.index()] += 1;
            }
        }
    }

    let segments = ["young", "families", "retired", "rare visitors"].map(String::from);
    let drawn: Vec<_> = (0..6_000u32).map(|basket| (customer_of(basket * 7), draw_basket(&mut rng))).collect();
    let test: Vec<TestBasket<'_>> = (0..)
        .zip(&drawn)
        .map(|(basket, (customer, items))| TestBasket {
            key: basket,
            customer: *customer,
            time: Time(basket as i64),
            items,
            segment: customer.map(|customer| match customer.0 {
                0..250 => 0,
                250..600 => 1,
                600..798 => 2,
                _ => 3,
            }),
            store: None,
        })
        .collect();
    let facts = TrainingFacts {
        item_baskets: &item_baskets,
        n_baskets: training.len(),
        bought: &|customer, item| own[customer.index()][item.index()] > 0,
        has_past: &|customer| own[customer.index()].iter().any(|&n| n > 0),
        split_time: Some("2025-06-01".into()),
        fingerprint: None,
    };
    let cases = hide_one(&HideOneParams::default(), &facts, &test)?;

    let mut by_popularity: Vec<u32> = (0..N_ITEMS).collect();
    by_popularity.sort_by_key(|&item| std::cmp::Reverse(item_baskets[item as usize]));
    let popular = RankFn::new("popular", |query, k, out| take(k, query, by_popularity.iter().copied(), out));
    let own_frequency = RankFn::new("own", |query: Query<'_>, k, out: &mut Vec<ItemId>| {
        let counts = query.customer.map(|customer| &own[customer.index()]);
        let mut bought: Vec<u32> = (0..N_ITEMS).filter(|&item| counts.is_some_and(|c| c[item as usize] > 0)).collect();
        bought.sort_by_key(|&item| std::cmp::Reverse(counts.map_or(0, |c| c[item as usize])));
        take(k, query, bought.into_iter().chain(by_popularity.iter().copied()), out);
    });
    let threes = RankFn::new("threes", |query: Query<'_>, k, out: &mut Vec<ItemId>| {
        let near = query.basket.iter().flat_map(|item| item.0 / 3 * 3..item.0 / 3 * 3 + 3);
        take(k, query, near.chain(by_popularity.iter().copied()), out);
    });
    let report = Evaluation::new(&cases)
        .segments(&segments)
        .baseline(&popular)
        .baseline(&own_frequency)
        .ranker(&threes)
        .run(&EvaluateParams::default(), &NoProgress)?;
    match std::env::args().nth(1).as_deref() {
        Some("json") => println!("{}", report.to_json()),
        Some("html") => println!("{}", report.to_html()),
        _ => println!("{}", report.to_table()),
    }
    Ok(())
}
