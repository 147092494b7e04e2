//! What each source and each group of features is worth to the ranker.

use sidecart_data::Ledger;
use sidecart_serve::Scorer;
use sidecart_serve::ranker::Situation;

use crate::catalogue::Catalogue;
use crate::error::Error;
use crate::models;
use crate::params::ModelParams;
use crate::ranker::{self, LeftOut};
use crate::train::{Inner, TrainOptions, older_folds};

/// Learns the ranker of one situation again and again, each time without a source or a group of
/// features, and calls `measure` with a scorer of the whole history that has it.
///
/// Base models are learned once; rankers are learned from the same cases with the same seed, and
/// not refitted on the cases that stopped them. Where a source is left out, its quota is 0 and the
/// features that only it fills say nothing. False where there is too little history for a ranker.
/// Takes one training, and for each thing left out about as long as one situation's ranker takes.
///
/// # Errors
/// Any [`Error`], and what `measure` returns.
pub fn ablate<E: From<Error>>(
    ledger: &Ledger,
    catalogue: &Catalogue,
    params: &ModelParams,
    situation: Situation,
    options: &TrainOptions<'_>,
    mut measure: impl FnMut(LeftOut, &Scorer) -> Result<(), E>,
) -> Result<bool, E> {
    let progress = options.progress;
    params.check()?;
    let Some(Inner { mut fold, tuning }) = Inner::new(ledger, catalogue, params, options)? else { return Ok(false) };
    let mut older = older_folds(&fold, catalogue, params, options)?;
    let mut models = models::fit(ledger, catalogue, params, options.seed, progress)?;
    models.set_weights(tuning.weights);
    let mut whole = models.scorer(ledger, catalogue)?;
    drop(models);
    let whole_tables = ranker::tables(ledger, catalogue);
    for left_out in LeftOut::all(&whole, !whole_tables.stores.is_empty()) {
        let fitted = ranker::fit_without(left_out, &mut fold, &mut older, situation, &params.ranker, options)?;
        let Some(mut model) = fitted else {
            if left_out == LeftOut::Nothing {
                return Ok(false);
            }
            progress.note(&format!("{}: too few hidden items are found to learn a ranker", left_out.label()));
            continue;
        };
        model.tables = whole_tables.clone();
        whole.set_ranker(model);
        measure(left_out, &whole)?;
    }
    Ok(true)
}
