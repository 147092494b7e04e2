//! Two vectors per item, learned from whole baskets.
