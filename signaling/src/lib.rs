//! The signaling pod: sockets, HTTP, metrics and configuration around the chat core.
//!
//! ```text
//! TCP ─ transport (Engine.IO) ─ chat (Socket.IO ↔ core::worker) ─ transport ─ TCP
//!         └ http (health, metrics, demo page)   └ metrics, post between workers
//! ```
//!
//! [`pod::run`] composes it all from a [`config::Config`].

pub mod auth;
pub mod chat;
pub mod config;
pub mod http;
pub mod logging;
pub mod metrics;
pub mod open_files;
pub mod pod;
pub mod rate_limit;
pub mod redis;
pub mod reference;
pub mod status;
pub mod tls;
pub mod traces;
pub mod transport;
pub mod web;
