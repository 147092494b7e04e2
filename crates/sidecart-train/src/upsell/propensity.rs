use rayon::prelude::*;
use serde::Serialize;
use sidecart_core::NoProgress;
use sidecart_serve::trees::TreeEnsemble;
use sidecart_serve::upsell::{
    Calibrated, Calibration, Family, LogisticModel, N_FEATURES, Propensity, PropensityModel, Regime, n_used_features,
};

use super::cases::Cases;
use super::chain::{InnerChain, log_loss};
use super::params::UpsellParams;
use crate::error::Result;
use crate::logistic;
use crate::rates::segment_shifts;
use crate::trees::{self, FeatureRows, Sample, TreeParams};

/// Where the trees' settings stand in the configuration.
const SECTION: &str = "upsell.trees";
/// Trees are more work to serve: they must win by so much log loss.
const TREES_MUST_WIN: f64 = 1e-3;
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
    /// Events of replacement that models were compared on, and the log loss of the chain of rates and
    /// of the logistic model there.
    pub replacements: (u32, f64, f64),
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
    /// Whether the learned models say more about replacements than the rates do.
    pub replacements_learned: bool,
}

/// The models of one variant; of trees, how many.
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
        None => trees::fit_section(SECTION, &sample, None, params, seed, &NoProgress)?,
        Some(valid) => {
            let (valid_rows, valid_labels) = (matrix(cases, valid, n_columns), numbers(valid));
            let objective = trees::Logistic::new(&valid_labels, None)?;
            let valid =
                Sample { rows: FeatureRows::new(&valid_rows, n_columns)?, objective: &objective, clusters: None };
            trees::fit_section(SECTION, &sample, Some(&valid), params, seed, &NoProgress)?
        }
    };
    Ok((boosted.trees, boosted.n_rounds as u32))
}

/// Everything that the fit of models looks at beside the cases.
pub(super) struct PropensityInputs<'a> {
    /// The events.
    pub cases: &'a Cases,
    /// Customer of every event.
    pub customers: &'a [u32],
    /// First event of the validation periods.
    pub n_inner: usize,
    /// The chain of rates, from what was before the validation.
    pub chain: &'a InnerChain<'a>,
    /// Number of segments.
    pub n_segments: usize,
}

impl PropensityInputs<'_> {
    /// What is compared, before the comparison.
    pub(super) fn tuning(&self, validation_from: i32) -> PropensityTuning {
        let newest = self.cases.events[self.n_inner..].iter().filter(|e| e.regime == Regime::Established);
        PropensityTuning {
            validation_from,
            own_strength: self.chain.own_strength,
            events: newest.clone().count() as u32,
            upgrades: newest.filter(|e| e.upgraded).count() as u32,
            ..PropensityTuning::default()
        }
    }
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
    let mut found = PropensityFit {
        logistic: Family::default(),
        trees: Family::default(),
        chosen: [PropensityModel::Rates; 2],
        replacements_learned: false,
    };
    let mut of_replacements = Replacements::default();
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
                of_trees = calibration(cases, valid, n_segments, |row| trees.log_odds(row));
                let name = Family::<TreeEnsemble>::name(variant.regime, variant.promotions);
                tuning.n_trees.push((name, *n));
            }
            if variant.regime != Regime::Established && !variant.promotions {
                for &i in valid {
                    let Some(chain) = inputs.chain.replacement(i) else { continue };
                    let learned = of_logistic.probability(inner.logistic.log_odds(cases.row(i)), cases.segments[i]);
                    of_replacements.add(chain, learned, cases.events[i].upgraded);
                }
            }
            if variant.regime == Regime::Established {
                let losses = &mut losses[usize::from(variant.promotions)];
                for &i in valid {
                    let (row, upgraded) = (cases.row(i), cases.events[i].upgraded);
                    let mut add = |model: usize, p: f64| {
                        losses[model].0 += log_loss(p, upgraded);
                        losses[model].1 += 1;
                    };
                    add(0, inputs.chain.probability(i));
                    add(1, of_logistic.probability(inner.logistic.log_odds(row), cases.segments[i]));
                    if let Some((trees, _)) = &inner.trees {
                        add(2, of_trees.probability(trees.log_odds(row), cases.segments[i]));
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
    tuning.replacements = of_replacements.means();
    found.replacements_learned = of_replacements.learned_wins(params.min_upgrades / 2);
    Ok(found)
}

/// How the chain and a learned model did on replacements.
#[derive(Default)]
struct Replacements {
    n: u32,
    upgrades: u32,
    chain: f64,
    learned: f64,
}

impl Replacements {
    fn add(&mut self, chain: f64, learned: f64, upgraded: bool) {
        self.n += 1;
        self.upgrades += u32::from(upgraded);
        self.chain += log_loss(chain, upgraded);
        self.learned += log_loss(learned, upgraded);
    }

    fn means(&self) -> (u32, f64, f64) {
        let n = f64::from(self.n.max(1));
        (self.n, self.chain / n, self.learned / n)
    }

    /// With too few of either outcome the rates, which at least say what they count, stay.
    fn learned_wins(&self, enough: u32) -> bool {
        self.upgrades.min(self.n - self.upgrades) >= enough && self.learned < self.chain
    }
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
