//! What the server answers, asked in-process through the function that makes its addresses.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../support/mod.rs"]
mod support;

mod auth;
mod batch;
mod documents;
mod events;
mod exports;
mod exposures;
mod items;
mod matrix;
mod metrics;
mod models;
mod offers;
mod recommend;
mod sessions;
mod traversal;
