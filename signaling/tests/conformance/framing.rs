//! RFC 6455 on `/echo`, in the order of Autobahn's chapters: framing, pings, reserved bits and opcodes, fragmentation,
//! UTF-8, limits, closing, and the opening handshake.

use signaling_wire::websocket::Opcode::{self, Binary, Close, Continuation, Ping, Pong, Text};
use signaling_wire::websocket::encode_frame;

use crate::http::Request;
use crate::started::patient;
use crate::websocket::{Frame, WebSocket};

const PROTOCOL_ERROR: Option<u16> = Some(1002);
const NOT_UTF8: Option<u16> = Some(1007);
const TOO_BIG: Option<u16> = Some(1009);
const MAX_MESSAGE: usize = 16 * 1024 * 1024;

fn open() -> WebSocket {
    WebSocket::open(patient(), "/echo")
}

/// What a server closes with that is sent these frames.
fn closed_after(frames: &[(Opcode, bool, &[u8])]) -> Option<u16> {
    let mut socket = open();
    for (opcode, fin, payload) in frames {
        socket.frame(*opcode, *fin, payload);
    }
    socket.closed()
}

/// What a server closes with that is sent these bytes.
fn closed_after_bytes(bytes: &[u8]) -> Option<u16> {
    let mut socket = open();
    socket.write(bytes);
    socket.closed()
}

#[test]
fn messages_of_every_length_that_is_written_in_its_own_way_come_back() {
    let mut socket = open();
    for length in [0, 1, 125, 126, 127, 128, 65_535, 65_536, 65_537, 1 << 20] {
        let text = "*".repeat(length);
        socket.send(&text);
        assert_eq!(socket.next(), Frame::Text(text));
        let bytes = vec![0xfe; length];
        socket.send_binary(&bytes);
        assert_eq!(socket.next(), Frame::Binary(bytes));
    }
}

#[test]
fn frames_may_come_byte_by_byte_and_many_at_once() {
    let mut bytes = Vec::new();
    encode_frame(Text, true, Some([1, 2, 3, 4]), &["héllo".as_bytes()], &mut bytes);
    encode_frame(Binary, false, Some([5, 6, 7, 8]), &[&[7; 130]], &mut bytes);
    encode_frame(Continuation, true, Some([0, 0, 0, 0]), &[&[8; 3]], &mut bytes);
    let expected = [
        Frame::Text("héllo".to_owned()),
        Frame::Binary([vec![7; 130], vec![8; 3]].concat()),
    ];
    let mut socket = open();
    for byte in &bytes {
        socket.write(&[*byte]);
    }
    socket.write(&bytes.repeat(50));
    for _ in 0..51 {
        assert_eq!([socket.next(), socket.next()], expected);
    }
}

#[test]
fn pings_are_answered_in_order_with_their_payload_and_pongs_are_not() {
    let mut socket = open();
    socket.frame(Pong, true, b"unasked");
    for payload in [&b""[..], b"hello", &[0xff, 0x00, 0xfe], &[0x2a; 125]] {
        socket.frame(Ping, true, payload);
        assert_eq!(socket.next(), Frame::Pong(payload.to_vec()));
    }
}

#[test]
fn a_control_frame_that_is_long_or_fragmented_breaks_the_protocol() {
    for opcode in [Ping, Pong, Close] {
        let first = 0x80 | opcode as u8;
        assert_eq!(
            closed_after_bytes(&[first, 0xfe, 0, 126, 0, 0, 0, 0]),
            PROTOCOL_ERROR
        );
        assert_eq!(
            closed_after_bytes(&[opcode as u8, 0x80, 0, 0, 0, 0]),
            PROTOCOL_ERROR
        );
    }
}

#[test]
fn reserved_bits_break_the_protocol() {
    for bits in 1..8_u8 {
        assert_eq!(
            closed_after_bytes(&[0x81 | bits << 4, 0x80, 0, 0, 0, 0]),
            PROTOCOL_ERROR
        );
    }
    let mut socket = open();
    socket.send("before");
    socket.write(&[0xc2, 0x80, 0, 0, 0, 0]);
    assert_eq!(
        socket.next(),
        Frame::Text("before".to_owned()),
        "what came before counts"
    );
    assert_eq!(socket.closed(), PROTOCOL_ERROR);
}

#[test]
fn reserved_opcodes_break_the_protocol() {
    for opcode in [3, 4, 5, 6, 7, 11, 12, 13, 14, 15] {
        assert_eq!(
            closed_after_bytes(&[0x80 | opcode, 0x80, 0, 0, 0, 0]),
            PROTOCOL_ERROR
        );
    }
}

