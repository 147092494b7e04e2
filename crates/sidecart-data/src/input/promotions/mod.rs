//! The promotion calendar: read in batches, kept column by column.

mod batch;
mod read;
mod sort;
mod table;

pub use read::read_promotions;
pub use table::{Promotion, Promotions};

#[cfg(test)]
mod tests;
