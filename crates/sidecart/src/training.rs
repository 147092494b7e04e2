//! Training and publishing.

use std::path::Path;

use sidecart_artifact::Version;
use sidecart_core::Progress;
use sidecart_train::Trained;

use crate::config::Config;
use crate::dataset::Dataset;
use crate::error::Result;

/// Learns every model of a data set.
///
/// # Errors
/// Any error of training.
pub fn train(dataset: &Dataset, config: &Config, progress: &dyn Progress) -> Result<Trained> {
    let inputs = dataset.upsell_inputs();
    let Config { models, upsell, seed, .. } = config;
    Ok(sidecart_train::train(&dataset.ledger, &dataset.catalogue, models, upsell, &inputs, *seed, progress)?)
}

/// Writes what was trained as a new version of the model folder `out`.
///
/// # Errors
/// Any error of writing.
pub fn publish(out: &Path, trained: &Trained, dataset: &Dataset, config: &Config) -> Result<Version> {
    let Config { models, upsell, seed, .. } = config;
    Ok(sidecart_train::publish(out, trained, &dataset.ledger, &dataset.catalogue, models, upsell, *seed)?)
}
