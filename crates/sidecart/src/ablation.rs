//! What each source and each group of features is worth.

use sidecart_eval::{Answers, Case, Evaluation, Report, Role};
use sidecart_serve::ranker::Situation;
use sidecart_serve::{Mode, Source};
use sidecart_train::ranker::{LeftOut, RankerLearner};
use sidecart_train::{TrainOptions, ablate};

use sidecart_core::Progress;

use crate::config::Config;
use crate::dataset::Dataset;
use crate::error::{Error, Result};
use crate::evaluation::{ScorerRanker, keep_cases, split_for};

/// Learns the ranker again and again, each time without one source of candidates or one group of
/// features, and compares all of them with the ranker that has everything, on the baskets that
/// [`evaluate`](crate::evaluate) measures on.
///
/// A difference says what a thing is worth beside all others: two that say the same each look
/// worthless. Only questions of customers with a past are measured, where there are any, and all others
/// where there are none. Each row takes as long as the network of one situation takes to learn.
///
/// # Errors
/// As [`evaluate_with`](crate::evaluate_with); [`Error::NoRanker`] where there is too little
/// history for a ranker.
pub fn evaluate_ablation(
    dataset: &Dataset,
    config: &Config,
    mode: Mode,
    learners: &[&dyn RankerLearner],
    progress: &dyn Progress,
) -> Result<Report> {
    let mut split = split_for(dataset, config, mode)?;
    // A table of segments by everything that is left out would be too wide to read.
    split.cases.cases.iter_mut().for_each(|case| case.segment = None);
    let has_past = |case: &Case| {
        case.customer.is_some_and(|customer| split.histories[customer.index()].as_of(case.time).len() > 0)
    };
    let knows_customers = split.cases.cases.iter().any(has_past);
    let situation = Situation::of(mode, knows_customers);
    keep_cases(&mut split.cases, |case| has_past(case) == knows_customers && !case.is_cold_item);
    let fingerprint = split.before.fingerprint();
    let mut answered: Vec<(String, Role, Answers)> = Vec::new();
    let options = TrainOptions { seed: config.seed, progress, learners };
    let is_possible = config.models.ranker.enabled
        && ablate(&split.before, &dataset.catalogue, &config.models, situation, &options, |left_out, scorer| {
            let mut ask = |name: &str, using: Source, role: Role| -> Result<()> {
                let ranker = ScorerRanker::new(name, scorer, &split.histories, using, mode, &fingerprint);
                answered.push((name.to_owned(), role, Answers::collect(&ranker, &split.cases, progress)?));
                Ok(())
            };
            if left_out == LeftOut::Nothing {
                ask("popular", Source::Popular, Role::Baseline)?;
                ask("own-frequency", Source::OwnFrequency, Role::Baseline)?;
                ask("mixture", Source::Mixture, Role::Model)?;
            }
            ask(&left_out.label(), Source::Default, Role::Model)
        })?;
    if !is_possible {
        return Err(Error::NoRanker { min_cases: config.models.ranker.min_cases });
    }
    let mut evaluation = Evaluation::new(&split.cases).compare_with(LeftOut::Nothing.label());
    for (name, role, answers) in &answered {
        evaluation = evaluation.answered(name, *role, answers);
    }
    Ok(evaluation.run(&config.evaluate.measure(config.seed), progress)?)
}
