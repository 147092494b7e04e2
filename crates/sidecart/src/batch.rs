//! Answering a file of queries, whatever is offered.

use std::path::Path;

use rayon::prelude::*;
use sidecart_core::{ItemId, Progress};
use sidecart_data::{Answer as AnswerRow, AnswerWriter, Query as FileQuery};
use sidecart_serve::Scorer;
use sidecart_serve::offers::OfferKinds;
use sidecart_serve::upsell::PropensityModel;

use crate::checked_queries::{excluded_items, read_checked_queries, touchpoint_of};
use crate::cross_sell_batch::{BatchOptions, CROSS_SELL, CrossSellSession};
use crate::error::Result;
use crate::slate_batch::{ADD_ON, SlateSession};
use crate::upsell_batch::{UPSELL, UpsellOptions, UpsellSession};
use crate::upsell_context::{UpsellContext, check_segments};

/// Queries that are answered before their rows are written.
const BLOCK: usize = 8_192;
/// Queries that one session answers.
const CHUNK: usize = 256;

/// What a batch did, for one kind of offer.
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
    /// Queries with a store that the model, or for upgrades every plan of promotions, does not know,
    /// answered as without one.
    pub n_unknown_stores: usize,
}

impl BatchSummary {
    fn add(&mut self, answer: &Answered, k: usize) {
        if answer.rows.is_empty() {
            return;
        }
        let n_offers = answer.rows.iter().filter(|row| row.item.is_some()).count();
        self.n_queries += 1;
        self.n_offers += n_offers;
        self.n_empty += usize::from(n_offers == 0);
        self.n_short += usize::from((1..k).contains(&n_offers));
        self.n_unknown_items += answer.n_unknown_items;
        self.n_unknown_stores += usize::from(answer.store_is_unknown);
    }

    /// Notes what a reader of the answers should know.
    pub(crate) fn note(&self, kind: &str, k: usize, progress: &dyn Progress) {
        let Self { n_short, n_unknown_stores, .. } = self;
        if *n_short > 0 {
            progress.note(&format!("{n_short} queries have fewer than {k} {kind} offers: nothing else is left"));
        }
        if *n_unknown_stores > 0 {
            let where_ = if kind == UPSELL { "no plan of promotions names" } else { "the model does not know" };
            progress
                .note(&format!("{n_unknown_stores} queries name a store that {where_}: answered as without a store"));
        }
    }
}

/// The answer of one kind to one query before it is written.
pub(crate) struct Answered {
    pub(crate) kind: &'static str,
    /// The offers in order, or one row without an item that says why there is none; empty where the kind
    /// was not asked for.
    pub(crate) rows: Vec<Row>,
    pub(crate) n_unknown_items: usize,
    pub(crate) store_is_unknown: bool,
}

impl Answered {
    /// Of a kind that was not asked for.
    pub(crate) fn nothing(kind: &'static str) -> Self {
        Self { kind, rows: Vec::new(), n_unknown_items: 0, store_is_unknown: false }
    }

    /// Nothing to offer, for a reason.
    pub(crate) fn refused(kind: &'static str, reason: String) -> Self {
        Self { rows: vec![Row { reason, ..Row::default() }], ..Self::nothing(kind) }
    }
}

/// A row of an answer.
#[derive(Clone, Default)]
pub(crate) struct Row {
    pub(crate) item: Option<ItemId>,
    pub(crate) score: Option<f64>,
    pub(crate) anchor: Option<ItemId>,
    pub(crate) propensity: Option<f64>,
    pub(crate) price_delta: Option<f64>,
    pub(crate) fallback: Option<&'static str>,
    pub(crate) reason: String,
}

