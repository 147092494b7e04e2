use serde::{Deserialize, Serialize};

use crate::{EvalError, ranges};

/// Settings of an evaluation; all of them change results.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EvaluateParams {
    /// Seed of the bootstrap. Default 1.
    pub seed: u64,
    /// Bootstrap resamples behind each interval. Default 1,000, at least 100.
    pub resamples: usize,
    /// Cases below which a slice shows no value at all. Default 20, at least 1.
    pub min_cases: usize,
    /// Cases below which a slice is shown with a warning. Default 50, at least `min_cases`.
    pub few_cases: usize,
}

impl Default for EvaluateParams {
    fn default() -> Self {
        Self { seed: 1, resamples: ranges::RESAMPLES, min_cases: 20, few_cases: 50 }
    }
}

impl EvaluateParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`EvalError::Parameter`] for the first value out of range.
    pub fn check(&self) -> Result<(), EvalError> {
        ranges::check([
            ranges::resamples(self.resamples),
            ("min_cases", self.min_cases, self.min_cases >= 1, "1 or more"),
            ("few_cases", self.few_cases, self.few_cases >= self.min_cases, "min_cases or more"),
        ])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        assert!(EvaluateParams::default().check().is_ok());
        for (params, field) in [
            (EvaluateParams { resamples: 99, ..Default::default() }, "resamples"),
            (EvaluateParams { min_cases: 0, ..Default::default() }, "min_cases"),
            (EvaluateParams { few_cases: 19, ..Default::default() }, "few_cases"),
        ] {
            assert!(params.check().unwrap_err().to_string().starts_with(field));
        }
    }

    #[test]
    fn unknown_settings_are_refused() {
        let text = serde_json::from_str::<EvaluateParams>(r#"{"resample": 5}"#).unwrap_err().to_string();
        assert!(text.contains("resamples"), "{text}");
    }
}
