use std::path::Path;

use anyhow::{Context, Result};
use sidecart::core::Progress;
use sidecart::serve::offers::Objective;
use sidecart::{Config, Dataset, EvaluateRequest, FrontierRequest};

use super::{Session, print, propensity_model, source};
use crate::args::{EvaluateArgs, MeasuredKindArg, MoneyArg};

pub(crate) fn run(session: &Session<'_>, args: &EvaluateArgs) -> Result<()> {
    let config = Config::read(&args.config)?;
    let upsell = args.kind == MeasuredKindArg::Upsell;
    // A wrong name is told before anything is read.
    let using = args.using.filter(|_| !upsell).map(source).transpose()?;
    let propensity = args.using.filter(|_| upsell).map(propensity_model).transpose()?.unwrap_or_default();
    let dataset = Dataset::read(&config, &args.statistics, session.read, &session.progress)?;
    if upsell {
        let report = sidecart::evaluate_upsell(&dataset, &config, propensity, &session.progress)?;
        return deliver(session, args, &report.to_json(), || report.to_html(), || report.to_table());
    }
    if let Some(money) = args.frontier {
        let money = money.map(|money| match money {
            MoneyArg::Margin => Objective::Margin,
            MoneyArg::Revenue => Objective::Revenue,
        });
        let request = FrontierRequest { mode: args.mode.into(), money };
        let report = sidecart::evaluate_frontier(&dataset, &config, request, session.learners, &session.progress)?;
        return deliver(session, args, &report.to_json(), || report.to_html(), || report.to_table());
    }
    if args.ablation {
        let mode = args.mode.into();
        let report = sidecart::evaluate_ablation(&dataset, &config, mode, session.learners, &session.progress)?;
        return deliver(session, args, &report.to_json(), || report.to_html(), || report.to_table());
    }
    let request = EvaluateRequest { mode: args.mode.into(), using };
    let report = sidecart::evaluate_with(&dataset, &config, request, session.learners, &session.progress)?;
    deliver(session, args, &report.to_json(), || report.to_html(), || report.to_table())
}

/// Writes the files that were asked for and prints the figures.
fn deliver(
    session: &Session<'_>,
    args: &EvaluateArgs,
    json: &str,
    html: impl FnOnce() -> String,
    table: impl FnOnce() -> String,
) -> Result<()> {
    let write =
        |path: &Path, text: &str| std::fs::write(path, text).with_context(|| format!("writing {}", path.display()));
    if let Some(path) = &args.metrics {
        write(path, json)?;
    }
    if let Some(path) = &args.report {
        write(path, &html())?;
        session.progress.note(&format!("the report is in {}", path.display()));
    }
    if args.json { print(json) } else { print(&table()) }
}
