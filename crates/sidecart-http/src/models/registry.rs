use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arc_swap::ArcSwap;
use tokio::sync::Mutex;

use super::events::{EventCounts, EventStore, Purchase, Recorded};
use super::version::LiveVersion;
use crate::problem::{Code, Problem};

/// A model by its name: the live version, and the purchases since its training.
pub(crate) struct Model {
    pub(crate) name: Arc<str>,
    live: ArcSwap<LiveVersion>,
    /// Locked across a swap, so that no purchase misses the new version.
    events: Mutex<EventStore>,
}

impl Model {
    pub(super) fn new(first: LiveVersion, event_lines: usize) -> Self {
        let events = EventStore::with_limit(event_lines);
        *first.log_mut() = events.log_for(&first.scorer);
        Self { name: Arc::clone(&first.name), live: ArcSwap::from_pointee(first), events: Mutex::new(events) }
    }

    /// The version that a request begun now is answered with to its end.
    pub(crate) fn live(&self) -> Arc<LiveVersion> {
        self.live.load_full()
    }

    /// Makes another version the live one; the one before is given back. Blocks while purchases are
    /// recorded.
    pub(super) fn swap(&self, version: LiveVersion) -> Arc<LiveVersion> {
        let events = self.events.blocking_lock();
        *version.log_mut() = events.log_for(&version.scorer);
        self.live.swap(Arc::new(version))
    }

    /// Takes purchases, one after the other.
    pub(crate) async fn record(&self, purchases: Vec<Purchase>) -> Vec<Recorded> {
        let mut events = self.events.lock().await;
        let live = self.live();
        let mut recorded = Vec::with_capacity(purchases.len());
        for purchase in purchases {
            recorded.push(events.record(purchase, &live.scorer, &mut live.log_mut()));
        }
        recorded
    }

    pub(crate) async fn event_counts(&self) -> EventCounts {
        self.events.lock().await.counts()
    }
}

type Table = BTreeMap<Arc<str>, Arc<Model>>;

/// The models of one folder. Names of requests are looked up here and never become a path.
pub(crate) struct Models {
    pub(super) folder: PathBuf,
    pub(super) event_lines: usize,
    default: Option<String>,
    table: ArcSwap<Table>,
}

impl Models {
    pub(crate) fn new(folder: &Path, default: Option<String>, event_lines: usize) -> Self {
        Self { folder: folder.to_owned(), event_lines, default, table: ArcSwap::default() }
    }

    /// The model of a name; without a name the default one, or the only one.
    ///
    /// # Errors
    /// [`Code::NOT_READY`], [`Code::UNKNOWN_MODEL`] or [`Code::MODEL_REQUIRED`].
    pub(crate) fn find(&self, name: Option<&str>) -> Result<Arc<Model>, Problem> {
        let table = self.table.load();
        let found = match name.or(self.default.as_deref()) {
            Some(name) => table.get(name),
            None if table.len() > 1 => {
                let message = "several models are served; name one of them";
                return Err(Problem::at(Code::MODEL_REQUIRED, "model", message));
            }
            None => table.values().next(),
        };
        match found {
            Some(model) => Ok(Arc::clone(model)),
            None if table.is_empty() => Err(Problem::new(Code::NOT_READY, "no model is loaded yet")),
            None => Err(Problem::at(Code::UNKNOWN_MODEL, "model", "no model of this name is served")),
        }
    }

    /// All models by name.
    pub(crate) fn all(&self) -> Vec<Arc<Model>> {
        self.table.load().values().cloned().collect()
    }

    pub(crate) fn len(&self) -> usize {
        self.table.load().len()
    }

    /// The name of the model that answers where none is named.
    pub(crate) fn default_name(&self) -> Option<String> {
        self.find(None).ok().map(|model| model.name.to_string())
    }

    pub(super) fn get(&self, name: &str) -> Option<Arc<Model>> {
        self.table.load().get(name).cloned()
    }

    pub(super) fn add(&self, model: Model) {
        let model = Arc::new(model);
        self.table.rcu(|table| {
            let mut table = Table::clone(table);
            table.insert(Arc::clone(&model.name), Arc::clone(&model));
            table
        });
    }
}
