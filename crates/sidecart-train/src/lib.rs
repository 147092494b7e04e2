//! Statistics to models to artifact.
//!
//! A model is a pure function of a [`Ledger`](sidecart_data::Ledger), a [`Catalogue`], the
//! [`ModelParams`] and a seed. Every algorithm has a folder with the same files: `params.rs`,
//! `algorithm.rs`, tests beside them. Nothing here reads Parquet or knows HTTP.

mod ablation;
pub mod associations;
pub mod baskets;
mod catalogue;
pub mod choice;
pub mod counting;
#[cfg(test)]
mod demo_shop;
pub mod ease;
pub mod embeddings;
mod error;
mod hold_out;
pub mod ladders;
pub mod logistic;
pub mod mixture;
mod models;
pub mod neighbours;
pub mod offers;
mod own;
mod params;
mod probability;
pub mod ranker;
pub mod rates;
pub mod segments;
mod split_basket;
pub mod substitutes;
mod train;
pub mod trees;
pub mod upsell;

pub use ablation::ablate;
pub use catalogue::Catalogue;
pub use error::{Error, Result};
pub use hold_out::{
    HoldOut, HoldOutSpec, OwnedItems, count_item_baskets, count_item_customers, customer_histories, hold_out,
    stored_history,
};
pub use models::{Models, fit};
pub use own::OwnParams;
pub use params::ModelParams;
pub use probability::{ProbabilityTuning, Quality};
pub use split_basket::split_basket;
pub use train::{TrainOptions, Trained, publish, train, train_with};
