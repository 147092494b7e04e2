use std::path::Path;

use anyhow::{Context, Result};
use sidecart::{Config, Dataset, EvaluateRequest};

use super::{Session, print, source};
use crate::args::EvaluateArgs;
use sidecart::core::Progress;

pub(crate) fn run(session: &Session, args: &EvaluateArgs) -> Result<()> {
    let config = Config::read(&args.config)?;
    let dataset = Dataset::read(&config, &args.statistics, session.read, &session.progress)?;
    let request = EvaluateRequest { mode: args.mode.into(), using: args.using.map(source).transpose()? };
    let report = sidecart::evaluate(&dataset, &config, request, &session.progress)?;
    let write =
        |path: &Path, text: &str| std::fs::write(path, text).with_context(|| format!("writing {}", path.display()));
    if let Some(path) = &args.metrics {
        write(path, &report.to_json())?;
    }
    if let Some(path) = &args.report {
        write(path, &report.to_html())?;
        session.progress.note(&format!("the report is in {}", path.display()));
    }
    print(&if args.json { report.to_json() } else { report.to_table() })
}
