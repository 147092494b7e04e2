//! Opens a model and answers queries.
//!
//! | file | holds |
//! |---|---|
//! | `query.rs` | a question and its answer |
//! | `recommend.rs` | from the one to the other |
//! | `mixture.rs` | the weighted mixture of all sources, and the order of one |
//! | `training.rs` | what training asks |

mod mixture;
mod query;
mod recommend;
mod training;

use std::path::Path;

use sidecart_artifact::{Container, CustomerStore, Manifest, Mode as OpenMode, ModelFiles, RecordScratch};
use sidecart_core::{Clock, Customer, EventLog, ExternalIdRef, IdKind, Time};

pub use query::{Answer, MAX_BASKET, MAX_K, Query};

use crate::error::{Error, Result};
use crate::model::Model;
use crate::ranker::RankerModel;
use crate::scratch::Scratch;
use crate::settings::{MixtureWeights, ServingSettings, Source};
use crate::upsell::UpsellModel;

/// A model that answers. Immutable; share it between threads, give each thread its own
/// [`Scratch`].
pub struct Scorer {
    model: Model,
    manifest: Option<Manifest>,
    trained_through: Time,
    customers: Option<CustomerStore>,
}

/// A reader of stored customers with its own memory.
#[derive(Default)]
pub struct CustomerReader {
    record: RecordScratch,
}

impl Scorer {
    /// Opens a model folder (its live version) or one version folder, with all checks.
    ///
    /// # Errors
    /// Any [`Error`] about the files.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let files = ModelFiles::open(path.as_ref(), OpenMode::Owned)?;
        let (manifest, container, customers) = files.into_parts();
        let settings = manifest
            .settings
            .get("serving")
            .cloned()
            .ok_or_else(|| Error::Settings { problem: "the manifest has no `serving`".into() })?;
        let settings: ServingSettings =
            serde_json::from_value(settings).map_err(|e| Error::Settings { problem: e.to_string() })?;
        let model = Model::read(container, settings, manifest.clock)?;
        if let Some(store) = customers.as_ref().filter(|store| store.n_items() != model.n_items() as u64) {
            return Err(Error::Model {
                section: "customers",
                problem: "another number of items than the model",
                expected: model.n_items().to_string(),
                got: store.n_items().to_string(),
            });
        }
        Ok(Self { model, trained_through: manifest.trained_through, manifest: Some(manifest), customers })
    }

    /// A model that was never written: for evaluation and tuning inside training.
    ///
    /// # Errors
    /// As [`Model::read`].
    pub fn in_memory(
        container: Container,
        settings: ServingSettings,
        clock: Clock,
        trained_through: Time,
    ) -> Result<Self> {
        Ok(Self { model: Model::read(container, settings, clock)?, manifest: None, trained_through, customers: None })
    }

    /// Replaces the weights of the mixture: for training, which tunes them over the model's own
    /// candidates.
    pub fn set_weights(&mut self, weights: MixtureWeights) {
        self.model.set_weights(weights);
    }

    /// Puts a ranker in: for training, which learns one over the model's own candidates.
    pub fn set_ranker(&mut self, ranker: RankerModel) {
        self.model.set_ranker(ranker);
    }

    /// The tensors.
    #[must_use]
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// What is known about upgrades.
    ///
    /// # Errors
    /// [`Error::NoSuchPart`] for a model that was trained without.
    pub fn upsell(&self) -> Result<&UpsellModel> {
        self.model
            .upsell()
            .ok_or_else(|| Error::NoSuchPart { what: "upsell".into(), available: self.parts().join(", ") })
    }

    /// What the model says of itself; `None` for a model that was never written.
    #[must_use]
    pub fn manifest(&self) -> Option<&Manifest> {
        self.manifest.as_ref()
    }

    /// The newest time the model has learned from.
    #[must_use]
    pub fn trained_through(&self) -> Time {
        self.trained_through
    }

    /// Memory for one thread.
    #[must_use]
    pub fn scratch(&self) -> Scratch {
        Scratch::new(self.model.n_items(), self.model.n_kept_baskets())
    }

    /// Number of customers whose past is stored with the model.
    #[must_use]
    pub fn n_customers(&self) -> usize {
        self.customers.as_ref().map_or(0, CustomerStore::len)
    }

    /// The number of a store for queries; `None` where the model does not know it.
    #[must_use]
    pub fn store(&self, id: ExternalIdRef<'_>) -> Option<u32> {
        self.model.ranker().and_then(|ranker| ranker.tables.stores.find(id))
    }

    /// The same of a typed id; a number can be meant as a number or as a text.
    #[must_use]
    pub fn typed_store(&self, typed: &str) -> Option<u32> {
        self.model.ranker().and_then(|ranker| ranker.tables.stores.find_typed(typed))
    }

    /// The form of the ids of those customers; `None` where none are stored.
    #[must_use]
    pub fn customer_kind(&self) -> Option<IdKind> {
        self.customers.as_ref().map(CustomerStore::kind)
    }

    /// Replaces `customer` by what is known of one: what is stored with the model, then what the
    /// log has seen since the end of training (what it holds from before, the model knows
    /// already). False when nothing is known.
    ///
    /// # Errors
    /// [`Error::Artifact`] when a stored record is damaged or cannot be read.
    pub fn load_customer(
        &self,
        id: ExternalIdRef<'_>,
        log: Option<&EventLog>,
        reader: &mut CustomerReader,
        customer: &mut Customer,
    ) -> Result<bool> {
        customer.clear();
        if let Some(store) = &self.customers {
            store.read(id, &mut reader.record, customer)?;
        }
        if let Some(since) = log.and_then(|log| log.customer(id)) {
            for at in 0..since.len() {
                let basket = since.get(at);
                if basket.time > self.trained_through() {
                    customer.history.push_basket(basket);
                }
            }
        }
        Ok(!customer.history.is_empty())
    }

    /// Names of the sources this model can answer with.
    #[must_use]
    pub fn parts(&self) -> Vec<&'static str> {
        Source::NAMES.iter().filter(|(_, source)| self.has(*source)).map(|(name, _)| *name).collect()
    }

    pub(super) fn has(&self, source: Source) -> bool {
        match source {
            Source::Neighbours => self.model.has_neighbours(),
            Source::Ease => self.model.has_ease(),
            Source::Embeddings => self.model.embeddings().is_some(),
            Source::Baskets => self.model.baskets().is_some(),
            Source::Fast | Source::Linear => self.model.ranker().is_some(),
            Source::Trees => self.model.ranker().is_some_and(RankerModel::has_trees),
            Source::Neural => self.model.ranker().is_some_and(RankerModel::has_neural),
            _ => true,
        }
    }
}
