//! Sidecart as a library: configure, train, recommend, evaluate, publish.
