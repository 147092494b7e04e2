//! Answering a file of queries with something to add.

use std::path::Path;

use sidecart_core::{Customer, EventLog, ItemId, Progress, Time};
use sidecart_data::Query as FileQuery;
use sidecart_data::config::TimeUnit;
use sidecart_serve::offers::{OfferKind, Touchpoint};
use sidecart_serve::{CustomerReader, Mode, Query, Scorer, Scratch, Source, StandIn};

use crate::batch::{Answered, BatchSummary, Row, answer_file};
use crate::checked_queries::{excluded_items, read_checked_queries};
use crate::error::Result;
use crate::slate_batch::refused_here;

/// The kind of an offer to add something.
pub const CROSS_SELL: &str = "cross-sell";

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
    /// Where queries are asked that do not say it.
    pub touchpoint: Option<Touchpoint>,
}

/// The time at which a query without one is asked: just after the end of training.
#[must_use]
pub fn default_time(scorer: &Scorer) -> Time {
    Time(scorer.trained_through().0.saturating_add(1))
}

/// Answers every query of a Parquet file with something to add into another, in query order then
/// rank. A query without an offer has one row of rank 0 that says why.
///
/// # Errors
/// Any error about the files or the queries; [`Error::Setting`](crate::Error::Setting) when their
/// ids have another form than the model's, so that none could match.
pub fn recommend_batch(
    scorer: &Scorer,
    queries: &Path,
    log: Option<&EventLog>,
    output: &Path,
    options: &BatchOptions,
    progress: &dyn Progress,
) -> Result<BatchSummary> {
    let batch = read_checked_queries(scorer, queries, options.time_unit)?;
    let n_upsell = batch.queries.iter().filter(|query| query.segment.is_some()).count();
    if n_upsell > 0 {
        progress.note(&format!("{n_upsell} queries have a segment, which acts on upsell only"));
    }
    let exclude = excluded_items(scorer, &options.exclude, progress);
    let [summary] = answer_file(scorer, &batch.queries, output, options.k, progress, || {
        let mut session = CrossSellSession::new(scorer, log, &exclude, options);
        move |query: &FileQuery| Ok([session.answer(query)?])
    })?;
    summary.note(CROSS_SELL, options.k, progress);
    Ok(summary)
}

/// Answers one query after another.
pub(crate) struct CrossSellSession<'a> {
    scorer: &'a Scorer,
    log: Option<&'a EventLog>,
    exclude: &'a [ItemId],
    options: &'a BatchOptions,
    scratch: Scratch,
    reader: CustomerReader,
    customer: Customer,
}

impl<'a> CrossSellSession<'a> {
    pub(crate) fn new(
        scorer: &'a Scorer,
        log: Option<&'a EventLog>,
        exclude: &'a [ItemId],
        options: &'a BatchOptions,
    ) -> Self {
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

    pub(crate) fn answer(&mut self, query: &FileQuery) -> Result<Answered> {
        if let Some(refused) = refused_here(self.scorer, query, self.options.touchpoint, OfferKind::CrossSell)? {
            return Ok(refused);
        }
        let model = self.scorer.model();
        let basket: Vec<ItemId> =
            query.items.iter().filter_map(|id| model.items().find(id.as_ref()).map(ItemId)).collect();
        let n_unknown_items = query.items.len() - basket.len();
        let known = match &query.customer {
            Some(id) => self.scorer.load_customer(id.as_ref(), self.log, &mut self.reader, &mut self.customer)?,
            None => false,
        };
        let store = query.store.as_ref().and_then(|id| self.scorer.store(id.as_ref()));
        let store_is_unknown = query.store.is_some() && store.is_none();
        let query = Query {
            basket: &basket,
            history: known.then_some(&self.customer.history),
            time: query.time.unwrap_or_else(|| default_time(self.scorer)),
            k: self.options.k,
            mode: self.options.mode,
            using: self.options.using,
            store,
            exclude: self.exclude,
            promoted: &[],
        };
        let answer = self.scorer.recommend(&query, &mut self.scratch)?;
        let mut rows: Vec<Row> = (0..)
            .zip(answer.offers)
            .map(|(at, offer)| {
                let stand_in = answer.stand_in(at);
                let reason = match stand_in {
                    Some(by) => self.scorer.explain_stand_in(offer.item, by),
                    None => self.scorer.explain(&query, offer.item),
                };
                Row {
                    item: Some(offer.item),
                    score: Some(f64::from(offer.score)),
                    anchor: reason.anchor(),
                    propensity: answer.probability(at),
                    fallback: stand_in.map(StandIn::name),
                    reason: reason.text(model),
                    ..Row::default()
                }
            })
            .collect();
        if rows.is_empty() {
            rows.push(Row { reason: no_offer_reason(&query, n_unknown_items), ..Row::default() });
        }
        Ok(Answered { kind: CROSS_SELL, rows, n_unknown_items, store_is_unknown })
    }
}

/// Why a query has no offer.
fn no_offer_reason(query: &Query<'_>, n_unknown: usize) -> String {
    let knows_customer = query.history.is_some_and(|h| h.as_of(query.time).len() > 0);
    match query.using {
        Source::Own | Source::OwnFrequency if !knows_customer => "nothing is known of the customer at this time".into(),
        Source::Neighbours | Source::Embeddings | Source::Ease | Source::Baskets
            if query.basket.is_empty() && n_unknown > 0 =>
        {
            "no item of the basket is known to the model".into()
        }
        Source::Neighbours | Source::Embeddings | Source::Ease | Source::Baskets if query.basket.is_empty() => {
            "the basket is empty".into()
        }
        using => format!("{using} has no candidate that is not excluded"),
    }
}
