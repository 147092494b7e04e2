//! Swaps, broken and damaged versions, kills, panics, overload, stopping and memory, on real sockets.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking; long ones tell their figures")]

#[path = "../support/mod.rs"]
mod support;

mod broken;
mod damaged;
mod killed;
mod memory;
mod overload;
mod panics;
mod stopping;
mod swaps;

/// Resident memory in MiB, where the system tells.
fn resident_mib() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/self/statm").ok()?;
    Some(text.split(' ').nth(1)?.parse::<f64>().ok()? * 4096.0 / f64::from(1 << 20))
}
