use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use axum::http::HeaderValue;
use sidecart_core::{Customer, EventLog, ExternalIdRef, History, ItemId, Time};
use sidecart_serve::offers::OffersScratch;
use sidecart_serve::{CustomerReader, Query, Scorer, Scratch};

use super::pool::Pool;
use super::search::ItemSearch;
use crate::error::{Error, Result};
use crate::limits::{WARM_UP_QUERIES, cores};

/// Answers asked for while warming up.
const WARM_UP_K: usize = 20;

/// What answering one question needs beside the model. Everything keeps its memory.
pub(crate) struct Work {
    pub(crate) scratch: Scratch,
    pub(crate) reader: CustomerReader,
    pub(crate) customer: Customer,
    /// Made with the first question for a slate.
    pub(crate) offers: Option<OffersScratch>,
    pub(crate) basket: Vec<ItemId>,
    pub(crate) exclude: Vec<ItemId>,
    pub(crate) promoted: Vec<ItemId>,
    /// Positions of basket items that the model does not know.
    pub(crate) unknown: Vec<usize>,
    /// A past that the question brought along: times with positions, and the items of one basket.
    pub(crate) past: Vec<(Time, usize)>,
    pub(crate) past_items: Vec<ItemId>,
}

/// An opened version of a model. What serves it never changes but for the purchases since training.
pub(crate) struct LiveVersion {
    pub(crate) name: Arc<str>,
    pub(crate) version: String,
    pub(crate) version_header: HeaderValue,
    pub(crate) scorer: Scorer,
    pub(crate) search: ItemSearch,
    log: RwLock<EventLog>,
    pool: Pool<Work>,
}

impl LiveVersion {
    /// Opens a version folder with all checks, and lets it answer some questions.
    ///
    /// # Errors
    /// Any error about the files; [`Error::WarmUp`] when it answers nothing, or not with finite
    /// scores.
    pub(crate) fn open(name: &Arc<str>, folder: &Path) -> Result<Self> {
        let scorer = Scorer::open(folder)?;
        let version = scorer.manifest().map(|manifest| manifest.version.to_string()).unwrap_or_default();
        let version_header = HeaderValue::from_str(&version).unwrap_or(HeaderValue::from_static(""));
        let search = ItemSearch::new(scorer.model());
        let opened = Self {
            name: Arc::clone(name),
            version,
            version_header,
            search,
            log: RwLock::new(EventLog::with_limit(0)),
            pool: Pool::new(cores()),
            scorer,
        };
        opened.warm_up()?;
        Ok(opened)
    }

    fn work(&self) -> Work {
        Work {
            scratch: self.scorer.scratch(),
            reader: CustomerReader::default(),
            customer: Customer::default(),
            offers: None,
            basket: Vec::new(),
            exclude: Vec::new(),
            promoted: Vec::new(),
            unknown: Vec::new(),
            past: Vec::new(),
            past_items: Vec::new(),
        }
    }

    /// Answers for the most popular items, alone and two at a time, with every scorer's memory.
    fn warm_up(&self) -> Result<()> {
        let refused = |problem: &str| Error::WarmUp {
            model: self.name.to_string(),
            version: self.version.clone(),
            problem: problem.into(),
        };
        let popular: Vec<ItemId> =
            self.scorer.model().popular().iter().take(WARM_UP_QUERIES).map(|&item| ItemId(item)).collect();
        let mut past = History::default();
        past.push(self.scorer.trained_through(), &popular[..popular.len().min(3)]);
        let mut n_offers = 0;
        for scorer in 0..cores() {
            let mut work = self.work();
            let n = if scorer == 0 { popular.len() } else { popular.len().min(8) };
            for at in 0..n {
                let basket = &popular[at..(at + 1 + at % 2).min(popular.len())];
                let history = (at % 4 == 3).then_some(&past);
                let query = Query { basket, history, k: WARM_UP_K, ..Query::default() };
                let answer = self.scorer.recommend(&query, &mut work.scratch)?;
                if answer.offers.iter().any(|offer| !offer.score.is_finite()) {
                    return Err(refused("a score is not a finite number"));
                }
                n_offers += answer.offers.len();
            }
            self.pool.fill(work);
        }
        if n_offers == 0 && self.scorer.model().n_items() > 1 {
            return Err(refused("it offers nothing for its most popular items"));
        }
        Ok(())
    }

    /// Calls `answer` with memory for one question.
    pub(crate) fn with_work<R>(&self, answer: impl FnOnce(&mut Work) -> R) -> R {
        self.pool.with(|| self.work(), answer)
    }

    pub(crate) fn log(&self) -> RwLockReadGuard<'_, EventLog> {
        self.log.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log_mut(&self) -> RwLockWriteGuard<'_, EventLog> {
        self.log.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// When a question without a time is asked: just after the newest purchase that is known. The
    /// clock on the wall plays no part, so equal questions get equal answers.
    pub(crate) fn default_time(&self) -> Time {
        let newest =
            self.log().last_time().map_or(self.scorer.trained_through(), |t| t.max(self.scorer.trained_through()));
        Time(newest.0.saturating_add(1))
    }

    /// The item of an id; a number may come as a text and the other way round.
    pub(crate) fn find_item(&self, id: ExternalIdRef<'_>) -> Option<ItemId> {
        let items = self.scorer.model().items();
        let found = items.find(id).or_else(|| match id {
            ExternalIdRef::Text(text) => items.find_typed(text),
            ExternalIdRef::Int(id) => items.find_typed(&id.to_string()),
        });
        found.map(ItemId)
    }
}
