//! Sums of small decision trees.
