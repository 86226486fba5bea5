//! `maxPayload`, by either transport.

use crate::http::{Request, Session};
use crate::started::patient;
use crate::websocket::{Frame, WebSocket};

const MAX_PAYLOAD: usize = 1_000_000;

#[test]
fn a_body_as_large_as_allowed_is_taken_and_one_byte_more_is_not() {
    let session = Session::open(patient(), "/engine.io/");
    let message = format!("4{}", "x".repeat(MAX_PAYLOAD - 1));
    session.send(&message);
    assert_eq!(session.packets(), message);
    let refused = session.post(format!("{message}x"));
    assert_eq!(refused.status, 413);
    assert_eq!(session.poll().refusal(), 1);
}

#[test]
fn a_body_whose_length_was_not_announced_is_bounded_too() {
    let session = Session::open(patient(), "/engine.io/");
    let chunk = format!("{MAX_PAYLOAD:x}\r\n{}\r\n", "4".repeat(MAX_PAYLOAD));
    let body = format!("{chunk}1\r\n4\r\n0\r\n\r\n");
    let target = session.target("polling");
    let chunked = "Transfer-Encoding: chunked\r\n";
    let refused = Request::send(session.server, "POST", &target, chunked, body.as_bytes()).response();
    assert_eq!(refused.status, 413);
    assert_eq!(session.poll().refusal(), 1);
}

#[test]
fn a_message_as_large_as_allowed_is_taken_and_one_byte_more_is_not() {
    let mut socket = WebSocket::session(patient(), "/engine.io/");
    let message = format!("4{}", "x".repeat(MAX_PAYLOAD - 1));
    socket.send(&message);
    assert_eq!(socket.text(), message);
    let bytes = vec![7; MAX_PAYLOAD];
    socket.send_binary(&bytes);
    assert_eq!(socket.next(), Frame::Binary(bytes));
    socket.send(&format!("{message}x"));
    assert_eq!(socket.closed(), Some(1009));
}
