//! How good probabilities of upgrades are.
//!
//! [`UpgradeCases`] holds one row per event at which a customer could have bought a higher tier,
//! [`Predictions`] what each model said before. [`UpsellReport::build`] measures all models and
//! baselines on the same cases: whether they rank upgrades first, whether their probabilities are
//! true, and how much of the price gain the best-scored cases hold, with 95 % intervals over
//! customers and paired differences to a reference. It then looks at the default model by segment,
//! label and history, at customers by price sensitivity, and at the item offered.
//!
//! The cases are natural purchases. What an offer adds to them only a random group without offers
//! can show.
//!
//! ```
//! use sidecart_core::Rng;
//! use sidecart_eval::propensity::{Label, Predictions, UpgradeCases, UpsellInputs, UpsellParams, UpsellReport};
//!
//! // 50 customers with ten events each; every customer has a chance of its own to upgrade.
//! let mut rng = Rng::new(1, 0);
//! let mut cases = UpgradeCases::default();
//! let (mut by_customer, mut global) = (Vec::new(), Vec::new());
//! for customer in 0..50 {
//!     let chance = 0.5 * rng.unit();
//!     for period in 0..10 {
//!         let upgraded = rng.chance(chance);
//!         cases.customers.push(customer);
//!         cases.segments.push(None);
//!         cases.periods.push(period);
//!         cases.upgraded.push(upgraded);
//!         cases.gains.push(if upgraded { 1.2 } else { 0.0 });
//!         cases.net_gains.push(None);
//!         cases.full_price.push(upgraded);
//!         cases.expected_gains.push(1.0);
//!         cases.labels.push(Label::Repeat);
//!         cases.n_prior.push(3);
//!         by_customer.push(chance);
//!         global.push(0.25);
//!     }
//! }
//! let predictions = [
//!     Predictions { name: "global rate".into(), p: global, is_baseline: true },
//!     Predictions { name: "by customer".into(), p: by_customer, is_baseline: false },
//! ];
//! let inputs = UpsellInputs {
//!     cases: &cases,
//!     segments: &[],
//!     predictions: &predictions,
//!     default_model: "by customer",
//!     reference: "global rate",
//!     targets: None,
//!     discovery: None,
//! };
//! let report = UpsellReport::build(&inputs, &UpsellParams { resamples: 200, ..Default::default() })?;
//! let model = report.model("by customer").unwrap();
//! assert!(model.auc.low > 0.5 && model.difference.unwrap().auc.excludes_zero());
//! assert!(report.to_table().contains("gain@20"));
//! # Ok::<(), sidecart_eval::EvalError>(())
//! ```

mod cases;
mod groups;
pub mod metrics;
mod models;
mod params;
mod ranked;
mod report;
mod resamples;
mod sample;
mod sensitivity;
mod suppression;
mod target_items;
mod targets;
#[cfg(test)]
mod tests;

pub use cases::{MIN_CUSTOMERS, MIN_UPGRADES, Predictions, Sensitivity, UpgradeCases, UpsellInputs};
pub use groups::GroupRow;
pub use models::{Differences, ModelRow};
pub use params::UpsellParams;
pub use ranked::Ranked;
pub use report::{UpsellFacts, UpsellReport};
pub use sensitivity::{FifthRow, SensitivityTable};
pub use sidecart_core::Label;
pub use suppression::SuppressionRow;
pub use target_items::{TargetRow, TargetTable};
pub use targets::{Rankings, TargetCases};
