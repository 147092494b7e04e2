//! The command line of Sidecart as a library, so that a program with more rankers is a few lines.

mod args;
mod commands;
mod exit;
mod format;
mod progress;

use std::process::ExitCode;

use clap::Parser;

/// Parses the command line of this process, does what it says and prints the results.
#[must_use]
pub fn run() -> ExitCode {
    let args = args::Args::parse();
    match commands::run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => exit::report(&error),
    }
}
