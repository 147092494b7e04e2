//! Conditional logit: which of several items is taken.
