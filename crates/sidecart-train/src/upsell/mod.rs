//! Upgrade propensity and target items.
