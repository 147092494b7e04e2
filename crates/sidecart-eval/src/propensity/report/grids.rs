//! The cells that the terminal table and the page share; each grid begins with its header.

use super::UpsellReport;
use super::numbers::{change, fine, fine_difference, fine_measured, measured, measured_or_dash, money};
use crate::Role;
use crate::propensity::suppression::OFFER_SHARE;
use crate::propensity::{GroupRow, SensitivityTable, SuppressionRow, TargetTable};
use crate::report::numbers::{count, share};

pub(super) type Grid = Vec<Vec<String>>;

fn header(cells: &[&str]) -> Grid {
    vec![cells.iter().map(|&cell| cell.to_owned()).collect()]
}

fn named(name: &str, role: Role) -> String {
    match role {
        Role::Baseline => format!("{name} (baseline)"),
        Role::Model => name.to_owned(),
    }
}

impl UpsellReport {
    /// Models by metrics.
    pub(super) fn model_grid(&self) -> Grid {
        let names = ["model", "AUC", "AP", "log loss", "Brier", "ECE", "gain@5", "gain@10", "gain@20", "Qini"];
        let mut grid = header(&names);
        grid.extend(self.models.iter().map(|row| {
            vec![
                named(&row.name, row.role),
                measured(&row.auc),
                share(row.average_precision.value),
                fine_measured(&row.log_loss),
                fine(row.brier.value),
                fine(row.ece.value),
                share(row.gain_at_5.value),
                share(row.gain_at_10.value),
                measured(&row.gain_at_20),
                share(row.qini.value),
            ]
        }));
        grid
    }

    /// Models by paired differences to the reference.
    pub(super) fn difference_grid(&self) -> Grid {
        let mut grid = header(&["minus the reference", "AUC", "log loss", "gain@20"]);
        grid.extend(self.models.iter().filter_map(|row| {
            let difference = row.difference.as_ref()?;
            Some(vec![
                named(&row.name, row.role),
                fine_difference(&difference.auc),
                fine_difference(&difference.log_loss),
                fine_difference(&difference.gain_at_20),
            ])
        }));
        grid
    }

    /// Groups by what the default model does in them.
    pub(super) fn group_grid(&self, kind: &str, groups: &[GroupRow]) -> Grid {
        let compares = self.reference != self.default_model;
        let mut grid = header(&[kind, "cases", "upgrades", "observed", "predicted", "AUC", "ECE"]);
        if compares {
            grid[0].push("AUC of reference".into());
        }
        grid.extend(groups.iter().map(|group| {
            let auc = |auc: Option<&_>| auc.map_or_else(|| "too few".into(), measured);
            let mut cells = vec![
                group.name.clone(),
                count(group.n_cases),
                count(group.n_upgrades),
                measured_or_dash(group.rate.as_ref()),
                group.mean_prediction.map_or_else(|| "-".into(), share),
                auc(group.auc.as_ref()),
                group.ece.map_or_else(|| "-".into(), |ece| share(ece.value)),
            ];
            if compares {
                cells.push(auc(group.reference_auc.as_ref()));
            }
            cells
        }));
        grid
    }

    /// Fifths of one proxy by what their customers bought.
    pub(super) fn sensitivity_grid(&self, table: &SensitivityTable) -> Grid {
        let names =
            ["fifth", "cases", "upgraded", "at full price", "on discount", "list gain / case", "net gain / case"];
        let mut grid = header(&names);
        grid.extend(table.fifths.iter().map(|row| {
            vec![
                fifth_name(row.fifth),
                count(row.n_cases),
                measured_or_dash(row.upgrade_rate.as_ref()),
                measured_or_dash(row.full_price_rate.as_ref()),
                measured_or_dash(row.discount_share.as_ref()),
                money(row.list_gain_per_case.as_ref()),
                money(row.net_gain_per_case.as_ref()),
            ]
        }));
        grid
    }

