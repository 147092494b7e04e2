use serde::{Deserialize, Serialize};

use crate::counting::ParameterError;

/// What the model predicts from what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum EmbeddingLoss {
    /// An item of a basket from all the others, pooled.
    #[default]
    Context,
    /// An item of a basket from one other item of it.
    Pairwise,
}

/// How item vectors are learned. Every setting changes results, `enabled` the artifact's contents.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EmbeddingParams {
    /// Whether vectors are learned at all. Default true.
    pub enabled: bool,
    /// Numbers per vector. Default 128, range 4 to 1024. Time and artifact grow in proportion.
    pub dims: u32,
    /// Passes over all baskets. Default 10, range 1 to 1000.
    pub epochs: u32,
    /// Adagrad's step at the start; it falls to zero over the run. Default 0.05, range above 0 to 10.
    pub learning_rate: f64,
    /// What is predicted from what. Default `context`.
    pub loss: EmbeddingLoss,
    /// Items of a basket that are predicted in each pass, drawn anew each time; a basket of fewer
    /// items predicts each of them. Default 5, range 1 to 1000.
    pub targets_per_basket: u32,
    /// Negative items drawn for each batch, shared by its predictions. Default 200, range 1 to 100000.
    pub negatives: u32,
    /// Negatives are drawn in proportion to `baskets^negative_power`. Default 0.5, range 0 to 1.
    pub negative_power: f64,
    /// Baskets per step. Default 128, range 1 to 100000.
    pub batch_size: u32,
    /// A context of `n` items is their sum times `n^-pooling_exponent`: 0 is the sum, 1 the mean.
    /// Default 0.5, range 0 to 1.
    pub pooling_exponent: f64,
    /// Probability that an item of a context is left out of one prediction (`context` loss only).
    /// Default 0.3, range 0 to 0.95.
    pub context_dropout: f64,
    /// Items in fewer baskets get no vector of their own, only that of their attributes, and are
    /// not trained on. Default 5, at least 1.
    pub min_item_baskets: u32,
    /// An item first sold within so many days before the end of the history is new and may be
    /// offered for its attributes alone. Default 60.
    pub new_item_days: u32,
    /// A basket with more items than this takes part with this many of them, drawn anew each pass.
    /// Default 500, range 2 to 65536.
    pub max_basket_items: u32,
}

impl Default for EmbeddingParams {
    fn default() -> Self {
        Self {
            enabled: true,
            dims: 128,
            epochs: 10,
            learning_rate: 0.05,
            loss: EmbeddingLoss::Context,
            targets_per_basket: 5,
            negatives: 200,
            negative_power: 0.5,
            batch_size: 128,
            pooling_exponent: 0.5,
            context_dropout: 0.3,
            min_item_baskets: 5,
            new_item_days: 60,
            max_basket_items: 500,
        }
    }
}

impl EmbeddingParams {
    /// Checks every range and gives the form that can train.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<CheckedEmbeddingParams, ParameterError> {
        let whole = |name, value: u32, low: u32, high: u32, expected| {
            ParameterError::require((low..=high).contains(&value), name, expected, value)
        };
        whole("dims", self.dims, 4, 1024, "a whole number from 4 to 1024")?;
        whole("epochs", self.epochs, 1, 1000, "a whole number from 1 to 1000")?;
        whole("targets_per_basket", self.targets_per_basket, 1, 1000, "a whole number from 1 to 1000")?;
        whole("negatives", self.negatives, 1, 100_000, "a whole number from 1 to 100000")?;
        whole("batch_size", self.batch_size, 1, 100_000, "a whole number from 1 to 100000")?;
        whole("min_item_baskets", self.min_item_baskets, 1, u32::MAX, "a whole number of at least 1")?;
        whole("max_basket_items", self.max_basket_items, 2, 65_536, "a whole number from 2 to 65536")?;
        let rate = self.learning_rate;
        ParameterError::require(rate > 0.0 && rate <= 10.0, "learning_rate", "a number above 0, at most 10", rate)?;
        for (name, value) in [("negative_power", self.negative_power), ("pooling_exponent", self.pooling_exponent)] {
            ParameterError::require((0.0..=1.0).contains(&value), name, "a number from 0 to 1", value)?;
        }
        let dropout = self.context_dropout;
        let expected = "a number from 0 to 0.95";
        ParameterError::require((0.0..=0.95).contains(&dropout), "context_dropout", expected, dropout)?;
        Ok(CheckedEmbeddingParams(self.clone()))
    }
}

/// [`EmbeddingParams`] whose ranges have been checked.
#[derive(Clone, PartialEq, Debug)]
pub struct CheckedEmbeddingParams(EmbeddingParams);

impl CheckedEmbeddingParams {
    /// The settings.
    #[must_use]
    pub fn get(&self) -> &EmbeddingParams {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_checked() {
        let good = EmbeddingParams::default();
        assert_eq!(good.check().unwrap().get(), &good);
        let wrong = [
            ("dims", EmbeddingParams { dims: 3, ..good.clone() }),
            ("epochs", EmbeddingParams { epochs: 0, ..good.clone() }),
            ("targets_per_basket", EmbeddingParams { targets_per_basket: 0, ..good.clone() }),
            ("negatives", EmbeddingParams { negatives: 0, ..good.clone() }),
            ("batch_size", EmbeddingParams { batch_size: 0, ..good.clone() }),
            ("min_item_baskets", EmbeddingParams { min_item_baskets: 0, ..good.clone() }),
            ("max_basket_items", EmbeddingParams { max_basket_items: 1, ..good.clone() }),
            ("learning_rate", EmbeddingParams { learning_rate: f64::NAN, ..good.clone() }),
            ("negative_power", EmbeddingParams { negative_power: -0.1, ..good.clone() }),
            ("pooling_exponent", EmbeddingParams { pooling_exponent: 1.1, ..good.clone() }),
            ("context_dropout", EmbeddingParams { context_dropout: 1.0, ..good }),
        ];
        for (name, params) in wrong {
            assert_eq!(params.check().unwrap_err().name, name);
        }
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(serde_json::from_str::<EmbeddingParams>(r#"{"dims": 64, "loss": "pairwise"}"#).is_ok());
        assert!(serde_json::from_str::<EmbeddingParams>(r#"{"dim": 64}"#).is_err());
    }
}
