//! Peers that break the protocol, or are too slow, on real sockets.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod raw;
mod slow;
