//! What customers are worth: the value of their orders, whether they come back, and what is still
//! to be gained, for all of them and by segment.
//!
//! Nothing here is about offers; it is what offers are meant to move. [`SegmentReport::new`] takes
//! every order of a history.
//!
//! | file | concept |
//! |---|---|
//! | `orders.rs` | orders by customer |
//! | `average_order.rs` | average order value, exact |
//! | `retention.rs` | who buys again within some days, and how long it takes |
//! | `headroom.rs` | what customers would spend more if they ordered like their peers |
//! | `report.rs` | one row a segment |

mod average_order;
mod headroom;
mod orders;
mod report;
mod retention;

pub use average_order::{AverageOrder, average_order};
pub use headroom::{Headroom, headroom};
pub use orders::{CustomerOrders, Order};
pub use report::{SegmentReport, SegmentRow};
pub use retention::{Retention, days_to_next_order, retention};
