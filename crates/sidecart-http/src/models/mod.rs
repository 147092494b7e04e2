//! The models that are served: which there are, their versions, and what happened since they were
//! trained.
//!
//! | file | concept |
//! |---|---|
//! | `registry.rs` | models by name, each with its live version and its purchases |
//! | `version.rs` | an opened, warm version with memory for its scorers |
//! | `pool.rs` | memory that is handed out and taken back |
//! | `events.rs` | purchases after training, bounded, each basket once |
//! | `search.rs` | items by a part of their id or name |
//! | `watcher.rs` | looks at the folders, opens new versions, swaps |

mod events;
mod pool;
mod registry;
mod search;
mod version;
mod watcher;

pub(crate) use events::{Purchase, Recorded};
pub(crate) use registry::{Model, Models};
pub(crate) use version::{LiveVersion, Work};
pub(crate) use watcher::{Outcome, Watcher};
