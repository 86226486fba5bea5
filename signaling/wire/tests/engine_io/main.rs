//! The Engine.IO layer, seen from its public side: the life of a session, the protocol document's examples, its error
//! paths, and properties of any course of events.
#![allow(clippy::unwrap_used)]

mod closing;
mod document;
mod heartbeats;
mod polling;
mod properties;
mod session;
mod upgrading;
