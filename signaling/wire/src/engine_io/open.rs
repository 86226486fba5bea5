//! What a session is opened with.

use std::io::Write as _;

/// What carries a session's packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Transport {
    /// HTTP long-polling: GET to receive, POST to send.
    Polling,
    /// A WebSocket.
    WebSocket,
}

impl Transport {
    /// The name in a query, `polling` or `websocket`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}

/// The transports that a server offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transports {
    /// HTTP long-polling.
    pub polling: bool,
    /// WebSocket, from the start or as an upgrade.
    pub websocket: bool,
}

impl Transports {
    /// Polling and WebSocket.
    pub const ALL: Self = Self {
        polling: true,
        websocket: true,
    };

    /// The offered transport of this name.
    #[must_use]
    pub fn find(self, name: &str) -> Option<Transport> {
        match name {
            "polling" if self.polling => Some(Transport::Polling),
            "websocket" if self.websocket => Some(Transport::WebSocket),
            _ => None,
        }
    }
}

/// What all sessions of a server have in common. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// From the opening of a session to its first ping, and from one ping to the next.
    pub ping_interval: u64,
    /// By how much the first ping of a session may come early, so that those who connect at once are not pinged at once
    /// for ever after. No more than the interval.
    pub ping_spread: u64,
    /// How long a ping may stay unanswered.
    pub ping_timeout: u64,
    /// How long an upgrade may take from the opening of the WebSocket.
    pub upgrade_timeout: u64,
    /// How long a closing session waits for its peer to close, too.
    pub close_timeout: u64,
    /// The most bytes in the body of a POST, in a WebSocket message, and in the answer to a poll (but for a single packet
    /// that is longer by itself).
    pub max_payload: usize,
    /// The most bytes that may wait for the next poll.
    pub max_waiting: usize,
    /// The transports that may be used.
    pub transports: Transports,
}

impl Default for Settings {
    /// The reference server's values; 2 s to close; 256 KiB of waiting bytes.
    fn default() -> Self {
        Self {
            ping_interval: 25_000,
            ping_spread: 0,
            ping_timeout: 20_000,
            upgrade_timeout: 10_000,
            close_timeout: 2_000,
            max_payload: 1_000_000,
            max_waiting: 256 * 1024,
            transports: Transports::ALL,
        }
    }
}

impl Settings {
    /// Appends the open packet of a session that begins on `transport`. The identifier goes into JSON as it stands: it
    /// must not need escaping.
    pub fn write_open_packet(&self, sid: &str, transport: Transport, out: &mut Vec<u8>) {
        let upgrades = match transport {
            Transport::Polling if self.transports.websocket => r#"["websocket"]"#,
            _ => "[]",
        };
        let Self {
            ping_interval,
            ping_timeout,
            max_payload,
            ..
        } = self;
        write!(
            out,
            r#"0{{"sid":"{sid}","upgrades":{upgrades},"pingInterval":{ping_interval},"pingTimeout":{ping_timeout},"maxPayload":{max_payload}}}"#
        )
        .expect("writing to memory cannot fail");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open_packet(transport: Transport, transports: Transports) -> String {
        let mut out = Vec::new();
        Settings {
            transports,
            ..Settings::default()
        }
        .write_open_packet("abc", transport, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_session_that_begins_by_polling_is_offered_the_upgrade() {
        assert_eq!(
            open_packet(Transport::Polling, Transports::ALL),
            r#"0{"sid":"abc","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#
        );
    }

    #[test]
    fn there_is_nothing_to_upgrade_to_from_websocket_or_when_only_polling_is_offered() {
        let polling_only = Transports {
            polling: true,
            websocket: false,
        };
        assert!(open_packet(Transport::WebSocket, Transports::ALL).contains(r#""upgrades":[]"#));
        assert!(open_packet(Transport::Polling, polling_only).contains(r#""upgrades":[]"#));
    }
}
