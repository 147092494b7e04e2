//! Ledger to published model: fit on an inner split, tune, fit on everything, write.

use std::path::Path;

use serde_json::json;
use sidecart_artifact::{CustomersSpec, Draft, MODEL_FILE, Staging, Version};
use sidecart_core::{Customer, Progress};
use sidecart_data::Ledger;
use sidecart_eval::HideOneParams;

use crate::catalogue::Catalogue;
use crate::error::Result;
use crate::hold_out::{HoldOutSpec, customer_histories, hold_out, stored_history};
use crate::mixture::{self, Tuning};
use crate::models::{self, Models};
use crate::params::ModelParams;

/// Models with the weights that were tuned for them.
pub struct Trained {
    /// The models, learned from the whole ledger.
    pub models: Models,
    /// What tuning found; `None` when it was switched off or no time split is possible.
    pub tuning: Option<Tuning>,
}

/// Learns everything from a ledger: the mixture's weights on an inner split, then the models on
/// all of it.
///
/// # Errors
/// Any [`Error`](crate::Error).
pub fn train(
    ledger: &Ledger,
    catalogue: &Catalogue,
    params: &ModelParams,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Trained> {
    params.check()?;
    let mix = &params.mixture;
    let split = if mix.tune {
        let hide = HideOneParams {
            seed,
            min_item_baskets: params.neighbours.min_item_baskets,
            max_cases: mix.max_cases as usize,
            ..HideOneParams::default()
        };
        let baskets_per_customer = params.own.baskets_per_customer as usize;
        hold_out(ledger, &HoldOutSpec { from: None, share: mix.inner_share, hide, baskets_per_customer }, &|_| None)?
    } else {
        None
    };
    let tuning = match split {
        Some(split) if split.before.n_baskets() > 0 => {
            let inner = models::fit(&split.before, catalogue, params, seed, progress)?;
            let scorer = inner.scorer(&split.before, catalogue)?;
            Some(mixture::tune(&scorer, &split, mix, progress)?)
        }
        _ => None,
    };
    let mut models = models::fit(ledger, catalogue, params, seed, progress)?;
    if let Some(tuning) = &tuning {
        models.set_weights(tuning.weights);
    }
    Ok(Trained { models, tuning })
}

/// Writes a trained model as a new version below `out` and makes it the live one.
///
/// Equal training gives an equal version: nothing of this machine or moment is recorded.
///
/// # Errors
/// [`Error::Artifact`](crate::Error::Artifact) when a file cannot be written.
pub fn publish(
    out: &Path,
    trained: &Trained,
    ledger: &Ledger,
    catalogue: &Catalogue,
    params: &ModelParams,
    seed: u64,
) -> Result<Version> {
    let names = catalogue.names();
    let container = trained.models.container_with_names(catalogue, names.as_ref())?;
    let mut staging = Staging::begin(out)?;
    staging.write_container(MODEL_FILE, &container)?;
    let keep = params.own.baskets_per_customer as usize;
    if keep > 0 && !ledger.customers().is_empty() {
        let mut writer = staging.customers(CustomersSpec {
            n_customers: ledger.customers().len() as u64,
            kind: ledger.customers().kind(),
            n_items: catalogue.len() as u64,
        })?;
        for (id, history) in ledger.customers().iter().zip(customer_histories(ledger)) {
            let stored = stored_history(&history, keep);
            if !stored.is_empty() {
                writer.push(id, &Customer { history: stored, ..Customer::default() })?;
            }
        }
        staging.add_customers(writer)?;
    }
    let counts = [
        ("items", catalogue.len() as u64),
        ("customers", ledger.customers().len() as u64),
        ("baskets", ledger.n_baskets() as u64),
        ("lines", ledger.n_lines() as u64),
        ("neighbours", trained.models.n_neighbours() as u64),
        ("associations", trained.models.n_associations() as u64),
        ("kept_baskets", trained.models.n_kept_baskets() as u64),
    ];
    let draft = Draft {
        settings: json!({ "models": params, "serving": trained.models.settings() }),
        seed,
        fingerprint: ledger.fingerprint(),
        trained_through: ledger.last_time().unwrap_or_default(),
        clock: ledger.clock(),
        counts: counts.map(|(name, n)| (name.to_owned(), n)).into(),
        metrics: json!({ "tuning": trained.tuning }),
    };
    Ok(staging.publish(draft)?)
}
