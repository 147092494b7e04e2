use std::cmp::Ordering;
use std::collections::BTreeSet;

use sidecart_core::Label;

use super::TargetCases;
use crate::EvalError;

/// Upgrades that an evaluation needs at least.
pub const MIN_UPGRADES: usize = 30;
/// Different customers that an evaluation needs at least.
pub const MIN_CUSTOMERS: usize = 10;

/// A proxy of price sensitivity known before the event.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Sensitivity {
    /// Its name, such as `share of spend discounted`.
    pub name: String,
    /// Fifth of each case's customer, 0 = least price-sensitive to 4 = most; `None` if unknown.
    /// Turn a proxy round whose low values mean sensitive customers, such as the price position.
    pub fifths: Vec<Option<u8>>,
}

/// Events at which a customer could have bought a higher tier, one row each, as columns of equal
/// length.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct UpgradeCases {
    /// The customer; whole customers are drawn for the intervals.
    pub customers: Vec<u32>,
    /// Index into the segment labels.
    pub segments: Vec<Option<u16>>,
    /// Period of the event.
    pub periods: Vec<i64>,
    /// Whether the customer bought a higher tier.
    pub upgraded: Vec<bool>,
    /// List price gain in money, at least 0; 0 without an upgrade.
    pub gains: Vec<f64>,
    /// The same in prices paid; it may be negative. 0 without an upgrade, whatever stands here;
    /// net figures are left out of the report when an upgrade has `None`.
    pub net_gains: Vec<Option<f64>>,
    /// Whether it was an upgrade without discount; false without an upgrade.
    pub full_price: Vec<bool>,
    /// List price gain to be expected of an upgrade, at least 0.
    pub expected_gains: Vec<f64>,
    /// What counts as an upgrade.
    pub labels: Vec<Label>,
    /// Earlier purchases of the customer in the ladder.
    pub n_prior: Vec<u32>,
    /// Proxies of price sensitivity, any number.
    pub sensitivities: Vec<Sensitivity>,
}

/// What one model says of every case.
#[derive(Clone, PartialEq, Debug)]
pub struct Predictions {
    /// Its name, different from all others.
    pub name: String,
    /// Probability of an upgrade by case, in [0, 1].
    pub p: Vec<f64>,
    /// Whether it is a simple rule that the models should beat.
    pub is_baseline: bool,
}

/// What a report is built from.
#[derive(Clone, Copy, Debug)]
pub struct UpsellInputs<'a> {
    /// The cases.
    pub cases: &'a UpgradeCases,
    /// Labels of the segments.
    pub segments: &'a [String],
    /// The models and baselines.
    pub predictions: &'a [Predictions],
    /// Name of the model that the shop would use: groups, curves and offers are measured with it.
    pub default_model: &'a str,
    /// Name of the model that all others are compared with.
    pub reference: &'a str,
    /// Rankings of the item offered, one row per upgrade.
    pub targets: Option<&'a TargetCases>,
    /// The same with items removed that the customer had bought before.
    pub discovery: Option<&'a TargetCases>,
}

impl UpgradeCases {
    /// Number of cases.
    #[must_use]
    pub fn len(&self) -> usize {
        self.customers.len()
    }

    /// Whether there is no case.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.customers.is_empty()
    }

    /// Net gain by case; `None` when that of an upgrade is missing.
    pub(super) fn known_net_gains(&self) -> Option<Vec<f64>> {
        self.upgraded.iter().zip(&self.net_gains).map(|(&up, &gain)| if up { gain } else { Some(0.0) }).collect()
    }

    /// Case indices in an order that depends on the values of the rows alone, customers rising:
    /// rows in any order give the same report to the last bit.
    pub(super) fn canonical_order(&self, predictions: &[Predictions]) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.len()).collect();
        order.sort_by(|&a, &b| self.compare(a, b).then_with(|| compare_predictions(predictions, a, b)));
        order
    }

    fn compare(&self, a: usize, b: usize) -> Ordering {
        let net = |case: usize| self.net_gains[case].unwrap_or(f64::NEG_INFINITY);
        self.customers[a]
            .cmp(&self.customers[b])
            .then_with(|| self.periods[a].cmp(&self.periods[b]))
            .then_with(|| self.upgraded[a].cmp(&self.upgraded[b]))
            .then_with(|| self.gains[a].total_cmp(&self.gains[b]))
            .then_with(|| self.expected_gains[a].total_cmp(&self.expected_gains[b]))
            .then_with(|| net(a).total_cmp(&net(b)))
            .then_with(|| self.full_price[a].cmp(&self.full_price[b]))
            .then_with(|| self.segments[a].cmp(&self.segments[b]))
            .then_with(|| self.labels[a].cmp(&self.labels[b]))
            .then_with(|| self.n_prior[a].cmp(&self.n_prior[b]))
            .then_with(|| {
                let fifths = self.sensitivities.iter().map(|proxy| proxy.fifths[a].cmp(&proxy.fifths[b]));
                fold(fifths)
            })
    }
}

fn compare_predictions(predictions: &[Predictions], a: usize, b: usize) -> Ordering {
    fold(predictions.iter().map(|model| model.p[a].total_cmp(&model.p[b])))
}

fn fold(mut orderings: impl Iterator<Item = Ordering>) -> Ordering {
    orderings.find(|ordering| ordering.is_ne()).unwrap_or(Ordering::Equal)
}