/// Answers every query of a Parquet file with something to add and with upgrades into another, in
/// query order, then cross-sell before upsell before add-ons, then rank; the column `kind` says
/// which. A query has up to `k` offers of each kind, or one row of rank 0 in their place that says
/// why. A query with a touchpoint is answered with a slate under the model's policy, one without has
/// no add-ons.
///
/// Returns what was done for cross-sell, upsell and add-ons.
///
/// # Errors
/// Those of [`recommend_batch`](crate::recommend_batch) and [`upsell_batch`](crate::upsell_batch).
pub fn any_batch(
    scorer: &Scorer,
    queries: &Path,
    context: &UpsellContext,
    output: &Path,
    options: &BatchOptions,
    propensity: PropensityModel,
    progress: &dyn Progress,
) -> Result<[BatchSummary; 3]> {
    let model = scorer.upsell()?;
    let batch = read_checked_queries(scorer, queries, options.time_unit)?;
    check_segments(model, queries, &batch.queries)?;
    let exclude = excluded_items(scorer, &options.exclude, progress);
    let BatchOptions { k, mode, time_unit, touchpoint, .. } = *options;
    let upsell = UpsellOptions { k, mode, using: propensity, exclude: options.exclude.clone(), time_unit, touchpoint };
    let summaries = answer_file(scorer, &batch.queries, output, k, progress, || {
        let mut add = CrossSellSession::new(scorer, context.log(), &exclude, options);
        let mut upgrade = UpsellSession::new(scorer, model, context, &exclude, &upsell);
        let mut slate = SlateSession::new(scorer, context, &exclude, options);
        move |query: &FileQuery| match touchpoint_of(query, touchpoint)? {
            Some(touchpoint) => slate.answer(query, Some(touchpoint), OfferKinds::ALL),
            None => Ok([add.answer(query)?, upgrade.answer(query)?, Answered::nothing(ADD_ON)]),
        }
    })?;
    for (summary, kind) in summaries.iter().zip([CROSS_SELL, UPSELL, ADD_ON]) {
        summary.note(kind, k, progress);
    }
    Ok(summaries)
}

/// Answers queries in parallel, each with a session's answers of `N` kinds, and writes them in order.
pub(crate) fn answer_file<const N: usize, S>(
    scorer: &Scorer,
    queries: &[FileQuery],
    output: &Path,
    k: usize,
    progress: &dyn Progress,
    session: impl Fn() -> S + Sync,
) -> Result<[BatchSummary; N]>
where
    S: FnMut(&FileQuery) -> Result<[Answered; N]>,
{
    let mut writer = AnswerWriter::create(output, scorer.model().items().kind())?;
    let mut summaries = [BatchSummary::default(); N];
    progress.begin("answering", queries.len() as u64, "queries");
    for block in queries.chunks(BLOCK) {
        let answered: Vec<Vec<[Answered; N]>> = block
            .par_chunks(CHUNK)
            .map(|chunk| chunk.iter().map(session()).collect::<Result<Vec<_>>>())
            .collect::<Result<_>>()?;
        for (query, answers) in block.iter().zip(answered.into_iter().flatten()) {
            for (answer, summary) in answers.iter().zip(&mut summaries) {
                summary.add(answer, k);
                write(&mut writer, scorer, query, answer)?;
            }
        }
        progress.advance(block.len() as u64);
    }
    progress.end();
    writer.finish()?;
    Ok(summaries)
}

fn write(writer: &mut AnswerWriter, scorer: &Scorer, query: &FileQuery, answer: &Answered) -> Result<()> {
    let items = scorer.model().items();
    for (row, place) in answer.rows.iter().zip(1..) {
        writer.push(&AnswerRow {
            query_id: query.query_id,
            rank: if row.item.is_some() { place } else { 0 },
            item: row.item.map(|item| items.get(item.0)),
            score: row.score,
            kind: answer.kind,
            anchor: row.anchor.map(|item| items.get(item.0)),
            propensity: row.propensity,
            price_delta: row.price_delta,
            fallback: row.fallback,
            reason: Some(&row.reason),
        })?;
    }
    Ok(())
}
