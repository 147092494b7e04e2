//! The `sidecart` program with the neural ranker among its learners.

use std::process::ExitCode;

use sidecart_neural::NeuralLearner;

fn main() -> ExitCode {
    sidecart_cli::run(&[&NeuralLearner::default()])
}
