//! How long the service takes to notice, to wait and to give up.

use std::time::Duration;

/// The times of the service under test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timers {
    /// Ping interval and ping timeout together: how long a dead connection is unnoticed.
    pub ping: Duration,
    /// How long a pod's lease is good for.
    pub lease: Duration,
    /// How long a lost session is kept.
    pub window: Duration,
    /// How long a search lasts.
    pub search: Duration,
    /// How long a drain may take.
    pub drain: Duration,
    /// How these are told to a pod.
    pub environment: &'static [(&'static str, &'static str)],
}

impl Timers {
    /// The pod's own.
    pub const DEFAULT: Self = Self {
        ping: Duration::from_secs(45),
        lease: Duration::from_secs(5),
        window: Duration::from_secs(60),
        search: Duration::from_secs(60),
        drain: Duration::from_secs(30),
        // The harness has pods end at once otherwise.
        environment: &[("SHUTDOWN_DELAY_MS", "5000")],
    };

    /// Short ones, so that much happens in little time.
    pub const SCALED: Self = Self {
        ping: Duration::from_secs(2),
        lease: Duration::from_secs(2),
        window: Duration::from_secs(6),
        search: Duration::from_secs(20),
        drain: Duration::from_secs(5),
        environment: &[
            ("SOCKET_IO_PING_INTERVAL", "1000"),
            ("SOCKET_IO_PING_TIMEOUT", "1000"),
            ("POD_LEASE_MS", "2000"),
            ("RESUME_WINDOW_MS", "6000"),
            ("MATCH_TIMEOUT_MS", "20000"),
            ("SHUTDOWN_DELAY_MS", "500"),
            ("DRAIN_TIMEOUT_MS", "5000"),
        ],
    };

    /// After how long without a renewal a pod counts as lost.
    #[must_use]
    pub fn lost(&self) -> Duration {
        2 * self.lease
    }

    /// After how long whatever was broken last is either well again or given up.
    #[must_use]
    pub fn settling(&self) -> Duration {
        self.ping + self.window + self.lost() + Duration::from_secs(6)
    }
}
