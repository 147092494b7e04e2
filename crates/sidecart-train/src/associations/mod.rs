//! Pairs that are bought together more often than chance explains.
