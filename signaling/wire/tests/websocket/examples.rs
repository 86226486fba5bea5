//! The examples of RFC 6455 §5.7, read and written.

use signaling_wire::websocket::{Message, Opcode, Role, encode, encode_frame, encode_masked};

use crate::connection::{Owned, decode, decode_pieces};

const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
const UNMASKED_HELLO: [u8; 7] = [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
const MASKED_HELLO: [u8; 11] = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
const FRAGMENTED_HELLO: [u8; 9] = [0x01, 0x03, 0x48, 0x65, 0x6c, 0x80, 0x02, 0x6c, 0x6f];

fn hello() -> Owned {
    Owned::Text("Hello".to_owned())
}

#[test]
fn an_unmasked_text_is_read_by_a_client_and_written_by_a_server() {
    assert_eq!(
        decode_pieces(Role::Client, 100, [&UNMASKED_HELLO[..]]),
        (vec![hello()], None)
    );
    let mut written = Vec::new();
    encode(Opcode::Text, &[b"Hel", b"lo"], &mut written);
    assert_eq!(written, UNMASKED_HELLO);
}

#[test]
fn a_masked_text_is_read_by_a_server_and_written_by_a_client() {
    assert_eq!(decode(&MASKED_HELLO), (vec![hello()], None));
    let mut written = Vec::new();
    encode_masked(Opcode::Text, KEY, &[b"Hel", b"lo"], &mut written);
    assert_eq!(written, MASKED_HELLO);
}

#[test]
fn a_fragmented_text_is_read_as_one_message() {
    assert_eq!(
        decode_pieces(Role::Client, 100, [&FRAGMENTED_HELLO[..]]),
        (vec![hello()], None)
    );
    let mut written = Vec::new();
    encode_frame(Opcode::Text, false, None, &[b"Hel"], &mut written);
    encode_frame(Opcode::Continuation, true, None, &[b"lo"], &mut written);
    assert_eq!(written, FRAGMENTED_HELLO);
}

#[test]
fn a_ping_and_its_masked_pong_are_read_and_written() {
    let ping = [0x89, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f];
    let pong = [0x8a, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
    assert_eq!(
        decode_pieces(Role::Client, 100, [&ping[..]]),
        (vec![Owned::Ping(b"Hello".to_vec())], None)
    );
    assert_eq!(decode(&pong), (vec![Owned::Pong(b"Hello".to_vec())], None));
    let mut written = Vec::new();
    encode(Opcode::Ping, &[b"Hello"], &mut written);
    assert_eq!(written, ping);
    written.clear();
    encode_masked(Opcode::Pong, KEY, &[b"Hello"], &mut written);
    assert_eq!(written, pong);
}

#[test]
fn lengths_of_16_and_64_bits_are_read_and_written() {
    let cases: [(usize, &[u8]); 6] = [
        (125, &[0x82, 0x7d]),
        (126, &[0x82, 0x7e, 0x00, 0x7e]),
        (256, &[0x82, 0x7e, 0x01, 0x00]),
        (65_535, &[0x82, 0x7e, 0xff, 0xff]),
        (65_536, &[0x82, 0x7f, 0, 0, 0, 0, 0, 1, 0, 0]),
        (1 << 24, &[0x82, 0x7f, 0, 0, 0, 0, 1, 0, 0, 0]),
    ];
    for (length, head) in cases {
        let payload = vec![0x5a; length];
        let mut written = Vec::new();
        encode(Opcode::Binary, &[&payload], &mut written);
        assert_eq!(written[..head.len()], *head);
        let read = decode_pieces(Role::Client, length, [&written[..]]);
        assert_eq!(read, (vec![Owned::Binary(payload)], None));
    }
}

#[test]
fn a_length_in_more_bytes_than_it_needs_is_read() {
    let frame = [0x82, 0x7f, 0, 0, 0, 0, 0, 0, 0, 1, 0xaa];
    assert_eq!(
        decode_pieces(Role::Client, 100, [&frame[..]]),
        (vec![Owned::Binary(vec![0xaa])], None)
    );
}

#[test]
fn a_whole_message_is_borrowed_from_the_input() {
    let mut bytes = MASKED_HELLO;
    let payload = bytes[6..].as_ptr();
    let mut decoder = signaling_wire::websocket::Decoder::new(Role::Server, 100);
    let mut input = &mut bytes[..];
    let Ok(Some(Message::Text(text))) = decoder.decode(&mut input) else {
        panic!("the text is whole")
    };
    assert_eq!((text, text.as_ptr()), ("Hello", payload));
    assert_eq!(decoder.held_bytes(), 0);
}
