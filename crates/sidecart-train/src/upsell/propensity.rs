use rayon::prelude::*;
use serde::Serialize;
use sidecart_core::{NoProgress, ln};
use sidecart_serve::trees::TreeEnsemble;
use sidecart_serve::upsell::{
    Calibrated, Calibration, Family, LogisticModel, N_FEATURES, Propensity, PropensityModel, Regime, n_used_features,
    own_rate,
};

use super::cases::Cases;
use super::params::UpsellParams;
use crate::error::Result;
use crate::logistic;
use crate::rates::segment_shifts;
use crate::trees::{self, FeatureRows, Sample, TreeParams};

/// Strengths that are tried for the customer's own link of the chain.
const OWN_STRENGTHS: [f64; 8] = [1.0, 2.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0];
/// Trees are more work to serve: they must win by so much log loss.
const TREES_MUST_WIN: f64 = 2e-4;
/// Penalty on the squared coefficients of a logistic model.
const PENALTY: f64 = 1.0;

/// How the models did on the newest periods, learned from what came before.
#[derive(Clone, PartialEq, Debug, Default, Serialize)]
pub struct PropensityTuning {
    /// First period that models were compared on.
    pub validation_from: i32,
    /// Events of established customers compared on, and upgrades among them.
    pub events: u32,
    /// Upgrades among the events.
    pub upgrades: u32,
    /// Log loss by model, without promotion context.
    pub log_loss: Vec<(String, f64)>,
    /// The same where a plan of promotions covers the event.
    pub log_loss_with_promotions: Vec<(String, f64)>,
    /// Trees grown, by variant.
    pub n_trees: Vec<(String, u32)>,
    /// What answers by default, without and with promotion context.
    pub chosen: [PropensityModel; 2],
    /// Strength of the customer's own link.
    pub own_strength: f64,
}

/// The learned models.
pub(super) struct PropensityFit {
    /// Logistic models.
    pub logistic: Family<LogisticModel>,
    /// Trees.
    pub trees: Family<TreeEnsemble>,
    /// What answers by default, without and with promotion context.
    pub chosen: [PropensityModel; 2],
}

fn log_loss(p: f64, upgraded: bool) -> f64 {
    let p = p.clamp(1e-6, 1.0 - 1e-6);
    -ln(if upgraded { p } else { 1.0 - p })
}

/// A fitted model with its log odds for the rows it was not fitted on.
struct Fitted {
    logistic: LogisticModel,
    trees: Option<(TreeEnsemble, u32)>,
}

/// A model of the events before the validation periods, and the events it was not fitted on.
type Inner = (Fitted, Vec<usize>);

/// Rows of one variant, as the fits want them.
struct Variant {
    regime: Regime,
    promotions: bool,
    rows: Vec<usize>,
}

fn variants(cases: &Cases) -> Vec<Variant> {
    let mut all = Vec::new();
    for regime in Regime::ALL {
        for promotions in [false, true] {
            let rows = (0..cases.events.len())
                .filter(|&i| cases.events[i].regime == regime && (!promotions || cases.planned[i]))
                .collect();
            all.push(Variant { regime, promotions, rows });
        }
    }
    all
}

fn matrix(cases: &Cases, rows: &[usize], n_columns: usize) -> Vec<f32> {
    rows.iter().flat_map(|&i| &cases.row(i)[..n_columns]).copied().collect()
}

fn labels(cases: &Cases, rows: &[usize]) -> Vec<bool> {
    rows.iter().map(|&i| cases.events[i].upgraded).collect()
}

fn fit_logistic(cases: &Cases, rows: &[usize], n_columns: usize) -> LogisticModel {
    let fitted = logistic::fit(&matrix(cases, rows, n_columns), n_columns, &labels(cases, rows), PENALTY);
    let single = |values: &[f64]| values.iter().map(|&v| v as f32).collect::<Vec<f32>>();
    LogisticModel {
        means: single(&fitted.mean),
        inverse_scales: fitted.scale.iter().map(|&s| (1.0 / s) as f32).collect(),
        coefficients: single(&fitted.coefficients),
        intercept: fitted.intercept as f32,
    }
}

