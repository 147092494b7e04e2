use std::time::Instant;

use anyhow::{Context, Result};
use sidecart::core::ItemId;
use sidecart::data::demo::{DemoParams, DemoShop};
use sidecart::serve::{Query, Reason, Scorer};
use sidecart::{Config, Dataset, EvaluateRequest};

use super::{Session, print};
use crate::args::DemoArgs;
use crate::format::{count, table};

/// Baskets that the demo answers.
const BASKETS: [(&str, &[&str]); 4] = [
    ("Somebody puts a phone into the cart", &["phone-s22"]),
    ("Somebody furnishes a bedroom", &["mattress-memory-160"]),
    ("Somebody buys a car", &["car-suv"]),
    ("Somebody comes for a manicure", &["manicure"]),
];

pub(crate) fn run(session: &Session<'_>, args: &DemoArgs) -> Result<()> {
    let started = Instant::now();
    let folder = &args.out;
    let shop = DemoShop::generate(&DemoParams { seed: args.seed, ..DemoParams::default() });
    std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    shop.write_to(folder).map_err(sidecart::Error::from)?;
    print(&format!(
        "1. A shop. It sells phones, beds, cars, nails, software and groceries: {} items, {} customers,\n   \
         {} receipts of one year. Its tables are in {}/ (Parquet, with a sidecart.toml beside them).\n",
        shop.items.len(),
        count(shop.customers.len() as u64),
        count(shop.baskets.len() as u64),
        folder.display()
    ))?;

    let config = Config::read(&folder.join("sidecart.toml"))?;
    let dataset = Dataset::read(&config, &[], session.read, &session.progress)?;
    let trained = sidecart::train_with(&dataset, &config, session.learners, &session.progress)?;
    let model = folder.join("models").join("shop");
    sidecart::publish(&model, &trained, &dataset, &config)?;
    let scorer = Scorer::open(&model).map_err(sidecart::Error::from)?;
    let (found, planted) = recovered(&shop, &scorer);
    print(&format!(
        "2. What goes together. {} pairs of items are bought together more often than chance explains.\n   \
         The shop was built with {planted} such habits; {found} of them were found again.\n",
        count(trained.models.n_associations() as u64 / 2),
    ))?;

    let request = EvaluateRequest::default();
    let report = sidecart::evaluate_with(&dataset, &config, request, session.learners, &session.progress)?;
    let hits = |name: &str| {
        let value = report.ranker(name).and_then(|r| r.slices.first()).and_then(|s| s.hr_10.as_ref()).map(|m| m.value);
        value.map_or_else(|| "too few receipts".to_owned(), |v| format!("{:.0} of 100", v * 100.0))
    };
    print(&format!(
        "3. An honest number. From each of {} later receipts one item was hidden. A list of ten named it in\n   \
         {} cases; the ten best sellers do in {}, the customer's own habits in {}.\n",
        count(report.protocol.n_cases as u64),
        hits("default"),
        hits("popular"),
        hits("own-frequency"),
    ))?;

    print("4. Offers.")?;
    let mut scratch = scorer.scratch();
    for (what, ids) in BASKETS {
        let basket: Vec<ItemId> =
            ids.iter().filter_map(|id| scorer.model().items().find_text(id).map(ItemId)).collect();
        anyhow::ensure!(basket.len() == ids.len(), "the demo shop sells {ids:?}");
        let query = Query { basket: &basket, k: 3, ..Query::default() };
        let answer = scorer.recommend(&query, &mut scratch).map_err(sidecart::Error::from)?;
        let rows: Vec<Vec<String>> = answer
            .offers
            .iter()
            .map(|o| vec![scorer.model().label(o.item), words(&scorer, &scorer.explain(&query, o.item))])
            .collect();
        let names: Vec<String> = basket.iter().map(|&i| scorer.model().label(i)).collect();
        let mut out = Vec::new();
        table(&mut out, &["offer", "because"], &rows)?;
        print(&format!("\n   {what} ({}):\n{}", names.join(", "), indent(&String::from_utf8_lossy(&out))))?;
    }
    let shown = model.display();
    print(&format!(
        "\nAll of this took {:.1} seconds. Now type:\n  \
         sidecart recommend {shown} --basket phone-s22 --explain\n  \
         sidecart evaluate {folder}/sidecart.toml --report {folder}/report.html\n  \
         sidecart inspect {shown} --item phone-s22\n\n\
         With your own purchases (columns basket_id, item_id and, if you have them, customer_id, timestamp,\n\
         quantity, unit_price):\n  \
         sidecart train --purchases purchases.parquet --out models/my-shop\n  \
         sidecart recommend models/my-shop --basket ITEM,ITEM --explain\n\
         (From a source tree, put `cargo run --release --` in the place of `sidecart`.)",
        started.elapsed().as_secs_f64(),
        folder = folder.display(),
    ))
}

/// How many planted pairs the model shows as bought together, and how many were planted.
fn recovered(shop: &DemoShop, scorer: &Scorer) -> (usize, usize) {
    let model = scorer.model();
    let find = |item: ItemId| model.items().find_text(&shop.items[item.index()].id).map(ItemId);
    let found = shop.truth.complements.iter().filter(|pair| {
        let (Some(a), Some(b)) = (find(pair.anchor), find(pair.attached)) else { return false };
        model.associations(a).any(|found| found.item == b)
    });
    (found.count(), shop.truth.complements.len())
}

fn words(scorer: &Scorer, reason: &Reason) -> String {
    match reason {
        Reason::BoughtTogether { anchor, evidence } => format!(
            "{} customers bought it with {}, {:.0} times as many as by chance",
            evidence.n_customers,
            scorer.model().label(*anchor),
            evidence.lift
        ),
        other => other.text(scorer.model()),
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("  {line}\n")).collect()
}
