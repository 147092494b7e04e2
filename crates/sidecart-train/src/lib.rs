//! Statistics to models to artifact.

pub mod associations;
pub mod counting;
pub mod embeddings;
pub mod neighbours;
