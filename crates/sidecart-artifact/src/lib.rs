//! The on-disk format of a trained model: writer, reader and every check between them.
//!
//! A model folder holds immutable version folders and a file `CURRENT` that names the live one.
//! A version folder holds `manifest.json`, `model.safetensors` and, where customers are known,
//! `customers/NNN.shard`. The specification in prose is `models/README.md`.
//!
//! | concept | types |
//! |---|---|
//! | typed tensors in one file | [`ContainerWriter`], [`Container`], [`Section`] |
//! | ids and texts inside a container | [`write_id_table`], [`read_id_table`], [`write_texts`], [`read_texts`] |
//! | what a version is | [`Manifest`], [`Draft`], [`Version`] |
//! | publishing | [`publish`], [`Staging`], [`current`], [`resolve`] |
//! | opening | [`ModelFiles`], [`Mode`], [`Checks`], [`read_manifest`] |
//! | newest baskets of each customer | [`CustomersWriter`], [`CustomerStore`] |
//! | one sealed file | [`write_sealed`], [`open_sealed`] |
//!
//! ```
//! use sidecart_artifact::{ContainerWriter, Draft, MODEL_FILE, Mode, ModelFiles, publish};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let models = folder.path().join("shop");
//! let mut writer = ContainerWriter::new();
//! writer.add("popularity.counts", &[7u32, 3, 1], &[3])?;
//!
//! let draft = Draft { seed: 1, fingerprint: "00ff".into(), ..Draft::default() };
//! let version = publish(&models, draft, &[(MODEL_FILE, &writer)])?;
//!
//! let files = ModelFiles::open(&models, Mode::Owned)?; // the live version
//! assert_eq!(files.manifest().version, version);
//! let counts = files.model().vector::<u32>("popularity.counts", 3)?; // checked once
//! assert_eq!(files.model().get(&counts), [7, 3, 1]); // then a plain slice
//! # Ok(())
//! # }
//! ```

#[cfg(target_endian = "big")]
compile_error!("the format is little-endian and its views are plain slices of the file");

mod canonical;
mod container;
mod customers;
mod durable;
mod error;
mod id_tables;
mod model;
mod sealed;

pub use container::{
    Checks, Container, ContainerWriter, Dtype, Element, MAX_HEADER_BYTES, MAX_TENSORS, Mode, Section, TensorInfo,
};
pub use customers::{
    CUSTOMERS_PER_SHARD, CustomerStore, CustomersSpec, CustomersWriter, MAX_RECORD_BYTES, MAX_SHARDS, RecordScratch,
    shard_count,
};
pub use error::Error;
pub use id_tables::{read_id_table, read_texts, write_id_table, write_texts};
pub use model::{
    CURRENT_FILE, CUSTOMERS_FOLDER, Draft, FORMAT, FileEntry, MANIFEST_FILE, MAX_MANIFEST_BYTES, MODEL_FILE, Manifest,
    ModelFiles, Staging, Version, current, publish, read_manifest, resolve,
};
pub use sealed::{MAX_KIND_BYTES, open_sealed, write_sealed};
