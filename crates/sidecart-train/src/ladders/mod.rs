//! Groups of items that substitute each other, in price tiers.
