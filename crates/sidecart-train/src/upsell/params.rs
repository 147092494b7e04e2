use serde::{Deserialize, Serialize};
use sidecart_serve::upsell::PropensityModel;

use super::events::{EventRules, LabelRules};
use crate::counting::ParameterError;
use crate::ladders::LadderParams;
use crate::trees::TreeParams;

/// `[upsell]`: what an upgrade is and how its probability is learned. Every setting changes
/// results.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UpsellParams {
    /// Whether upgrades are learned at all. Default true.
    pub enabled: bool,
    /// Length of a period in days (steps where times are a bare order): purchases of a ladder in
    /// one period count as one. Default 7, range 1 to 3660.
    pub period_days: u32,
    /// Earlier purchases in a ladder that make a customer established in it. Default 3, range 1 to
    /// 100.
    pub min_records: u32,
    /// Newest purchases that say what is usual. Default 8, range 1 to 100.
    pub window: u32,
    /// Share of these that the usual tier needs. Default 0.6, range 0 to 1.
    pub min_share: f64,
    /// Times dearer than the usual item that an upgrade must be. Default 1.1, range 1 to 100.
    pub min_price_ratio: f64,
    /// Exponent of the gain in the value of an offer: 0 = most probable first, 1 = most money
    /// first. Default 0.5, range 0 to 2.
    pub gain_exponent: f64,
    /// What answers: `default` (what did best on the newest periods), `rates`, `logistic` or
    /// `trees`.
    pub propensity: PropensityModel,
    /// Whether boosted trees are grown beside the logistic model. Default true.
    pub grow_trees: bool,
    /// First periods of the history without events, so that customers have a past. Default 8.
    pub warm_up_periods: u32,
    /// Newest periods that models are compared and calibrated on before they are learned from
    /// everything. Default 5, at least 1.
    pub validation_periods: u32,
    /// Periods after which a customer's behaviour is summed up anew. Default 4, at least 1.
    pub behaviour_periods: u32,
    /// Most events that models learn from; of more the newest count. Default 1000000, at least
    /// 1000.
    pub max_events: u32,
    /// Upgrades that a learned model needs; with fewer the rates answer. Default 100, at least 20.
    pub min_upgrades: u32,
    /// Customers with repeat purchases that a ladder needs for the label `repeat`. Default 3, at
    /// least 1.
    pub min_repeat_customers: u32,
    /// Their share of the ladder's customers. Default 0.02, range 0 to 1.
    pub min_repeat_share: f64,
    /// Customers with a second purchase that a ladder needs for the label `replacement`. Default
    /// 10, at least 1.
    pub min_replacement_customers: u32,
    /// How ladders are found.
    pub ladders: LadderParams,
    /// How trees are grown.
    pub trees: TreeParams,
}

impl Default for UpsellParams {
    fn default() -> Self {
        Self {
            enabled: true,
            period_days: 7,
            min_records: 3,
            window: 8,
            min_share: 0.6,
            min_price_ratio: 1.1,
            gain_exponent: 0.5,
            propensity: PropensityModel::Default,
            grow_trees: true,
            warm_up_periods: 8,
            validation_periods: 5,
            behaviour_periods: 4,
            max_events: 1_000_000,
            min_upgrades: 100,
            min_repeat_customers: 3,
            min_repeat_share: 0.02,
            min_replacement_customers: 10,
            ladders: LadderParams::default(),
            trees: TreeParams { max_trees: 300, learning_rate: 0.06, ..TreeParams::default() },
        }
    }
}

impl UpsellParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        let whole = |name, value: u32, low: u32, high: u32, expected| {
            ParameterError::require((low..=high).contains(&value), name, expected, value)
        };
        let number = |name, value: f64, low: f64, high: f64, expected| {
            ParameterError::require((low..=high).contains(&value), name, expected, value)
        };
        whole("period_days", self.period_days, 1, 3_660, "a whole number from 1 to 3660")?;
        whole("min_records", self.min_records, 1, 100, "a whole number from 1 to 100")?;
        whole("window", self.window, 1, 100, "a whole number from 1 to 100")?;
        number("min_share", self.min_share, 0.0, 1.0, "a number from 0 to 1")?;
        number("min_price_ratio", self.min_price_ratio, 1.0, 100.0, "a number from 1 to 100")?;
        number("gain_exponent", self.gain_exponent, 0.0, 2.0, "a number from 0 to 2")?;
        whole("warm_up_periods", self.warm_up_periods, 0, 10_000, "a whole number up to 10000")?;
        whole("validation_periods", self.validation_periods, 1, 10_000, "a whole number from 1 to 10000")?;
        whole("behaviour_periods", self.behaviour_periods, 1, 10_000, "a whole number from 1 to 10000")?;
        whole("max_events", self.max_events, 1_000, u32::MAX, "a whole number of at least 1000")?;
        whole("min_upgrades", self.min_upgrades, 20, u32::MAX, "a whole number of at least 20")?;
        whole("min_repeat_customers", self.min_repeat_customers, 1, u32::MAX, "a whole number of at least 1")?;
        number("min_repeat_share", self.min_repeat_share, 0.0, 1.0, "a number from 0 to 1")?;
        let needed = self.min_replacement_customers;
        whole("min_replacement_customers", needed, 1, u32::MAX, "a whole number of at least 1")?;
        self.ladders.check()?;
        self.trees.check()
    }

    /// What makes an event of a purchase.
    #[must_use]
    pub fn event_rules(&self) -> EventRules {
        EventRules {
            window: self.window as usize,
            min_records: self.min_records,
            min_share: self.min_share,
            min_price_ratio: self.min_price_ratio,
        }
    }

    /// What a label needs.
    #[must_use]
    pub fn label_rules(&self) -> LabelRules {
        LabelRules {
            min_repeat_customers: self.min_repeat_customers,
            min_repeat_share: self.min_repeat_share,
            min_replacement_customers: self.min_replacement_customers,
        }
    }
}
