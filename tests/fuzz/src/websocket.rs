//! Frames: whatever comes, the messages do not depend on how the bytes are cut, and memory stays within the limit. And
//! the handshake before them: what is accepted keeps the rules.

use signaling_wire::websocket::{
    CloseCode, CloseFrame, Decoder, Message, Opcode, Role, accept_key, encode, encode_close,
    encode_close_masked, encode_frame, encode_masked, upgrade,
};

const MAX_MESSAGE: usize = 1 << 12;
/// The largest message, a control frame within it, and bookkeeping.
const MOST_HELD: usize = MAX_MESSAGE + 2 * 139 + 200;
const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

/// The first byte decides on the role and on the size of the pieces in which the others come. The input is also the
/// header lines of a request.
pub fn run(input: &[u8]) {
    shake_hands(input);
    let Some((&first, bytes)) = input.split_first() else {
        return;
    };
    let role = if first & 0x80 == 0 {
        Role::Server
    } else {
        Role::Client
    };
    let piece = usize::from(first & 0x7f) + 1;
    let (whole, whole_failed) = decode(role, [bytes]);
    let (pieces, pieces_failed) = decode(role, bytes.chunks(piece));
    assert_eq!(whole, pieces, "messages depend on how the bytes are cut");
    // Text that comes in pieces is refused before it is whole, so only the pieces may have failed already.
    assert!(
        pieces_failed || !whole_failed,
        "an error depends on how the bytes are cut"
    );
}

fn shake_hands(input: &[u8]) {
    let lines = input.split(|byte| *byte == b'\n').filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        let name = str::from_utf8(&line[..colon]).ok()?;
        Some((name, line[colon + 1..].trim_ascii()))
    });
    let values = |name: &'static str| {
        let named = lines
            .clone()
            .filter(move |line| line.0.eq_ignore_ascii_case(name));
        named.map(|line| line.1)
    };
    match upgrade::validate("GET", (1, 1), lines.clone()) {
        Ok(accept) => {
            let key = values("sec-websocket-key").next().expect("a key is needed");
            assert_eq!(accept, accept_key(str::from_utf8(key).expect("a key is base64")));
            assert_eq!(accept.len(), 28);
            assert!(values("sec-websocket-version").all(|version| version == b"13"));
            assert!(upgrade::is_asked_for(values("upgrade")));
        }
        Err(error) => assert!((400..=426).contains(&error.status())),
    }
}

/// The messages that come out, each as a server would send it, and whether an error ended them.
fn decode<'a>(role: Role, pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<Vec<u8>>, bool) {
    let mut decoder = Decoder::new(role, MAX_MESSAGE);
    let mut messages = Vec::new();
    let mut failed = false;
    for piece in pieces {
        let mut piece = piece.to_vec();
        let mut input = piece.as_mut_slice();
        loop {
            match decoder.decode(&mut input) {
                Ok(Some(message)) => messages.push(encoded(message)),
                Ok(None) => break,
                Err(_) => failed = true,
            }
        }
        assert!(input.is_empty(), "input is left over");
        assert!(
            decoder.held_bytes() <= MOST_HELD,
            "{} bytes are held",
            decoder.held_bytes()
        );
    }
    (messages, failed)
}

fn encoded(message: Message<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match message {
        Message::Text(text) => encode(Opcode::Text, &[text.as_bytes()], &mut out),
        Message::Binary(bytes) => encode(Opcode::Binary, &[bytes], &mut out),
        Message::Ping(bytes) => encode(Opcode::Ping, &[bytes], &mut out),
        Message::Pong(bytes) => encode(Opcode::Pong, &[bytes], &mut out),
        Message::Close(frame) => encode_close(frame, &mut out),
    }
    out
}

/// Connections of several frames: a client's and a server's.
pub fn seeds() -> Vec<Vec<u8>> {
    let mut client = vec![7];
    encode_masked(Opcode::Text, KEY, &["42[\"héllo\"]".as_bytes()], &mut client);
    encode_masked(Opcode::Binary, KEY, &[&[0; 300]], &mut client);
    encode_frame(Opcode::Text, false, Some(KEY), &[b"\xf0\x9f"], &mut client);
    encode_masked(Opcode::Ping, KEY, &[b"between"], &mut client);
    encode_frame(Opcode::Continuation, true, Some(KEY), &[b"\x98\x80"], &mut client);
    let mut closing = client.clone();
    encode_close_masked(
        Some(CloseFrame {
            code: CloseCode::GOING_AWAY,
            reason: "bye",
        }),
        KEY,
        &mut closing,
    );
    encode_masked(Opcode::Text, KEY, &[b"late"], &mut closing);
    let mut server = vec![0x82];
    encode(Opcode::Text, &[b"2"], &mut server);
    encode_frame(Opcode::Binary, false, None, &[&[1; 130]], &mut server);
    encode_frame(Opcode::Continuation, true, None, &[&[2; 130]], &mut server);
    encode_close(None, &mut server);
    // A length of 64 bits, announced but never sent.
    let announced = b"\x00\x82\xff\0\0\0\0\0\0\x10\0\x01\x02\x03\x04payload".to_vec();
    let request = b"Host: a\r\nUpgrade: h2c, WebSocket\r\nConnection: keep-alive, Upgrade\r\n\
Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        .to_vec();
    vec![client, closing, server, announced, request]
}
