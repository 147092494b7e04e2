//! Slates: what to add, what to go up to and what belongs to the basket, under the shop's policy.
//!
//! A slate is chosen from candidates of three kinds ([`OfferKind`]). Relevance comes first: an
//! offer whose probability is below [`Policy::min_relevance`] is out before anything else is
//! looked at, and no boost brings it back. Of what the rules leave, the slate is the exact optimum
//! of the sum of values under the caps, without offers that contradict each other.
//!
//! The **value** of an offer is `p x gain^exponent`, times what the policy says of popularity, slow
//! movers and price-sensitive segments; the gain is what the [`Objective`] counts. Where the
//! ranking gives no probability, `0.1 / rank` stands in its place and the offer says so.
//!
//! | file | concept |
//! |---|---|
//! | `kind.rs`, `touchpoint.rs` | kinds of offers, places where they are made |
//! | `items.rs`, `categories.rs`, `hosts.rs`, `attributes.rs`, `stored.rs` | facts of items and their tensors |
//! | `relation.rs` | complement, substitute, upgrade, add-on |
//! | `objective.rs` | what an offer gains |
//! | `policy/` | the shop's rules |
//! | `rule.rs` | why a candidate was taken out |
//! | `query.rs`, `collect.rs`, `screen.rs` | a question, its candidates, the rules applied to them |
//! | `needs.rs` | what some items serve together, so that a further one would replace one of them |
//! | `optimum.rs` | the exact search |
//! | `slate.rs`, `reason.rs` | the answer |
//! | `fillings.rs`, `threshold/` | the few items that lift a basket to an amount |
//! | `session/` | what a session has seen and declined, what may be shown after it, and its signed token |
//! | `exposure.rs`, `calibration.rs`, `settings.rs` | the log of what was shown, and what it says of probabilities |

mod attributes;
pub mod calibration;
mod categories;
mod collect;
pub mod exposure;
mod fillings;
mod hosts;
mod items;
mod kind;
mod needs;
mod objective;
mod optimum;
mod policy;
mod query;
mod reason;
mod relation;
mod rule;
mod screen;
pub mod session;
mod settings;
mod slate;
mod stored;
pub mod threshold;
mod touchpoint;

#[cfg(test)]
mod tests;

pub use attributes::{AttributeValue, Attributes};
pub use categories::CategoryTree;
pub use fillings::{BasketFillings, Threshold};
pub use hosts::{Host, HostTable};
pub use items::{OfferItem, OfferItems};
pub use kind::{OfferKind, OfferKinds};
pub use objective::Objective;
pub(crate) use policy::PolicyNames;
pub use policy::{
    Caps, CompiledPolicy, Exclusions, Fallback, Filter, FilterScalar, FilterValue, ItemName, MAX_OFFERS_PER_REQUEST,
    Operator, Policy, PolicyOverride, PolicyTime, PriceRatios, Promotion, SlowMovers, TouchpointTable,
};
pub use query::OffersQuery;
pub use reason::{Evidence, OfferReason};
pub use relation::{Relation, Relations};
pub use rule::{EmptySlate, Removed, Rule};
pub use settings::OffersSettings;
pub use slate::{Offer, OffersScratch, RANKING_DEPTH, Slate};
pub use touchpoint::Touchpoint;

/// "No category", "no brand".
pub const NO_GROUP: u32 = u32::MAX;
