//! The signaling pod.
fn main() {}
