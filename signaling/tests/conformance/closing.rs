//! How sessions end.

use crate::http::Session;
use crate::started::patient;
use crate::websocket::{Frame, WebSocket};

#[test]
fn a_close_packet_by_polling_releases_the_poll_that_hangs() {
    let session = Session::open(patient(), "/engine.io/");
    let poll = session.begin_poll();
    session.send("1");
    let released = poll.response();
    assert_eq!((released.status, released.body.as_str()), (200, "6"));
    assert_eq!(session.poll().refusal(), 1);
}

#[test]
fn what_came_before_a_close_packet_is_answered_and_what_follows_is_not() {
    let session = Session::open(patient(), "/engine.io/");
    let poll = session.begin_poll();
    session.send("4before\u{1e}1\u{1e}4after");
    assert_eq!(poll.response().body, "4before");
}

#[test]
fn a_close_packet_on_a_websocket_closes_it() {
    let mut socket = WebSocket::session(patient(), "/engine.io/");
    socket.send("1");
    assert_eq!(socket.closed(), Some(1000));
}

#[test]
fn a_close_frame_is_answered_with_its_code() {
    for (body, code) in [
        (&b""[..], None),
        (b"\x03\xe8", Some(1000)),
        (b"\x03\xe9bye", Some(1001)),
        (b"\x0f\xa0", Some(4000)),
    ] {
        let mut socket = WebSocket::session(patient(), "/engine.io/");
        socket.close(body);
        assert_eq!(socket.closed(), code);
    }
}

#[test]
fn an_invalid_packet_closes_the_websocket() {
    for packet in ["abc", "", "7", "bAQ=="] {
        let mut socket = WebSocket::session(patient(), "/engine.io/");
        socket.send(packet);
        assert_eq!(socket.closed(), Some(1008), "{packet:?}");
    }
}

#[test]
fn a_broken_frame_closes_the_websocket_with_the_code_for_it() {
    for (frame, code) in [
        (&b"\xc1\x80\0\0\0\0"[..], 1002),
        (b"\x81\x02hi", 1002),
        (b"\x81\x81\0\0\0\0\xff", 1007),
    ] {
        let mut socket = WebSocket::session(patient(), "/engine.io/");
        socket.write(frame);
        assert_eq!(socket.closed(), Some(code));
    }
}

#[test]
fn a_ping_frame_is_answered_beside_the_protocols_own() {
    let mut socket = WebSocket::session(patient(), "/engine.io/");
    socket.frame(signaling_wire::websocket::Opcode::Ping, true, b"anybody there?");
    assert_eq!(socket.next(), Frame::Pong(b"anybody there?".to_vec()));
}