fn grow(
    cases: &Cases,
    train: &[usize],
    valid: Option<&[usize]>,
    n_columns: usize,
    customers: &[u32],
    params: &TreeParams,
    seed: u64,
) -> Result<(TreeEnsemble, u32)> {
    let numbers =
        |rows: &[usize]| -> Vec<f32> { rows.iter().map(|&i| f32::from(u8::from(cases.events[i].upgraded))).collect() };
    let (train_rows, train_labels) = (matrix(cases, train, n_columns), numbers(train));
    let clusters: Vec<u32> = train.iter().map(|&i| customers[i]).collect();
    let objective = trees::Logistic::new(&train_labels, None)?;
    let sample =
        Sample { rows: FeatureRows::new(&train_rows, n_columns)?, objective: &objective, clusters: Some(&clusters) };
    let boosted = match valid {
        None => trees::fit(&sample, None, params, seed, &NoProgress)?,
        Some(valid) => {
            let (valid_rows, valid_labels) = (matrix(cases, valid, n_columns), numbers(valid));
            let objective = trees::Logistic::new(&valid_labels, None)?;
            let valid =
                Sample { rows: FeatureRows::new(&valid_rows, n_columns)?, objective: &objective, clusters: None };
            trees::fit(&sample, Some(&valid), params, seed, &NoProgress)?
        }
    };
    Ok((boosted.trees, boosted.n_rounds as u32))
}

/// The strength of the customer's own link that explains held-out events best.
#[must_use]
pub(super) fn tune_own_strength(
    cases: &Cases,
    validation: &[usize],
    rate_of: impl Fn(usize) -> f64,
    past_of: impl Fn(usize) -> (usize, usize),
) -> f64 {
    let loss = |strength: f64| -> f64 {
        validation
            .iter()
            .filter(|&&i| cases.events[i].regime == Regime::Established)
            .map(|&i| {
                let (n_above, n) = past_of(i);
                log_loss(own_rate(rate_of(i), n_above, n, strength), cases.events[i].upgraded)
            })
            .sum()
    };
    let losses = OWN_STRENGTHS.map(loss);
    let best = (1..losses.len()).fold(0, |best, at| if losses[at] < losses[best] { at } else { best });
    OWN_STRENGTHS[best]
}

/// Everything that the fit of models looks at beside the cases.
pub(super) struct PropensityInputs<'a> {
    /// The events.
    pub cases: &'a Cases,
    /// Customer of every event.
    pub customers: &'a [u32],
    /// First event of the validation periods.
    pub n_inner: usize,
    /// P(upgrade) of the chain of rates for every event, from the events before the validation.
    pub chain: &'a (dyn Fn(usize) -> f64 + Sync),
    /// Number of segments.
    pub n_segments: usize,
}

/// Compares models on the newest periods, calibrates them there, and learns them from everything.
///
/// # Errors
/// As [`trees::fit`].
pub(super) fn fit(
    inputs: &PropensityInputs<'_>,
    params: &UpsellParams,
    seed: u64,
    tuning: &mut PropensityTuning,
) -> Result<PropensityFit> {
    let PropensityInputs { cases, customers, n_inner, n_segments, .. } = *inputs;
    let enough = |rows: &[usize]| {
        let upgrades = rows.iter().filter(|&&i| cases.events[i].upgraded).count();
        upgrades >= params.min_upgrades as usize && rows.len() - upgrades >= params.min_upgrades as usize
    };
    let mut found =
        PropensityFit { logistic: Family::default(), trees: Family::default(), chosen: [PropensityModel::Rates; 2] };
    let mut losses = [[(0.0, 0u32); 3]; 2];
    let variants: Vec<Variant> = variants(cases).into_iter().filter(|v| enough(&v.rows)).collect();
    // Fits of different variants share nothing, so they run side by side; each is the same whatever runs beside it.
    let fitted: Vec<Result<(Fitted, Option<Inner>)>> = variants
        .par_iter()
        .map(|variant| {
            let n_columns = n_used_features(variant.promotions);
            let (inner, valid): (Vec<usize>, Vec<usize>) = variant.rows.iter().partition(|&&i| i < n_inner);
            let compares = enough(&inner) && !valid.is_empty();
            let key = seed ^ (2 * variant.regime as u64 + u64::from(variant.promotions)) << 32;
            let mut tree_params = params.trees.clone();
            let inner_fit = if compares {
                let logistic = fit_logistic(cases, &inner, n_columns);
                let trees = params
                    .grow_trees
                    .then(|| grow(cases, &inner, Some(&valid), n_columns, customers, &tree_params, key))
                    .transpose()?;
                if let Some((_, n)) = &trees {
                    // More rows carry a few more trees.
                    tree_params.max_trees = (n + n / 10).max(1);
                }
                Some((Fitted { logistic, trees }, valid))
            } else {
                None
            };
            let logistic = fit_logistic(cases, &variant.rows, n_columns);
            // Without a comparison nothing says how many trees to grow.
            let trees = (params.grow_trees && compares)
                .then(|| grow(cases, &variant.rows, None, n_columns, customers, &tree_params, key))
                .transpose()?;
            Ok((Fitted { logistic, trees }, inner_fit))
        })
        .collect();
    for (variant, fitted) in variants.iter().zip(fitted) {
        let (whole, inner) = fitted?;
        let (mut of_logistic, mut of_trees) = (no_calibration(n_segments), no_calibration(n_segments));
        if let Some((inner, valid)) = &inner {
            of_logistic = calibration(cases, valid, n_segments, |row| inner.logistic.log_odds(row));
            if let Some((trees, n)) = &inner.trees {
                of_trees = calibration(cases, valid, n_segments, |row| padded_log_odds(trees, row));
                let name = Family::<TreeEnsemble>::name(variant.regime, variant.promotions);
                tuning.n_trees.push((name, *n));
            }
            if variant.regime == Regime::Established {
                let losses = &mut losses[usize::from(variant.promotions)];
                for &i in valid {
                    let (row, upgraded) = (cases.row(i), cases.events[i].upgraded);
                    let mut add = |model: usize, p: f64| {
                        losses[model].0 += log_loss(p, upgraded);
                        losses[model].1 += 1;
                    };
                    add(0, (inputs.chain)(i));
                    add(1, of_logistic.probability(inner.logistic.log_odds(row), cases.segments[i]));
                    if let Some((trees, _)) = &inner.trees {
                        add(2, of_trees.probability(padded_log_odds(trees, row), cases.segments[i]));
                    }
                }
            }
        }
        let logistic = Calibrated { model: whole.logistic, calibration: of_logistic };
        found.logistic.set(variant.regime, variant.promotions, logistic);
        if let Some((trees, _)) = whole.trees {
            found.trees.set(variant.regime, variant.promotions, Calibrated { model: trees, calibration: of_trees });
        }
    }
    let names = [PropensityModel::Rates, PropensityModel::Logistic, PropensityModel::Trees];
    let means = losses.map(|of| of.map(|(sum, n)| (n > 0).then(|| sum / f64::from(n))));
    let [plain, promoted] = means.map(|of| (0..3).filter_map(|m| Some((names[m].to_string(), of[m]?))).collect());
    (tuning.log_loss, tuning.log_loss_with_promotions) = (plain, promoted);
    let plain = choose(params.propensity, &found, means[0]);
    // Without a comparison of its own the context changes nothing about the choice.
    let promoted = if means[1][1].is_some() { choose(params.propensity, &found, means[1]) } else { plain };
    found.chosen = [plain, promoted];
    tuning.chosen = found.chosen;
    Ok(found)
}

