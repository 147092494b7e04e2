//! A neural ranker for Sidecart, learned with [burn](https://burn.dev).
//!
//! [`NeuralLearner`] is for [`sidecart::train_with`]: it learns the multi-layer perceptron that
//! [`NetworkLearner`](sidecart_train::ranker::NetworkLearner) learns otherwise, and takes its
//! place. Serving does not know burn: what is learned becomes a
//! [`NeuralRanker`](sidecart_serve::ranker::NeuralRanker), and any Sidecart answers with it.
//!
//! ```no_run
//! use sidecart::core::NoProgress;
//! use sidecart::{Config, Dataset};
//! use sidecart_neural::NeuralLearner;
//!
//! # fn main() -> Result<(), sidecart::Error> {
//! let config = Config::read("shop.toml".as_ref())?;
//! let dataset = Dataset::read(&config, &[], Default::default(), &NoProgress)?;
//! let trained = sidecart::train_with(&dataset, &config, &[&NeuralLearner::default()], &NoProgress)?;
//! sidecart::publish("models/shop".as_ref(), &trained, &dataset, &config)?;
//! # Ok(())
//! # }
//! ```
//!
//! Equal input, parameters and seed give equal bytes on one machine and device, at any number of
//! threads. Another processor or device adds in another order, so that its weights can differ in
//! the last bits, and then the number of epochs too; only this ranker of Sidecart is like that.

mod batch;
mod learner;
mod network;

pub use learner::NeuralLearner;
