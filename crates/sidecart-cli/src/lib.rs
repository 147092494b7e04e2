//! The command line of Sidecart, for programs that add to it.
//!
//! ```no_run
//! # use std::process::ExitCode;
//! fn main() -> ExitCode {
//!     sidecart_cli::run(&[])
//! }
//! ```

mod args;
mod commands;
mod exit;
mod format;
mod progress;

use std::process::ExitCode;

use clap::Parser;
use sidecart::models::ranker::RankerLearner;

/// Parses the command line of this process, does what it says and prints the results.
///
/// What is trained has the rankers of `learners` to choose from beside its own.
#[must_use]
pub fn run(learners: &[&dyn RankerLearner]) -> ExitCode {
    let args = args::Args::parse();
    match commands::run(&args, learners) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}
