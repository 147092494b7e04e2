use serde::{Deserialize, Serialize};
use sidecart_serve::ranker::{MAX_LAYERS, MAX_WIDTH};

use crate::counting::ParameterError;

/// How a neural ranker is learned. Every setting changes results.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkParams {
    /// Units of the hidden layers, the one over the features first. Default 32 and 16; up to 3
    /// layers of 1 to 64, none for a linear ranker.
    pub hidden: Vec<usize>,
    /// Most passes over the lists. Default 30, range 1 to 1000.
    pub max_epochs: u32,
    /// Passes without a smaller loss on newer lists after which learning stops. Default 5, range 1
    /// to 1000.
    pub patience: u32,
    /// Lists that a step of the optimiser looks at. Default 64, range 1 to 4096.
    pub lists_per_step: usize,
    /// Length of a step of AdamW in the first pass. Default 0.01, range 1e-6 to 1.
    pub learning_rate: f64,
    /// What the length is multiplied by after each pass. Default 0.9, above 0 and at most 1.
    pub learning_rate_decay: f64,
    /// Share of the weights that goes in a step of length 1 (decoupled weight decay). Default 0.5,
    /// range 0 to 10.
    pub weight_decay: f64,
}

impl Default for NetworkParams {
    fn default() -> Self {
        Self {
            hidden: vec![32, 16],
            max_epochs: 30,
            patience: 5,
            lists_per_step: 64,
            learning_rate: 0.01,
            learning_rate_decay: 0.9,
            weight_decay: 0.5,
        }
    }
}

impl NetworkParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        const _: () = assert!(MAX_LAYERS == 4 && MAX_WIDTH == 64, "the text below names the limits");
        let fits = self.hidden.len() < MAX_LAYERS && self.hidden.iter().all(|n| (1..=MAX_WIDTH).contains(n));
        let got = format!("{:?}", self.hidden);
        ParameterError::require(fits, "hidden", "at most 3 whole numbers from 1 to 64", got)?;
        let epochs =
            |name, n: u32| ParameterError::require((1..=1_000).contains(&n), name, "a whole number from 1 to 1000", n);
        epochs("max_epochs", self.max_epochs)?;
        epochs("patience", self.patience)?;
        let lists = self.lists_per_step;
        ParameterError::require(
            (1..=4_096).contains(&lists),
            "lists_per_step",
            "a whole number from 1 to 4096",
            lists,
        )?;
        let number = |holds: bool, name, expected, got: f64| ParameterError::require(holds, name, expected, got);
        let rate = self.learning_rate;
        number((1e-6..=1.0).contains(&rate), "learning_rate", "a number from 1e-6 to 1", rate)?;
        let decay = self.learning_rate_decay;
        number(decay > 0.0 && decay <= 1.0, "learning_rate_decay", "a number above 0, at most 1", decay)?;
        let decay = self.weight_decay;
        number((0.0..=10.0).contains(&decay), "weight_decay", "a number from 0 to 10", decay)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_kept() {
        assert_eq!(NetworkParams::default().check(), Ok(()));
        type Change = fn(&mut NetworkParams);
        let wrong: [(&str, Change); 13] = [
            ("hidden", |p| p.hidden = vec![8; MAX_LAYERS]),
            ("hidden", |p| p.hidden = vec![0]),
            ("hidden", |p| p.hidden = vec![MAX_WIDTH + 1]),
            ("max_epochs", |p| p.max_epochs = 0),
            ("patience", |p| p.patience = 1_001),
            ("lists_per_step", |p| p.lists_per_step = 0),
            ("lists_per_step", |p| p.lists_per_step = 4_097),
            ("learning_rate", |p| p.learning_rate = 0.0),
            ("learning_rate", |p| p.learning_rate = f64::NAN),
            ("learning_rate_decay", |p| p.learning_rate_decay = 0.0),
            ("learning_rate_decay", |p| p.learning_rate_decay = 1.1),
            ("weight_decay", |p| p.weight_decay = -1.0),
            ("weight_decay", |p| p.weight_decay = f64::INFINITY),
        ];
        for (name, change) in wrong {
            let mut params = NetworkParams::default();
            change(&mut params);
            assert_eq!(params.check().map_err(|e| e.name), Err(name));
        }
    }
}
