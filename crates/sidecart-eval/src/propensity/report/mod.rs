mod grids;
mod html;
mod numbers;
mod plots;
mod table;

use serde::{Deserialize, Serialize};

use super::groups::Groups;
use super::sample::{MIN_GROUP_CASES, Sample};
use super::{
    GroupRow, ModelRow, SensitivityTable, SuppressionRow, TargetTable, UpsellInputs, UpsellParams, groups, models,
    sensitivity, suppression,
};
use crate::intervals::Estimate;
use crate::report::build::{rounded_estimate, widen_at_the_ends};
use crate::report::numbers::share;
use crate::{EvalError, IntervalFacts, Role};

/// The result of an evaluation of upgrade probabilities. Field names are stable;
/// [`UpsellReport::to_json`] writes them as they are. Values and interval ends are rounded to nine
/// decimals.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct UpsellReport {
    /// Number of this layout.
    pub format: u32,
    /// What the cases are.
    pub facts: UpsellFacts,
    /// How the intervals came to be.
    pub intervals: IntervalFacts,
    /// Name of the model that groups, curves and offers are measured with.
    pub default_model: String,
    /// Name of the model that the others are compared with.
    pub reference: String,
    /// One row per model in the order given.
    pub models: Vec<ModelRow>,
    /// The default model by customer segment.
    pub segments: Vec<GroupRow>,
    /// The default model by what counts as an upgrade.
    pub labels: Vec<GroupRow>,
    /// The default model by number of earlier purchases in the ladder.
    pub histories: Vec<GroupRow>,
    /// Upgrades by price sensitivity, one table per proxy.
    pub sensitivities: Vec<SensitivityTable>,
    /// What suppressing a fifth of the customers costs.
    pub suppressions: Vec<SuppressionRow>,
    /// The result of the suppressions in one sentence.
    pub suppression_conclusion: Option<String>,
    /// Rankings of the item offered.
    pub targets: Option<TargetTable>,
    /// Rankings without items that the customer had bought before.
    pub discovery: Option<TargetTable>,
    /// What a reader should know before trusting the numbers.
    pub warnings: Vec<String>,
}

/// What the cases of a report are.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct UpsellFacts {
    /// Number of cases.
    pub n_cases: usize,
    /// Number of upgrades.
    pub n_upgrades: usize,
    /// Upgrades without discount.
    pub n_full_price_upgrades: usize,
    /// Number of different customers.
    pub n_customers: usize,
    /// First period of a case.
    pub first_period: i64,
    /// Last period of a case.
    pub last_period: i64,
    /// Share of cases that are upgrades.
    pub upgrade_rate: Estimate,
}

impl UpsellReport {
    /// Measures all models.
    ///
    /// Runs on the current rayon pool; neither the number of threads nor the order of rows changes
    /// the report. O(resamples × cases × models) time.
    ///
    /// # Errors
    /// [`EvalError::Parameter`] for a parameter, a column or a name out of range, for fewer than
    /// [`MIN_UPGRADES`](super::MIN_UPGRADES) upgrades, fewer than
    /// [`MIN_CUSTOMERS`](super::MIN_CUSTOMERS) customers, nothing but upgrades or no gain at all;
    /// [`EvalError::UnknownSegment`], with the row in place of the query.
    pub fn build(inputs: &UpsellInputs<'_>, params: &UpsellParams) -> Result<Self, EvalError> {
        params.check()?;
        inputs.check()?;
        let cases = inputs.cases;
        let order = cases.canonical_order(inputs.predictions);
        let sample = Sample::new(&cases.customers, &order, |_| true);
        let net_gains = cases.known_net_gains();

        let models = models::measure(inputs, &sample, params);
        let Groups { segments, labels, histories } = Groups::measure(inputs, &order, params);
        let sensitivities = sensitivity::measure(cases, net_gains.as_deref(), &order, params);
        let suppressions = inputs.position(inputs.default_model).map_or_else(Vec::new, |position| {
            let p = &inputs.predictions[position].p;
            suppression::measure(cases, net_gains.as_deref(), &sample, p, params)
        });
        let mut report = Self {
            format: 1,
            facts: facts(inputs, &sample, params),
            intervals: IntervalFacts {
                method: "bootstrap over customers".into(),
                level: 0.95,
                resamples: params.resamples,
                seed: params.seed,
                min_cases: MIN_GROUP_CASES,
                few_cases: MIN_GROUP_CASES,
            },
            default_model: inputs.default_model.into(),
            reference: inputs.reference.into(),
            models,
            segments,
            labels,
            histories,
            sensitivities,
            suppression_conclusion: suppression::conclusion(&suppressions),
            suppressions,
            targets: inputs.targets.and_then(|targets| TargetTable::measure(targets, 0, params)),
            discovery: inputs.discovery.and_then(|targets| TargetTable::measure(targets, 1, params)),
            warnings: Vec::new(),
        };
        report.warnings = report.find_warnings(inputs, net_gains.is_none());
        Ok(report)
    }

