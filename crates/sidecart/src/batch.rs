//! Answering a file of queries.

use std::path::Path;

use rayon::prelude::*;
use sidecart_core::{Clock, Customer, EventLog, ItemId, Progress, Scored, Time};
use sidecart_data::config::{Paths, PurchasesConfig, TimeUnit};
use sidecart_data::{Answer as AnswerRow, AnswerWriter, Query as FileQuery, ReadOptions, read_purchases, read_queries};
use sidecart_serve::{CustomerReader, Mode, Query, Reason, Scorer, Source};

use crate::error::{Error, Result};

/// The kind of every offer made so far.
pub const CROSS_SELL: &str = "cross-sell";
/// Lines that a batch's event log may hold.
pub const MAX_LOG_LINES: usize = 200_000_000;

/// What is the same for all queries of a batch.
#[derive(Clone, Debug)]
pub struct BatchOptions {
    /// How many answers each.
    pub k: usize,
    /// The list mode.
    pub mode: Mode,
    /// The part of the model that answers.
    pub using: Source,
    /// Items that may not come back, in the caller's form.
    pub exclude: Vec<String>,
    /// What an integer time counts.
    pub time_unit: TimeUnit,
}

/// What a batch did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct BatchSummary {
    /// Queries answered.
    pub n_queries: usize,
    /// Offers written.
    pub n_offers: usize,
    /// Queries without an offer.
    pub n_empty: usize,
    /// Queries with an offer, but fewer than asked for, because nothing else is left to offer.
    pub n_short: usize,
    /// Basket items that the model does not know, left out.
    pub n_unknown_items: usize,
}

/// What became of a history file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct LogSummary {
    /// Baskets with known items, taken into the log; anonymous ones count for what sells.
    pub n_baskets: usize,
    /// Baskets at or before the end of training, left out because the model knows them.
    pub n_known_baskets: usize,
    /// Anonymous baskets, which belong to nobody's past.
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
        let customer = ledger.customer_of(basket);
        summary.n_anonymous += usize::from(customer.is_none());
        if lines.is_empty() {
            continue;
        }
        summary.n_baskets += 1;
        let customer = customer.map(|customer| ledger.customers().get(customer.0));
        log.record_lines(customer, time, lines.iter().copied())
            .map_err(|source| Error::EventLog { path: path.to_path_buf(), source })?;
    }
    Ok((log, summary))
}

/// Refuses a file whose times or ids have another form than the model's: nothing would match.
pub(crate) fn same_form<T: PartialEq + std::fmt::Display>(
    path: &Path,
    what: &str,
    got: &T,
    expected: &T,
) -> Result<()> {
    if got == expected {
        return Ok(());
    }
    Err(Error::Setting {
        key: path.display().to_string(),
        got: format!("{what} of the form `{got}`"),
        expected: format!("`{expected}` as in training"),
    })
}

/// The time at which a query without one is asked: just after the end of training.
#[must_use]
pub fn default_time(scorer: &Scorer) -> Time {
    Time(scorer.trained_through().0.saturating_add(1))
}

/// Finds typed item ids; unknown ones come back as they were typed.
#[must_use]
pub fn find_items(scorer: &Scorer, typed: &[String]) -> (Vec<ItemId>, Vec<String>) {
    let mut known = Vec::new();
    let mut unknown = Vec::new();
    for id in typed {
        match scorer.model().items().find_typed(id) {
            Some(item) => known.push(ItemId(item)),
            None => unknown.push(id.clone()),
        }
    }
    (known, unknown)
}

/// One query's answer before it is written.
struct Answered {
    offers: Vec<(Scored, Reason, bool)>,
    n_unknown: usize,
    reason: Option<String>,
}

/// Answers every query of a Parquet file into another, in query order then rank. A query without
/// an offer has one row of rank 0 that says why.
///
/// # Errors
/// Any error about the files or the queries; [`Error::Setting`] when their ids have another form
/// than the model's, so that none could match.
pub fn recommend_batch(
    scorer: &Scorer,
    queries: &Path,
    log: Option<&EventLog>,
    output: &Path,
    options: &BatchOptions,
    progress: &dyn Progress,
) -> Result<BatchSummary> {
    let batch = read_queries(queries, options.time_unit)?;
    if let Some(id) = batch.queries.iter().find_map(|query| query.items.first()) {
        same_form(queries, "item ids", &id.as_ref().kind(), &scorer.model().items().kind())?;
    }
    let customer = batch.queries.iter().find_map(|query| query.customer.as_ref());
    if let (Some(id), Some(expected)) = (customer, scorer.customer_kind()) {
        same_form(queries, "customer ids", &id.as_ref().kind(), &expected)?;
    }
    // Without times on one side there is nothing to compare.
    let (got, expected) = (batch.clock, scorer.model().clock());
    if got != Clock::None && expected != Clock::None {
        same_form(queries, "times", &got.name(), &expected.name())?;
    }
    let (exclude, unknown) = find_items(scorer, &options.exclude);
    if !unknown.is_empty() {
        progress.note(&format!("--exclude names items the model does not know: {}", unknown.join(", ")));
    }
    let mut writer = AnswerWriter::create(output, scorer.model().items().kind())?;
    let mut summary = BatchSummary { n_queries: batch.queries.len(), ..BatchSummary::default() };
    progress.begin("answering", batch.queries.len() as u64, "queries");
    for block in batch.queries.chunks(8_192) {
        let answered: Vec<Vec<Answered>> = block
            .par_chunks(256)
            .map(|chunk| {
                let mut session = Session::new(scorer, log, &exclude, options);
                chunk.iter().map(|query| session.answer(query)).collect::<Result<Vec<_>>>()
            })
            .collect::<Result<_>>()?;
        for (query, answer) in block.iter().zip(answered.into_iter().flatten()) {
            summary.n_unknown_items += answer.n_unknown;
            summary.n_offers += answer.offers.len();
            summary.n_empty += usize::from(answer.offers.is_empty());
            summary.n_short += usize::from((1..options.k).contains(&answer.offers.len()));
            write_answer(&mut writer, scorer, query, &answer)?;
        }
        progress.advance(block.len() as u64);
    }
    progress.end();
    writer.finish()?;
    if summary.n_short > 0 {
        progress
            .note(&format!("{} queries have fewer than {} offers: nothing else is left", summary.n_short, options.k));
    }
    Ok(summary)
}

