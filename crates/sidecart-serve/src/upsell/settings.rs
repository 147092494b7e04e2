use std::fmt;

use serde::{Deserialize, Serialize};
use sidecart_core::Clock;
pub use sidecart_core::Label;

use super::Periods;

/// The part of the model that says how probable an upgrade is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PropensityModel {
    /// What did best on the newest part of the history.
    #[default]
    Default,
    /// Shrunk rates: ladder and tier, segment, the customer's own past.
    Rates,
    /// Logistic regression over the features.
    Logistic,
    /// Boosted trees over the features.
    Trees,
}

impl PropensityModel {
    /// All models with the names used on command lines.
    pub const NAMES: [(&'static str, Self); 4] =
        [("default", Self::Default), ("rates", Self::Rates), ("logistic", Self::Logistic), ("trees", Self::Trees)];

    /// The name used on command lines.
    #[must_use]
    pub fn name(self) -> &'static str {
        Self::NAMES.iter().find(|(_, model)| *model == self).map_or("default", |(name, _)| name)
    }
}

impl fmt::Display for PropensityModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// What the upsell part of a scorer needs to know beside its tables.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpsellSettings {
    /// Length of a period in days (in steps where times are a bare order), at least 1.
    pub period_days: u32,
    /// Hour at which a day of the shop begins, -12..=12 hours from midnight UTC: its quietest.
    pub day_starts_at: i8,
    /// Earlier records that make a customer established in a ladder, at least 1.
    pub min_records: u32,
    /// Newest records that say what is usual, at least 1.
    pub window: u32,
    /// Share of these that the usual tier needs, 0..=1.
    pub min_share: f64,
    /// Times dearer than the anchor that an upgrade must be on ladders that were found, >= 1.
    pub min_price_ratio: f64,
    /// How many earlier records the rate of ladder and tier weighs as much as.
    pub own_strength: f64,
    /// Exponent of the gain in the value of an offer, 0..=2.
    pub gain_exponent: f64,
    /// What answers where nothing else is asked for; never `Default`.
    pub propensity: PropensityModel,
    /// The same where a plan of promotions is known.
    pub propensity_with_promotions: PropensityModel,
    /// Whether `propensity` also answers on ladders whose label is replacement for customers with
    /// records there; the rates do otherwise.
    pub replacements_learned: bool,
    /// Kinds of promotion that training knew, the most frequent first; see
    /// [`PromotionKinds`](super::PromotionKinds).
    pub promotion_kinds: Vec<String>,
    /// Names of the segments.
    pub segments: Vec<String>,
}

impl UpsellSettings {
    /// The periods of a history.
    #[must_use]
    pub fn periods(&self, clock: Clock) -> Periods {
        Periods::new(clock, self.period_days, self.day_starts_at)
    }

    /// Checks every range.
    pub(crate) fn check(&self) -> Result<(), String> {
        let number = |name: &str, value: f64, low: f64, high: f64| {
            if (low..=high).contains(&value) {
                Ok(())
            } else {
                Err(format!("upsell.{name} = {value}: expected a number from {low} to {high}"))
            }
        };
        number("period_days", f64::from(self.period_days), 1.0, 3_660.0)?;
        number("day_starts_at", f64::from(self.day_starts_at), -12.0, 12.0)?;
        number("min_records", f64::from(self.min_records), 1.0, 1_000.0)?;
        number("window", f64::from(self.window), 1.0, 1_000.0)?;
        number("min_share", self.min_share, 0.0, 1.0)?;
        number("min_price_ratio", self.min_price_ratio, 1.0, 1_000.0)?;
        number("own_strength", self.own_strength, 1e-6, 1e6)?;
        number("gain_exponent", self.gain_exponent, 0.0, 2.0)?;
        number("promotion_kinds", self.promotion_kinds.len() as f64, 0.0, 256.0)?;
        number("segments", self.segments.len() as f64, 0.0, f64::from(u16::MAX))?;
        if [self.propensity, self.propensity_with_promotions].contains(&PropensityModel::Default) {
            return Err("upsell.propensity = default: expected the model that answers".into());
        }
        Ok(())
    }
}
