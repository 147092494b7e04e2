//! Learning to rank: what the trees of a ranker minimise, and what they are grown from.

pub mod objective;