/// What answers by default: what was asked for if it is there, else what lost least; without a
/// comparison the simplest learned model.
fn choose(asked: PropensityModel, found: &PropensityFit, losses: [Option<f64>; 3]) -> PropensityModel {
    let has = |model| match model {
        PropensityModel::Rates => true,
        PropensityModel::Logistic => !found.logistic.is_empty(),
        PropensityModel::Trees => !found.trees.is_empty(),
        PropensityModel::Default => false,
    };
    if has(asked) {
        return asked;
    }
    match losses {
        [Some(rates), Some(logistic), trees] => {
            let wins = trees.is_some_and(|trees| trees < logistic - TREES_MUST_WIN && trees < rates);
            if wins {
                PropensityModel::Trees
            } else if logistic < rates {
                PropensityModel::Logistic
            } else {
                PropensityModel::Rates
            }
        }
        _ if has(PropensityModel::Logistic) => PropensityModel::Logistic,
        _ => PropensityModel::Rates,
    }
}

fn padded_log_odds(trees: &TreeEnsemble, row: &[f32; N_FEATURES]) -> f64 {
    Propensity::log_odds(trees, row)
}

fn no_calibration(n_segments: usize) -> Calibration {
    Calibration { slope: 1.0, intercept: 0.0, shifts: vec![0.0; n_segments] }
}

/// Slope and intercept on events the model was not fitted on, then a shrunk shift for each segment.
fn calibration(
    cases: &Cases,
    rows: &[usize],
    n_segments: usize,
    log_odds: impl Fn(&[f32; N_FEATURES]) -> f64,
) -> Calibration {
    let odds: Vec<f64> = rows.iter().map(|&i| log_odds(cases.row(i))).collect();
    let found = logistic::calibrate(&odds, &labels(cases, rows));
    let mut shifts = vec![0.0; n_segments];
    if n_segments > 0 {
        let (mut offsets, mut upgraded, mut segments) = (Vec::new(), Vec::new(), Vec::new());
        for (&i, &odds) in rows.iter().zip(&odds) {
            if let Some(segment) = cases.segments[i] {
                offsets.push(found.apply(odds));
                upgraded.push(cases.events[i].upgraded);
                segments.push(segment);
            }
        }
        let found = segment_shifts(&offsets, &upgraded, &segments, n_segments);
        for (shift, found) in shifts.iter_mut().zip(found) {
            *shift = found.shift as f32;
        }
    }
    Calibration { slope: found.slope.max(0.05) as f32, intercept: found.intercept as f32, shifts }
}
