//! Purchases made after training.

use std::path::Path;

use sidecart_core::{EventLog, ItemId, Progress};
use sidecart_data::config::{Paths, PurchasesConfig, TimeUnit};
use sidecart_data::{ReadOptions, read_purchases};
use sidecart_serve::Scorer;

use crate::checked_queries::same_form;
use crate::error::{Error, Result};

/// Lines that a batch's event log may hold.
pub const MAX_LOG_LINES: usize = 200_000_000;

/// What became of a history file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogSummary {
    /// Baskets with known items, taken into the log; anonymous ones among them count for what sells.
    pub n_baskets: usize,
    /// Baskets at or before the end of training, left out because the model knows them.
    pub n_known_baskets: usize,
    /// Anonymous baskets among those taken into the log, which belong to nobody's past.
    pub n_anonymous: usize,
    /// Lines of items that the model does not know, left out.
    pub n_unknown_lines: usize,
}

/// Reads purchases made after training into an event log.
///
/// # Errors
/// Any error about the file; [`Error::Setting`] when its times or ids have another form than the
/// model's, so that nothing could match; [`Error::EventLog`] beyond [`MAX_LOG_LINES`].
pub fn read_event_log(
    scorer: &Scorer,
    path: &Path,
    time_unit: TimeUnit,
    options: ReadOptions,
    progress: &dyn Progress,
) -> Result<(EventLog, LogSummary)> {
    let config = PurchasesConfig { path: Paths::One(path.to_path_buf()), time_unit, ..PurchasesConfig::default() };
    let (ledger, read) = read_purchases(&config, options, progress)?;
    progress.note(&format!("history file: {read}"));
    if ledger.n_baskets() > 0 {
        let (got, expected) = (ledger.clock().name(), scorer.model().clock().name());
        same_form(path, "times", &got, &expected)?;
        same_form(path, "item ids", &ledger.items().kind(), &scorer.model().items().kind())?;
    }
    if let Some(expected) = scorer.customer_kind().filter(|_| !ledger.customers().is_empty()) {
        same_form(path, "customer ids", &ledger.customers().kind(), &expected)?;
    }
    let known: Vec<Option<ItemId>> =
        ledger.items().iter().map(|id| scorer.model().items().find(id).map(ItemId)).collect();
    let mut log = EventLog::with_limit(MAX_LOG_LINES);
    let mut summary = LogSummary::default();
    let mut lines = Vec::new();
    for basket in 0..ledger.n_baskets() {
        let time = ledger.basket_times()[basket];
        if time <= scorer.trained_through() {
            summary.n_known_baskets += 1;
            continue;
        }
        lines.clear();
        lines.extend(
            ledger.lines(basket).filter_map(|line| {
                Some((known[line.item.index()]?, line.paid.map_or(0.0, |paid| paid.to_f64() as f32)))
            }),
        );
        summary.n_unknown_lines += ledger.baskets().get(basket).len() - lines.len();
        if lines.is_empty() {
            continue;
        }
        summary.n_baskets += 1;
        let customer = ledger.customer_of(basket).map(|customer| ledger.customers().get(customer.0));
        summary.n_anonymous += usize::from(customer.is_none());
        log.record_lines(customer, time, lines.iter().copied())
            .map_err(|source| Error::EventLog { path: path.to_path_buf(), source })?;
    }
    Ok((log, summary))
}
