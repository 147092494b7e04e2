mod upsell;

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde_json::json;
use sidecart::models::Trained;
use sidecart::{Config, Dataset};

use super::{Session, print, probability, ranker};
use crate::args::TrainArgs;
use crate::format::count;

pub(crate) fn run(session: &Session<'_>, args: &TrainArgs) -> Result<()> {
    let (config, default_out) = match (&args.config, &args.purchases) {
        (Some(path), _) => {
            let stem = path.file_stem().map_or_else(|| "model".into(), |s| s.to_string_lossy().into_owned());
            (Config::read(path)?, Some(PathBuf::from("models").join(stem)))
        }
        (None, Some(purchases)) => (
            Config::from_paths(purchases.clone(), args.items.clone(), args.customers.clone(), args.promotions.clone()),
            None,
        ),
        (None, None) => bail!("give a configuration file or --purchases"),
    };
    let Some(out) = args.out.clone().or(default_out) else { bail!("--purchases needs --out") };
    let dataset = Dataset::read(&config, &args.statistics, session.read, &session.progress)?;
    let trained = sidecart::train_with(&dataset, &config, session.learners, &session.progress)?;
    let version = sidecart::publish(&out, &trained, &dataset, &config)?;
    if args.json {
        let facts = json!({
            "model": out, "version": version.to_string(), "baskets": dataset.ledger.n_baskets(),
            "items": dataset.catalogue.len(), "customers": dataset.ledger.customers().len(),
            "associations": trained.models.n_associations() / 2, "tuning": trained.tuning,
            "ranker": trained.ranker, "probabilities": trained.probabilities, "upsell": upsell::as_json(trained.upsell.as_ref()),
        });
        return print(&facts.to_string());
    }
    let mut text = summary(&dataset, &trained);
    text.push_str(&ranker::train_lines(&json!(trained.ranker), config.models.ranker.enabled)?);
    text.push_str(&probability::lines(&json!(trained.probabilities))?);
    text.push_str(&upsell::lines(trained.upsell.as_ref(), config.upsell.enabled));
    text.push_str(&format!("published: {}/{version} (live)", out.display()));
    print(&text)
}

/// What was read and what was learned about what goes together, in a few lines.
fn summary(dataset: &Dataset, trained: &Trained) -> String {
    let mut text = String::new();
    for (table, summary) in &dataset.summaries {
        text.push_str(&format!("{table}: {summary}\n"));
    }
    let ledger = &dataset.ledger;
    let span = match (ledger.first_time(), ledger.last_time()) {
        (Some(first), Some(last)) if first != last => {
            format!(", {} to {}", ledger.clock().show(first), ledger.clock().show(last))
        }
        _ => String::new(),
    };
    text.push_str(&format!(
        "history: {} baskets of {} customers, {} items{span}\n",
        count(ledger.n_baskets() as u64),
        count(ledger.customers().len() as u64),
        count(dataset.catalogue.len() as u64),
    ));
    text.push_str(&format!(
        "learned: {} neighbours, {} pairs that may be shown as bought together, {} past baskets kept\n",
        count(trained.models.n_neighbours() as u64),
        count(trained.models.n_associations() as u64 / 2),
        count(trained.models.n_kept_baskets() as u64),
    ));
    match &trained.tuning {
        Some(tuning) if tuning.n_cases > 0 => {
            text.push_str(&format!(
                "mixture: weights tuned on {} baskets held back in time\n",
                count(tuning.n_cases as u64)
            ));
        }
        _ => text.push_str("mixture: starting weights, too few baskets to tune on\n"),
    }
    text
}
