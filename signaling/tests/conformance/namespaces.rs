//! Socket.IO: who is connected to what.

use serde_json::Value;

use crate::http::Session;
use crate::started::{example, patient, pressing};
use crate::websocket::WebSocket;

/// A WebSocket that is in no namespace yet.
fn fresh() -> WebSocket {
    WebSocket::session(patient(), "/socket.io/")
}

/// Reads the answer to a CONNECT, which carries a session id and nothing else, and returns that.
fn granted(socket: &mut WebSocket, head: &str) -> String {
    let packet = socket.text();
    let payload: Value = serde_json::from_str(packet.strip_prefix(head).unwrap()).unwrap();
    let payload = payload.as_object().unwrap();
    assert_eq!(payload.len(), 1, "{packet}");
    payload["sid"].as_str().unwrap().to_owned()
}

#[test]
fn the_main_namespace_is_granted_with_and_without_a_payload() {
    for (connect, event) in [
        ("40", r#"42["auth",{}]"#),
        ("40{}", r#"42["auth",{}]"#),
        (r#"40{"token":"123"}"#, r#"42["auth",{"token":"123"}]"#),
        (r#"40/,{"token":"123"}"#, r#"42["auth",{"token":"123"}]"#),
    ] {
        let mut socket = fresh();
        socket.send(connect);
        granted(&mut socket, "40");
        assert_eq!(socket.text(), event);
    }
}

#[test]
fn another_namespace_is_granted_with_and_without_a_payload() {
    for (connect, event) in [
        ("40/custom", r#"42/custom,["auth",{}]"#),
        ("40/custom,", r#"42/custom,["auth",{}]"#),
        (
            r#"40/custom,{"token":"abc"}"#,
            r#"42/custom,["auth",{"token":"abc"}]"#,
        ),
        (
            r#"40/custom?a=b&c={},{"token":"abc"}"#,
            r#"42/custom,["auth",{"token":"abc"}]"#,
        ),
    ] {
        let mut socket = fresh();
        socket.send(connect);
        granted(&mut socket, "40/custom,");
        assert_eq!(socket.text(), event);
    }
}

#[test]
fn one_connection_is_in_several_namespaces_under_several_ids() {
    let mut socket = fresh();
    socket.send("40");
    let main = granted(&mut socket, "40");
    assert_eq!(socket.text(), r#"42["auth",{}]"#);
    socket.send("40/custom");
    let custom = granted(&mut socket, "40/custom,");
    assert_eq!(socket.text(), r#"42/custom,["auth",{}]"#);
    assert_ne!(main, custom);
}

#[test]
fn the_event_of_a_connection_comes_before_whatever_the_client_sends_next() {
    let mut socket = fresh();
    socket.send("40");
    socket.send(r#"42["message"]"#);
    granted(&mut socket, "40");
    assert_eq!(socket.text(), r#"42["auth",{}]"#);
    assert_eq!(socket.text(), r#"42["message-back"]"#);
}

#[test]
fn an_unknown_namespace_is_refused_and_the_connection_stays_open() {
    let mut socket = fresh();
    for connect in ["40/random", "40/random,{}", "40/random?custom,"] {
        socket.send(connect);
        assert_eq!(socket.text(), r#"44/random,{"message":"Invalid namespace"}"#);
    }
    socket.send("40");
    granted(&mut socket, "40");
}

#[test]
fn a_client_that_asks_for_no_namespace_is_closed() {
    let mut socket = WebSocket::session(pressing(), "/socket.io/");
    assert_eq!(socket.closed(), Some(1008));
    let polled = Session::open(pressing(), "/socket.io/");
    assert_eq!(polled.packets(), "1");
}

#[test]
fn a_client_whose_namespace_was_refused_is_closed_in_the_same_time() {
    let mut socket = WebSocket::session(pressing(), "/socket.io/");
    socket.send("40/random");
    assert_eq!(socket.closed(), Some(1008));
}

#[test]
fn what_comes_before_a_connect_closes_the_connection() {
    for packet in [
        "42[\"message\"]",
        "41",
        "430[]",
        "451-[\"message\",{}]",
        "4abc",
        "4",
        "44",
        "42/custom,[\"a\"]",
    ] {
        let mut socket = fresh();
        socket.send(packet);
        assert_eq!(socket.closed(), Some(1008), "{packet}");
    }
    let mut socket = fresh();
    socket.send_binary(b"early");
    assert_eq!(socket.closed(), Some(1008));
}

#[test]
fn a_connect_with_an_invalid_payload_closes_the_connection() {
    for packet in ["40[]", "40\"text\"", "40{", "40{\"a\":}", "40{}}"] {
        let mut socket = fresh();
        socket.send(packet);
        assert_eq!(socket.closed(), Some(1008), "{packet}");
    }
}

#[test]
fn a_second_connect_to_the_same_namespace_closes_the_connection() {
    let mut socket = fresh();
    socket.send("40");
    socket.send("40");
    assert_eq!(socket.closed(), Some(1008));
}

#[test]
fn leaving_the_main_namespace_leaves_the_connection_open_for_another_connect() {
    let mut socket = fresh();
    socket.send("40");
    let first = granted(&mut socket, "40");
    assert_eq!(socket.text(), r#"42["auth",{}]"#);
    socket.send("41");
    socket.send("40");
    assert_ne!(granted(&mut socket, "40"), first);
}

#[test]
fn leaving_one_namespace_leaves_the_other_alone() {
    let mut socket = fresh();
    socket.send("40");
    socket.send("40/custom");
    socket.send("41/custom,");
    socket.send(r#"42["message","still here"]"#);
    while socket.text() != r#"42["message-back","still here"]"# {}
    socket.send(r#"42/custom,["message"]"#);
    assert_eq!(
        socket.closed(),
        Some(1008),
        "an event for a namespace that was left"
    );
}

#[test]
fn a_connection_that_left_all_namespaces_is_still_pinged() {
    let mut socket = WebSocket::session(example(), "/socket.io/");
    socket.send("40");
    socket.send("41");
    while socket.text() != "2" {}
}

#[test]
fn nothing_follows_the_close_frame_of_the_server() {
    let mut socket = fresh();
    let mut bytes = Vec::new();
    for text in [
        "40",
        "4abc",
        r#"42["message","too late"]"#,
        r#"421["message-with-ack","too late"]"#,
    ] {
        let opcode = signaling_wire::websocket::Opcode::Text;
        signaling_wire::websocket::encode_masked(opcode, [9, 8, 7, 6], &[text.as_bytes()], &mut bytes);
    }
    socket.write(&bytes);
    assert_eq!(socket.closed(), Some(1008));
}
