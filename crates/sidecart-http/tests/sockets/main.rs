//! Peers that break the protocol, or are too slow, on real sockets.

#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails by panicking; long ones tell their figures")]

#[path = "../support/mod.rs"]
mod support;

mod attack;
mod raw;
mod slow;
