//! Answering a file of queries with slates: what the policy allows at a touchpoint.

use std::path::Path;

use sidecart_core::{Customer, ItemId, Money, Progress};
use sidecart_data::Query as FileQuery;
use sidecart_serve::offers::{Offer, OfferKind, OfferKinds, OfferReason, OffersQuery, OffersScratch, Touchpoint};
use sidecart_serve::{CustomerReader, Scorer, StandIn};

use crate::batch::{Answered, BatchSummary, Row, answer_file};
use crate::checked_queries::{excluded_items, read_checked_queries, touchpoint_of};
use crate::cross_sell_batch::{BatchOptions, CROSS_SELL, default_time};
use crate::error::Result;
use crate::upsell_batch::UPSELL;
use crate::upsell_context::{UpsellContext, check_segments, segment_of};

/// The kind of an offer that belongs to a basket item.
pub const ADD_ON: &str = "add-on";

/// What an empty answer says where the policy does not allow the kind.
const TOUCHPOINT: &str = "touchpoint";

/// Answers every query of a Parquet file with add-ons into another, in query order then rank. A query
/// without one has one row of rank 0 that says why.
///
/// # Errors
/// Those of [`recommend_batch`](crate::recommend_batch), and of
/// [`upsell_batch`](crate::upsell_batch) for segments.
pub fn add_on_batch(
    scorer: &Scorer,
    queries: &Path,
    context: &UpsellContext,
    output: &Path,
    options: &BatchOptions,
    progress: &dyn Progress,
) -> Result<BatchSummary> {
    let batch = read_checked_queries(scorer, queries, options.time_unit)?;
    if let Some(model) = scorer.model().upsell() {
        check_segments(model, queries, &batch.queries)?;
    }
    let exclude = excluded_items(scorer, &options.exclude, progress);
    let [summary] = answer_file(scorer, &batch.queries, output, options.k, progress, || {
        let mut session = SlateSession::new(scorer, context, &exclude, options);
        move |query: &FileQuery| {
            let touchpoint = touchpoint_of(query, options.touchpoint)?;
            let [_, _, add_ons] = session.answer(query, touchpoint, OfferKind::AddOn.into())?;
            Ok([add_ons])
        }
    })?;
    summary.note(ADD_ON, options.k, progress);
    Ok(summary)
}

/// The answer to a query at a touchpoint at which the model's policy makes no offers of a kind.
pub(crate) fn refused_here(
    scorer: &Scorer,
    query: &FileQuery,
    given: Option<Touchpoint>,
    kind: OfferKind,
) -> Result<Option<Answered>> {
    let touchpoint = touchpoint_of(query, given)?;
    let is_allowed = |touchpoint| scorer.model().policy().policy().touchpoints.allowed(touchpoint).contains(kind);
    let is_refused = touchpoint.is_some_and(|touchpoint| !is_allowed(touchpoint));
    Ok(is_refused.then(|| Answered::refused(kind.name(), TOUCHPOINT.into())))
}

/// Answers one query after another; their segments are known.
pub(crate) struct SlateSession<'a> {
    scorer: &'a Scorer,
    context: &'a UpsellContext,
    exclude: &'a [ItemId],
    options: &'a BatchOptions,
    scratch: OffersScratch,
    reader: CustomerReader,
    customer: Customer,
}

impl<'a> SlateSession<'a> {
    pub(crate) fn new(
        scorer: &'a Scorer,
        context: &'a UpsellContext,
        exclude: &'a [ItemId],
        options: &'a BatchOptions,
    ) -> Self {
        Self {
            scorer,
            context,
            exclude,
            options,
            scratch: scorer.offers_scratch(),
            reader: CustomerReader::default(),
            customer: Customer::default(),
        }
    }

    /// Cross-sell, upsell and add-ons of the slate of a query; of the kinds that were not asked for
    /// nothing.
    pub(crate) fn answer(
        &mut self,
        query: &FileQuery,
        touchpoint: Option<Touchpoint>,
        kinds: OfferKinds,
    ) -> Result<[Answered; 3]> {
        let scorer = self.scorer;
        let items = scorer.model().items();
        let basket: Vec<ItemId> = query.items.iter().filter_map(|id| items.find(id.as_ref()).map(ItemId)).collect();
        let n_unknown_items = query.items.len() - basket.len();
        let known = match &query.customer {
            Some(id) => scorer.load_customer(id.as_ref(), self.context.log(), &mut self.reader, &mut self.customer)?,
            None => false,
        };
        let upsell = scorer.model().upsell();
        let store = query.store.as_ref().and_then(|id| scorer.store(id.as_ref()));
        let plan_store = query.store.as_ref().and_then(|id| self.context.store(upsell?, id));
        let slate = scorer.offers(
            &OffersQuery {
                basket: &basket,
                customer: known.then_some(&self.customer),
                segment: query.segment.as_deref().and_then(|name| segment_of(upsell?, name)),
                touchpoint,
                kinds,
                time: query.time.unwrap_or_else(|| default_time(scorer)),
                store,
                plan_store,
                k: Some(self.options.k),
                mode: self.options.mode,
                exclude: self.exclude,
                market: self.context.market(),
                plan: self.context.promotions(),
                ..OffersQuery::default()
            },
            &mut self.scratch,
        )?;
        let store_is_unknown = query.store.is_some() && store.is_none() && plan_store.is_none();
        Ok(OfferKind::ALL.map(|kind| {
            let name = [CROSS_SELL, UPSELL, ADD_ON][kind as usize];
            if !kinds.contains(kind) {
                return Answered::nothing(name);
            }
            let mut rows: Vec<Row> =
                slate.offers.iter().filter(|offer| offer.kind == kind).map(|offer| row(scorer, offer)).collect();
            if rows.is_empty() {
                let reason = match slate.reason {
                    _ if !slate.kinds.contains(kind) => TOUCHPOINT,
                    Some(reason) => reason.name(),
                    None => rule_of(&slate, kind),
                };
                rows.push(Row { reason: reason.into(), ..Row::default() });
            }
            Answered { kind: name, rows, n_unknown_items, store_is_unknown }
        }))
    }
}

/// The first rule that took a candidate of a kind out of a slate that is not empty.
fn rule_of(slate: &sidecart_serve::offers::Slate<'_>, kind: OfferKind) -> &'static str {
    let of_kind = slate.removed.iter().filter(|removed| removed.kind == kind);
    of_kind.map(|removed| removed.rule).max().map_or("no_candidates", |rule| rule.name())
}

fn row(scorer: &Scorer, offer: &Offer) -> Row {
    let propensity = match &offer.reason {
        OfferReason::Upsell { upgrade, .. } => Some(upgrade.propensity),
        OfferReason::CrossSell(_) | OfferReason::AddOn { .. } => None,
    };
    Row {
        item: Some(offer.item),
        score: Some(offer.value),
        anchor: offer.anchor,
        propensity,
        price_delta: propensity.and(offer.delta_value).map(Money::to_f64),
        fallback: offer.stand_in.map(StandIn::name),
        reason: offer.reason.text(scorer),
    }
}
