//! Packets that break Socket.IO: each closes its own connection; what a client may ask for and does not get is refused.

use serde_json::{Value, json};
use signaling_wire::websocket::Opcode;

use crate::bystanders::{Bystanders, memory};
use crate::client::{Heard, OPEN, Person, Polling, WebSocket, pair};
use crate::start;

/// Messages that are no packet, or none that may come now, in a session that has joined the chat.
fn broken() -> Vec<String> {
    let mut broken: Vec<String> = [
        "",
        "7",
        "x",
        "-1",
        "2",
        "2{}",
        "2[",
        "2[]",
        "2[null]",
        "2[true]",
        "2[{}]",
        "2[[]]",
        "2\"find_match\"",
        "2[\"find_match\"",
        "2[\"connect\"]",
        "2[\"connect_error\"]",
        "2[\"disconnect\"]",
        "2[\"disconnecting\"]",
        "2[\"newListener\"]",
        "2[\"removeListener\"]",
        "2/custom,[\"find_match\"]",
        "2/,x",
        "20x[\"find_match\"]",
        "2-1[\"find_match\"]",
        "299999999999999999999999[\"find_match\"]",
        "0",
        "0{}",
        "0/",
        "1x",
        "1{}",
        "3",
        "3[]",
        "3x[]",
        "31",
        "31{}",
        "399999999999999999999999[]",
        "4",
        "4{\"message\":\"no\"}",
        "5",
        "5[\"find_match\"]",
        "5-[\"find_match\"]",
        "50-[\"find_match\"]",
        "511-[\"find_match\",{\"_placeholder\":true,\"num\":0}]",
        "5999999999999999999999-[\"find_match\"]",
        "6",
        "61-[]",
        "611-1[]",
    ]
    .map(str::to_owned)
    .into();
    broken.push(format!("2/{},[\"find_match\"]", "n".repeat(600)));
    broken
}

#[test]
fn a_broken_packet_closes_its_connection_by_policy() {
    let pod = start(&[]);
    let bystanders = Bystanders::of(&pod);
    for packet in broken() {
        let mut person = Person::join(pod.address());
        person.socket.send_text(&format!("4{packet}"));
        assert_eq!(person.socket.hear_close(), Some(1008), "{packet}");
        // The pod waits for the other half of the handshake.
        person.socket.send_close(1008);
        assert_eq!(person.socket.hear(), Heard::End, "{packet}");
    }
    bystanders.were_not_disturbed();
}

#[test]
fn a_broken_packet_in_a_poll_ends_the_session_in_the_next_one() {
    let pod = start(&[]);
    for packet in ["2[", "5[]", "0{}", "9"] {
        let polling = Polling::join(pod.address());
        assert_eq!(polling.post(&format!("4{packet}")).text(), "ok", "{packet}");
        assert_eq!(polling.poll(), ["1"], "{packet}");
    }
}

#[test]
fn nothing_counts_before_connect() {
    let pod = start(&[]);
    for packet in [
        "2[\"find_match\"]",
        "21[\"find_match\"]",
        "1",
        "31[]",
        "51-[\"x\"]",
        "2/a,[\"find_match\"]",
    ] {
        let mut socket = WebSocket::open(pod.address(), OPEN);
        socket.hear_text();
        socket.send_text(&format!("4{packet}"));
        assert_eq!(socket.hear_close(), Some(1008), "{packet}");
    }
}

#[test]
fn a_connect_payload_is_an_object_and_not_too_deep() {
    let pod = start(&[]);
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(32), "]".repeat(32));
    for payload in [
        "[]",
        "\"token\"",
        "null",
        "{",
        "{}x",
        "{\"a\":}",
        "{'a':1}",
        "{\"a\":01}",
        &deep,
    ] {
        let mut socket = WebSocket::open(pod.address(), OPEN);
        socket.hear_text();
        socket.send_text(&format!("40{payload}"));
        assert_eq!(socket.hear_close(), Some(1008), "{payload}");
    }
    let strange = r#"40{"pid":7,"offset":[],"resume":{"a":1},"seq":-1,"recovery":"yes","token":null,"\u0000":"\ud800"}"#;
    let person = Person::join_with(pod.address(), &[], strange);
    assert_eq!(person.session["resumed"], false);
    for token in ["", "x", "....", "\u{0}", &"t".repeat(10_000)] {
        let connect = format!(
            "40{}",
            json!({"pid": token, "offset": token, "resume": token, "seq": u64::MAX})
        );
        let person = Person::join_with(pod.address(), &[], &connect);
        assert_eq!(person.session["resumed"], false, "{token}");
    }
}

