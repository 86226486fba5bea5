//! The signaling pod.

pub mod config;
