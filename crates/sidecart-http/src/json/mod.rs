//! JSON of requests and answers.
//!
//! | file | concept |
//! |---|---|
//! | `depth.rs` | nesting, counted while a body comes in |
//! | `value.rs` | a parsed body that borrows its texts |
//! | `schema.rs` | what an object may hold: one table for checks and documents |
//! | `check.rs` | a value against that table, with an error that names the field |
//! | `writer.rs` | answers written straight into bytes |

mod check;
mod depth;
mod schema;
mod value;
mod writer;

pub(crate) use check::{Location, check};
pub(crate) use depth::DepthMeter;
pub(crate) use schema::{Field, Object, Shape};
pub(crate) use value::Value;
pub(crate) use writer::Writer;
