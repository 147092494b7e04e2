//! Answering a file of queries with upgrades.

use std::path::Path;

use rayon::prelude::*;
use sidecart_core::{Clock, Customer, EventLog, ExternalId, ItemId, Progress};
use sidecart_data::config::{Paths, SideTableConfig, TimeUnit};
use sidecart_data::{Answer as AnswerRow, AnswerWriter, Promotions, Query as FileQuery, read_promotions, read_queries};
use sidecart_serve::upsell::{
    Market, PromotionKinds, PromotionPlan, PropensityModel, Upgrade, UpsellModel, UpsellOffer, UpsellQuery,
    UpsellScratch,
};
use sidecart_serve::{CustomerReader, Mode, Scorer};
use sidecart_train::upsell::{PLANNED_PERIODS, plan};

use crate::batch::{BatchSummary, default_time, find_items, same_form};
use crate::error::{Error, Result};

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
}

/// What a scorer may know beyond its artifact when it is asked for upgrades.
#[derive(Default)]
pub struct UpsellContext {
    log: Option<EventLog>,
    market: Option<Market>,
    promotions: Option<(PromotionPlan, Promotions)>,
}

impl UpsellContext {
    /// Takes purchases made after training (see [`read_event_log`](crate::read_event_log)) and a
    /// file of promotions, in place of the plan that the model has.
    ///
    /// # Errors
    /// Any error about the file; [`Error::Serve`] for a model without upsell.
    pub fn new(
        scorer: &Scorer,
        log: Option<EventLog>,
        promotions: Option<(&Path, TimeUnit)>,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let model = scorer.upsell()?;
        let market =
            log.as_ref().map(|log| model.market.extended(&model.ladders, model.periods, log, scorer.trained_through()));
        let promotions = promotions.map(|(path, unit)| read_plan(scorer, model, path, unit, progress)).transpose()?;
        Ok(Self { log, market, promotions })
    }

    /// Purchases made after training.
    #[must_use]
    pub fn log(&self) -> Option<&EventLog> {
        self.log.as_ref()
    }

    /// What sells, with the purchases after training.
    #[must_use]
    pub fn market(&self) -> Option<&Market> {
        self.market.as_ref()
    }

    /// The plan of promotions that was read.
    #[must_use]
    pub fn promotions(&self) -> Option<&PromotionPlan> {
        self.promotions.as_ref().map(|(plan, _)| plan)
    }

    /// The number of a store in the plan that counts; `None` where the plan does not name it.
    #[must_use]
    pub fn store(&self, model: &UpsellModel, id: &ExternalId) -> Option<u32> {
        match &self.promotions {
            Some((_, promotions)) => promotions.stores().find(id.as_ref()),
            None => model.stores.find(id.as_ref()),
        }
    }
}

fn read_plan(
    scorer: &Scorer,
    model: &UpsellModel,
    path: &Path,
    time_unit: TimeUnit,
    progress: &dyn Progress,
) -> Result<(PromotionPlan, Promotions)> {
    let config = SideTableConfig { path: Paths::One(path.to_path_buf()), time_unit, ..SideTableConfig::default() };
    let (promotions, summary) = read_promotions(&config, scorer.model().items(), progress)?;
    progress.note(&format!("promotions file: {summary}"));
    let kinds = PromotionKinds::from_names(model.settings.promotion_kinds.iter().map(String::as_str).collect())?;
    let first = promotions.windows().iter().map(|w| model.periods.of(w.0)).min().unwrap_or(0);
    let planned = first..=first.saturating_add(PLANNED_PERIODS);
    let plan = plan(&promotions, kinds, &model.ladders, model.periods, planned)?;
    Ok((plan, promotions))
}

/// One query's answer before it is written.
struct Answered {
    upgrade: Option<Upgrade>,
    offers: Vec<UpsellOffer>,
    n_unknown: usize,
    reason: Option<&'static str>,
}

