//! The newest baskets of each customer, spread over shards by a hash of the customer's id and
//! read one record at a time.

mod layout;
mod record;
mod shard;
mod store;
mod writer;

pub use layout::{CUSTOMERS_PER_SHARD, MAX_RECORD_BYTES, MAX_SHARDS, shard_count};
pub use record::RecordScratch;
pub use store::CustomerStore;
pub use writer::{CustomersSpec, CustomersWriter};
