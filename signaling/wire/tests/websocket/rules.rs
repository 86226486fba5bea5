//! The rules of RFC 6455, each broken and each kept.

use signaling_wire::websocket::{
    CloseCode, CloseFrame, Decoder, Opcode, ProtocolError, Role, encode_close, encode_close_masked,
    encode_frame, encode_masked,
};

use crate::connection::{Outcome, Owned, decode, decode_pieces, receive};

const KEY: [u8; 4] = [1, 2, 3, 4];

/// A client's frames, one after the other.
fn frames(frames: &[(Opcode, bool, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (opcode, fin, payload) in frames {
        encode_frame(*opcode, *fin, Some(KEY), &[payload], &mut out);
    }
    out
}

/// A client's close frame with this body.
fn close(body: &[u8]) -> Vec<u8> {
    frames(&[(Opcode::Close, true, body)])
}

fn refused(error: ProtocolError) -> Outcome {
    (Vec::new(), Some(error))
}

#[test]
fn reserved_bits_are_refused() {
    for bit in [0x40, 0x20, 0x10] {
        assert_eq!(decode(&[0x81 | bit, 0x80]), refused(ProtocolError::ReservedBits));
    }
}

#[test]
fn reserved_opcodes_are_refused() {
    for opcode in [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf] {
        assert_eq!(
            decode(&[0x80 | opcode, 0x80]),
            refused(ProtocolError::ReservedOpcode(opcode))
        );
    }
}

#[test]
fn a_client_must_mask_and_a_server_must_not() {
    assert_eq!(decode(&[0x81, 0x00]), refused(ProtocolError::Unmasked));
    assert_eq!(
        decode_pieces(Role::Client, 100, [&[0x81, 0x80][..]]),
        refused(ProtocolError::Masked)
    );
}

#[test]
fn a_control_frame_is_whole_and_short() {
    assert_eq!(decode(&[0x09, 0x80]), refused(ProtocolError::FragmentedControl));
    assert_eq!(decode(&[0x89, 0x80 | 126]), refused(ProtocolError::LongControl));
    assert_eq!(decode(&[0x88, 0x80 | 127]), refused(ProtocolError::LongControl));
    let longest = frames(&[(Opcode::Ping, true, &[7; 125])]);
    assert_eq!(decode(&longest), (vec![Owned::Ping(vec![7; 125])], None));
}

#[test]
fn a_length_beyond_63_bits_is_refused() {
    let frame = [0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0];
    assert_eq!(decode(&frame), refused(ProtocolError::InvalidLength));
}

#[test]
fn a_continuation_needs_a_message_to_continue() {
    let lone = frames(&[(Opcode::Continuation, true, b"x")]);
    assert_eq!(decode(&lone), refused(ProtocolError::UnexpectedContinuation));
    let after = frames(&[(Opcode::Text, true, b"x"), (Opcode::Continuation, false, b"y")]);
    assert_eq!(
        decode(&after),
        (
            vec![Owned::Text("x".to_owned())],
            Some(ProtocolError::UnexpectedContinuation)
        )
    );
}

#[test]
fn a_message_may_not_begin_within_another() {
    for opcode in [Opcode::Text, Opcode::Binary] {
        let interrupted = frames(&[(Opcode::Text, false, b"x"), (opcode, true, b"y")]);
        assert_eq!(decode(&interrupted), refused(ProtocolError::InterruptedMessage));
    }
}

#[test]
fn control_frames_between_fragments_are_handed_out_at_once() {
    let bytes = frames(&[
        (Opcode::Text, false, b"a"),
        (Opcode::Ping, true, b"1"),
        (Opcode::Continuation, false, b""),
        (Opcode::Pong, true, b""),
        (Opcode::Continuation, true, b"b"),
    ]);
    let messages = vec![
        Owned::Ping(b"1".to_vec()),
        Owned::Pong(Vec::new()),
        Owned::Text("ab".to_owned()),
    ];
    assert_eq!(decode(&bytes), (messages, None));
}

#[test]
fn empty_messages_are_messages() {
    let bytes = frames(&[
        (Opcode::Text, true, b""),
        (Opcode::Binary, false, b""),
        (Opcode::Continuation, true, b""),
    ]);
    assert_eq!(
        decode(&bytes),
        (vec![Owned::Text(String::new()), Owned::Binary(Vec::new())], None)
    );
}

#[test]
fn text_that_is_not_utf8_is_refused() {
    for text in [
        &b"\xff"[..],
        b"\xce\xba\xe1",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xc0\xaf",
    ] {
        let bytes = frames(&[(Opcode::Text, true, text)]);
        assert_eq!(decode(&bytes), refused(ProtocolError::InvalidUtf8));
    }
    assert_eq!(
        ProtocolError::InvalidUtf8.close_code(),
        CloseCode::INVALID_PAYLOAD
    );
}

#[test]
fn a_character_may_be_split_between_fragments_but_not_left_unfinished() {
    let split = frames(&[
        (Opcode::Text, false, b"\xf0\x9f"),
        (Opcode::Continuation, true, b"\x98\x80"),
    ]);
    assert_eq!(decode(&split), (vec![Owned::Text("😀".to_owned())], None));
    let unfinished = frames(&[
        (Opcode::Text, false, b"\xf0\x9f"),
        (Opcode::Continuation, true, b"\x98"),
    ]);
    assert_eq!(decode(&unfinished), refused(ProtocolError::InvalidUtf8));
}

#[test]
fn text_is_refused_at_the_first_byte_that_cannot_be_a_character() {
    let bytes = frames(&[(Opcode::Text, false, b"\xce\xba\xf4\x90")]);
    assert_eq!(
        decode(&bytes),
        refused(ProtocolError::InvalidUtf8),
        "before the message ends"
    );
    let whole = frames(&[(Opcode::Text, true, b"\xce\xba\xf4\x90 and more")]);
    assert_eq!(
        decode(&whole[..6 + 4]),
        refused(ProtocolError::InvalidUtf8),
        "before the frame ends"
    );
}

#[test]
fn a_close_frame_carries_nothing_or_a_code_and_a_reason() {
    assert_eq!(decode(&close(b"")), (vec![Owned::Close(None)], None));
    assert_eq!(
        decode(&close(b"\x03\xe8")),
        (vec![Owned::Close(Some((1000, String::new())))], None)
    );
    assert_eq!(
        decode(&close(b"\x0f\xa0bye")),
        (vec![Owned::Close(Some((4000, "bye".to_owned())))], None)
    );
    assert_eq!(
        decode(&close(b"\x03")),
        refused(ProtocolError::TruncatedCloseCode)
    );
    assert_eq!(
        decode(&close(b"\x03\xe8\xff")),
        refused(ProtocolError::InvalidUtf8)
    );
}

#[test]
fn only_codes_that_may_be_sent_are_taken() {
    let taken = |role: Role, code: u16| {
        let mut bytes = Vec::new();
        let frame = Some(CloseFrame {
            code: CloseCode(code),
            reason: "",
        });
        match role {
            Role::Server => encode_close_masked(frame, KEY, &mut bytes),
            Role::Client => encode_close(frame, &mut bytes),
        }
        match decode_pieces(role, 100, [&bytes[..]]) {
            (messages, None) => messages == [Owned::Close(Some((code, String::new())))],
            (_, error) => error != Some(ProtocolError::InvalidCloseCode(code)),
        }
    };
    for code in [
        1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999,
    ] {
        assert!(taken(Role::Server, code) && taken(Role::Client, code), "{code}");
    }
    for code in [
        0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535,
    ] {
        assert!(!taken(Role::Server, code) && !taken(Role::Client, code), "{code}");
    }
    for code in [1012, 1013, 1014] {
        assert!(
            taken(Role::Client, code) && !taken(Role::Server, code),
            "{code} is a server's to send"
        );
    }
}

#[test]
fn nothing_is_read_after_a_close_frame_or_an_error() {
    let mut bytes = close(b"");
    bytes.extend(frames(&[(Opcode::Ping, true, b"")]));
    assert_eq!(decode(&bytes), (vec![Owned::Close(None)], None));

    let mut bytes = vec![0xff, 0xff];
    bytes.extend(frames(&[(Opcode::Ping, true, b"")]));
    assert_eq!(decode(&bytes), refused(ProtocolError::ReservedBits));
}

#[test]
fn every_cut_in_two_or_three_of_a_connection_gives_the_same_messages() {
    let bytes = [
        frames(&[
            (Opcode::Text, true, "é".as_bytes()),
            (Opcode::Binary, true, &[7; 126]),
            (Opcode::Text, false, b"\xf0\x9f"),
            (Opcode::Ping, true, b"between"),
            (Opcode::Continuation, false, b""),
            (Opcode::Continuation, true, b"\x98\x80"),
            (Opcode::Pong, true, b""),
        ]),
        close(b"\x03\xe8bye"),
    ]
    .concat();
    let whole = decode(&bytes);
    assert_eq!((whole.0.len(), whole.1), (6, None));
    for first in 0..=bytes.len() {
        for second in first..=bytes.len() {
            let pieces = [&bytes[..first], &bytes[first..second], &bytes[second..]];
            let cut = decode_pieces(Role::Server, 1 << 20, pieces);
            assert_eq!(cut, whole, "cut at {first} and {second}");
        }
    }
}

#[test]
fn a_broken_rule_is_found_though_the_bytes_come_one_by_one() {
    let broken: [(&[u8], ProtocolError); 13] = [
        (b"\xc1\x80\0\0\0\0", ProtocolError::ReservedBits),
        (b"\x83\x80\0\0\0\0", ProtocolError::ReservedOpcode(3)),
        (b"\x81\x01x", ProtocolError::Unmasked),
        (b"\x09\x80\0\0\0\0", ProtocolError::FragmentedControl),
        (b"\x89\xfe\0\x7e\0\0\0\0", ProtocolError::LongControl),
        (
            b"\x82\xff\x80\0\0\0\0\0\0\0\0\0\0\0",
            ProtocolError::InvalidLength,
        ),
        (b"\x80\x80\0\0\0\0", ProtocolError::UnexpectedContinuation),
        (
            b"\x01\x80\0\0\0\0\x81\x80\0\0\0\0",
            ProtocolError::InterruptedMessage,
        ),
        (b"\x88\x81\0\0\0\0\x03", ProtocolError::TruncatedCloseCode),
        (b"\x88\x82\0\0\0\0\x03\xed", ProtocolError::InvalidCloseCode(1005)),
        (b"\x88\x83\0\0\0\0\x03\xe8\xff", ProtocolError::InvalidUtf8),
        (b"\x81\x81\0\0\0\0\xff", ProtocolError::InvalidUtf8),
        (b"\x82\x8b\0\0\0\0", ProtocolError::TooBig { limit: 10 }),
    ];
    for (bytes, error) in broken {
        assert_eq!(
            decode_pieces(Role::Server, 10, [bytes]),
            refused(error),
            "{error} at once"
        );
        let one_by_one = decode_pieces(Role::Server, 10, bytes.chunks(1));
        assert_eq!(one_by_one, refused(error), "{error} byte by byte");
    }
}

#[test]
fn a_message_of_the_largest_size_is_taken_and_one_byte_more_is_refused() {
    let too_big = ProtocolError::TooBig { limit: 10 };
    let fits = frames(&[(Opcode::Binary, true, &[1; 10])]);
    let exceeds = frames(&[(Opcode::Binary, true, &[1; 11])]);
    assert_eq!(
        decode_pieces(Role::Server, 10, [&fits[..]]),
        (vec![Owned::Binary(vec![1; 10])], None)
    );
    assert_eq!(
        decode_pieces(Role::Server, 10, [&exceeds[..6]]),
        refused(too_big),
        "when it is announced"
    );
    let fragmented = frames(&[
        (Opcode::Binary, false, &[1; 6]),
        (Opcode::Continuation, true, &[1; 5]),
    ]);
    assert_eq!(
        decode_pieces(Role::Server, 10, [&fragmented[..]]),
        refused(too_big)
    );
    assert_eq!(too_big.close_code(), CloseCode::TOO_BIG);
}

#[test]
fn memory_grows_with_what_came_and_not_with_what_was_announced() {
    let mut decoder = Decoder::new(Role::Server, 1 << 24);
    let mut outcome = Outcome::default();
    let mut announced = vec![0x82, 0xff, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0];
    announced.extend([0; 1000]);
    receive(&mut decoder, &announced, &mut outcome);
    assert_eq!(outcome, Outcome::default());
    assert!(
        decoder.held_bytes() < 2500,
        "{} bytes are held",
        decoder.held_bytes()
    );
}

#[test]
fn memory_is_given_back_when_the_message_was_returned() {
    let mut decoder = Decoder::new(Role::Server, 1 << 24);
    let mut outcome = Outcome::default();
    let mut bytes = Vec::new();
    encode_masked(Opcode::Binary, KEY, &[&[7; 100_000]], &mut bytes);
    let (front, back) = bytes.split_at(70_000);
    receive(&mut decoder, front, &mut outcome);
    assert!(decoder.held_bytes() >= 69_986);
    receive(&mut decoder, back, &mut outcome);
    assert_eq!(outcome.0, [Owned::Binary(vec![7; 100_000])]);
    assert_eq!(decoder.held_bytes(), 0);
}

#[test]
fn an_idle_decoder_is_small() {
    assert!(size_of::<Decoder>() <= 24, "{} bytes", size_of::<Decoder>());
}

#[test]
fn a_long_reason_is_cut_at_a_characters_end() {
    let mut bytes = Vec::new();
    let reason = "é".repeat(100);
    encode_close(
        Some(CloseFrame {
            code: CloseCode::POLICY,
            reason: &reason,
        }),
        &mut bytes,
    );
    let outcome = decode_pieces(Role::Client, 0, [&bytes[..]]);
    assert_eq!(outcome, (vec![Owned::Close(Some((1008, "é".repeat(61))))], None));
}
