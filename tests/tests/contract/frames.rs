//! Frames that break RFC 6455: each closes its own connection, with the code that the RFC has for it.

use signaling_wire::websocket::Opcode;

use crate::bystanders::{Bystanders, memory};
use crate::client::{Heard, OPEN, Person, WebSocket, pair, text_frame};
use crate::start;

const MASK: [u8; 4] = [1, 2, 3, 4];
const MEBIBYTE: u64 = 1024 * 1024;

/// A frame whose first two bytes and payload are given, masked with zeros where the second byte says that it is masked.
fn frame(first: u8, second: u8, payload: &[u8]) -> Vec<u8> {
    let mask: &[u8] = if second & 0x80 == 0 { &[] } else { &[0; 4] };
    [&[first, second], mask, payload].concat()
}

/// The header of a frame that announces so many bytes.
fn announced(first: u8, length: u64) -> Vec<u8> {
    [&[first, 0xff], &length.to_be_bytes()[..], &MASK].concat()
}

fn close(code: u16, reason: &[u8]) -> Vec<u8> {
    let payload = [&code.to_be_bytes(), reason].concat();
    frame(0x88, 0x80 | u8::try_from(payload.len()).unwrap(), &payload)
}

/// Each fault, with the close code that it gets.
fn faults() -> Vec<(&'static str, Vec<u8>, u16)> {
    let mut faults = vec![
        ("RSV1, that belongs to compression", frame(0xc1, 0x81, b"2"), 1002),
        ("RSV2", frame(0xa1, 0x81, b"2"), 1002),
        ("RSV3", frame(0x91, 0x81, b"2"), 1002),
        ("a reserved opcode for data", frame(0x83, 0x81, b"2"), 1002),
        ("a reserved opcode for control", frame(0x8b, 0x80, b""), 1002),
        ("no mask", frame(0x81, 0x01, b"2"), 1002),
        ("a fragmented ping", frame(0x09, 0x80, b""), 1002),
        ("a fragmented close", frame(0x08, 0x80, b""), 1002),
        (
            "a ping of 126 bytes",
            [frame(0x89, 0xfe, b""), vec![0; 128]].concat(),
            1002,
        ),
        ("a continuation of nothing", frame(0x80, 0x81, b"x"), 1002),
        (
            "a text within a text",
            [frame(0x01, 0x81, b"4"), text_frame("4")].concat(),
            1002,
        ),
        (
            "a length with its highest bit set",
            announced(0x81, 1 << 63),
            1002,
        ),
        ("half a close code", frame(0x88, 0x81, &[3]), 1002),
        ("text that is not UTF-8", frame(0x81, 0x83, b"4\xc3\x28"), 1007),
        (
            "text that ends within a character",
            frame(0x81, 0x82, b"4\xc3"),
            1007,
        ),
        ("a surrogate in text", frame(0x81, 0x84, b"4\xed\xa0\x80"), 1007),
        (
            "text that is not UTF-8 across its fragments",
            [frame(0x01, 0x82, b"4\xe2"), frame(0x80, 0x81, b"\x28")].concat(),
            1007,
        ),
        ("a reason that is not UTF-8", close(1000, b"\xff"), 1007),
        ("a byte more than maxPayload", announced(0x81, 131_073), 1009),
        (
            "more than there is memory anywhere",
            announced(0x81, 1 << 62),
            1009,
        ),
        (
            "fragments that add up to more than maxPayload",
            [frame(0x01, 0x81, b"4"), announced(0x80, 131_072)].concat(),
            1009,
        ),
    ];
    for code in [0, 999, 1004, 1005, 1006, 1012, 1015, 1016, 2999, 5000, 65535] {
        faults.push(("a close code that may not be sent", close(code, b""), 1002));
    }
    faults
}

#[test]
fn a_frame_that_breaks_the_rules_closes_its_connection_with_the_code_for_it() {
    let pod = start(&[]);
    let bystanders = Bystanders::of(&pod);
    for (fault, bytes, code) in faults() {
        let mut socket = WebSocket::open(pod.address(), OPEN);
        assert!(socket.hear_text().starts_with("0{"));
        socket.raw.send(&bytes);
        assert_eq!(socket.hear(), Heard::Close(code), "{fault}");
        assert_eq!(socket.hear(), Heard::End, "{fault}");
    }
    bystanders.were_not_disturbed();
}

#[test]
fn a_broken_frame_is_a_loss_from_which_its_sender_comes_back() {
    let pod = start(&[]);
    let (mut one, mut other) = pair(pod.address());
    one.socket.raw.send(frame(0x81, 0x01, b"2"));
    assert_eq!(one.socket.hear_close(), Some(1002));
    other.expect("peer_reconnecting");
    let back = Person::join_with(pod.address(), &[], &one.resume());
    assert_eq!(
        (&back.session["resumed"], &back.session["state"]),
        (&true.into(), &"matched".into())
    );
    other.expect("peer_resumed");
}

#[test]
fn frames_within_the_rules_are_taken_however_they_are_cut() {
    let pod = start(&[]);
    let mut person = Person::join(pod.address());
    for byte in text_frame("421[\"no_such_event\"]") {
        person.socket.raw.send([byte]);
    }
    assert!(person.packet().starts_with("431[{\"ok\":false"));
    // Control frames may stand between the fragments of a message, and an empty fragment is one.
    let fragments = [
        frame(0x01, 0x82, b"42"),
        frame(0x89, 0x82, b"hi"),
        frame(0x00, 0x80, b""),
        frame(0x8a, 0x80, b""),
    ];
    person.socket.raw.send(fragments.concat());
    assert_eq!(person.socket.hear(), Heard::Pong(b"hi".to_vec()));
    person.socket.raw.send(frame(0x80, 0x91, b"2[\"cancel_match\"]"));
    assert_eq!(person.packet(), "432[{\"ok\":true}]");
}

#[test]
fn a_close_frame_is_answered_with_its_code() {
    let pod = start(&[]);
    for code in [1000, 1001, 1003, 1008, 1011, 3000, 4999] {
        let mut person = Person::join(pod.address());
        person.socket.send_close(code);
        assert_eq!(person.socket.hear(), Heard::Close(code));
        assert_eq!(person.socket.hear(), Heard::End);
    }
    let mut person = Person::join(pod.address());
    person.socket.send(Opcode::Close, b"");
    assert_eq!(
        (person.socket.hear(), person.socket.hear()),
        (Heard::Close(1005), Heard::End)
    );
}

#[test]
fn what_is_announced_costs_no_memory_before_it_comes() {
    let pod = start(&[]);
    let bystanders = Bystanders::of(&pod);
    let before = memory(&pod);
    let open: Vec<WebSocket> = (0..250)
        .map(|_| {
            let mut socket = WebSocket::open(pod.address(), OPEN);
            assert!(socket.hear_text().starts_with("0{"));
            socket.raw.send([announced(0x81, 131_072), vec![b'4']].concat());
            socket
        })
        .collect();
    let grown = memory(&pod).saturating_sub(before);
    // All of what was announced would be 31 MiB.
    assert!(grown < 12 * MEBIBYTE, "{grown} bytes for {} sockets", open.len());
    drop(open);
    for _ in 0..500 {
        let mut socket = WebSocket::open(pod.address(), OPEN);
        socket.raw.send(frame(0xc1, 0x81, b"2"));
        assert_eq!(socket.hear_close(), Some(1002));
    }
    let grown = memory(&pod).saturating_sub(before);
    assert!(grown < 16 * MEBIBYTE, "{grown} bytes after the burst");
    bystanders.were_not_disturbed();
}
