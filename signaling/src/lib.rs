//! The signaling pod.

pub mod config;
pub mod metrics;
pub mod status;
pub mod transport;
