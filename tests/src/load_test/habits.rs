//! How the people of a crowd connect and talk.

use std::ops::Range;
use std::time::Duration;

use crate::connection::Transport;

/// Microseconds in a millisecond.
const MILLISECOND: u64 = 1_000;

/// How the people of a crowd connect and talk. The defaults are the load test's.
#[derive(Clone, Debug)]
pub(crate) struct Habits {
    /// The transports that people use, in turn.
    pub(crate) transports: &'static [Transport],
    /// How long two people talk before one of them has enough, in microseconds. With what a call needs before, signals
    /// stay far below the service's limit of 50 a second.
    pub(crate) talk: Range<u64>,
    /// After how long people say something while they talk, in microseconds; without it they keep silent.
    pub(crate) texts: Option<Range<u64>>,
    /// How long anything may go without its acknowledgement while the connection lasts.
    pub(crate) acknowledged_within: Duration,
    /// How long a connection may take to come about.
    pub(crate) connect_within: Duration,
    /// The longest that a server which refuses may put somebody off.
    pub(crate) longest_retry: Duration,
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            transports: &[Transport::WebSocket],
            talk: 1_000 * MILLISECOND..3_000 * MILLISECOND,
            texts: None,
            acknowledged_within: Duration::from_secs(10),
            connect_within: Duration::from_secs(20),
            longest_retry: Duration::from_secs(30),
        }
    }
}

impl Habits {
    /// People on every transport, who go on talking in calls that are broken into.
    ///
    /// A pod that is stopped for less than the ping time keeps its connections, and acknowledges afterwards what was said
    /// meanwhile.
    pub(crate) fn of_chaos(connect_within: Duration, ping: Duration) -> Self {
        Self {
            transports: &[
                Transport::WebSocket,
                Transport::Polling,
                Transport::WebSocket,
                Transport::Upgrade,
                Transport::WebSocket,
                Transport::Upgrade,
            ],
            talk: 2_000 * MILLISECOND..9_000 * MILLISECOND,
            // The service allows five a second.
            texts: Some(300 * MILLISECOND..900 * MILLISECOND),
            acknowledged_within: ping + Duration::from_secs(20),
            connect_within,
            longest_retry: Duration::from_secs(1),
        }
    }

    /// How the person at this place connects.
    pub(crate) fn transport(&self, place: usize) -> Transport {
        self.transports[place % self.transports.len()]
    }
}
