use sidecart_serve::ranker::{MAX_LAYERS, MAX_WIDTH};
use sidecart_train::counting::ParameterError;

/// How the network is learned. Every setting changes results.
#[derive(Clone, PartialEq, Debug)]
pub struct NeuralParams {
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

impl Default for NeuralParams {
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

impl NeuralParams {
    /// Checks every range.
    ///
    /// # Errors
    /// [`ParameterError`] with the first setting outside its range.
    pub fn check(&self) -> Result<(), ParameterError> {
        let Self { hidden, max_epochs, patience, lists_per_step, learning_rate, learning_rate_decay, weight_decay } =
            self;
        let require = |holds: bool, name, expected, got: String| {
            if holds { Ok(()) } else { Err(ParameterError { name, expected, got }) }
        };
        let fits = hidden.len() < MAX_LAYERS && hidden.iter().all(|n| (1..=MAX_WIDTH).contains(n));
        require(fits, "hidden", "at most 3 whole numbers from 1 to 64", format!("{hidden:?}"))?;
        for (name, n) in [("max_epochs", max_epochs), ("patience", patience)] {
            require((1..=1_000).contains(n), name, "a whole number from 1 to 1000", n.to_string())?;
        }
        let fits = (1..=4_096).contains(lists_per_step);
        require(fits, "lists_per_step", "a whole number from 1 to 4096", lists_per_step.to_string())?;
        let fits = (1e-6..=1.0).contains(learning_rate);
        require(fits, "learning_rate", "a number from 1e-6 to 1", learning_rate.to_string())?;
        let fits = *learning_rate_decay > 0.0 && *learning_rate_decay <= 1.0;
        require(fits, "learning_rate_decay", "a number above 0, at most 1", learning_rate_decay.to_string())?;
        require((0.0..=10.0).contains(weight_decay), "weight_decay", "a number from 0 to 10", weight_decay.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_kept() {
        assert_eq!(NeuralParams::default().check(), Ok(()));
        type Change = fn(&mut NeuralParams);
        let wrong: [(&str, Change); 12] = [
            ("hidden", |p| p.hidden = vec![8; MAX_LAYERS]),
            ("hidden", |p| p.hidden = vec![0]),
            ("hidden", |p| p.hidden = vec![MAX_WIDTH + 1]),
            ("max_epochs", |p| p.max_epochs = 0),
            ("patience", |p| p.patience = 1_001),
            ("lists_per_step", |p| p.lists_per_step = 0),
            ("learning_rate", |p| p.learning_rate = 0.0),
            ("learning_rate", |p| p.learning_rate = f64::NAN),
            ("learning_rate_decay", |p| p.learning_rate_decay = 0.0),
            ("learning_rate_decay", |p| p.learning_rate_decay = 1.1),
            ("weight_decay", |p| p.weight_decay = -1.0),
            ("weight_decay", |p| p.weight_decay = f64::INFINITY),
        ];
        for (name, change) in wrong {
            let mut params = NeuralParams::default();
            change(&mut params);
            assert_eq!(params.check().map_err(|e| e.name), Err(name));
        }
    }
}
