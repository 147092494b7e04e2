//! Ledger to published model: fit on an inner split, tune, fit on everything, write.

use std::path::Path;

use serde_json::json;
use sidecart_artifact::{CustomersSpec, Draft, MODEL_FILE, Staging, Version};
use sidecart_core::{Customer, CustomerId, Progress};
use sidecart_data::Ledger;
use sidecart_eval::HideOneParams;
use sidecart_serve::Scorer;
use sidecart_serve::ranker::RankerModel;

use crate::catalogue::Catalogue;
use crate::error::Result;
use crate::hold_out::{HoldOutSpec, customer_histories, hold_out, stored_history};
use crate::mixture::{self, Tuning};
use crate::models::{self, Models};
use crate::offers;
use crate::params::ModelParams;
use crate::probability::{self, ProbabilityTuning};
use crate::ranker::{self, Fold, RankerLearner, RankerTuning, RankingCases};
use crate::upsell::{self, UpsellFit, UpsellInputs, UpsellParams};

/// Models with the weights that were tuned for them.
pub struct Trained {
    /// The models, learned from the whole ledger.
    pub models: Models,
    /// What tuning found; `None` when it was switched off or no time split is possible.
    pub tuning: Option<Tuning>,
    /// How the ranker did on held-out baskets; `None` where there is none.
    pub ranker: Option<RankerTuning>,
    /// How good the probabilities of offers are, by situation; none where too little is known.
    pub probabilities: Vec<ProbabilityTuning>,
    /// What was learned about upgrades; `None` when switched off or no item stands on a ladder.
    pub upsell: Option<UpsellFit>,
}

impl Trained {
    /// A scorer over all that was trained, upgrades included, without writing it.
    ///
    /// # Errors
    /// [`Error::Serve`](crate::Error::Serve) when the scorer refuses it.
    pub fn scorer(&self, ledger: &Ledger, catalogue: &Catalogue) -> Result<Scorer> {
        let mut container = self.models.container(catalogue)?;
        if let Some(upsell) = &self.upsell {
            upsell.model.write(&mut container)?;
        }
        self.models.scorer_of(&container, ledger)
    }
}

/// How a training run goes, apart from the parameters.
#[derive(Clone, Copy)]
pub struct TrainOptions<'a> {
    /// Everything that is drawn is drawn from it.
    pub seed: u64,
    /// Who is told, and who may stop it.
    pub progress: &'a dyn Progress,
    /// What learns rankers beside the linear ranker, the trees and the network, or in the place of
    /// that which is of the same stage; the later of two of one stage counts.
    pub learners: &'a [&'a dyn RankerLearner],
}

/// Learns everything from a ledger: the mixture's weights on an inner split, then the models on
/// all of it, then upgrades.
///
/// # Errors
/// Any [`Error`](crate::Error).
pub fn train(
    ledger: &Ledger,
    catalogue: &Catalogue,
    params: &ModelParams,
    upsell: &UpsellParams,
    inputs: &UpsellInputs<'_>,
    seed: u64,
    progress: &dyn Progress,
) -> Result<Trained> {
    train_with(ledger, catalogue, params, upsell, inputs, &TrainOptions { seed, progress, learners: &[] })
}

/// As [`train`], with more rankers to choose from.
///
/// # Errors
/// Any [`Error`](crate::Error).
pub fn train_with(
    ledger: &Ledger,
    catalogue: &Catalogue,
    params: &ModelParams,
    upsell: &UpsellParams,
    inputs: &UpsellInputs<'_>,
    options: &TrainOptions<'_>,
) -> Result<Trained> {
    let &TrainOptions { seed, progress, .. } = options;
    params.check()?;
    let upsell = if upsell.enabled { upsell::fit(ledger, catalogue, inputs, upsell, seed, progress)? } else { None };
    let (tuning, ranked, probabilities) = match Inner::new(ledger, catalogue, params, options)? {
        Some(Inner { mut fold, tuning }) => {
            let mut ranked = None;
            if params.ranker.enabled {
                let mut older = older_folds(&fold, catalogue, params, options)?;
                let fitted = ranker::fit(&mut fold, &mut older, &params.ranker, options)?;
                // Without enough cases anywhere there is nothing to put into the artifact.
                ranked = Some(fitted).filter(|(model, _)| model.situations.iter().any(Option::is_some));
            }
            let probabilities = probability::fit(&fold.scorer, &fold.split, ledger, &fold.cases.unlearned, seed)?;
            (Some(tuning), ranked, probabilities)
        }
        None => {
            if params.ranker.enabled {
                progress.note("no ranker: it learns from the split that tunes the mixture, and there is none");
            }
            (None, None, Default::default())
        }
    };
    let mut models = models::fit(ledger, catalogue, params, seed, progress)?;
    models.set_offer_items(offers::items(ledger, catalogue, progress)?);
    if let Some(tuning) = &tuning {
        models.set_weights(tuning.weights);
    }
    let (probabilities, probability_tuning) = probabilities;
    models.set_probabilities(probabilities);
    let ranker_tuning = ranked.map(|(ranker, tuning)| {
        models.set_ranker(RankerModel { tables: ranker::tables(ledger, catalogue), ..ranker });
        tuning
    });
    if let Some(upsell) = &upsell {
        models.set_upsell(upsell.model.settings.clone());
    }
    Ok(Trained { models, tuning, ranker: ranker_tuning, probabilities: probability_tuning, upsell })
}

