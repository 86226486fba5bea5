//! When pings are due, and what comes of pongs.

use signaling_wire::engine_io::{Due, Packet, ProtocolError, Received};
use signaling_wire::time::Millis;

use crate::session::{SETTINGS, on_websocket, polled};

#[test]
fn no_ping_comes_right_after_the_opening() {
    for mut socket in [polled(), on_websocket()] {
        assert_eq!(socket.deadline(), Millis(300));
        assert_eq!(socket.handle_deadline(&SETTINGS, Millis(0)), None);
        assert_eq!(socket.handle_deadline(&SETTINGS, Millis(299)), None);
        assert_eq!(socket.handle_deadline(&SETTINGS, Millis(300)), Some(Due::Ping));
    }
}

#[test]
fn an_unanswered_ping_ends_the_session() {
    let mut socket = polled();
    assert_eq!(socket.handle_deadline(&SETTINGS, Millis(300)), Some(Due::Ping));
    assert_eq!(socket.handle_deadline(&SETTINGS, Millis(300)), None);
    assert_eq!(socket.deadline(), Millis(500));
    assert_eq!(
        socket.handle_deadline(&SETTINGS, Millis(500)),
        Some(Due::PingTimeout)
    );
}

#[test]
fn a_pong_at_the_last_moment_keeps_the_session() {
    let mut socket = polled();
    socket.handle_deadline(&SETTINGS, Millis(300));
    assert_eq!(
        socket.receive(Packet::Pong(""), &SETTINGS, Millis(499)),
        Ok(Received::Pong)
    );
    assert_eq!(socket.handle_deadline(&SETTINGS, Millis(500)), None);
    assert_eq!(socket.deadline(), Millis(600), "an interval after the ping");
}

#[test]
fn a_client_that_sends_but_never_answers_is_gone_after_twice_the_time() {
    let mut socket = on_websocket();
    let mut ended = None;
    for now in (0..=2_000).step_by(10).map(Millis) {
        socket.receive(Packet::Text("busy"), &SETTINGS, now).unwrap();
        if socket.handle_deadline(&SETTINGS, now) == Some(Due::PingTimeout) {
            ended = Some(now);
            break;
        }
    }
    let ended = ended.expect("the session ends");
    assert!(
        ended <= Millis(300 + 2 * 200),
        "at {ended}, and not for ever later"
    );
}

#[test]
fn a_ping_off_schedule_is_answered_like_any_other() {
    let mut socket = polled();
    assert!(socket.ping(&SETTINGS, Millis(100)));
    assert!(!socket.ping(&SETTINGS, Millis(110)), "one is unanswered as it is");
    assert_eq!(
        socket.receive(Packet::Pong(""), &SETTINGS, Millis(120)),
        Ok(Received::Pong)
    );
    assert_eq!(socket.deadline(), Millis(300), "the rhythm is its own");
}

#[test]
fn a_pong_that_nobody_asked_for_is_a_sign_of_life() {
    let mut socket = polled();
    assert_eq!(
        socket.receive(Packet::Pong("what"), &SETTINGS, Millis(200)),
        Ok(Received::Pong)
    );
    assert_eq!(socket.deadline(), Millis(300));
}

#[test]
fn a_ping_from_a_client_breaks_the_protocol() {
    for ping in ["", "probe"] {
        assert_eq!(
            polled().receive(Packet::Ping(ping), &SETTINGS, Millis(1)),
            Err(ProtocolError::PingFromClient)
        );
    }
}
