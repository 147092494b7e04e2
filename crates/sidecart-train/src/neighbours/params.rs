use serde::{Deserialize, Serialize};

use crate::counting::ParameterError;

/// How near two items are, from the baskets they share.
///
/// `c` is the (weighted) number of baskets with context item `i` and candidate `j`, `n` the same
/// for one item, `N` the number of baskets, `s` the shrinkage. *Weighted* measures count a basket
/// of `n` items `n^-basket_size_exponent` times; the others are statements about numbers of
/// baskets and count every basket once.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Measure {
    /// Weighted: `c / (n_i^alpha n_j^beta + s)` (Aiolli, RecSys 2013, with free exponents).
    AsymmetricCosine,
    /// Weighted: `c / (sqrt(n_i n_j) + s)`.
    Cosine,
    /// Weighted: `c / (n_i + n_j - c + s)`.
    Jaccard,
    /// Log-likelihood ratio of the two-by-two table of baskets, for pairs above independence
    /// (Dunning 1993). Takes no shrinkage.
    Llr,
    /// Cosine-like product of BM25 weights: a basket of `n` items counts
    /// `(ln n_items - ln (1 + n))^2` times, an item has the factor `(k1 + 1) / (k1 l + 1)` with
    /// `l` its length norm (Robertson and Zaragoza 2009). Takes no shrinkage.
    Bm25,
    /// `(c + s n_j / N) / (n_i + s)`: the share of the context item's baskets with the candidate.
    Conditional,
    /// `c N / (n_i n_j + s N)`.
    Lift,
}

/// Which neighbours every item gets. Every setting changes results.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NeighbourParams {
    /// The measure. Default `asymmetric-cosine`.
    pub measure: Measure,
    /// Exponent of the context item's total in `asymmetric-cosine`. Default 0.7, range 0 to 1.
    pub alpha: f64,
    /// Exponent of the candidate's total in `asymmetric-cosine`; small values favour popular
    /// candidates. Default 0.3, range 0 to 1.
    pub beta: f64,
    /// Pulls scores of rare items towards nothing, in baskets (weighted ones for weighted
    /// measures); not used by `llr` and `bm25`. Default 0.5, range 0 to 1e6.
    pub shrinkage: f64,
    /// Neighbours kept per item. Default 200, range 1 to 10000.
    pub per_item: u32,
    /// Items in fewer baskets neither have neighbours nor are any. Default 5, at least 1.
    pub min_item_baskets: u32,
    /// A basket of `n` distinct items weighs `n^-basket_size_exponent` in weighted measures.
    /// Default 0.7, range 0 to 1.
    pub basket_size_exponent: f64,
    /// Saturation `k1` of `bm25`. Default 100, range 0 to 1000.
    pub bm25_k1: f64,
    /// Length normalisation `b` of `bm25`. Default 0.8, range 0 to 1.
    pub bm25_b: f64,
}

impl Default for NeighbourParams {
    fn default() -> Self {
        Self {
            measure: Measure::AsymmetricCosine,
            alpha: 0.7,
            beta: 0.3,
            shrinkage: 0.5,
            per_item: 200,
            min_item_baskets: 5,
            basket_size_exponent: 0.7,
            bm25_k1: 100.0,
            bm25_b: 0.8,
        }
    }
}

impl NeighbourParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        for (name, value) in [
            ("alpha", self.alpha),
            ("beta", self.beta),
            ("basket_size_exponent", self.basket_size_exponent),
            ("bm25_b", self.bm25_b),
        ] {
            ParameterError::require((0.0..=1.0).contains(&value), name, "a number from 0 to 1", value)?;
        }
        let s = self.shrinkage;
        ParameterError::require((0.0..=1e6).contains(&s), "shrinkage", "a number from 0 to 1e6", s)?;
        ParameterError::require(
            (1..=10_000).contains(&self.per_item),
            "per_item",
            "a whole number from 1 to 10000",
            self.per_item,
        )?;
        ParameterError::require(
            self.min_item_baskets >= 1,
            "min_item_baskets",
            "a whole number of at least 1",
            self.min_item_baskets,
        )?;
        ParameterError::require(
            (0.0..=1000.0).contains(&self.bm25_k1),
            "bm25_k1",
            "a number from 0 to 1000",
            self.bm25_k1,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        let good = NeighbourParams::default();
        assert!(good.check().is_ok());
        let wrong = [
            ("alpha", NeighbourParams { alpha: 1.5, ..good.clone() }),
            ("beta", NeighbourParams { beta: f64::NAN, ..good.clone() }),
            ("shrinkage", NeighbourParams { shrinkage: -1.0, ..good.clone() }),
            ("per_item", NeighbourParams { per_item: 0, ..good.clone() }),
            ("min_item_baskets", NeighbourParams { min_item_baskets: 0, ..good.clone() }),
            ("bm25_k1", NeighbourParams { bm25_k1: -1.0, ..good }),
        ];
        for (name, params) in wrong {
            assert_eq!(params.check().unwrap_err().name, name);
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<NeighbourParams>(r#"{"measure": "llr"}"#).is_ok());
        assert!(serde_json::from_str::<NeighbourParams>(r#"{"measures": "llr"}"#).is_err());
    }
}
