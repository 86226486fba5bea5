//! A session to try things on.

use signaling_wire::engine_io::{Body, Ending, Settings, Socket, Transport, Transports};
use signaling_wire::time::Millis;

pub(crate) const SETTINGS: Settings = Settings {
    ping_interval: 300,
    ping_spread: 0,
    ping_timeout: 200,
    upgrade_timeout: 1_000,
    close_timeout: 400,
    max_payload: 1_000_000,
    max_waiting: 1_000,
    transports: Transports::ALL,
};

/// A session that is polled, opened at moment 0.
pub(crate) fn polled() -> Socket {
    Socket::open(Transport::Polling, &SETTINGS, 0, Millis(0))
}

/// A session that a WebSocket carries, opened at moment 0.
pub(crate) fn on_websocket() -> Socket {
    Socket::open(Transport::WebSocket, &SETTINGS, 0, Millis(0))
}

/// Keeps a text message for the next poll.
pub(crate) fn say(socket: &mut Socket, text: &str) {
    socket.push(b'4', &[text.as_bytes()], &SETTINGS).unwrap();
}

/// What the poll that hangs is answered.
pub(crate) fn response(socket: &mut Socket) -> Option<String> {
    let mut out = Vec::new();
    socket
        .take_response(&SETTINGS, &mut out)
        .then(|| String::from_utf8(out).unwrap())
}

/// What the poll that hangs is answered when the session ends.
pub(crate) fn last_words(mut socket: Socket, ending: Ending) -> Option<String> {
    let mut out = Vec::new();
    socket
        .end(ending, &SETTINGS, &mut out)
        .then(|| String::from_utf8(out).unwrap())
}

/// What waited, as it goes into the WebSocket that the session has moved to.
pub(crate) fn drained(socket: &mut Socket) -> Vec<Vec<u8>> {
    let mut drained = Vec::new();
    socket.drain(|body| match body {
        Body::Text(bytes) | Body::Binary(bytes) => drained.push(bytes.to_vec()),
    });
    drained
}

#[test]
fn an_idle_session_is_small() {
    assert!(size_of::<Socket>() <= 96, "{} bytes", size_of::<Socket>());
}
