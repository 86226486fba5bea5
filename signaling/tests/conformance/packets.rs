//! Socket.IO: events, acknowledgments, attachments.

use crate::http::Session;
use crate::started::patient;
use crate::websocket::{Frame, WebSocket};

/// A WebSocket in the main namespace.
fn connected() -> WebSocket {
    let mut socket = WebSocket::session(patient(), "/socket.io/");
    socket.send("40");
    assert!(socket.text().starts_with("40{"));
    assert_eq!(socket.text(), r#"42["auth",{}]"#);
    socket
}

/// A polled session in the main namespace.
fn connected_by_polling() -> Session {
    let session = Session::open(patient(), "/socket.io/");
    session.send("40");
    let mut packets = session.packets();
    while !packets.ends_with(r#"42["auth",{}]"#) {
        packets = session.packets();
    }
    session
}

#[test]
fn an_event_comes_back_with_its_arguments_as_they_were() {
    let mut socket = connected();
    let arguments = [
        "",
        r#",1,"2",{"3":[true]}"#,
        r#","\u0000\ud83d\ude00 é \"\\","",null,[],{},-0.0,1e400,9007199254740993"#,
        r#",{"_placeholder":true,"num":7}"#,
        r#",{"a":1,"a":2,"__proto__":{}}"#,
    ];
    for arguments in arguments {
        socket.send(&format!(r#"42["message"{arguments}]"#));
        assert_eq!(socket.text(), format!(r#"42["message-back"{arguments}]"#));
    }
}

#[test]
fn an_event_is_acknowledged_under_its_id_however_large() {
    let mut socket = connected();
    for id in [
        "0",
        "7",
        "456",
        "9007199254740991",
        "9007199254740992",
        "18446744073709551615",
    ] {
        socket.send(&format!(r#"42{id}["message-with-ack",1,"2",{{"3":[false]}}]"#));
        assert_eq!(socket.text(), format!(r#"43{id}[1,"2",{{"3":[false]}}]"#));
    }
    socket.send(r#"425["message-with-ack"]"#);
    assert_eq!(socket.text(), "435[]");
}

#[test]
fn attachments_come_back_behind_their_event() {
    let mut socket = connected();
    let arguments = r#"{"_placeholder":true,"num":0},{"deep":[{"num":1,"_placeholder":true}]}"#;
    socket.send(&format!(r#"452-["message",{arguments}]"#));
    socket.send_binary(&[1, 2, 3]);
    socket.send_binary(&[]);
    assert_eq!(socket.text(), format!(r#"452-["message-back",{arguments}]"#));
    assert_eq!(socket.next(), Frame::Binary(vec![1, 2, 3]));
    assert_eq!(socket.next(), Frame::Binary(Vec::new()));
}

#[test]
fn attachments_come_back_behind_their_acknowledgment() {
    let mut socket = connected();
    let arguments = r#"{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}"#;
    socket.send(&format!(r#"452-789["message-with-ack",{arguments}]"#));
    socket.send_binary(&[1, 2, 3]);
    socket.send_binary(&[4, 5, 6]);
    assert_eq!(socket.text(), format!("462-789[{arguments}]"));
    assert_eq!(socket.next(), Frame::Binary(vec![1, 2, 3]));
    assert_eq!(socket.next(), Frame::Binary(vec![4, 5, 6]));
}

#[test]
fn events_and_attachments_go_by_polling_too() {
    let session = connected_by_polling();
    session.send(
        "42[\"message\",1]\u{1e}451-8[\"message-with-ack\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQID",
    );
    assert_eq!(
        session.packets(),
        "42[\"message-back\",1]\u{1e}461-8[{\"_placeholder\":true,\"num\":0}]\u{1e}bAQID"
    );
    session.send("451-[\"message\",{\"_placeholder\":true,\"num\":0}]");
    session.send("bBA==");
    assert_eq!(
        session.packets(),
        "451-[\"message-back\",{\"_placeholder\":true,\"num\":0}]\u{1e}bBA=="
    );
}

#[test]
fn an_attachment_may_follow_after_the_transport_was_switched() {
    let session = connected_by_polling();
    session.send("451-[\"message\",{\"_placeholder\":true,\"num\":0}]");
    let mut socket = WebSocket::open(session.server, &session.target("websocket"));
    socket.send("2probe");
    assert_eq!(socket.text(), "3probe");
    socket.send("5");
    socket.send_binary(&[4]);
    assert!(socket.text().starts_with("451-[\"message-back\""));
    assert_eq!(socket.next(), Frame::Binary(vec![4]));
}

#[test]
fn acknowledgments_and_events_that_mean_nothing_here_are_taken() {
    let mut socket = connected();
    socket.send("4312[]");
    socket.send(r#"461-13[{"_placeholder":true,"num":0}]"#);
    socket.send_binary(&[1]);
    socket.send(r#"42["unknown",1]"#);
    socket.send(r#"421[7,"an event may have a number for a name"]"#);
    socket.send(r#"42["message"]"#);
    assert_eq!(socket.text(), r#"42["message-back"]"#);
}

#[test]
fn what_is_not_a_packet_closes_the_connection() {
    let packets = [
        "4",
        "4abc",
        "47[\"message\"]",
        "42",
        "42{}",
        "42[]",
        "42[\"message\"",
        "42[\"message\",]",
        "42[\"message\",oops]",
        "42[\"message\"]]",
        "42[{\"toString\":\"message\"}]",
        "42[null]",
        "42abc[\"message-with-ack\",1]",
        "42-1[\"message\"]",
        "4218446744073709551616[\"message-with-ack\"]",
        "43[]",
        "431{}",
        "431",
        "4312[oops]",
        "41{}",
        "44{\"message\":\"no\"}",
        "45[\"message\"]",
        "450-[\"message\"]",
        "451.5-[\"message\"]",
        "4511-[\"message\"]",
        "42/custom,[\"message\"]",
    ];
    for packet in packets {
        let mut socket = connected();
        socket.send(packet);
        assert_eq!(socket.closed(), Some(1008), "{packet}");
    }
}

#[test]
fn an_event_by_a_reserved_name_closes_the_connection() {
    let names = [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
        "\\u0063onnect",
    ];
    for name in names {
        let mut socket = connected();
        socket.send(&format!("42[\"{name}\"]"));
        assert_eq!(socket.closed(), Some(1008), "{name}");
    }
}

#[test]
fn a_payload_that_is_nested_too_deep_closes_the_connection() {
    let nested = |levels: usize| format!("42[\"message\",{}{}]", "[".repeat(levels), "]".repeat(levels));
    let mut socket = connected();
    socket.send(&nested(31));
    assert!(socket.text().starts_with("42[\"message-back\",[["));
    socket.send(&nested(32));
    assert_eq!(socket.closed(), Some(1008));
    let mut socket = connected();
    socket.send(&nested(400_000));
    assert_eq!(socket.closed(), Some(1008));
}

#[test]
fn attachments_that_are_missing_unannounced_or_unknown_close_the_connection() {
    let mut text_instead = connected();
    text_instead.send("451-[\"message\",{\"_placeholder\":true,\"num\":0}]");
    text_instead.send("42[\"message\"]");
    assert_eq!(text_instead.closed(), Some(1008));
    let mut unannounced = connected();
    unannounced.send_binary(&[1]);
    assert_eq!(unannounced.closed(), Some(1008));
    let mut unknown = connected();
    unknown.send("451-[\"message\",{\"_placeholder\":true,\"num\":1}]");
    unknown.send_binary(&[1]);
    assert_eq!(unknown.closed(), Some(1008));
}

#[test]
fn attachments_are_bounded_together() {
    let mut socket = connected();
    socket.send("452-[\"message\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
    socket.send_binary(&[1; 600_000]);
    socket.send_binary(&[2; 600_000]);
    assert_eq!(socket.closed(), Some(1008));
}