/// Answers every query of a Parquet file with upgrades into another, in query order then rank. A
/// query without an offer has one row of rank 0 that says why and, where the cart has an anchor,
/// its propensity.
///
/// # Errors
/// Any error about the files or the queries; [`Error::Setting`] when their ids have another form
/// than the model's or a segment is unknown.
pub fn upsell_batch(
    scorer: &Scorer,
    queries: &Path,
    context: &UpsellContext,
    output: &Path,
    options: &UpsellOptions,
    progress: &dyn Progress,
) -> Result<BatchSummary> {
    let model = scorer.upsell()?;
    let batch = read_queries(queries, options.time_unit)?;
    if let Some(id) = batch.queries.iter().find_map(|query| query.items.first()) {
        same_form(queries, "item ids", &id.as_ref().kind(), &scorer.model().items().kind())?;
    }
    let customer = batch.queries.iter().find_map(|query| query.customer.as_ref());
    if let (Some(id), Some(expected)) = (customer, scorer.customer_kind()) {
        same_form(queries, "customer ids", &id.as_ref().kind(), &expected)?;
    }
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
                let mut session = Session {
                    scorer,
                    model,
                    context,
                    exclude: &exclude,
                    options,
                    scratch: UpsellScratch::default(),
                    reader: CustomerReader::default(),
                    customer: Customer::default(),
                };
                chunk.iter().map(|query| session.answer(query)).collect::<Result<Vec<_>>>()
            })
            .collect::<Result<_>>()?;
        for (query, answer) in block.iter().zip(answered.into_iter().flatten()) {
            summary.n_unknown_items += answer.n_unknown;
            summary.n_offers += answer.offers.len();
            summary.n_empty += usize::from(answer.offers.is_empty());
            summary.n_short += usize::from((1..options.k).contains(&answer.offers.len()));
            write_answer(&mut writer, scorer, model, query, &answer)?;
        }
        progress.advance(block.len() as u64);
    }
    progress.end();
    writer.finish()?;
    Ok(summary)
}

struct Session<'a> {
    scorer: &'a Scorer,
    model: &'a UpsellModel,
    context: &'a UpsellContext,
    exclude: &'a [ItemId],
    options: &'a UpsellOptions,
    scratch: UpsellScratch,
    reader: CustomerReader,
    customer: Customer,
}

impl Session<'_> {
    fn answer(&mut self, query: &FileQuery) -> Result<Answered> {
        let items = self.scorer.model().items();
        let basket: Vec<ItemId> = query.items.iter().filter_map(|id| items.find(id.as_ref()).map(ItemId)).collect();
        let n_unknown = query.items.len() - basket.len();
        let known = match &query.customer {
            Some(id) => {
                self.scorer.load_customer(id.as_ref(), self.context.log(), &mut self.reader, &mut self.customer)?
            }
            None => false,
        };
        let segment = query.segment.as_deref().map(|name| find_segment(self.model, name)).transpose()?;
        let answer = self.model.recommend(
            &UpsellQuery {
                basket: &basket,
                customer: known.then_some(&self.customer),
                segment,
                time: query.time.unwrap_or_else(|| default_time(self.scorer)),
                store: query.store.as_ref().and_then(|id| self.context.store(self.model, id)),
                k: self.options.k,
                mode: self.options.mode,
                using: self.options.using,
                exclude: self.exclude,
                market: self.context.market(),
                promotions: self.context.promotions(),
            },
            &mut self.scratch,
        )?;
        Ok(Answered {
            upgrade: answer.upgrade,
            offers: answer.offers.to_vec(),
            n_unknown,
            reason: answer.reason.map(|reason| match n_unknown {
                n if n > 0 && basket.is_empty() => "no item of the basket is known to the model",
                _ => reason.text(),
            }),
        })
    }
}

/// The number of a segment by its name.
///
/// # Errors
/// [`Error::Setting`] with the names there are.
pub fn find_segment(model: &UpsellModel, name: &str) -> Result<u16> {
    let segments = &model.settings.segments;
    segments.iter().position(|known| known == name).map(|at| at as u16).ok_or_else(|| Error::Setting {
        key: "segment".into(),
        got: name.to_owned(),
        expected: if segments.is_empty() {
            "nothing: the model was trained without [segments]".into()
        } else {
            format!("one of {}", segments.join(", "))
        },
    })
}

fn write_answer(
    writer: &mut AnswerWriter,
    scorer: &Scorer,
    model: &UpsellModel,
    query: &FileQuery,
    answer: &Answered,
) -> Result<()> {
    let items = scorer.model().items();
    let row = AnswerRow {
        query_id: query.query_id,
        rank: 0,
        item: None,
        score: None,
        kind: UPSELL,
        anchor: answer.upgrade.map(|upgrade| items.get(upgrade.anchor.0)),
        propensity: answer.upgrade.map(|upgrade| upgrade.propensity),
        price_delta: None,
        fallback: None,
        reason: None,
    };
    if let Some(reason) = answer.reason {
        writer.push(&AnswerRow { reason: Some(reason), ..row })?;
        return Ok(());
    }
    let why = answer.upgrade.map(|upgrade| upgrade.text(model)).unwrap_or_default();
    for (offer, rank) in answer.offers.iter().zip(1..) {
        let text = format!("{}; {why}", offer.text());
        writer.push(&AnswerRow {
            rank,
            item: Some(items.get(offer.item.0)),
            score: Some(offer.score),
            price_delta: offer.price_delta.map(sidecart_core::Money::to_f64),
            reason: Some(&text),
            ..row.clone()
        })?;
    }
    Ok(())
}
