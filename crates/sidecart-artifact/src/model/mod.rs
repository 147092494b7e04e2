//! A model on disk: its manifest, its versions, how they are published and how one is opened.

mod files;
mod manifest;
mod staging;
mod version;

pub use files::{ModelFiles, read_manifest};
pub use manifest::{Draft, FORMAT, FileEntry, MAX_MANIFEST_BYTES, Manifest};
pub use staging::{Staging, publish};
pub use version::{CURRENT_FILE, Version, current, resolve};

/// The manifest's name in a version folder.
pub const MANIFEST_FILE: &str = "manifest.json";

/// The name of the catalogue-sized container in a version folder.
pub const MODEL_FILE: &str = "model.safetensors";

/// The folder of customer shards in a version folder.
pub const CUSTOMERS_FOLDER: &str = "customers";
