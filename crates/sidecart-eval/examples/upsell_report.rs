//! Evaluates made-up upgrade probabilities and prints the report:
//! `cargo run --release -p sidecart-eval --example upsell_report -- table|json|html [customers]`.
#![allow(clippy::print_stdout)]

use sidecart_core::Rng;
use sidecart_eval::EvalError;
use sidecart_eval::propensity::{
    Label, Predictions, Rankings, Sensitivity, TargetCases, UpgradeCases, UpsellInputs, UpsellParams, UpsellReport,
};

const SEGMENTS: [&str; 5] = ["families", "young couples", "retired", "students", "rare visitors"];

/// A customer of the simulation.
struct Customer {
    /// Taste for higher tiers.
    taste: f64,
    /// Share bought on discount, which also brings more upgrades on discount.
    deals: f64,
    segment: u16,
}

fn logistic(x: f64) -> f64 {
    1.0 / (1.0 + sidecart_core::exp(-x))
}

fn fifth(value: f64) -> Option<u8> {
    Some(((value * 5.0) as u8).min(4))
}

fn main() -> Result<(), EvalError> {
    let n_customers = std::env::args().nth(2).and_then(|n| n.parse().ok()).unwrap_or(1_669);
    let mut rng = Rng::new(1, 0);
    let customers: Vec<Customer> = (0..n_customers)
        .map(|i: u32| Customer {
            taste: 0.9 * rng.normal(),
            deals: rng.unit(),
            segment: if i.is_multiple_of(97) { 4 } else { (rng.below(10) as u16 * 4 / 10).min(3) },
        })
        .collect();

    let mut cases = UpgradeCases::default();
    let names = [
        "default",
        "logistic",
        "trees",
        "back-off chain",
        "ladder x tier rate",
        "segment rate",
        "global rate",
        "random order",
    ];
    let mut columns = vec![Vec::new(); names.len()];
    let (mut deal_share, mut price_position) = (Vec::new(), Vec::new());
    let mut targets = TargetCases::default();
    let ranking_names = ["default", "most popular higher item", "next tier up", "cheapest higher item"];
    let mut ranks = vec![Vec::new(); ranking_names.len()];
    for (id, customer) in (0..).zip(&customers) {
        for _ in 0..5 + rng.below(20) {
            let ladder = rng.below(40);
            let level = (ladder % 7) as f64 * 0.45 - 1.4;
            let price = 0.5 + (ladder % 5) as f64 * 0.7;
            let chance = logistic(-2.2 + level + customer.taste + 0.4 * customer.deals);
            let upgraded = rng.chance(chance);
            let full_price = upgraded && rng.chance(0.65 - 0.5 * customer.deals);
            let gain = if upgraded { price * (0.6 + 0.8 * rng.unit()) } else { 0.0 };
            cases.customers.push(id);
            cases.segments.push(Some(customer.segment));
            cases.periods.push(49 + rng.below(5) as i64);
            cases.upgraded.push(upgraded);
            cases.gains.push(gain);
            cases.net_gains.push(Some(if full_price { gain } else { gain * 0.55 }));
            cases.full_price.push(full_price);
            cases.expected_gains.push(price);
            cases.labels.push(if ladder == 39 { Label::Replacement } else { Label::Repeat });
            cases.n_prior.push(1 + rng.below(12) as u32);
            deal_share.push(fifth(customer.deals));
            // The share of mean values of two uniforms below this one, so that fifths are of equal size.
            let mean = (customer.deals + rng.unit()) * 0.5;
            price_position.push(fifth(if mean < 0.5 { 2.0 * mean * mean } else { 1.0 - 2.0 * (1.0 - mean).powi(2) }));
            let noisy = |rng: &mut Rng, scale: f64| logistic(-2.0 + level + customer.taste + scale * rng.normal());
            let column = [
                noisy(&mut rng, 0.35),
                noisy(&mut rng, 0.45),
                noisy(&mut rng, 0.4),
                noisy(&mut rng, 0.9),
                logistic(-1.75 + level),
                0.18 + 0.004 * f64::from(customer.segment),
                0.185,
                0.185 + 1e-6 * rng.unit(),
            ];
            columns.iter_mut().zip(column).for_each(|(column, p)| column.push(p));
            if upgraded {
                targets.customers.push(id);
                targets.is_new.push(rng.chance(0.6));
                targets.gains.push(gain);
                for (ranks, reach) in ranks.iter_mut().zip([4, 7, 8, 14]) {
                    let within = 1 + rng.below(reach);
                    let rank = 1 + rng.below(within) as u32;
                    ranks.push(rng.chance(0.97).then_some(rank));
                }
            }
        }
    }
    cases.sensitivities = vec![
        Sensitivity { name: "share of spend discounted".into(), fifths: deal_share },
        Sensitivity { name: "price position".into(), fifths: price_position },
    ];
    let predictions: Vec<Predictions> = names
        .iter()
        .zip(columns)
        .enumerate()
        .map(|(i, (&name, p))| Predictions { name: name.into(), p, is_baseline: i >= 4 })
        .collect();
    targets.rankings = ranking_names
        .iter()
        .zip(ranks)
        .enumerate()
        .map(|(i, (&name, ranks))| Rankings { name: name.into(), ranks, is_baseline: i > 0 })
        .collect();
    let segments = SEGMENTS.map(String::from);
    let inputs = UpsellInputs {
        cases: &cases,
        segments: &segments,
        predictions: &predictions,
        default_model: "default",
        reference: "ladder x tier rate",
        targets: Some(&targets),
        discovery: None,
    };
    let report = UpsellReport::build(&inputs, &UpsellParams::default())?;
    match std::env::args().nth(1).as_deref() {
        Some("json") => println!("{}", report.to_json()),
        Some("html") => println!("{}", report.to_html()),
        _ => println!("{}", report.to_table()),
    }
    Ok(())
}
