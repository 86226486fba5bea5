//! The Socket.IO layer, seen from its public side: the protocol document's examples, its error paths, and properties
//! of any input.
#![allow(clippy::unwrap_used)]

mod arguments;
mod connection;
mod packets;
mod properties;
