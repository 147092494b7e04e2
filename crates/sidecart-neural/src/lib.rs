//! A neural ranker.
