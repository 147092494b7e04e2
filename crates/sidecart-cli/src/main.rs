//! The `sidecart` program: parse, call, print.

use std::process::ExitCode;

fn main() -> ExitCode {
    sidecart_cli::run(&[])
}
