use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sidecart_artifact::{CURRENT_FILE, current};
use sidecart_core::Progress;

use super::registry::{Model, Models};
use super::version::LiveVersion;
use crate::error::{Error, Result};
use crate::limits::{MAX_MODEL_NAME_BYTES, MAX_MODELS, MAX_RETRY_INTERVAL};

/// What a look at one model found.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The live version is the one on disk.
    Unchanged,
    /// Another version is live now.
    Swapped {
        /// The version.
        version: String,
    },
    /// The version on disk cannot be used; the one before stays.
    Failed {
        /// For the operator.
        error: Error,
    },
    /// It failed before and is tried again later.
    Waiting,
}

/// A version that could not be opened.
struct Failure {
    /// What `CURRENT` named; `None` where it could not be read.
    version: Option<String>,
    pause: Duration,
    next: Instant,
}

/// Looks at the folder of models and keeps the table up to date. Everything here blocks, and belongs
/// on a thread that answers no requests.
pub(crate) struct Watcher {
    models: Arc<Models>,
    first_pause: Duration,
    failures: BTreeMap<Arc<str>, Failure>,
    /// Versions that were replaced, until the last request on them is over: freeing hundreds of
    /// megabytes takes milliseconds that no request should pay.
    retired: Vec<Arc<LiveVersion>>,
    progress: Arc<dyn Progress + Send + Sync>,
    told_too_many: bool,
}

impl Watcher {
    pub(crate) fn new(models: Arc<Models>, interval: Duration, progress: Arc<dyn Progress + Send + Sync>) -> Self {
        let (failures, retired) = (BTreeMap::new(), Vec::new());
        Self { models, first_pause: interval, failures, retired, progress, told_too_many: false }
    }

    /// Number of replaced versions that still answer a request.
    pub(crate) fn n_retired(&self) -> usize {
        self.retired.len()
    }

    /// Looks at every model once; with `force` also at those that wait to be tried again.
    ///
    /// # Errors
    /// [`Error::ModelsFolder`] when the folder cannot be read.
    pub(crate) fn look(&mut self, force: bool) -> Result<Vec<(Arc<str>, Outcome)>> {
        self.retired.retain(|version| Arc::strong_count(version) > 1);
        let names = self.names()?;
        Ok(names.into_iter().map(|name| (Arc::clone(&name), self.look_at(&name, force))).collect())
    }

    /// The subfolders that are models, by name; hidden ones and those whose name could not stand in a
    /// request are none.
    fn names(&mut self) -> Result<Vec<Arc<str>>> {
        let path = &self.models.folder;
        let failed = |source| Error::ModelsFolder { path: path.clone(), source };
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path).map_err(failed)? {
            let name = entry.map_err(failed)?.file_name();
            let Some(name) = name.to_str().filter(|name| is_model_name(name)) else { continue };
            if path.join(name).join(CURRENT_FILE).exists() {
                names.push(Arc::from(name));
            }
        }
        names.sort_unstable();
        if names.len() > MAX_MODELS && !self.told_too_many {
            self.told_too_many = true;
            let message = format!("{} models in the folder; the first {MAX_MODELS} by name are served", names.len());
            self.progress.note(&message);
        }
        names.truncate(MAX_MODELS);
        Ok(names)
    }

    fn look_at(&mut self, name: &Arc<str>, force: bool) -> Outcome {
        let folder = self.models.folder.join(&**name);
        let named = current(&folder).map(|version| version.to_string());
        let version = named.as_ref().ok().cloned();
        let model = self.models.get(name);
        if let (Some(model), Some(version)) = (&model, &version)
            && model.live().version == *version
        {
            self.failures.remove(name);
            return Outcome::Unchanged;
        }
        if let Some(failure) = self.failures.get(name)
            && !force
            && failure.version == version
            && Instant::now() < failure.next
        {
            return Outcome::Waiting;
        }
        let opened = match named {
            Ok(version) => LiveVersion::open(name, &folder.join(version)),
            Err(error) => Err(error.into()),
        };
        match opened {
            Ok(opened) => {
                self.failures.remove(name);
                let version = opened.version.clone();
                match model {
                    Some(model) => self.retired.push(model.swap(opened)),
                    None => self.models.add(Model::new(opened, self.models.event_lines)),
                }
                Outcome::Swapped { version }
            }
            Err(error) => {
                self.fail(name, version);
                Outcome::Failed { error }
            }
        }
    }

    /// Doubles the pause with each failure of one version.
    fn fail(&mut self, name: &Arc<str>, version: Option<String>) {
        let before = self.failures.get(name).filter(|failure| failure.version == version);
        let pause = before.map_or(self.first_pause, |failure| (failure.pause * 2).min(MAX_RETRY_INTERVAL));
        self.failures.insert(Arc::clone(name), Failure { version, pause, next: Instant::now() + pause });
    }
}

fn is_model_name(name: &str) -> bool {
    name.len() <= MAX_MODEL_NAME_BYTES
        && name.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric() || b == b'_')
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_be_paths_are_none() {
        for good in ["shop", "shop-2", "Shop_1.b", "7"] {
            assert!(is_model_name(good), "{good}");
        }
        for bad in ["", ".", "..", ".staging-1", "a/b", "a\\b", "a b", "é", "-x", &"a".repeat(65)] {
            assert!(!is_model_name(bad), "{bad}");
        }
    }
}
