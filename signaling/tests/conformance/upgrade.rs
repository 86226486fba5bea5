//! From polling to a WebSocket.

use crate::http::Session;
use crate::started::patient;
use crate::websocket::{Frame, WebSocket};

fn session() -> Session {
    Session::open(patient(), "/engine.io/")
}

/// A WebSocket for the session, probed.
fn probed(session: &Session) -> WebSocket {
    let mut socket = WebSocket::open(session.server, &session.target("websocket"));
    socket.send("2probe");
    assert_eq!(socket.text(), "3probe");
    socket
}

fn echoes(socket: &mut WebSocket) {
    socket.send("4echo");
    assert_eq!(socket.text(), "4echo");
}

#[test]
fn a_session_moves_to_a_websocket() {
    let session = session();
    let poll = session.begin_poll();
    let mut socket = probed(&session);
    assert_eq!(poll.response().body, "6", "the poll that hung is released");
    assert_eq!(session.packets(), "6", "and the next one does not hang");
    socket.send("5");
    echoes(&mut socket);
    socket.send_binary(&[1, 2, 3, 4]);
    assert_eq!(socket.next(), Frame::Binary(vec![1, 2, 3, 4]));
}

#[test]
fn what_waits_while_the_transport_switches_arrives_once_and_in_order() {
    let session = session();
    session.send("41");
    let mut socket = probed(&session);
    session.send("42\u{1e}bAw==");
    socket.send("5");
    socket.send("44");
    assert_eq!(socket.text(), "41");
    assert_eq!(socket.text(), "42");
    assert_eq!(socket.next(), Frame::Binary(vec![3]));
    assert_eq!(socket.text(), "44");
}

#[test]
fn what_is_polled_between_probe_and_switch_is_not_sent_again() {
    let session = session();
    let mut socket = probed(&session);
    session.send("4polled");
    assert_eq!(session.packets(), "4polled");
    socket.send("5");
    echoes(&mut socket);
}

#[test]
fn a_poll_that_hangs_when_the_client_switches_without_a_probe_is_released() {
    let session = session();
    let poll = session.begin_poll();
    session.send("3");
    let mut socket = WebSocket::open(session.server, &session.target("websocket"));
    socket.send("5");
    assert_eq!(poll.response().body, "6");
    echoes(&mut socket);
}

#[test]
fn requests_after_the_switch_are_refused_and_the_websocket_goes_on() {
    let session = session();
    let mut socket = probed(&session);
    socket.send("5");
    echoes(&mut socket);
    assert_eq!(session.poll().refusal(), 3);
    assert_eq!(session.post("4x").refusal(), 3);
    echoes(&mut socket);
}

#[test]
fn a_second_websocket_is_closed_and_the_first_goes_on() {
    let session = session();
    let mut first = probed(&session);
    WebSocket::open(session.server, &session.target("websocket")).closed();
    first.send("5");
    echoes(&mut first);
    WebSocket::open(session.server, &session.target("websocket")).closed();
    echoes(&mut first);
}

#[test]
fn a_session_that_began_on_a_websocket_takes_no_other() {
    let mut first = WebSocket::open(patient(), "/engine.io/?EIO=4&transport=websocket");
    let open: serde_json::Value = serde_json::from_str(&first.text()[1..]).unwrap();
    let sid = open["sid"].as_str().unwrap().to_owned();
    let session = Session {
        server: patient(),
        path: "/engine.io/",
        sid,
    };
    WebSocket::open(patient(), &session.target("websocket")).closed();
    assert_eq!(session.poll().refusal(), 3);
    echoes(&mut first);
}

#[test]
fn whatever_else_comes_before_the_switch_closes_that_websocket_and_polling_goes_on() {
    let session = session();
    for packet in ["2", "2prob", "3probe", "4early", "1", "6", "0", "x", ""] {
        let mut socket = probed(&session);
        socket.send(packet);
        socket.closed();
        session.send("4x");
        assert_eq!(session.packets(), "4x", "after {packet:?}");
    }
    let mut socket = probed(&session);
    socket.send_binary(b"early");
    socket.closed();
    let mut broken = probed(&session);
    broken.write(b"\xff\xff\xff\xff");
    assert_eq!(broken.closed(), Some(1002));
    let mut socket = probed(&session);
    socket.send("5");
    echoes(&mut socket);
}

#[test]
fn a_websocket_that_is_lost_before_the_switch_leaves_polling_as_it_was() {
    let session = session();
    let poll = session.begin_poll();
    let mut socket = WebSocket::open(session.server, &session.target("websocket"));
    socket.hang_up();
    socket.ended();
    session.send("4x");
    assert_eq!(poll.response().body, "4x");
    let mut socket = probed(&session);
    socket.close(b"\x03\xe8");
    assert_eq!(socket.closed(), Some(1000));
    let mut socket = probed(&session);
    socket.send("5");
    echoes(&mut socket);
}

#[test]
fn a_client_that_closes_during_an_upgrade_closes_both() {
    let session = session();
    let mut socket = probed(&session);
    session.send("1");
    socket.ended();
    assert_eq!(session.poll().refusal(), 1);
}

#[test]
fn a_probe_and_what_follows_may_come_in_one_segment() {
    let session = session();
    let mut socket = WebSocket::open(session.server, &session.target("websocket"));
    let mut bytes = Vec::new();
    for text in ["2probe", "5", "4at once"] {
        signaling_wire::websocket::encode_masked(
            signaling_wire::websocket::Opcode::Text,
            [1, 2, 3, 4],
            &[text.as_bytes()],
            &mut bytes,
        );
    }
    socket.write(&bytes);
    assert_eq!(socket.text(), "3probe");
    assert_eq!(socket.text(), "4at once");
}
