//! Answering a file of queries with upgrades.

use std::path::Path;

use sidecart_core::{Customer, ItemId, Money, Progress};
use sidecart_data::Query as FileQuery;
use sidecart_data::config::TimeUnit;
use sidecart_serve::offers::{OfferKind, Touchpoint};
use sidecart_serve::upsell::{PropensityModel, UpsellModel, UpsellQuery, UpsellScratch};
use sidecart_serve::{CustomerReader, Mode, Scorer};

use crate::batch::{Answered, BatchSummary, Row, answer_file};
use crate::checked_queries::{excluded_items, read_checked_queries};
use crate::cross_sell_batch::default_time;
use crate::error::Result;
use crate::slate_batch::refused_here;
use crate::upsell_context::{UpsellContext, check_segments, segment_of};

/// The kind of every upgrade.
pub const UPSELL: &str = "upsell";

/// What is the same for all upsell queries of a batch.
#[derive(Clone, Debug)]
pub struct UpsellOptions {
    /// How many answers each.
    pub k: usize,
    /// Whether items that the customer bought before may come back.
    pub mode: Mode,
    /// What says how probable an upgrade is.
    pub using: PropensityModel,
    /// Items that may not come back, in the caller's form.
    pub exclude: Vec<String>,
    /// What an integer time counts.
    pub time_unit: TimeUnit,
    /// Where queries are asked that do not say it.
    pub touchpoint: Option<Touchpoint>,
}

/// Answers every query of a Parquet file with upgrades into another, in query order then rank. A
/// query without an offer has one row of rank 0 that says why and, where the cart has an anchor,
/// its propensity. A store that no plan of promotions names is counted and noted.
///
/// # Errors
/// Any error about the files or the queries; [`Error::Setting`](crate::Error::Setting) when their
/// ids have another form than the model's, [`Error::QuerySegment`](crate::Error::QuerySegment)
/// for a segment that the model does not have.
pub fn upsell_batch(
    scorer: &Scorer,
    queries: &Path,
    context: &UpsellContext,
    output: &Path,
    options: &UpsellOptions,
    progress: &dyn Progress,
) -> Result<BatchSummary> {
    let model = scorer.upsell()?;
    let batch = read_checked_queries(scorer, queries, options.time_unit)?;
    check_segments(model, queries, &batch.queries)?;
    let exclude = excluded_items(scorer, &options.exclude, progress);
    let [summary] = answer_file(scorer, &batch.queries, output, options.k, progress, || {
        let mut session = UpsellSession::new(scorer, model, context, &exclude, options);
        move |query: &FileQuery| Ok([session.answer(query)?])
    })?;
    summary.note(UPSELL, options.k, progress);
    Ok(summary)
}

/// Answers one query after another; their segments are known.
pub(crate) struct UpsellSession<'a> {
    scorer: &'a Scorer,
    model: &'a UpsellModel,
    context: &'a UpsellContext,
    exclude: &'a [ItemId],
    options: &'a UpsellOptions,
    scratch: UpsellScratch,
    reader: CustomerReader,
    customer: Customer,
}

impl<'a> UpsellSession<'a> {
    pub(crate) fn new(
        scorer: &'a Scorer,
        model: &'a UpsellModel,
        context: &'a UpsellContext,
        exclude: &'a [ItemId],
        options: &'a UpsellOptions,
    ) -> Self {
        Self {
            scorer,
            model,
            context,
            exclude,
            options,
            scratch: UpsellScratch::default(),
            reader: CustomerReader::default(),
            customer: Customer::default(),
        }
    }

    pub(crate) fn answer(&mut self, query: &FileQuery) -> Result<Answered> {
        if let Some(refused) = refused_here(self.scorer, query, self.options.touchpoint, OfferKind::Upsell)? {
            return Ok(refused);
        }
        let items = self.scorer.model().items();
        let basket: Vec<ItemId> = query.items.iter().filter_map(|id| items.find(id.as_ref()).map(ItemId)).collect();
        let n_unknown_items = query.items.len() - basket.len();
        let known = match &query.customer {
            Some(id) => {
                self.scorer.load_customer(id.as_ref(), self.context.log(), &mut self.reader, &mut self.customer)?
            }
            None => false,
        };
        let store = query.store.as_ref().and_then(|id| self.context.store(self.model, id));
        let answer = self.model.recommend(
            &UpsellQuery {
                basket: &basket,
                customer: known.then_some(&self.customer),
                segment: query.segment.as_deref().and_then(|name| segment_of(self.model, name)),
                time: query.time.unwrap_or_else(|| default_time(self.scorer)),
                store,
                k: self.options.k,
                mode: self.options.mode,
                using: self.options.using,
                exclude: self.exclude,
                market: self.context.market(),
                promotions: self.context.promotions(),
            },
            &mut self.scratch,
        )?;
        let row = Row {
            anchor: answer.upgrade.map(|upgrade| upgrade.anchor),
            propensity: answer.upgrade.map(|upgrade| upgrade.propensity),
            ..Row::default()
        };
        let rows = match answer.reason {
            Some(_) if n_unknown_items > 0 && basket.is_empty() => {
                vec![Row { reason: "no item of the basket is known to the model".into(), ..row }]
            }
            Some(reason) => vec![Row { reason: reason.text().into(), ..row }],
            None => {
                let why = answer.upgrade.map(|upgrade| upgrade.text(self.model)).unwrap_or_default();
                let offer_row = |offer: &sidecart_serve::upsell::UpsellOffer| Row {
                    item: Some(offer.item),
                    score: Some(offer.score),
                    price_delta: offer.price_delta.map(Money::to_f64),
                    reason: format!("{}; {why}", offer.text()),
                    ..row.clone()
                };
                answer.offers.iter().map(offer_row).collect()
            }
        };
        let store_is_unknown = query.store.is_some() && store.is_none();
        Ok(Answered { kind: UPSELL, rows, n_unknown_items, store_is_unknown })
    }
}
