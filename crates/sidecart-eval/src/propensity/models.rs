use serde::{Deserialize, Serialize};

use super::metrics::{
    BinnedResiduals, ReliabilityBin, auc, average_precision, captured_gain, log_loss, qini, reliability, squared_error,
};
use super::resamples::Resamples;
use super::sample::Sample;
use super::{Predictions, Ranked, UpgradeCases, UpsellInputs, UpsellParams};
use crate::Role;
use crate::intervals::{Estimate, percentile_interval};
use crate::metrics::mean;
use crate::report::build::{rounded, rounded_estimate};

/// Bins of the calibration error over all cases.
pub(super) const ECE_BINS: usize = 20;
/// Bins of the calibration error inside a group.
pub(super) const GROUP_ECE_BINS: usize = 10;
/// Shares of cases that get an offer.
const OFFERS: [f64; 3] = [0.05, 0.1, 0.2];
/// Steps of the gain curve.
const CURVE_STEPS: u32 = 50;
/// Stream of the resamples of all cases.
pub(super) const STREAM: u64 = 0;

/// What was measured of one model over all cases. Definitions: [`metrics`](super::metrics).
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct ModelRow {
    /// Its name.
    pub name: String,
    /// Its part in the comparison.
    pub role: Role,
    /// Mean prediction.
    pub mean_prediction: f64,
    /// Area under the ROC curve.
    pub auc: Estimate,
    /// Average precision.
    pub average_precision: Estimate,
    /// Log loss; lower is better.
    pub log_loss: Estimate,
    /// Brier score; lower is better.
    pub brier: Estimate,
    /// Expected calibration error over 20 bins of equal mass; lower is better.
    pub ece: Estimate,
    /// Share of all list price gain when 5 % of the cases get an offer, best `p` × expected gain first.
    pub gain_at_5: Estimate,
    /// The same for 10 % of the cases.
    pub gain_at_10: Estimate,
    /// The same for 20 % of the cases.
    pub gain_at_20: Estimate,
    /// Area between the gain curve and the diagonal.
    pub qini: Estimate,
    /// This model minus the reference on the same cases; `None` for the reference itself.
    pub difference: Option<Differences>,
    /// The reliability curve.
    pub reliability: Vec<ReliabilityBin>,
    /// Share of all list price gain when 0 %, 2 %, ... 100 % of the cases get an offer.
    pub gain_curve: Vec<f64>,
}

/// A model minus the reference, with intervals of the paired differences.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Differences {
    /// Of the area under the ROC curve; above 0 is better.
    pub auc: Estimate,
    /// Of the log loss; below 0 is better.
    pub log_loss: Estimate,
    /// Of the captured gain at 20 % offers; above 0 is better.
    pub gain_at_20: Estimate,
}

/// A model's cases in the orders that its metrics need.
pub(super) struct Orders {
    by_prediction: Ranked,
    by_expected_gain: Ranked,
    bins: BinnedResiduals,
}

/// Metrics of one model with one set of weights.
struct Draw {
    auc: Option<f64>,
    average_precision: Option<f64>,
    ece: Option<f64>,
    /// By share of [`OFFERS`].
    gain: Option<Vec<f64>>,
    qini: Option<f64>,
}

impl Orders {
    pub(super) fn new(cases: &UpgradeCases, sample: &Sample, model: &Predictions, ece_bins: usize) -> Self {
        let (p, upgraded) = (sample.pick(&model.p), sample.upgrades(cases));
        let (clusters, n) = (&sample.clusters, sample.n_clusters);
        let scores: Vec<f64> = sample.members.iter().map(|&case| model.p[case] * cases.expected_gains[case]).collect();
        Self {
            by_prediction: Ranked::new(&p, &upgraded, clusters, n),
            by_expected_gain: Ranked::new(&scores, &sample.pick(&cases.gains), clusters, n),
            bins: BinnedResiduals::new(&p, &upgraded, clusters, n, ece_bins),
        }
    }

    pub(super) fn auc(&self, weights: &[f64]) -> Option<f64> {
        auc(&self.by_prediction, weights)
    }

    pub(super) fn ece(&self, weights: &[f64]) -> Option<f64> {
        self.bins.expected_calibration_error(weights)
    }

