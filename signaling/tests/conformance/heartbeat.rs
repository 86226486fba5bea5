//! Pings of the server, pongs of the client.

use std::time::{Duration, Instant};

use crate::http::Session;
use crate::started::{beating, example, patient};
use crate::websocket::{Frame, WebSocket};

/// Whether this much time has passed; the server counts in whole milliseconds.
fn has_passed(since: Instant, milliseconds: u64) -> bool {
    since.elapsed() >= Duration::from_millis(milliseconds - milliseconds / 100)
}

#[test]
fn a_session_that_is_polled_is_pinged_an_interval_after_its_opening_and_after_each_pong() {
    let opening = Instant::now();
    let session = Session::open(beating(), "/engine.io/");
    for beats in 1..=3 {
        assert_eq!(session.packets(), "2");
        assert!(has_passed(opening, 100 * beats));
        session.send("3");
    }
}

#[test]
fn a_websocket_is_pinged_an_interval_after_its_opening_and_each_interval_from_then_on() {
    let opening = Instant::now();
    let mut socket = WebSocket::session(beating(), "/engine.io/");
    for beats in 1..=3 {
        assert_eq!(socket.text(), "2");
        assert!(has_passed(opening, 100 * beats));
        socket.send("3");
    }
}

#[test]
fn a_client_that_takes_its_time_for_a_pong_is_not_pinged_meanwhile() {
    let mut socket = WebSocket::session(beating(), "/engine.io/");
    assert_eq!(socket.text(), "2");
    socket.send("4late");
    assert_eq!(socket.text(), "4late");
    std::thread::sleep(Duration::from_millis(250));
    socket.send("4later");
    assert_eq!(socket.text(), "4later", "no second ping before the pong");
    socket.send("3");
    assert_eq!(socket.text(), "2");
}

#[test]
fn a_client_that_is_silent_is_gone_after_interval_and_timeout() {
    let opening = Instant::now();
    let session = Session::open(example(), "/engine.io/");
    assert_eq!(session.packets(), "2");
    assert_eq!(session.packets(), "1", "the poll that hangs is told");
    assert!(has_passed(opening, 500));
    assert_eq!(session.poll().refusal(), 1);
}

#[test]
fn a_session_that_nobody_polls_is_gone_too() {
    let session = Session::open(example(), "/engine.io/");
    std::thread::sleep(Duration::from_millis(500));
    session.wait_until_gone();
}

#[test]
fn a_websocket_that_is_silent_is_closed_after_interval_and_timeout() {
    let opening = Instant::now();
    let mut socket = WebSocket::session(example(), "/engine.io/");
    assert_eq!(socket.text(), "2");
    socket.ended();
    assert!(has_passed(opening, 500));
}

#[test]
fn a_client_that_sends_but_never_answers_is_closed() {
    let mut socket = WebSocket::session(example(), "/engine.io/");
    loop {
        socket.send("4busy");
        match socket.next() {
            Frame::Text(_) => {}
            Frame::Close(_) | Frame::End => break,
            other => panic!("nobody sent {other:?}"),
        }
    }
}

#[test]
fn a_pong_that_nobody_asked_for_does_no_harm() {
    let mut socket = WebSocket::session(patient(), "/engine.io/");
    socket.send("3");
    socket.send("3with text");
    socket.send("4x");
    assert_eq!(socket.text(), "4x");
}

#[test]
fn a_ping_of_a_client_closes_the_session() {
    let mut socket = WebSocket::session(patient(), "/engine.io/");
    socket.send("2");
    assert_eq!(socket.closed(), Some(1008));
}
