//! What was planted in the demo shop is found, and nothing is found where nothing is.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use rayon::prelude::*;
use sidecart::core::{Baskets, ItemId, NoProgress};
use sidecart::data::demo::{DemoParams, DemoShop};
use sidecart::models::associations::{AssociationParams, Associations, find};
use sidecart::models::counting::CappedBaskets;
use sidecart::{Config, Dataset, EvaluateRequest};

/// Baskets and customers in the order of a ledger: customers together, anonymous baskets last.
fn ordered(shop: &DemoShop) -> (Baskets, Vec<u32>) {
    let mut order: Vec<usize> = (0..shop.baskets.len()).collect();
    let customer = |b: usize| shop.baskets[b].customer.map_or(u32::MAX, |c| c.0);
    order.sort_by_key(|&b| customer(b));
    let baskets = shop.item_baskets();
    let sorted = |b: usize| {
        let mut items: Vec<ItemId> = baskets.get(b).to_vec();
        items.sort_unstable();
        items
    };
    (order.iter().map(|&b| sorted(b)).collect(), order.iter().map(|&b| customer(b)).collect())
}

fn associations(shop: &DemoShop) -> Associations {
    let (baskets, customers) = ordered(shop);
    let capped = CappedBaskets::new(&baskets, shop.items.len(), 500, |_, item| u64::from(item.0));
    find(&capped, &customers, &AssociationParams::default()).unwrap()
}

#[test]
fn planted_complements_are_recovered() {
    let shop = DemoShop::generate(&DemoParams::default());
    let found = associations(&shop);
    let planted = &shop.truth.complements;
    let recovered =
        planted.iter().filter(|pair| found.get(pair.anchor).iter().any(|a| a.item == pair.attached)).count();
    println!("{recovered} of {} planted pairs are shown", planted.len());
    assert!(recovered * 100 >= planted.len() * 80, "{recovered} of {} planted pairs", planted.len());
}

#[test]
fn shuffled_shops_show_nothing() {
    let copies = 200;
    let shop = DemoShop::generate(&DemoParams::default());
    let with_any: usize = (0..copies)
        .into_par_iter()
        .map(|seed| usize::from(!associations(&shop.shuffled(seed)).entries.is_empty()))
        .sum();
    println!("{with_any} of {copies} shuffled copies show an association");
    assert!(with_any * 100 <= copies as usize * 8, "{with_any} of {copies} shuffled copies show an association");
}

#[test]
fn the_model_beats_its_baselines_on_the_demo_shop() {
    let folder = tempfile::tempdir().unwrap();
    DemoShop::generate(&DemoParams { n_customers: 1_500, ..DemoParams::default() }).write_to(folder.path()).unwrap();
    let config = Config::read(&folder.path().join("sidecart.toml")).unwrap();
    let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress).unwrap();
    let report = sidecart::evaluate(&dataset, &config, EvaluateRequest::default(), &NoProgress).unwrap();
    let hits = |name: &str| report.ranker(name).unwrap().slices[0].hr_10.unwrap();
    let default = hits("default");
    for baseline in ["popular", "own-frequency"] {
        assert!(default.low > hits(baseline).high, "{default:?} against {baseline} {:?}", hits(baseline));
    }
    assert!(report.slices.iter().any(|s| s.name.contains("families")), "segments are reported");
}
