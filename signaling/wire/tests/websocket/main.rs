//! The WebSocket layer, seen from its public side: the RFC's examples, its rules, and properties of any input.
#![allow(clippy::unwrap_used)]

mod connection;
mod examples;
mod properties;
mod rules;
mod upgrade;