    fn draw(&self, weights: &[f64]) -> Draw {
        Draw {
            auc: self.auc(weights),
            average_precision: average_precision(&self.by_prediction, weights),
            ece: self.ece(weights),
            gain: captured_gain(&self.by_expected_gain, weights, &OFFERS),
            qini: qini(&self.by_expected_gain, weights),
        }
    }
}

/// Measures all models on all cases. The input is checked: both kinds of cases and gains exist.
pub(super) fn measure(inputs: &UpsellInputs<'_>, sample: &Sample, params: &UpsellParams) -> Vec<ModelRow> {
    let (cases, models) = (inputs.cases, inputs.predictions);
    let orders: Vec<Orders> = models.iter().map(|model| Orders::new(cases, sample, model, ECE_BINS)).collect();
    let resamples =
        Resamples { seed: params.seed, stream: STREAM, n_resamples: params.resamples, n_clusters: sample.n_clusters };
    let plain: Vec<Draw> = orders.iter().map(|of_model| of_model.draw(&vec![1.0; sample.n_clusters])).collect();
    let draws: Vec<Vec<Draw>> = resamples.map(|weights| orders.iter().map(|of_model| of_model.draw(weights)).collect());

    let upgraded = sample.upgrades(cases);
    let losses: Vec<Vec<f64>> = models
        .iter()
        .flat_map(|model| {
            let p = sample.pick(&model.p);
            [log_loss, squared_error].map(|loss| p.iter().zip(&upgraded).map(|(&p, &up)| loss(p, up)).collect())
        })
        .collect();
    let columns: Vec<&[f64]> = losses.iter().map(Vec::as_slice).collect();
    let means =
        sample.table(&columns).bootstrap(params.seed, STREAM, params.resamples).expect("there are cases and resamples");

    let reference = inputs.position(inputs.reference);
    let value = |at: Option<f64>| at.expect("both kinds of cases and gains exist");
    (0..models.len())
        .map(|m| {
            let measured = |of: &dyn Fn(&Draw) -> Option<f64>| {
                rounded_estimate(percentile_interval(value(of(&plain[m])), draws.iter().map(|draw| of(&draw[m]))))
            };
            let gain = |share: usize| move |draw: &Draw| draw.gain.as_ref().map(|gain| gain[share]);
            let difference = |reference: usize| {
                let paired = |of: &dyn Fn(&Draw) -> Option<f64>| {
                    let value = value(of(&plain[m])) - value(of(&plain[reference]));
                    let pairs = draws.iter().map(|draw| Some(of(&draw[m])? - of(&draw[reference])?));
                    rounded_estimate(percentile_interval(value, pairs))
                };
                Differences {
                    auc: paired(&|draw| draw.auc),
                    log_loss: rounded_estimate(means.difference(2 * m, 2 * reference)),
                    gain_at_20: paired(&gain(2)),
                }
            };
            let p = sample.pick(&models[m].p);
            let shares: Vec<f64> = (0..=CURVE_STEPS).map(|i| f64::from(i) / f64::from(CURVE_STEPS)).collect();
            let curve = captured_gain(&orders[m].by_expected_gain, &vec![1.0; sample.n_clusters], &shares);
            ModelRow {
                name: models[m].name.clone(),
                role: if models[m].is_baseline { Role::Baseline } else { Role::Model },
                mean_prediction: rounded(mean(p.iter().copied()).unwrap_or_default()),
                auc: measured(&|draw| draw.auc),
                average_precision: measured(&|draw| draw.average_precision),
                log_loss: rounded_estimate(means.estimate(2 * m)),
                brier: rounded_estimate(means.estimate(2 * m + 1)),
                ece: measured(&|draw| draw.ece),
                gain_at_5: measured(&gain(0)),
                gain_at_10: measured(&gain(1)),
                gain_at_20: measured(&gain(2)),
                qini: measured(&|draw| draw.qini),
                difference: reference.filter(|&reference| reference != m).map(difference),
                reliability: rounded_bins(reliability(&p, &upgraded, params.reliability_bins)),
                gain_curve: curve.unwrap_or_default().into_iter().map(rounded).collect(),
            }
        })
        .collect()
}

fn rounded_bins(mut bins: Vec<ReliabilityBin>) -> Vec<ReliabilityBin> {
    for bin in &mut bins {
        bin.mean_prediction = rounded(bin.mean_prediction);
        bin.observed = rounded_estimate(bin.observed);
    }
    bins
}
