mod ladder;
mod segment;

use anyhow::{Result, bail};
use serde_json::json;
use sidecart::artifact::{Mode, ModelFiles};
use sidecart::core::ItemId;
use sidecart::serve::upsell::RateCell;
use sidecart::serve::{Error as ServeError, Scorer};

use super::{id_json, print, probability, ranker, table_text};
use crate::args::InspectArgs;
use crate::format::count;

pub(crate) fn run(args: &InspectArgs) -> Result<()> {
    if args.verify {
        let artifact = |e| sidecart::Error::from(ServeError::from(e));
        ModelFiles::open(&args.model, Mode::Owned).map_err(artifact)?.verify().map_err(artifact)?;
    }
    let scorer = Scorer::open(&args.model).map_err(sidecart::Error::from)?;
    match (&args.item, &args.ladder, &args.segment) {
        (Some(typed), ..) => item(&scorer, typed, args),
        (_, Some(typed), _) => ladder::show(&scorer, typed, args),
        (.., Some(typed)) => segment::show(&scorer, typed, args),
        _ => overview(&scorer, args),
    }
}

fn overview(scorer: &Scorer, args: &InspectArgs) -> Result<()> {
    let Some(manifest) = scorer.manifest() else { bail!("a model on disk has a manifest") };
    if args.json {
        return print(&serde_json::to_string_pretty(manifest)?);
    }
    let mut text = format!(
        "version {} (format {}, {})\ntrained through {}, seed {}, data {}\n",
        manifest.version,
        manifest.format,
        manifest.producer,
        manifest.clock.show(manifest.trained_through),
        manifest.seed,
        manifest.fingerprint
    );
    for (name, n) in &manifest.counts {
        text.push_str(&format!("  {:>12}  {}\n", count(*n), name.replace('_', " ")));
    }
    text.push_str(&format!("answers with: {}\n", scorer.parts().join(", ")));
    text.push_str(&ranker::lines(&manifest.metrics["ranker"])?);
    text.push_str(&probability::lines(&manifest.metrics["probabilities"])?);
    if let Some(upsell) = scorer.model().upsell() {
        text.push_str(&ladder::counts(&upsell.ladders));
        text.push_str(&segment::summary(upsell, args.k)?);
    }
    let rows: Vec<Vec<String>> = manifest
        .files
        .iter()
        .take(args.k)
        .map(|f| vec![f.name.clone(), count(f.bytes), format!("{:016x}", f.xxh3)])
        .collect();
    text.push_str(&table_text(&["file", "bytes", "checksum"], &rows)?);
    if manifest.files.len() > args.k {
        text.push_str(&format!("  and {} more files\n", manifest.files.len() - args.k));
    }
    if args.verify {
        text.push_str("every byte of every file is as published\n");
    }
    print(&text)
}

fn item(scorer: &Scorer, typed: &str, args: &InspectArgs) -> Result<()> {
    let model = scorer.model();
    let Some(item) = model.items().find_typed(typed).map(ItemId) else {
        bail!("item {typed} is not in the model ({} items)", count(model.n_items() as u64));
    };
    let id = |item: ItemId| model.items().get(item.0).to_string();
    let (neighbours, scores) = model.neighbours(item);
    let (substitutes, strengths) = model.substitutes(item);
    if args.json {
        let neighbours: Vec<_> = neighbours
            .iter()
            .zip(scores)
            .take(args.k)
            .map(|(&i, s)| json!({ "item_id": id_json(model.items().get(i)), "score": s }))
            .collect();
        let substitutes: Vec<_> = substitutes
            .iter()
            .zip(strengths)
            .take(args.k)
            .map(|(&i, s)| json!({ "item_id": id_json(model.items().get(i)), "score": s }))
            .collect();
        let associations: Vec<_> = model
            .associations(item)
            .take(args.k)
            .map(|a| {
                json!({ "item_id": id_json(model.items().get(a.item.0)), "customers": a.n_customers,
                        "baskets": a.n_baskets, "lift": a.lift })
            })
            .collect();
        let facts = json!({
            "item_id": id_json(model.items().get(item.0)), "name": model.name(item),
            "baskets": model.item_baskets()[item.index()], "customers": model.item_customers()[item.index()],
            "neighbours": neighbours, "associations": associations,
            "substitutes": substitutes,
        });
        return print(&serde_json::to_string_pretty(&facts)?);
    }
    let mut text = format!(
        "{} ({}): in {} baskets of {} customers\n\nbought together more often than chance explains:\n",
        model.label(item),
        id(item),
        count(model.item_baskets()[item.index()].into()),
        count(model.item_customers()[item.index()].into()),
    );
    let rows: Vec<Vec<String>> = model
        .associations(item)
        .take(args.k)
        .map(|a| {
            vec![
                id(a.item),
                model.name(a.item).unwrap_or("").into(),
                count(a.n_customers.into()),
                count(a.n_baskets.into()),
                format!("{:.1}", a.lift),
            ]
        })
        .collect();
    text.push_str(&match rows[..] {
        [] => "  nothing passes the test\n".into(),
        _ => table_text(&["item", "name", "customers", "baskets", "lift"], &rows)?,
    });
    text.push_str("\nnearest items:\n");
    let rows: Vec<Vec<String>> = neighbours
        .iter()
        .zip(scores)
        .take(args.k)
        .map(|(&i, s)| vec![id(ItemId(i)), model.name(ItemId(i)).unwrap_or("").into(), format!("{s:.4}")])
        .collect();
    text.push_str(&match rows[..] {
        [] => "  none: too few baskets\n".into(),
        _ => table_text(&["item", "name", "score"], &rows)?,
    });
    if !substitutes.is_empty() {
        text.push_str(
            "\nbought instead of it (share of the baskets with both that chance explains and that are missing):\n",
        );
        let rows: Vec<Vec<String>> = substitutes
            .iter()
            .zip(strengths)
            .take(args.k)
            .map(|(&i, s)| vec![id(ItemId(i)), model.name(ItemId(i)).unwrap_or("").into(), format!("{s:.2}")])
            .collect();
        text.push_str(&table_text(&["item", "name", "missing"], &rows)?);
    }
    print(&text)
}

/// The ends of a rate's interval in per cent; nothing where no event was seen.
fn interval(cell: &RateCell) -> String {
    if cell.events == 0 {
        return String::new();
    }
    format!("{:.1} - {:.1}", 100.0 * cell.low, 100.0 * cell.high)
}
