//! Training and publishing.

use std::path::Path;

use sidecart_artifact::Version;
use sidecart_core::{NoProgress, Progress};
use sidecart_serve::offers::Policy;
use sidecart_train::ranker::RankerLearner;
use sidecart_train::{TrainOptions, Trained};

use crate::config::Config;
use crate::dataset::Dataset;
use crate::error::Result;

/// Learns every model of a data set.
///
/// # Errors
/// Any error of training.
pub fn train(dataset: &Dataset, config: &Config, progress: &dyn Progress) -> Result<Trained> {
    train_with(dataset, config, &[], progress)
}

/// As [`train`], with more rankers to choose from than the linear one, the trees and the network.
///
/// # Errors
/// Any error of training.
pub fn train_with(
    dataset: &Dataset,
    config: &Config,
    learners: &[&dyn RankerLearner],
    progress: &dyn Progress,
) -> Result<Trained> {
    let inputs = dataset.upsell_inputs();
    let options = TrainOptions { seed: config.seed, progress, learners };
    let (ledger, catalogue) = (&dataset.ledger, &dataset.catalogue);
    let policy = &config.policy;
    // A wrong name is said before anything is learned; segments are not known yet.
    if *policy != Policy::default() {
        let items = sidecart_train::offers::items(ledger, catalogue, &NoProgress)?;
        policy.unknown_names(&catalogue.ids, &items, &[], ledger.clock())?;
    }
    let mut trained = sidecart_train::train_with(ledger, catalogue, &config.models, &config.upsell, &inputs, &options)?;
    let segments = trained.upsell.as_ref().map_or(&[][..], |upsell| &upsell.model.settings.segments);
    if let Some(items) = trained.models.offer_items() {
        let unknown = policy.unknown_names(&catalogue.ids, items, segments, ledger.clock())?;
        if !unknown.is_empty() {
            progress.note(&format!("[policy] names what the model does not know: {}", unknown.join(", ")));
        }
    }
    trained.models.set_policy(policy.clone());
    Ok(trained)
}

/// Writes what was trained as a new version of the model folder `out`.
///
/// # Errors
/// Any error of writing.
pub fn publish(out: &Path, trained: &Trained, dataset: &Dataset, config: &Config) -> Result<Version> {
    let Config { models, upsell, seed, .. } = config;
    Ok(sidecart_train::publish(out, trained, &dataset.ledger, &dataset.catalogue, models, upsell, *seed)?)
}