#[test]
fn a_frame_without_a_mask_breaks_the_protocol() {
    assert_eq!(closed_after_bytes(&[0x81, 0x02, b'h', b'i']), PROTOCOL_ERROR);
}

#[test]
fn a_length_beyond_63_bits_breaks_the_protocol() {
    assert_eq!(
        closed_after_bytes(&[0x82, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]),
        PROTOCOL_ERROR
    );
}

#[test]
fn fragments_are_one_message_with_control_frames_in_between() {
    let mut socket = open();
    socket.frame(Text, false, b"");
    socket.frame(Ping, true, b"1");
    socket.frame(Continuation, false, b"frag");
    socket.frame(Pong, true, b"");
    socket.frame(Continuation, false, b"ment");
    socket.frame(Ping, true, b"2");
    socket.frame(Continuation, true, b"");
    assert_eq!(socket.next(), Frame::Pong(b"1".to_vec()));
    assert_eq!(socket.next(), Frame::Pong(b"2".to_vec()));
    assert_eq!(socket.next(), Frame::Text("fragment".to_owned()));
}

#[test]
fn fragments_out_of_place_break_the_protocol() {
    let lone = [(Continuation, true, &b"x"[..])];
    assert_eq!(closed_after(&lone), PROTOCOL_ERROR);
    let lone_and_unfinished = [(Continuation, false, &b"x"[..])];
    assert_eq!(closed_after(&lone_and_unfinished), PROTOCOL_ERROR);
    let interrupted = [(Text, false, &b"x"[..]), (Text, true, b"y")];
    assert_eq!(closed_after(&interrupted), PROTOCOL_ERROR);
    let interrupted_by_bytes = [(Text, false, &b"x"[..]), (Binary, false, b"y")];
    assert_eq!(closed_after(&interrupted_by_bytes), PROTOCOL_ERROR);
}

#[test]
fn text_may_be_any_unicode_and_be_cut_anywhere() {
    let text = "κόσμε \u{0}\u{7f}\u{80}\u{7ff}\u{800}\u{d7ff}\u{e000}\u{fffd}\u{ffff}\u{10000}\u{10ffff}";
    let mut socket = open();
    socket.send(text);
    assert_eq!(socket.next(), Frame::Text(text.to_owned()));
    for cut in 0..=text.len() {
        let (front, back) = text.as_bytes().split_at(cut);
        socket.frame(Text, false, front);
        socket.frame(Continuation, true, back);
        assert_eq!(socket.next(), Frame::Text(text.to_owned()));
    }
}

#[test]
fn text_that_is_not_utf8_is_refused_by_its_own_code() {
    let invalid: [&[u8]; 12] = [
        b"\x80",
        b"\xbf\xbf",
        b"\xc0\xaf",
        b"\xc1\xbf",
        b"\xe0\x80\xaf",
        b"\xe0\x9f\xbf",
        b"\xed\xa0\x80",
        b"\xed\xbf\xbf",
        b"\xf0\x8f\xbf\xbf",
        b"\xf4\x90\x80\x80",
        b"\xf5\x80\x80\x80",
        b"\xfe\xff",
    ];
    for bytes in invalid {
        assert_eq!(closed_after(&[(Text, true, bytes)]), NOT_UTF8, "{bytes:x?}");
        assert_eq!(
            closed_after(&[(Text, false, b"ok"), (Continuation, false, bytes)]),
            NOT_UTF8,
            "{bytes:x?} in a message that has not ended"
        );
    }
    for unfinished in [&b"\xce"[..], b"\xe1\xbd", b"\xf0\x9f\x98"] {
        assert_eq!(closed_after(&[(Text, true, unfinished)]), NOT_UTF8);
        assert_eq!(
            closed_after(&[(Text, false, unfinished), (Continuation, true, b"x")]),
            NOT_UTF8
        );
    }
}

#[test]
fn text_is_refused_as_soon_as_it_cannot_be_utf8_any_more() {
    let mut frame = Vec::new();
    encode_frame(
        Text,
        true,
        Some([9, 9, 9, 9]),
        &[b"\xce\xba\xf4\x90\x80\x80 and what never comes"],
        &mut frame,
    );
    assert_eq!(closed_after_bytes(&frame[..6 + 4]), NOT_UTF8);
}

