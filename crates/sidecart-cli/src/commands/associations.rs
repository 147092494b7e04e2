use anyhow::Result;
use serde_json::json;
use sidecart::core::ItemId;
use sidecart::{Config, Dataset};

use super::{Session, print};
use crate::args::AssociationsArgs;
use crate::format::{count, table};

pub(crate) fn run(session: &Session<'_>, args: &AssociationsArgs) -> Result<()> {
    let config = Config::read(&args.config)?;
    let dataset = Dataset::read(&config, &[], session.read, &session.progress)?;
    let result = sidecart::associations(&dataset, &config, args.level.as_deref())?;
    let mut pairs: Vec<(ItemId, sidecart::models::associations::Association)> = (0..result.labels.len() as u32)
        .map(ItemId)
        .flat_map(|item| result.found.get(item).iter().map(move |a| (item, *a)))
        .filter(|(item, found)| {
            // A pair can stand under one of its items only, when the other has stronger ones.
            let back = result.found.get(found.item).iter().any(|a| a.item == *item);
            *item < found.item || !back
        })
        .collect();
    pairs.sort_by(|a, b| b.1.strength.total_cmp(&a.1.strength).then((a.0, a.1.item).cmp(&(b.0, b.1.item))));
    let label = |item: ItemId| result.labels[item.index()].as_str();
    if args.json {
        let rows: Vec<_> = pairs
            .iter()
            .map(|(item, a)| {
                json!({ "a": label(*item), "b": label(a.item), "customers": a.n_customers, "baskets": a.n_baskets,
                        "lift": a.lift, "p_value": a.p_value })
            })
            .collect();
        let facts = json!({ "tested_pairs": result.found.n_tested, "pairs": rows });
        return print(&facts.to_string());
    }
    let rows: Vec<Vec<String>> = pairs
        .iter()
        .take(args.k)
        .map(|(item, a)| {
            let (customers, baskets) = (count(a.n_customers.into()), count(a.n_baskets.into()));
            vec![label(*item).into(), label(a.item).into(), customers, baskets, format!("{:.1}", a.lift)]
        })
        .collect();
    let mut out = Vec::new();
    table(&mut out, &["one", "other", "customers", "baskets", "lift"], &rows)?;
    print(&format!(
        "{}\n{} pairs of {} pass at a false discovery rate of {}",
        String::from_utf8_lossy(&out),
        count(pairs.len() as u64),
        count(result.found.n_tested),
        config.models.associations.false_discovery_rate
    ))
}
