//! What segments are made of.

use serde::{Deserialize, Serialize};

use crate::counting::ParameterError;

/// How segments are learned from behaviour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum LearnMethod {
    /// Nearest of k centres (Lloyd 1982, started by k-means++).
    #[default]
    KMeans,
    /// Most probable of k normal distributions with full covariance.
    GaussianMixture,
}

impl LearnMethod {
    /// The name in configurations and messages.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::KMeans => "k-means",
            Self::GaussianMixture => "gaussian-mixture",
        }
    }
}

/// Segments that are learned. Every setting changes results.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LearnedParams {
    /// The method: `k-means` or `gaussian-mixture`.
    pub learned: LearnMethod,
    /// Number of segments. Default 8, range 2 to 64.
    #[serde(default = "default_k")]
    pub k: u32,
    /// Customers with fewer baskets neither shape segments nor belong to one. Default 5, range
    /// 1 to 10000 baskets.
    #[serde(default = "default_min_baskets")]
    pub min_baskets: u32,
}

fn default_k() -> u32 {
    8
}

fn default_min_baskets() -> u32 {
    5
}

impl Default for LearnedParams {
    fn default() -> Self {
        Self { learned: LearnMethod::default(), k: default_k(), min_baskets: default_min_baskets() }
    }
}

impl LearnedParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        let (k, min_baskets) = (self.k, self.min_baskets);
        ParameterError::require((2..=64).contains(&k), "k", "a whole number from 2 to 64", k)?;
        let range = (1..=10_000).contains(&min_baskets);
        ParameterError::require(range, "min_baskets", "a whole number from 1 to 10000", min_baskets)
    }
}

/// Where segments come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum SegmentSpec {
    /// The joined values of these columns of the customer table.
    Columns(Vec<String>),
    /// Behaviour.
    Learned(LearnedParams),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        assert!(LearnedParams::default().check().is_ok());
        for (k, min_baskets, name) in
            [(1, 5, "`k`"), (65, 5, "`k`"), (8, 0, "`min_baskets`"), (8, 10_001, "`min_baskets`")]
        {
            let problem = LearnedParams { k, min_baskets, ..LearnedParams::default() }.check().unwrap_err().to_string();
            assert!(problem.contains(name), "{problem}");
        }
    }
}