    /// Suppressed groups by what it costs.
    pub(super) fn suppression_grid(&self) -> Grid {
        let names = ["suppressed", "of cases", "of offers", "of list gain", "list gain, %", "net gain, %"];
        let mut grid = header(&names);
        grid.extend(self.suppressions.iter().map(|row| {
            vec![
                suppression_name(row),
                share(row.share_of_cases),
                share(row.share_of_offers),
                share(row.share_of_list_gain),
                change(row.list_gain.as_ref()),
                change(row.net_gain.as_ref()),
            ]
        }));
        grid
    }

    /// Each term of the report with its meaning.
    pub(super) fn legend(&self) -> Vec<(&'static str, String)> {
        let offers = format!("{:.0} %", OFFER_SHARE * 100.0);
        let words = |text: &str| text.to_owned();
        let mut legend = vec![
            ("AUC", words("chance that an upgrade has a higher prediction than a case without one; .5 knows nothing")),
            (
                "AP",
                words("average precision: share of upgrades among the cases down to each one; at random their rate"),
            ),
            ("log loss", words("minus the mean logarithm of the probability of what happened; lower is better")),
            ("Brier", words("mean squared distance between prediction and outcome; lower is better")),
            (
                "ECE",
                words("mean miss of the observed rate over 20 bins of predictions (10 in groups); lower is better"),
            ),
            (
                "gain@q",
                words(
                    "share of all list price gain in the q % of cases with the highest p x expected gain; at random q %",
                ),
            ),
            ("Qini", words("area between the gain curve and the diagonal, 0 at random; not the effect of offers")),
            (
                "±",
                format!(
                    "longer arm of the {:.0} % interval ({}, {} resamples); the JSON has all intervals",
                    self.intervals.level * 100.0,
                    self.intervals.method,
                    count(self.intervals.resamples)
                ),
            ),
            ("*", words("interval excludes 0")),
        ];
        if !self.sensitivities.is_empty() {
            legend
                .push(("fifth", words("customers by price sensitivity, 1 = least to 5 = most, known before the case")));
            legend.push((
                "gain, %",
                format!("change of the captured gain with offers for {offers} of the cases and none for the group"),
            ));
        }
        if self.targets.is_some() || self.discovery.is_some() {
            legend.push((
                "HR@k",
                words(
                    "share of upgrades whose item is among the first k; new: of those to an item never bought before",
                ),
            ));
            legend.push(("MRR", words("mean of 1 / rank of the item bought")));
            legend.push((
                "gain@k",
                words("of items: share of the list price gain of upgrades whose item is among the first k"),
            ));
        }
        legend
    }
}

/// Rankings by hits.
pub(super) fn target_grid(table: &TargetTable) -> Grid {
    let names = ["ranking", "HR@1", "HR@3", "HR@5", "MRR", "gain@1", "gain@3", "HR@1 new"];
    let mut grid = header(&names);
    if table.reference.is_some() {
        grid[0].push("vs baseline".into());
    }
    grid.extend(table.rankings.iter().map(|row| {
        let mut cells = vec![
            named(&row.name, row.role),
            measured(&row.hr_1),
            measured(&row.hr_3),
            measured(&row.hr_5),
            share(row.mrr.value),
            row.gain_captured_1.map_or_else(|| "-".into(), |gain| share(gain.value)),
            row.gain_captured_3.map_or_else(|| "-".into(), |gain| share(gain.value)),
            measured_or_dash(row.hr_1_new.as_ref()),
        ];
        if table.reference.is_some() {
            cells.push(row.hr_1_difference.as_ref().map_or_else(|| "-".into(), fine_difference));
        }
        cells
    }));
    grid
}

/// The name of a fifth.
pub(super) fn fifth_name(fifth: u8) -> String {
    match fifth {
        1 => "1, least sensitive".into(),
        5 => "5, most sensitive".into(),
        _ => fifth.to_string(),
    }
}

fn suppression_name(row: &SuppressionRow) -> String {
    match (&row.proxy, row.fifth) {
        (Some(proxy), Some(fifth)) => format!("{proxy}: {}", fifth_name(fifth)),
        _ => "fifth with the lowest scores".into(),
    }
}
