//! One packet: a type, written as a digit, and what it carries.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// A packet as it stands in a WebSocket message or between the separators of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// `0`: the handshake, from the server only.
    Open(&'a str),
    /// `1`: the other side closes this transport.
    Close,
    /// `2`: a heartbeat of the server, or a `probe` of the client on the transport it wants to upgrade to.
    Ping(&'a str),
    /// `3`: the answer to a ping, with what the ping carried.
    Pong(&'a str),
    /// `4`: a text message.
    Text(&'a str),
    /// A binary message: the whole WebSocket message, or `b` and base64 in a payload.
    Binary(&'a [u8]),
    /// `5`: the client has upgraded.
    Upgrade,
    /// `6`: releases a poll that hangs while the transport is upgraded.
    Noop,
}

/// Not a packet: empty, of an unknown type, or binary that is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidPacket {
    /// There is not even a type.
    #[error("a packet has at least a type")]
    Empty,
    /// The first character names no type of this protocol.
    #[error("unknown packet type")]
    UnknownType,
    /// What follows `b` is not base64.
    #[error("a binary packet in a payload is base64")]
    InvalidBase64,
}

impl<'a> Packet<'a> {
    /// Reads the text of a WebSocket message. A binary message needs no reading: it is [`Packet::Binary`] as it stands.
    ///
    /// # Errors
    /// When the text is empty or does not begin with the digit of a packet type.
    pub fn parse(text: &'a str) -> Result<Self, InvalidPacket> {
        let kind = *text.as_bytes().first().ok_or(InvalidPacket::Empty)?;
        if !kind.is_ascii_digit() {
            return Err(InvalidPacket::UnknownType);
        }
        let carried = &text[1..];
        Ok(match kind {
            b'0' => Self::Open(carried),
            b'1' => Self::Close,
            b'2' => Self::Ping(carried),
            b'3' => Self::Pong(carried),
            b'4' => Self::Text(carried),
            b'5' => Self::Upgrade,
            b'6' => Self::Noop,
            _ => return Err(InvalidPacket::UnknownType),
        })
    }

    /// Appends the packet in its text form, in which binary is `b` and base64.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let (kind, carried) = match *self {
            Self::Open(carried) => (b'0', carried),
            Self::Close => (b'1', ""),
            Self::Ping(carried) => (b'2', carried),
            Self::Pong(carried) => (b'3', carried),
            Self::Text(carried) => (b'4', carried),
            Self::Binary(bytes) => return encode_binary(bytes, out),
            Self::Upgrade => (b'5', ""),
            Self::Noop => (b'6', ""),
        };
        out.push(kind);
        out.extend_from_slice(carried.as_bytes());
    }
}

/// How many bytes `length` bytes of binary take in a payload, with their `b`.
pub(super) fn encoded_binary_length(length: usize) -> usize {
    1 + length.div_ceil(3) * 4
}

/// Appends `b` and the base64 of `bytes`.
pub(super) fn encode_binary(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'b');
    let start = out.len();
    out.resize(start + encoded_binary_length(bytes.len()) - 1, 0);
    STANDARD
        .encode_slice(bytes, &mut out[start..])
        .expect("the length is that of the encoding");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_type_is_read_by_its_digit() {
        assert_eq!(Packet::parse("0{}"), Ok(Packet::Open("{}")));
        assert_eq!(Packet::parse("1"), Ok(Packet::Close));
        assert_eq!(Packet::parse("2probe"), Ok(Packet::Ping("probe")));
        assert_eq!(Packet::parse("3"), Ok(Packet::Pong("")));
        assert_eq!(Packet::parse("4hé"), Ok(Packet::Text("hé")));
        assert_eq!(Packet::parse("5"), Ok(Packet::Upgrade));
        assert_eq!(Packet::parse("6"), Ok(Packet::Noop));
    }

    #[test]
    fn what_is_no_packet_is_refused() {
        assert_eq!(Packet::parse(""), Err(InvalidPacket::Empty));
        for text in ["7", "9x", "abc", "é", "\u{0}", "bAQ=="] {
            assert_eq!(Packet::parse(text), Err(InvalidPacket::UnknownType), "{text:?}");
        }
    }

    #[test]
    fn binary_is_written_as_base64() {
        let mut out = Vec::new();
        Packet::Binary(&[1, 2, 3, 4]).encode(&mut out);
        assert_eq!(out, b"bAQIDBA==");
        assert_eq!(out.len(), encoded_binary_length(4));
    }
}
