//! What holds for any messages, any cuts and any bytes.

use proptest::prelude::*;
use signaling_wire::websocket::{
    CloseCode, CloseFrame, Decoder, Opcode, Role, encode_close, encode_close_masked, encode_frame,
};

use crate::connection::{Outcome, Owned, decode_pieces, receive};

const MAX_MESSAGE: usize = 1 << 12;
/// The most that a decoder with this limit may hold: the largest message, a control frame within it, and its own
/// bookkeeping.
const MOST_HELD: usize = MAX_MESSAGE + 2 * 139 + 200;

fn data() -> impl Strategy<Value = Owned> {
    prop_oneof![
        "\\PC{0,80}".prop_map(Owned::Text),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(Owned::Binary),
    ]
}

fn control() -> impl Strategy<Value = Owned> {
    prop_oneof![
        prop::collection::vec(any::<u8>(), 0..126).prop_map(Owned::Ping),
        prop::collection::vec(any::<u8>(), 0..126).prop_map(Owned::Pong),
    ]
}

/// A message with the places where it is cut in fragments; a control message stands before each further fragment.
type Sent = (Owned, Vec<(prop::sample::Index, Option<Owned>)>);

fn sent() -> impl Strategy<Value = Sent> {
    let fragments = prop::collection::vec((any::<prop::sample::Index>(), prop::option::of(control())), 0..4);
    prop_oneof![
        3 => (data(), fragments),
        1 => control().prop_map(|message| (message, Vec::new())),
    ]
}

fn closing() -> impl Strategy<Value = Option<Owned>> {
    let frame = prop::option::of((3000_u16..5000, "\\PC{0,30}"));
    prop::option::of(frame.prop_map(Owned::Close))
}

/// A connection's bytes, and the messages in the order in which they are whole.
fn transmit(messages: &[Sent], close: Option<&Owned>, mask: Option<[u8; 4]>) -> (Vec<u8>, Vec<Owned>) {
    let mut bytes = Vec::new();
    let mut expected = Vec::new();
    for (message, cuts) in messages {
        write(message, cuts, mask, &mut bytes, &mut expected);
        expected.push(message.clone());
    }
    if let Some(Owned::Close(frame)) = close {
        let frame = frame.as_ref().map(|(code, reason)| CloseFrame {
            code: CloseCode(*code),
            reason,
        });
        match mask {
            Some(key) => encode_close_masked(frame, key, &mut bytes),
            None => encode_close(frame, &mut bytes),
        }
        expected.extend(close.cloned());
    }
    (bytes, expected)
}

fn write(
    message: &Owned,
    cuts: &[(prop::sample::Index, Option<Owned>)],
    mask: Option<[u8; 4]>,
    bytes: &mut Vec<u8>,
    expected: &mut Vec<Owned>,
) {
    let (mut opcode, mut rest) = match message {
        Owned::Text(text) => (Opcode::Text, text.as_bytes()),
        Owned::Binary(payload) => (Opcode::Binary, &payload[..]),
        Owned::Ping(payload) => (Opcode::Ping, &payload[..]),
        Owned::Pong(payload) => (Opcode::Pong, &payload[..]),
        Owned::Close(_) => return,
    };
    for (cut, between) in cuts {
        let (fragment, after) = rest.split_at(cut.index(rest.len() + 1));
        encode_frame(opcode, false, mask, &[fragment], bytes);
        (opcode, rest) = (Opcode::Continuation, after);
        if let Some(between) = between {
            write(between, &[], mask, bytes, expected);
            expected.push(between.clone());
        }
    }
    encode_frame(opcode, true, mask, &[rest], bytes);
}

fn role_and_mask() -> impl Strategy<Value = (Role, Option<[u8; 4]>)> {
    prop_oneof![
        any::<[u8; 4]>().prop_map(|key| (Role::Server, Some(key))),
        Just((Role::Client, None))
    ]
}

proptest! {
    #[test]
    fn the_messages_are_the_same_wherever_the_bytes_are_cut(
        messages in prop::collection::vec(sent(), 0..5),
        close in closing(),
        (role, mask) in role_and_mask(),
        cut in any::<prop::sample::Index>(),
        step in 1_usize..40,
    ) {
        let (bytes, expected) = transmit(&messages, close.as_ref(), mask);
        let expected = (expected, None);
        prop_assert_eq!(&decode_pieces(role, MAX_MESSAGE, [&bytes[..]]), &expected);
        let (front, back) = bytes.split_at(cut.index(bytes.len() + 1));
        prop_assert_eq!(&decode_pieces(role, MAX_MESSAGE, [front, back]), &expected);
        prop_assert_eq!(&decode_pieces(role, MAX_MESSAGE, bytes.chunks(step)), &expected);
    }

    #[test]
    fn arbitrary_bytes_never_panic_nor_hold_more_than_the_limit(
        pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 0..10),
        start in 0_usize..4,
        role in prop_oneof![Just(Role::Server), Just(Role::Client)],
    ) {
        // Most random bytes are refused at once; these starts lead deeper.
        let starts: [&[u8]; 4] = [b"", b"\x01\xfe\x0f\xff", b"\x82\xff\0\0\0\0\0\0\x10\0", b"\x02\x7e\x0f\x00"];
        let mut decoder = Decoder::new(role, MAX_MESSAGE);
        let mut outcome = Outcome::default();
        receive(&mut decoder, starts[start], &mut outcome);
        for piece in &pieces {
            receive(&mut decoder, piece, &mut outcome);
            prop_assert!(decoder.held_bytes() <= MOST_HELD);
        }
    }

    #[test]
    fn a_broken_byte_gives_the_same_outcome_wherever_the_bytes_are_cut(
        messages in prop::collection::vec(sent(), 1..4),
        broken in any::<prop::sample::Index>(),
        bit in 0_u8..8,
        step in 1_usize..20,
    ) {
        let (mut bytes, _) = transmit(&messages, None, Some([9, 8, 7, 6]));
        let at = broken.index(bytes.len());
        bytes[at] ^= 1 << bit;
        let at_once = decode_pieces(Role::Server, MAX_MESSAGE, [&bytes[..]]);
        let in_pieces = decode_pieces(Role::Server, MAX_MESSAGE, bytes.chunks(step));
        prop_assert_eq!(at_once.0, in_pieces.0);
        // Text that comes in pieces is refused before it is whole, which a whole frame at once may not get to.
        prop_assert!(at_once.1 == in_pieces.1 || at_once.1.is_none());
    }
}
