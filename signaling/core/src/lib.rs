//! Random one-to-one chat, without I/O.
//!
//! A datum's way through this crate: an edge hands [`worker::Worker::handle`] one [`worker::Input`] and the time;
//! the worker parses client events ([`event`]), runs the session's state machine ([`session`]), asks the pool for
//! partners ([`pairing`]), speaks with other workers over ordered [`link`]s, and leaves what is to be done in
//! [`worker::Outputs`]. Nothing here reads a clock, opens a socket or draws from the system's randomness.
//! [`history`] judges afterwards what clients saw.

mod deadline;
pub mod event;
pub mod history;
pub mod ice;
pub mod id;
pub mod link;
pub mod pairing;
mod piece;
mod session;
pub mod time;
pub mod worker;
