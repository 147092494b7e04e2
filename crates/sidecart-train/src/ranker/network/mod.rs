//! The neural ranker: a small multi-layer perceptron, learned in plain loops and matrix products
//! that give the same bits at any number of threads and on every instruction set.
//!
//! | file | what it is |
//! |---|---|
//! | `params.rs` | layers, optimiser, when to stop; every default and range |
//! | `standards.rs` | mean and spread of each feature |
//! | `perceptron.rs` | weights, as they are drawn first and as serving wants them |
//! | `loss.rs` | the softmax over a list, and the loss on lists |
//! | `gradient.rs` | the gradient of that loss by back-propagation |
//! | `adam.rs` | the optimiser |
//! | `learner.rs` | passes over the lists, stopped by newer ones |

mod adam;
mod gradient;
mod learner;
mod loss;
mod params;
mod perceptron;
mod standards;
#[cfg(test)]
mod tests;

pub use learner::NetworkLearner;
pub use params::NetworkParams;
