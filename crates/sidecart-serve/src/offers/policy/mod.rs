//! The shop's rules for offers: plain settings, checked, then compiled against a model.

mod caps;
mod compiled;
mod exclusions;
mod filter;
mod overrides;
mod price_ratios;
mod promotion;
mod settings;
mod slow_movers;
mod touchpoints;

pub use caps::Caps;
pub use compiled::CompiledPolicy;
pub use exclusions::{Exclusions, ItemName};
pub use filter::{Filter, FilterScalar, FilterValue, Operator};
pub use overrides::PolicyOverride;
pub use price_ratios::PriceRatios;
pub use promotion::{PolicyTime, Promotion};
pub use settings::{Fallback, MAX_OFFERS_PER_REQUEST, Policy};
pub use slow_movers::SlowMovers;
pub use touchpoints::TouchpointTable;

pub(crate) use compiled::PolicyNames;
