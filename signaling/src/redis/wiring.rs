//! What every connection needs, whatever it carries.

use std::sync::Arc;

use super::server::Server;
use super::state::State;
use crate::metrics::Metrics;

/// Where to connect, whom to tell how that goes, and where it is counted.
#[derive(Clone)]
pub(super) struct Wiring {
    pub(super) server: Arc<Server>,
    pub(super) state: Arc<State>,
    pub(super) metrics: Arc<Metrics>,
}
