//! Shrunk rates of rare events, with intervals.
//!
//! A rate counted in a small cell says little; [`shrunk`] moves it towards a prior rate by a
//! beta-binomial model whose [`strength`] is learnt from all cells. [`segment_rate`] adds an
//! interval that counts customers, not events, and [`segment_shifts`] corrects the level of a
//! model that is shared by all segments; [`cluster_shifts`] does so where rows come in clusters and
//! weigh differently. [`shrunk_normal`] moves any estimates with known errors towards a mean.
//!
//! ```
//! use sidecart_train::rates::{segment_rate, shrunk, strength};
//!
//! // (upgrades, events, prior rate) of four ladders.
//! let cells = [(9.0, 30.0, 0.1), (0.0, 25.0, 0.1), (1.0, 40.0, 0.1), (6.0, 20.0, 0.1)];
//! let strength = strength(&cells);
//! let rate = shrunk(6.0, 20.0, 0.1, strength);
//! assert!(rate > 0.1 && rate < 0.3);
//!
//! // (upgrades, events) of five customers of one segment.
//! let rate = segment_rate(&[(1, 4), (0, 9), (2, 3), (0, 1), (0, 5)], 0.1, strength);
//! assert!(rate.low < rate.shrunk && rate.shrunk < rate.high);
//! ```

mod beta;
mod cluster_shifts;
mod gamma;
mod normal;
mod segment_rate;
mod shifts;
mod strength;

#[cfg(test)]
mod coverage;

pub use beta::{beta_probability, beta_quantile, student_quantile};
pub use cluster_shifts::{ClusterShift, ShiftRow, cluster_shifts};
pub use gamma::ln_gamma;
pub use normal::shrunk_normal;
pub use segment_rate::{Rate, segment_rate};
pub use shifts::{Shift, segment_shifts};
pub use strength::{MAX_STRENGTH, MIN_STRENGTH, shrunk, strength};
