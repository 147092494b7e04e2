//! What was shown, for measuring what showing it changes.
//!
//! | file | concept |
//! |---|---|
//! | `record.rs` | one offer as it was shown, or would have been |
//! | `hold_out.rs` | who is shown nothing |
//! | `log.rs` | the queue between requests and the file |
//! | `files.rs` | JSON lines with rotation by size |

mod files;
mod hold_out;
mod log;
mod record;

pub(crate) use hold_out::HoldOut;
pub(crate) use log::ExposureLog;
pub use record::{ExposureRecord, ShopId};