#[test]
fn a_message_as_long_as_allowed_comes_back_whole_or_in_fragments_and_a_longer_one_is_refused() {
    let bytes = vec![0x55; MAX_MESSAGE];
    let mut socket = open();
    socket.send_binary(&bytes);
    assert!(socket.next() == Frame::Binary(bytes.clone()));
    socket.frame(Text, false, b"");
    for fragment in bytes.chunks(1 << 16) {
        socket.frame(Continuation, false, fragment);
    }
    socket.frame(Continuation, true, b"");
    assert!(socket.next() == Frame::Text("U".repeat(MAX_MESSAGE)));
    socket.write(&[0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 1, 1, 2, 3, 4]);
    assert_eq!(socket.closed(), TOO_BIG, "before a byte of it has come");
    let mut socket = open();
    socket.frame(Binary, false, &bytes);
    socket.frame(Continuation, true, b"x");
    assert_eq!(socket.closed(), TOO_BIG);
}

#[test]
fn a_close_frame_is_answered_and_nothing_after_it_is() {
    let mut socket = open();
    socket.send("before");
    socket.close(b"\x03\xe8bye");
    socket.send("after");
    socket.frame(Ping, true, b"after");
    assert_eq!(socket.next(), Frame::Text("before".to_owned()));
    assert_eq!(socket.closed(), Some(1000));
}

#[test]
fn a_close_frame_in_the_middle_of_a_message_is_answered() {
    assert_eq!(
        closed_after(&[(Text, false, &b"x"[..]), (Close, true, b"\x03\xe8")]),
        Some(1000)
    );
}

#[test]
fn a_close_frame_without_a_code_is_answered_without_one() {
    assert_eq!(closed_after(&[(Close, true, &b""[..])]), None);
}

#[test]
fn codes_that_may_be_sent_are_answered_in_kind_and_others_are_refused() {
    let close = |code: u16| closed_after(&[(Close, true, &code.to_be_bytes()[..])]);
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ] {
        assert_eq!(close(code), Some(code));
    }
    for code in [0, 999, 1004, 1005, 1006, 1016, 1100, 2000, 2999, 5000, 65_535] {
        assert_eq!(close(code), PROTOCOL_ERROR, "{code}");
    }
}

#[test]
fn a_close_frame_with_half_a_code_or_a_broken_reason_is_refused() {
    assert_eq!(closed_after(&[(Close, true, &b"\x03"[..])]), PROTOCOL_ERROR);
    assert_eq!(
        closed_after(&[(Close, true, &b"\x03\xe8\xed\xa0\x80"[..])]),
        NOT_UTF8
    );
    let longest = [&b"\x03\xe8"[..], &[b'*'; 123]].concat();
    assert_eq!(closed_after(&[(Close, true, &longest)]), Some(1000));
}

#[test]
fn a_handshake_that_keeps_not_to_the_rfc_is_refused_with_what_would_be_accepted() {
    const KEY: &str = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    const UPGRADE: &str = "Upgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n";
    let ask = |method: &str, headers: &[&str]| {
        let (head, _) = Request::send(patient(), method, "/echo", &headers.concat(), b"").head();
        head
    };
    let version = "Sec-WebSocket-Version: 13\r\n";
    assert_eq!(ask("GET", &[UPGRADE, KEY, version]).status, 101);
    let old = ask("GET", &[UPGRADE, KEY, "Sec-WebSocket-Version: 8\r\n"]);
    assert_eq!(old.status, 426);
    assert_eq!(old.header("sec-websocket-version"), Some("13"));
    assert_eq!(old.header("upgrade"), Some("websocket"));
    assert_eq!(ask("GET", &[UPGRADE, KEY]).status, 426);
    assert_eq!(ask("GET", &[UPGRADE, version]).status, 400);
    assert_eq!(
        ask("GET", &[UPGRADE, "Sec-WebSocket-Key: short\r\n", version]).status,
        400
    );
    assert_eq!(ask("GET", &[UPGRADE, KEY, KEY, version]).status, 400);
    assert_eq!(ask("GET", &[KEY, version]).status, 400);
    let post = ask("POST", &["Content-Length: 0\r\n", UPGRADE, KEY, version]);
    assert_eq!((post.status, post.header("allow")), (405, Some("GET")));
}

#[test]
fn a_client_that_offers_extensions_and_subprotocols_gets_none() {
    let offers = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
Sec-WebSocket-Protocol: chat\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let (head, _) = Request::send(patient(), "GET", "/echo", offers, b"").head();
    assert_eq!(head.status, 101);
    assert_eq!(head.header("sec-websocket-extensions"), None);
    assert_eq!(head.header("sec-websocket-protocol"), None);
}
