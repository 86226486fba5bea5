//! Several packets in one HTTP body.

use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use base64::engine::{DecodePaddingMode, Engine as _};

use super::packet::{InvalidPacket, Packet};

/// What stands between two packets of a payload: the record separator.
pub const SEPARATOR: u8 = 0x1e;

/// The most packets that a client is given in one payload. python-engineio refuses a longer one.
pub const MAX_PACKETS_PER_PAYLOAD: usize = 16;

/// Clients differ in whether they pad.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The packets of a POST's body, one after the other. The memory that it takes is bounded by the body's length.
#[derive(Debug)]
pub struct Payload<'a> {
    rest: Option<&'a str>,
    /// The bytes of the binary packet that was read last.
    decoded: Vec<u8>,
}

impl<'a> Payload<'a> {
    /// The payload that `body` is. An empty body is one empty packet, which is invalid.
    #[must_use]
    pub fn new(body: &'a str) -> Self {
        Self {
            rest: Some(body),
            decoded: Vec::new(),
        }
    }

    /// The next packet; `None` after the last.
    ///
    /// # Errors
    /// When it is not a packet. What follows it must not be used.
    // Not an iterator: a binary packet borrows the memory that it was decoded into.
    #[expect(clippy::should_implement_trait, reason = "a lending iterator has no trait")]
    pub fn next(&mut self) -> Option<Result<Packet<'_>, InvalidPacket>> {
        let rest = self.rest.take()?;
        let packet = match memchr::memchr(SEPARATOR, rest.as_bytes()) {
            Some(end) => {
                self.rest = Some(&rest[end + 1..]);
                &rest[..end]
            }
            None => rest,
        };
        let Some(binary) = packet.strip_prefix('b') else {
            return Some(Packet::parse(packet));
        };
        self.decoded.clear();
        Some(match BASE64.decode_vec(binary, &mut self.decoded) {
            Ok(()) => Ok(Packet::Binary(&self.decoded)),
            Err(_) => Err(InvalidPacket::InvalidBase64),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Debug, PartialEq)]
    enum Owned {
        Text(String),
        Binary(Vec<u8>),
        Ping(String),
        Pong(String),
        Plain(u8),
    }

    impl Owned {
        fn packet(&self) -> Packet<'_> {
            match self {
                Self::Text(text) => Packet::Text(text),
                Self::Binary(bytes) => Packet::Binary(bytes),
                Self::Ping(text) => Packet::Ping(text),
                Self::Pong(text) => Packet::Pong(text),
                Self::Plain(0) => Packet::Close,
                Self::Plain(1) => Packet::Upgrade,
                Self::Plain(_) => Packet::Noop,
            }
        }
    }

    fn packets() -> impl Strategy<Value = Vec<Owned>> {
        let text = "[^\u{1e}]{0,40}";
        let packet = prop_oneof![
            text.prop_map(Owned::Text),
            text.prop_map(Owned::Ping),
            text.prop_map(Owned::Pong),
            proptest::collection::vec(any::<u8>(), 0..40).prop_map(Owned::Binary),
            (0_u8..3).prop_map(Owned::Plain),
        ];
        proptest::collection::vec(packet, 1..20)
    }

    proptest! {
        #[test]
        fn packets_survive_their_payload(packets in packets()) {
            let mut body = Vec::new();
            for packet in &packets {
                if !body.is_empty() {
                    body.push(SEPARATOR);
                }
                packet.packet().encode(&mut body);
            }
            let mut payload = Payload::new(std::str::from_utf8(&body).unwrap());
            for packet in &packets {
                prop_assert_eq!(payload.next(), Some(Ok(packet.packet())));
            }
            prop_assert_eq!(payload.next(), None);
        }

        #[test]
        fn an_arbitrary_body_neither_panics_nor_grows_memory(body in ".{0,200}") {
            let mut payload = Payload::new(&body);
            let mut packets = 0;
            while payload.next().is_some() {
                packets += 1;
                prop_assert!(payload.decoded.capacity() <= body.len() + 16);
            }
            prop_assert_eq!(packets, 1 + body.matches('\u{1e}').count());
        }
    }

    #[test]
    fn an_empty_body_is_an_invalid_packet() {
        assert_eq!(Payload::new("").next(), Some(Err(InvalidPacket::Empty)));
    }

    #[test]
    fn base64_may_come_without_its_padding() {
        assert_eq!(
            Payload::new("bAQIDBA").next(),
            Some(Ok(Packet::Binary(&[1, 2, 3, 4])))
        );
        assert_eq!(
            Payload::new("bAQIDBA==").next(),
            Some(Ok(Packet::Binary(&[1, 2, 3, 4])))
        );
        assert_eq!(Payload::new("b!").next(), Some(Err(InvalidPacket::InvalidBase64)));
    }
}
