//! How good probabilities of upgrades are.