    /// The model of a name.
    #[must_use]
    pub fn model(&self, name: &str) -> Option<&ModelRow> {
        self.models.iter().find(|row| row.name == name)
    }

    /// The baseline that captures most gain at 20 % offers; the first one of equals.
    #[must_use]
    pub fn best_baseline(&self) -> Option<&ModelRow> {
        self.models
            .iter()
            .filter(|row| row.role == Role::Baseline)
            .reduce(|best, row| if row.gain_at_20.value > best.gain_at_20.value { row } else { best })
    }

    /// The report as indented JSON; reading it back gives an equal report.
    #[must_use]
    pub fn to_json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a report holds texts and numbers only")
    }

    fn find_warnings(&self, inputs: &UpsellInputs<'_>, lacks_net_gains: bool) -> Vec<String> {
        let mut warnings = Vec::new();
        if let Some(default) = self.model(&self.default_model) {
            let rate = self.facts.upgrade_rate;
            if default.mean_prediction < rate.low || default.mean_prediction > rate.high {
                warnings.push(format!(
                    "{} predicts {} on average, but {} ({} to {}) upgraded; refit it on newer purchases",
                    default.name,
                    share(default.mean_prediction),
                    share(rate.value),
                    share(rate.low),
                    share(rate.high)
                ));
            }
            for row in self.models.iter().filter(|row| row.role == Role::Baseline) {
                if default.role == Role::Model && row.log_loss.value <= default.log_loss.value {
                    warnings.push(format!("{} has no lower log loss than the baseline {}", default.name, row.name));
                }
            }
        }
        if self.models.iter().all(|row| row.role == Role::Model) {
            warnings.push("no baseline takes part, so no value can be judged against a simple rule".into());
        }
        if lacks_net_gains {
            warnings.push("some upgrades have no net gain, so net figures are left out".into());
        }
        for (name, given, measured) in
            [("target items", inputs.targets, &self.targets), ("discovery", inputs.discovery, &self.discovery)]
        {
            if let (Some(targets), None) = (given, measured) {
                warnings.push(format!(
                    "{name}: {} upgrades, or their customers, are too few to show a value",
                    targets.len()
                ));
            }
        }
        for group in self.segments.iter().chain(&self.labels).chain(&self.histories).filter(|group| group.auc.is_none())
        {
            let (name, n_upgrades, least) = (&group.name, group.n_upgrades, groups::MIN_GROUP_UPGRADES);
            if group.rate.is_none() {
                warnings.push(format!("{name}: {} cases are too few to show a value", group.n_cases));
            } else if n_upgrades < least {
                warnings.push(format!("{name}: {n_upgrades} upgrades are too few for an AUC, {least} are needed"));
            }
        }
        warnings
    }
}

fn facts(inputs: &UpsellInputs<'_>, sample: &Sample, params: &UpsellParams) -> UpsellFacts {
    let cases = inputs.cases;
    let upgraded = sample.upgrades(cases);
    let rate = sample
        .table(&[&upgraded])
        .bootstrap(params.seed, models::STREAM, params.resamples)
        .expect("there are cases and resamples")
        .estimate(0);
    let period = |end: Option<&i64>| end.copied().expect("there are cases");
    UpsellFacts {
        n_cases: sample.len(),
        n_upgrades: upgraded.iter().filter(|&&up| up > 0.0).count(),
        n_full_price_upgrades: cases.full_price.iter().filter(|&&full| full).count(),
        n_customers: sample.n_clusters,
        first_period: period(cases.periods.iter().min()),
        last_period: period(cases.periods.iter().max()),
        upgrade_rate: rounded_estimate(widen_at_the_ends(rate, sample.n_clusters as u64)),
    }
}
