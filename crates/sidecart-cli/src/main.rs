//! The `sidecart` program.
fn main() {}
