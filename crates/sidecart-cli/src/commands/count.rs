use anyhow::Result;
use serde_json::json;
use sidecart::{Config, read_ledger};

use super::{Session, print};
use crate::args::CountArgs;
use crate::format::count;

pub(crate) fn run(session: &Session<'_>, args: &CountArgs) -> Result<()> {
    let config = Config::read(&args.config)?;
    let (ledger, summary) = read_ledger(&config, &[], session.read, &session.progress)?;
    ledger.save(&args.out).map_err(sidecart::Error::from)?;
    if args.json {
        let facts = json!({
            "statistics": args.out, "fingerprint": ledger.fingerprint(), "baskets": ledger.n_baskets(),
            "lines": ledger.n_lines(), "items": ledger.n_items(), "customers": ledger.customers().len(),
        });
        return print(&facts.to_string());
    }
    let mut text = String::new();
    if let Some(summary) = summary {
        text.push_str(&format!("Read {summary}\n"));
    }
    text.push_str(&format!(
        "{} baskets of {} customers and {} items are in {}",
        count(ledger.n_baskets() as u64),
        count(ledger.customers().len() as u64),
        count(ledger.n_items() as u64),
        args.out.display()
    ));
    print(&text)
}
