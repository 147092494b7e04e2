//! Training and publishing.

use std::path::Path;

use sidecart_artifact::Version;
use sidecart_core::Progress;
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
    let mut trained = sidecart_train::train_with(ledger, catalogue, &config.models, &config.upsell, &inputs, &options)?;
    trained.models.set_policy(config.policy.clone());
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
