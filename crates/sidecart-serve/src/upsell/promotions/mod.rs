//! What is on promotion where and when, as the features of an upgrade ask for it.

mod build;
mod index;
mod kinds;
mod plan;

pub use build::{Calendar, PlannedPromotion};
pub use kinds::PromotionKinds;
pub use plan::{PlanArrays, Planned, PromotionPlan};

#[cfg(test)]
mod tests;
