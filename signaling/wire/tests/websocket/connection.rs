//! What a decoder made of a connection's bytes.

use signaling_wire::websocket::{Decoder, Message, ProtocolError, Role};

/// A message that owns what it carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Owned {
    Text(String),
    Binary(Vec<u8>),
    Ping(Vec<u8>),
    Pong(Vec<u8>),
    Close(Option<(u16, String)>),
}

impl From<Message<'_>> for Owned {
    fn from(message: Message<'_>) -> Self {
        match message {
            Message::Text(text) => Self::Text(text.to_owned()),
            Message::Binary(bytes) => Self::Binary(bytes.to_vec()),
            Message::Ping(bytes) => Self::Ping(bytes.to_vec()),
            Message::Pong(bytes) => Self::Pong(bytes.to_vec()),
            Message::Close(frame) => Self::Close(frame.map(|frame| (frame.code.0, frame.reason.to_owned()))),
        }
    }
}

/// The messages of a connection, and the error that it ended with.
pub(crate) type Outcome = (Vec<Owned>, Option<ProtocolError>);

/// Feeds bytes as they would come from a socket and collects what comes out.
pub(crate) fn receive(decoder: &mut Decoder, bytes: &[u8], outcome: &mut Outcome) {
    let mut bytes = bytes.to_vec();
    let mut input = bytes.as_mut_slice();
    loop {
        match decoder.decode(&mut input) {
            Ok(Some(message)) => outcome.0.push(message.into()),
            Ok(None) => break,
            Err(error) => outcome.1 = Some(error),
        }
    }
    assert!(input.is_empty(), "all input is used up");
}

/// What a fresh decoder makes of bytes that come in these pieces.
pub(crate) fn decode_pieces<'a>(
    role: Role,
    max_message: usize,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Outcome {
    let mut decoder = Decoder::new(role, max_message);
    let mut outcome = Outcome::default();
    for piece in pieces {
        receive(&mut decoder, piece, &mut outcome);
    }
    outcome
}

/// What a server of moderate limits makes of bytes that come at once.
pub(crate) fn decode(bytes: &[u8]) -> Outcome {
    decode_pieces(Role::Server, 1 << 20, [bytes])
}
