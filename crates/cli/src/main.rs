//! The `earwitness` command.
fn main() {}