struct Session<'a> {
    scorer: &'a Scorer,
    log: Option<&'a EventLog>,
    exclude: &'a [ItemId],
    options: &'a BatchOptions,
    scratch: sidecart_serve::Scratch,
    reader: CustomerReader,
    customer: Customer,
}

impl<'a> Session<'a> {
    fn new(scorer: &'a Scorer, log: Option<&'a EventLog>, exclude: &'a [ItemId], options: &'a BatchOptions) -> Self {
        Self {
            scorer,
            log,
            exclude,
            options,
            scratch: scorer.scratch(),
            reader: CustomerReader::default(),
            customer: Customer::default(),
        }
    }

    fn answer(&mut self, query: &FileQuery) -> Result<Answered> {
        let items = self.scorer.model().items();
        let basket: Vec<ItemId> = query.items.iter().filter_map(|id| items.find(id.as_ref()).map(ItemId)).collect();
        let n_unknown = query.items.len() - basket.len();
        let known = match &query.customer {
            Some(id) => self.scorer.load_customer(id.as_ref(), self.log, &mut self.reader, &mut self.customer)?,
            None => false,
        };
        let query = Query {
            basket: &basket,
            history: known.then_some(&self.customer.history),
            time: query.time.unwrap_or_else(|| default_time(self.scorer)),
            k: self.options.k,
            mode: self.options.mode,
            using: self.options.using,
            exclude: self.exclude,
        };
        let answer = self.scorer.recommend(&query, &mut self.scratch)?;
        let offers: Vec<(Scored, Reason, bool)> = answer
            .offers
            .iter()
            .enumerate()
            .map(|(at, &offer)| match at >= answer.fallback_from {
                true => (offer, self.scorer.explain_fallback(offer.item), true),
                false => (offer, self.scorer.explain(&query, offer.item), false),
            })
            .collect();
        let reason = offers.is_empty().then(|| no_offer_reason(&query, n_unknown));
        Ok(Answered { offers, n_unknown, reason })
    }
}

/// Why a query has no offer.
fn no_offer_reason(query: &Query<'_>, n_unknown: usize) -> String {
    let knows_customer = query.history.is_some_and(|h| h.as_of(query.time).len() > 0);
    match query.using {
        Source::Own | Source::OwnFrequency if !knows_customer => "nothing is known of the customer at this time".into(),
        Source::Neighbours | Source::Embeddings | Source::Baskets if query.basket.is_empty() && n_unknown > 0 => {
            "no item of the basket is known to the model".into()
        }
        Source::Neighbours | Source::Embeddings | Source::Baskets if query.basket.is_empty() => {
            "the basket is empty".into()
        }
        using => format!("{using} has no candidate that is not excluded"),
    }
}

fn write_answer(writer: &mut AnswerWriter, scorer: &Scorer, query: &FileQuery, answer: &Answered) -> Result<()> {
    let items = scorer.model().items();
    let row = AnswerRow {
        query_id: query.query_id,
        rank: 0,
        item: None,
        score: None,
        kind: CROSS_SELL,
        anchor: None,
        propensity: None,
        price_delta: None,
        fallback: None,
        reason: None,
    };
    if answer.offers.is_empty() {
        writer.push(&AnswerRow { reason: answer.reason.as_deref(), ..row })?;
        return Ok(());
    }
    for (at, (offer, reason, fallback)) in answer.offers.iter().enumerate() {
        let text = reason.text(scorer.model());
        writer.push(&AnswerRow {
            rank: at as i32 + 1,
            item: Some(items.get(offer.item.0)),
            score: Some(f64::from(offer.score)),
            anchor: reason.anchor().map(|a| items.get(a.0)),
            fallback: fallback.then_some("popular"),
            reason: Some(&text),
            ..row.clone()
        })?;
    }
    Ok(())
}