#[test]
fn another_namespace_is_refused_and_the_connection_stays() {
    let pod = start(&[]);
    let mut person = Person::join(pod.address());
    person.socket.send_text("40/admin,{\"token\":\"x\"}");
    assert_eq!(person.packet(), "44/admin,{\"message\":\"Invalid namespace\"}");
    person.socket.send_text("40/custom?token=x,");
    assert_eq!(person.packet(), "44/custom,{\"message\":\"Invalid namespace\"}");
    assert_eq!(person.ask("cancel_match", &Value::Null)["ok"], true);
    // What comes for it all the same is a broken packet.
    person.socket.send_text("42/admin,[\"find_match\"]");
    assert_eq!(person.socket.hear_close(), Some(1008));
}

#[test]
fn acknowledgements_that_nobody_asked_for_are_ignored() {
    let pod = start(&[]);
    let mut person = Person::join(pod.address());
    person.socket.send_text("430[]");
    person.socket.send_text("4318446744073709551615[{\"ok\":true}]");
    assert_eq!(person.ask("cancel_match", &Value::Null)["ok"], true);
    person
        .socket
        .send_text("4218446744073709551615[\"cancel_match\"]");
    assert_eq!(person.packet(), "4318446744073709551615[{\"ok\":true}]");
}

#[test]
fn a_binary_event_is_an_invalid_payload() {
    let pod = start(&[]);
    let (mut one, mut other) = pair(pod.address());
    one.socket
        .send_text("451-7[\"chat_message\",{\"text\":{\"_placeholder\":true,\"num\":0}}]");
    one.socket.send(Opcode::Binary, b"hello");
    let ack = one.packet();
    assert!(
        ack.starts_with("437[{\"ok\":false,\"error\":{\"code\":\"invalid_payload\""),
        "{ack}"
    );
    one.socket
        .send_text("452-[\"find_match\",{\"_placeholder\":true,\"num\":9}]");
    one.socket.send(Opcode::Binary, b"");
    one.socket.send(Opcode::Binary, &[0; 1000]);
    assert_eq!(one.expect("error")["code"], "invalid_payload");
    assert_eq!(
        one.ask("chat_message", &json!({"text": "still here"}))["ok"],
        true
    );
    assert_eq!(other.expect("chat_message")["text"], "still here");
}

#[test]
fn attachments_come_at_once_whole_and_within_the_largest_packet() {
    let pod = start(&[]);
    let bystanders = Bystanders::of(&pod);
    // Text in place of an attachment.
    let mut person = Person::join(pod.address());
    person
        .socket
        .send_text("451-[\"x\",{\"_placeholder\":true,\"num\":0}]");
    person.socket.send_text("42[\"find_match\"]");
    assert_eq!(person.socket.hear_close(), Some(1008));
    // More bytes than MAX_PACKET_BYTES in several attachments, each of which would be small enough.
    let before = memory(&pod);
    for _ in 0..50 {
        let mut person = Person::join(pod.address());
        person
            .socket
            .send_text("4510-[\"x\",{\"_placeholder\":true,\"num\":0}]");
        for _ in 0..3 {
            person.socket.send(Opcode::Binary, &[0; 50_000]);
        }
        assert_eq!(person.socket.hear_close(), Some(1008));
    }
    let grown = memory(&pod).saturating_sub(before);
    assert!(grown < 16 * 1024 * 1024, "{grown} bytes");
    bystanders.were_not_disturbed();
}

#[test]
fn leaving_the_namespace_is_leaving_the_chat() {
    let pod = start(&[]);
    let (mut one, mut other) = pair(pod.address());
    one.socket.send_text("41");
    assert_eq!(other.expect("peer_disconnected")["reason"], "left");
    // The connection stays, and may join again, as somebody new.
    let before = one.session["sessionId"].clone();
    one.socket.send_text("40");
    assert!(one.packet().starts_with("40{"));
    assert_ne!(one.expect("session")["sessionId"], before);
}
