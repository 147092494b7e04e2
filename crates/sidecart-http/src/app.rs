use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use sidecart_artifact::CURRENT_FILE;

use crate::error::{Error, Result};
use crate::exposure::{ExposureLog, HoldOut};
use crate::metrics::{Metrics, add};
use crate::models::{Models, Outcome, Watcher};
use crate::openapi;
use crate::page::Page;
use crate::request_id::RequestIds;
use crate::routes::ROUTES;
use crate::settings::Settings;
use crate::turns::Turns;

/// What all requests share: the models, the limits, the counters, the logs.
///
/// [`router`](crate::router) makes it answer; [`Server`](crate::Server) does so on sockets.
pub struct App {
    pub(crate) settings: Settings,
    pub(crate) models: Arc<Models>,
    pub(crate) metrics: Metrics,
    pub(crate) turns: Arc<Turns>,
    pub(crate) ids: RequestIds,
    pub(crate) exposures: Option<ExposureLog>,
    pub(crate) hold_out: HoldOut,
    pub(crate) openapi: Bytes,
    pub(crate) page: Page,
    watcher: Mutex<Watcher>,
    draining: AtomicBool,
}

impl App {
    /// Checks the settings and opens the logs; no model is loaded yet.
    ///
    /// # Errors
    /// [`Error::Setting`], [`Error::ModelsFolder`], [`Error::OneModel`], [`Error::Exposures`] or
    /// [`Error::Start`].
    pub fn new(settings: Settings) -> Result<Arc<Self>> {
        settings.check()?;
        check_folder(&settings.models)?;
        let exposures = match &settings.exposures {
            Some(folder) => Some(ExposureLog::open(folder, settings.limits.exposure_file_bytes)?),
            None => None,
        };
        let models =
            Arc::new(Models::new(&settings.models, settings.default_model.clone(), settings.limits.event_lines));
        let watcher = Watcher::new(Arc::clone(&models), settings.watch_interval, Arc::clone(&settings.progress));
        Ok(Arc::new(Self {
            models,
            metrics: Metrics::new(ROUTES.len()),
            turns: Turns::new(&settings.limits),
            ids: RequestIds::new(),
            exposures,
            hold_out: HoldOut::new(settings.hold_out),
            openapi: Bytes::from(openapi::document(ROUTES).to_string()),
            page: Page::new(),
            watcher: Mutex::new(watcher),
            draining: AtomicBool::new(false),
            settings,
        }))
    }

    /// Looks at the model folders once and loads what is new, tells of it, and gives the number of
    /// models that could not be loaded. Blocks for as long as loading takes.
    ///
    /// With `retry` it also tries what failed before and waits for its time.
    ///
    /// # Errors
    /// [`Error::ModelsFolder`] when the folder cannot be read; what is loaded stays.
    ///
    /// # Panics
    /// When a version is replaced from a thread that runs an async runtime's tasks; use its threads
    /// for blocking work.
    pub fn load_models(&self, retry: Retry) -> Result<usize> {
        let outcomes = self.look(retry)?;
        Ok(outcomes.iter().filter(|(_, outcome)| matches!(outcome, Outcome::Failed { .. } | Outcome::Waiting)).count())
    }

    pub(crate) fn look(&self, retry: Retry) -> Result<Vec<(Arc<str>, Outcome)>> {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let looked = watcher.look(retry == Retry::Now);
        self.metrics.retired_versions.store(watcher.n_retired(), Ordering::Relaxed);
        drop(watcher);
        let note = |text: &str| self.settings.progress.note(text);
        let outcomes = looked.inspect_err(|error| {
            add(&self.metrics.failed_looks, 1);
            note(&error.to_string());
        })?;
        for (name, outcome) in &outcomes {
            match outcome {
                Outcome::Swapped { version } => {
                    add(&self.metrics.swaps, 1);
                    note(&format!("model {name}: version {version} answers"));
                }
                Outcome::Failed { error } => {
                    add(&self.metrics.failed_swaps, 1);
                    note(&format!("model {name}: the new version cannot be used: {error}"));
                }
                Outcome::Unchanged | Outcome::Waiting => {}
            }
        }
        Ok(outcomes)
    }

    /// Whether requests can be answered: a model is there and the server is not about to stop.
    pub(crate) fn is_ready(&self) -> bool {
        self.models.len() > 0 && !self.is_draining()
    }

    /// Whether each answer is the last of its connection.
    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::Relaxed)
    }

    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::Relaxed);
    }

    /// Writes what the logs still hold. Blocks.
    pub(crate) fn close(&self) {
        if let Some(exposures) = &self.exposures {
            exposures.close();
        }
    }
}

/// Whether versions that failed are tried again before their time.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Retry {
    /// Only when their time has come.
    WhenDue,
    /// At once.
    Now,
}

fn check_folder(path: &Path) -> Result<()> {
    let failed = |source| Error::ModelsFolder { path: path.to_owned(), source };
    std::fs::read_dir(path).map_err(failed)?;
    if path.join(CURRENT_FILE).exists() { Err(Error::OneModel { path: path.to_owned() }) } else { Ok(()) }
}
