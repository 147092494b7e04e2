//! Models, customers and baskets to ask for.

use std::path::{Path, PathBuf};

use sidecart::core::{Customer, ExternalId, ItemId, NoProgress, Rng};
use sidecart::data::demo::{DemoParams, DemoShop};
use sidecart::serve::{CustomerReader, Scorer};
use sidecart::{Config, Dataset};

/// Trains a demo shop and publishes it below a folder.
pub(crate) fn demo_model(folder: &Path) -> PathBuf {
    DemoShop::generate(&DemoParams::default()).write_to(folder).expect("demo tables");
    let config = Config::read(&folder.join("sidecart.toml")).expect("the demo's configuration");
    let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress).expect("demo data");
    let trained = sidecart::train(&dataset, &config, &NoProgress).expect("demo models");
    let out = folder.join("models");
    sidecart::publish(&out, &trained, &dataset, &config).expect("a published model");
    out
}

/// Customers that the model knows: numbers as Complete Journey has them, texts as the demo shop.
pub(crate) fn known_customers(scorer: &Scorer) -> Vec<Customer> {
    let mut reader = CustomerReader::default();
    let ids = (0..4_000).flat_map(|n| [ExternalId::Int(n), ExternalId::Text(format!("c{n:06}").into())]);
    ids.filter_map(|id| {
        let mut customer = Customer::default();
        scorer.load_customer(id.as_ref(), None, &mut reader, &mut customer).expect("a record").then_some(customer)
    })
    .collect()
}

/// Baskets of distinct items, each item drawn in proportion to its training baskets.
pub(crate) fn draw_baskets(scorer: &Scorer, n_baskets: usize, size: usize) -> Vec<Vec<ItemId>> {
    let counts = scorer.model().item_baskets();
    let mut ends = Vec::with_capacity(counts.len());
    let mut sum = 0u64;
    for &count in counts {
        sum += u64::from(count);
        ends.push(sum);
    }
    let mut rng = Rng::new(1, size as u64);
    (0..n_baskets)
        .map(|_| {
            let mut basket: Vec<ItemId> = Vec::with_capacity(size);
            while basket.len() < size {
                let at = rng.below(sum as usize) as u64;
                let item = ItemId(ends.partition_point(|&end| end <= at) as u32);
                if !basket.contains(&item) {
                    basket.push(item);
                }
            }
            basket
        })
        .collect()
}