/// Models of the older part of a history, with the mixture's weights for them, and the newer part.
pub(crate) struct Inner {
    pub(crate) fold: Fold,
    pub(crate) tuning: Tuning,
}

impl Inner {
    /// `None` where tuning is switched off or no split is possible.
    pub(crate) fn new(
        ledger: &Ledger,
        catalogue: &Catalogue,
        params: &ModelParams,
        options: &TrainOptions<'_>,
    ) -> Result<Option<Self>> {
        let &TrainOptions { seed, progress, .. } = options;
        let mix = &params.mixture;
        if !mix.tune {
            return Ok(None);
        }
        let hide = HideOneParams {
            seed,
            min_item_baskets: params.neighbours.min_item_baskets,
            max_cases: mix.max_cases as usize,
            ..HideOneParams::default()
        };
        let baskets_per_customer = params.own.baskets_per_customer as usize;
        let spec = HoldOutSpec { from: None, share: mix.inner_share, hide, baskets_per_customer };
        let split = hold_out(ledger, &spec, &|_| None)?.filter(|split| split.before.n_baskets() > 0);
        let Some(split) = split else { return Ok(None) };
        let models = models::fit(&split.before, catalogue, params, seed, progress)?;
        let mut scorer = models.scorer(&split.before, catalogue)?;
        drop(models);
        let tuning = mixture::tune(&scorer, &split, mix, progress)?;
        scorer.set_weights(tuning.weights);
        let tables = ranker::tables(&split.before, catalogue);
        let cases = RankingCases::new(ledger, &split, params.neighbours.min_item_baskets, &params.ranker, seed);
        Ok(Some(Self { fold: Fold { scorer, split, tables, cases }, tuning }))
    }
}

/// Another seed for another fold: where there is no time, a seed decides what is held out.
const OLDER: u64 = 0x6f6c_6465_7221;

/// More cases where the newest fold has few to learn from: of the newest baskets before it.
pub(crate) fn older_folds(
    newest: &Fold,
    catalogue: &Catalogue,
    params: &ModelParams,
    options: &TrainOptions<'_>,
) -> Result<Vec<Fold>> {
    if newest.cases.train.len() >= params.ranker.second_fold_below as usize {
        return Ok(Vec::new());
    }
    let options = TrainOptions { seed: options.seed ^ OLDER, ..*options };
    let older = Inner::new(&newest.split.before, catalogue, params, &options)?;
    Ok(older.into_iter().map(|inner| inner.fold).collect())
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
    upsell: &UpsellParams,
    seed: u64,
) -> Result<Version> {
    let names = catalogue.names();
    let mut container = trained.models.container_with_names(catalogue, names.as_ref())?;
    if let Some(upsell) = &trained.upsell {
        upsell.model.write(&mut container)?;
    }
    let mut staging = Staging::begin(out)?;
    staging.write_container(MODEL_FILE, &container)?;
    let keep = params.own.baskets_per_customer as usize;
    if keep > 0 && !ledger.customers().is_empty() {
        let mut writer = staging.customers(CustomersSpec {
            n_customers: ledger.customers().len() as u64,
            kind: ledger.customers().kind(),
            n_items: catalogue.len() as u64,
        })?;
        for ((id, history), customer) in ledger.customers().iter().zip(customer_histories(ledger)).zip(0..) {
            let history = stored_history(&history, keep);
            if history.is_empty() {
                continue;
            }
            let upsell = trained.upsell.as_ref();
            writer.push(
                id,
                &Customer {
                    history,
                    segment: upsell.and_then(|u| u.segmentation.of(CustomerId(customer))),
                    traits: upsell.map_or_else(Vec::new, |u| u.traits[customer as usize].clone()),
                },
            )?;
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
        ("substitutes", trained.models.n_substitutes() as u64),
        ("kept_baskets", trained.models.n_kept_baskets() as u64),
        ("ladders", trained.upsell.as_ref().map_or(0, |u| u.model.ladders.n_ladders() as u64)),
    ];
    let segments = trained.upsell.as_ref().and_then(|u| {
        let shown = |item| trained.models.associated(item);
        upsell::segment_cards(u, ledger, catalogue, shown)
    });
    let draft = Draft {
        settings: json!({ "models": params, "upsell": upsell, "serving": trained.models.settings() }),
        seed,
        fingerprint: ledger.fingerprint(),
        trained_through: ledger.last_time().unwrap_or_default(),
        clock: ledger.clock(),
        counts: counts.map(|(name, n)| (name.to_owned(), n)).into(),
        metrics: json!({
            "tuning": trained.tuning,
            "ranker": trained.ranker,
            "probabilities": trained.probabilities,
            "upsell": trained.upsell.as_ref().map(|u| &u.summary),
            "segments": segments,
        }),
    };
    Ok(staging.publish(draft)?)
}
