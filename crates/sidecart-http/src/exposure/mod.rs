//! What was shown, for measuring what showing it changes: lines of
//! [`ExposureRecord`](sidecart_serve::offers::exposure::ExposureRecord).
//!
//! | file | concept |
//! |---|---|
//! | `hold_out.rs` | who is shown nothing |
//! | `log.rs` | the queue between requests and the file |
//! | `files.rs` | JSON lines with rotation by size |

mod files;
mod hold_out;
mod log;

pub(crate) use hold_out::HoldOut;
pub(crate) use log::ExposureLog;