/// The error for a value that is not what it should be.
pub(super) fn refused(field: &'static str, got: impl Into<String>, expected: &'static str) -> EvalError {
    EvalError::Parameter { field, got: got.into(), expected }
}

/// Refuses a column of another length than the cases.
pub(super) fn check_length(field: &'static str, got: usize, n: usize) -> Result<(), EvalError> {
    if got == n { Ok(()) } else { Err(refused(field, format!("{got} long for {n} cases"), "one value per case")) }
}

/// Refuses values that are not finite or fail the test.
pub(super) fn check_values(
    field: &'static str,
    values: impl Iterator<Item = f64>,
    is_valid: impl Fn(f64) -> bool,
    expected: &'static str,
) -> Result<(), EvalError> {
    for (row, value) in values.enumerate() {
        if !value.is_finite() || !is_valid(value) {
            return Err(refused(field, format!("{value} in row {row}"), expected));
        }
    }
    Ok(())
}

/// Refuses names that occur twice.
pub(super) fn check_names<'a>(field: &'static str, names: impl Iterator<Item = &'a str>) -> Result<(), EvalError> {
    let mut seen = BTreeSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(refused(field, format!("{name:?} twice"), "different names; rename one of them"));
        }
    }
    Ok(())
}

impl UpsellInputs<'_> {
    /// Checks lengths, ranges, names and that there is enough to measure.
    pub(super) fn check(&self) -> Result<(), EvalError> {
        let (cases, n) = (self.cases, self.cases.len());
        for (field, length) in [
            ("segments", cases.segments.len()),
            ("periods", cases.periods.len()),
            ("upgraded", cases.upgraded.len()),
            ("gains", cases.gains.len()),
            ("net_gains", cases.net_gains.len()),
            ("full_price", cases.full_price.len()),
            ("expected_gains", cases.expected_gains.len()),
            ("labels", cases.labels.len()),
            ("n_prior", cases.n_prior.len()),
        ] {
            check_length(field, length, n)?;
        }
        check_values("gains", cases.gains.iter().copied(), |gain| gain >= 0.0, "finite and at least 0")?;
        check_values(
            "expected_gains",
            cases.expected_gains.iter().copied(),
            |gain| gain >= 0.0,
            "finite and at least 0",
        )?;
        check_values("net_gains", cases.net_gains.iter().map(|gain| gain.unwrap_or(0.0)), |_| true, "finite")?;
        for (row, &upgraded) in cases.upgraded.iter().enumerate() {
            if !upgraded && (cases.gains[row] != 0.0 || cases.full_price[row]) {
                return Err(refused("gains", format!("of an upgrade in row {row}"), "0 and no full price without one"));
            }
        }
        let n_segments = self.segments.len();
        if let Some((row, got)) = (0..)
            .zip(&cases.segments)
            .find_map(|(row, s)| s.filter(|&s| usize::from(s) >= n_segments).map(|s| (row, s)))
        {
            return Err(EvalError::UnknownSegment { query_id: row, got, n_segments });
        }
        check_names("name of a sensitivity", cases.sensitivities.iter().map(|proxy| proxy.name.as_str()))?;
        for proxy in &cases.sensitivities {
            check_length("fifths", proxy.fifths.len(), n)?;
            if let Some(fifth) = proxy.fifths.iter().flatten().find(|&&fifth| fifth > 4) {
                return Err(refused("fifths", fifth.to_string(), "0 to 4"));
            }
        }
        check_names("name of a prediction", self.predictions.iter().map(|model| model.name.as_str()))?;
        for model in self.predictions {
            check_length("p", model.p.len(), n)?;
            check_values("p", model.p.iter().copied(), |p| (0.0..=1.0).contains(&p), "a probability from 0 to 1")?;
        }
        for (field, name) in [("default_model", self.default_model), ("reference", self.reference)] {
            if self.position(name).is_none() {
                return Err(refused(field, format!("{name:?}"), "the name of one of the predictions"));
            }
        }
        for (field, targets) in [("targets", self.targets), ("discovery", self.discovery)] {
            if let Some(targets) = targets {
                targets.check(field)?;
            }
        }
        self.check_amount()
    }

    /// Refuses to measure anything on too little.
    fn check_amount(&self) -> Result<(), EvalError> {
        let cases = self.cases;
        let n_upgrades = cases.upgraded.iter().filter(|&&upgraded| upgraded).count();
        if n_upgrades < MIN_UPGRADES {
            return Err(refused("number of upgrades", n_upgrades.to_string(), "30 or more; test on a longer time"));
        }
        if n_upgrades == cases.len() {
            return Err(refused("number of cases without an upgrade", "0", "1 or more"));
        }
        let n_customers = cases.customers.iter().collect::<BTreeSet<_>>().len();
        if n_customers < MIN_CUSTOMERS {
            return Err(refused("number of customers", n_customers.to_string(), "10 or more; test on more customers"));
        }
        if cases.gains.iter().sum::<f64>() <= 0.0 {
            return Err(refused("list price gain of all upgrades", "0", "above 0; give items a reference price"));
        }
        Ok(())
    }

    /// Position of a model.
    pub(super) fn position(&self, name: &str) -> Option<usize> {
        self.predictions.iter().position(|model| model.name == name)
    }
}
