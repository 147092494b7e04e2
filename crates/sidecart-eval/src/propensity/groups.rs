use serde::{Deserialize, Serialize};

use super::models::{GROUP_ECE_BINS, Orders};
use super::resamples::Resamples;
use super::sample::Sample;
use super::{Label, UpsellInputs, UpsellParams};
use crate::intervals::{Estimate, percentile_interval};
use crate::metrics::mean;
use crate::report::build::{rounded, rounded_estimate, widen_at_the_ends};

/// Upgrades below which a group shows no AUC.
pub(super) const MIN_GROUP_UPGRADES: usize = 20;
/// First stream of the resamples of groups.
const STREAM: u64 = 1 << 20;

/// The default model within one group of cases.
///
/// Values are `None` below 20 cases or 10 customers, the AUC also below 20 upgrades.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct GroupRow {
    /// The group.
    pub name: String,
    /// Number of cases.
    pub n_cases: usize,
    /// Number of upgrades.
    pub n_upgrades: usize,
    /// Number of different customers.
    pub n_customers: usize,
    /// Share of cases that are upgrades.
    pub rate: Option<Estimate>,
    /// Mean prediction of the default model.
    pub mean_prediction: Option<f64>,
    /// AUC of the default model among these cases.
    pub auc: Option<Estimate>,
    /// AUC of the reference among these cases.
    pub reference_auc: Option<Estimate>,
    /// Expected calibration error of the default model over 10 bins of equal mass.
    pub ece: Option<Estimate>,
}

/// Groups of cases by segment, by label and by number of earlier purchases; empty ones only for
/// segments.
pub(super) struct Groups {
    pub(super) segments: Vec<GroupRow>,
    pub(super) labels: Vec<GroupRow>,
    pub(super) histories: Vec<GroupRow>,
}

impl Groups {
    pub(super) fn measure(inputs: &UpsellInputs<'_>, order: &[usize], params: &UpsellParams) -> Self {
        let cases = inputs.cases;
        let mut stream = STREAM;
        let mut row = |name: &str, holds: &dyn Fn(usize) -> bool| {
            stream += 1;
            measure(inputs, name, &Sample::new(&cases.customers, order, holds), stream, params)
        };
        let mut segments: Vec<GroupRow> = (0..)
            .zip(inputs.segments)
            .map(|(segment, label): (usize, &String)| {
                row(label, &|case| cases.segments[case].is_some_and(|of_case| usize::from(of_case) == segment))
            })
            .collect();
        if !segments.is_empty() {
            segments.push(row("without segment", &|case| cases.segments[case].is_none()));
            segments.retain(|group| group.n_cases > 0 || group.name != "without segment");
        }
        let mut labels: Vec<GroupRow> =
            Label::ALL.iter().map(|&label| row(label.name(), &|case| cases.labels[case] == label)).collect();
        let bounds = [("none", 0, 0), ("1-2", 1, 2), ("3 or more", 3, u32::MAX)];
        let mut histories: Vec<GroupRow> = bounds
            .iter()
            .map(|&(name, low, high)| row(name, &|case| (low..=high).contains(&cases.n_prior[case])))
            .collect();
        labels.retain(|group| group.n_cases > 0);
        histories.retain(|group| group.n_cases > 0);
        Self { segments, labels, histories }
    }
}

fn measure(inputs: &UpsellInputs<'_>, name: &str, sample: &Sample, stream: u64, params: &UpsellParams) -> GroupRow {
    let upgraded = sample.upgrades(inputs.cases);
    let n_upgrades = upgraded.iter().filter(|&&up| up > 0.0).count();
    let mut row = GroupRow {
        name: name.to_owned(),
        n_cases: sample.len(),
        n_upgrades,
        n_customers: sample.n_clusters,
        rate: None,
        mean_prediction: None,
        auc: None,
        reference_auc: None,
        ece: None,
    };
    if !sample.is_measurable() {
        return row;
    }
    row.rate = sample
        .table(&[&upgraded])
        .bootstrap(params.seed, stream, params.resamples)
        .map(|means| rounded_estimate(widen_at_the_ends(means.estimate(0), sample.n_clusters as u64)));

    let model = |name: &str| inputs.position(name).map(|position| &inputs.predictions[position]);
    let orders = |name: &str| model(name).map(|model| Orders::new(inputs.cases, sample, model, GROUP_ECE_BINS));
    let (Some(default), Some(reference)) = (orders(inputs.default_model), orders(inputs.reference)) else {
        return row;
    };
    row.mean_prediction = model(inputs.default_model)
        .and_then(|model| mean(sample.members.iter().map(|&case| model.p[case])))
        .map(rounded);
    let resamples =
        Resamples { seed: params.seed, stream, n_resamples: params.resamples, n_clusters: sample.n_clusters };
    // A handful of upgrades gives an AUC that says nothing.
    let shows_auc = n_upgrades >= MIN_GROUP_UPGRADES;
    let draw = |weights: &[f64]| {
        let auc = |orders: &Orders| orders.auc(weights).filter(|_| shows_auc);
        [default.ece(weights), auc(&default), auc(&reference)]
    };
    let (plain, draws) = (draw(&vec![1.0; sample.n_clusters]), resamples.map(draw));
    let estimate = |i: usize| Some(rounded_estimate(percentile_interval(plain[i]?, draws.iter().map(|draw| draw[i]))));
    row.ece = estimate(0);
    row.auc = estimate(1);
    row.reference_auc = estimate(2);
    row
}
