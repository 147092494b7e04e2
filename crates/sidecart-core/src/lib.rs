//! The words of the domain: ids, baskets, histories, money, time and top-k with its tie rule.
//!
//! Nothing here reads a file or starts a thread. Rows are baskets or customers, columns are
//! items; outside ids live in an [`IdTable`], inside every item is a dense [`ItemId`].
//!
//! ```
//! use sidecart_core::{IdTable, ItemId, TopK};
//!
//! let items = IdTable::from_texts(["case", "charger", "phone"]);
//! let phone = items.find_text("phone").map(ItemId).unwrap();
//! assert_eq!(phone, ItemId(2));
//!
//! let mut best = TopK::new(2);
//! best.offer(ItemId(2), 0.5);
//! best.offer(ItemId(1), 0.9);
//! best.offer(ItemId(0), 0.9);
//! let ranked: Vec<u32> = best.into_sorted().iter().map(|s| s.item.0).collect();
//! assert_eq!(ranked, [0, 1]); // equal scores: the smaller id first
//! ```

mod baskets;
mod elementary;
mod error_class;
mod history;
mod ids;
mod label;
mod money;
mod progress;
mod random;
mod time;
mod topk;

pub use baskets::Baskets;
pub use elementary::{exp, ln, power};
pub use error_class::ErrorClass;
pub use history::{Customer, EventLog, EventLogError, History, PastBasket};
pub use ids::{CustomerId, ExternalId, ExternalIdRef, IdKind, IdTable, IdTableError, ItemId, TextTable};
pub use label::Label;
pub use money::{Money, Quantity};
pub use progress::{Cancelled, NoProgress, Progress};
pub use random::{Rng, mix64};
pub use time::{Clock, MICROS_PER_DAY, Time};
pub use topk::{Scored, TopK};
