//! The packets that wait for a poll.

use super::open::Settings;
use super::packet::{encode_binary, encoded_binary_length};
use super::payload::{MAX_PACKETS_PER_PAYLOAD, SEPARATOR};

/// Length of a packet, little endian, ahead of each packet.
const PREFIX: usize = 4;

/// One packet that waited, as it would stand in a WebSocket message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// A text message: type and text.
    Text(&'a [u8]),
    /// A binary message.
    Binary(&'a [u8]),
}

/// More waits than the client may let wait: it does not poll fast enough.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more waits for the next poll than may wait")]
pub struct Full;

/// Packets in the order in which they were sent. Holds no memory while it is empty.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    /// Each packet: [`PREFIX`], then `b` and bytes, or the packet's text, which begins with a digit.
    bytes: Vec<u8>,
    /// Where the first packet begins; all before it has been taken.
    head: usize,
}

impl Outbox {
    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Appends the packet that `kind` and the concatenated `parts` are, unless more than `limit` bytes would wait.
    pub(super) fn push(&mut self, kind: u8, parts: &[&[u8]], limit: usize) -> Result<(), Full> {
        let length = 1 + parts.iter().map(|part| part.len()).sum::<usize>();
        let waiting = self.bytes.len() - self.head;
        if waiting + PREFIX + length > limit {
            return Err(Full);
        }
        if self.head > waiting {
            self.bytes.drain(..self.head);
            self.head = 0;
        }
        let prefix = u32::try_from(length).map_err(|_| Full)?.to_le_bytes();
        self.bytes.extend_from_slice(&prefix);
        self.bytes.push(kind);
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
        Ok(())
    }

    /// The first packet, and how much it takes.
    fn first(&self) -> Option<(&[u8], usize)> {
        let waiting = &self.bytes[self.head..];
        let (prefix, rest) = waiting.split_first_chunk::<PREFIX>()?;
        let length = u32::from_le_bytes(*prefix) as usize;
        Some((&rest[..length], PREFIX + length))
    }

    fn skip(&mut self, taken: usize) {
        self.head += taken;
        if self.head == self.bytes.len() {
            *self = Self::default();
        }
    }

    /// Hands each packet to `take`, and is empty afterwards.
    pub(super) fn drain(&mut self, mut take: impl FnMut(Body<'_>)) {
        while let Some((packet, taken)) = self.first() {
            take(match packet {
                [b'b', bytes @ ..] => Body::Binary(bytes),
                text => Body::Text(text),
            });
            self.skip(taken);
        }
    }

    /// Appends all packets as one payload, of whatever length.
    pub(super) fn take_all(&mut self, out: &mut Vec<u8>) {
        let mut first = true;
        self.drain(|body| {
            if !std::mem::replace(&mut first, false) {
                out.push(SEPARATOR);
            }
            match body {
                Body::Text(text) => out.extend_from_slice(text),
                Body::Binary(bytes) => encode_binary(bytes, out),
            }
        });
    }

    /// Moves the first packets into the payload `out`: as many as one payload may have, and as fit into its bytes; but
    /// at least one. Says how many.
    pub(super) fn fill(&mut self, settings: &Settings, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        let mut packets = 0;
        while packets < MAX_PACKETS_PER_PAYLOAD {
            let Some((packet, taken)) = self.first() else {
                break;
            };
            let length = match packet {
                [b'b', bytes @ ..] => encoded_binary_length(bytes.len()),
                text => text.len(),
            };
            if packets > 0 {
                if out.len() - start + 1 + length > settings.max_payload {
                    break;
                }
                out.push(SEPARATOR);
            }
            match packet {
                [b'b', bytes @ ..] => encode_binary(bytes, out),
                text => out.extend_from_slice(text),
            }
            packets += 1;
            self.skip(taken);
        }
        packets
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::payload::Payload;
    use super::*;

    #[test]
    fn packets_leave_in_the_order_in_which_they_came() {
        let mut outbox = Outbox::default();
        outbox.push(b'4', &[b"a", b"b"], 100).unwrap();
        outbox.push(b'b', &[&[1, 2, 3, 4]], 100).unwrap();
        let mut out = Vec::new();
        assert_eq!(outbox.fill(&Settings::default(), &mut out), 2);
        assert_eq!(out, b"4ab\x1ebAQIDBA==");
        assert!(outbox.is_empty() && outbox.bytes.capacity() == 0);
    }

    #[test]
    fn one_payload_has_no_more_packets_than_python_clients_take() {
        let mut outbox = Outbox::default();
        for _ in 0..MAX_PACKETS_PER_PAYLOAD + 1 {
            outbox.push(b'4', &[b"x"], 1_000).unwrap();
        }
        let mut out = Vec::new();
        assert_eq!(
            outbox.fill(&Settings::default(), &mut out),
            MAX_PACKETS_PER_PAYLOAD
        );
        assert_eq!(outbox.fill(&Settings::default(), &mut out), 1);
        assert_eq!(outbox.fill(&Settings::default(), &mut out), 0);
    }

    #[test]
    fn a_payload_keeps_to_its_bytes_unless_one_packet_alone_is_longer() {
        let settings = Settings {
            max_payload: 10,
            ..Settings::default()
        };
        let mut outbox = Outbox::default();
        for text in ["1234", "1234", "12345678901234567890"] {
            outbox.push(b'4', &[text.as_bytes()], 1_000).unwrap();
        }
        for expected in ["41234", "41234", "412345678901234567890"] {
            let mut out = Vec::new();
            assert_eq!(outbox.fill(&settings, &mut out), 1);
            assert_eq!(out, expected.as_bytes());
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_what_waits_stays() {
        let mut outbox = Outbox::default();
        outbox.push(b'4', &[b"12345"], 10).unwrap();
        assert_eq!(outbox.push(b'4', &[b""], 10), Err(Full));
        let mut seen = Vec::new();
        outbox.drain(|body| match body {
            Body::Text(text) => seen.extend_from_slice(text),
            Body::Binary(_) => panic!("nothing binary was sent"),
        });
        assert_eq!(seen, b"412345");
    }

    proptest! {
        #[test]
        fn memory_stays_within_the_limit_whatever_is_pushed_and_polled(
            steps in proptest::collection::vec(prop_oneof![(1_usize..400).prop_map(Some), Just(None)], 0..200),
        ) {
            let settings = Settings { max_payload: 300, ..Settings::default() };
            let mut outbox = Outbox::default();
            let (mut pushed, mut polled) = (0, 0);
            for step in steps {
                if let Some(length) = step {
                    pushed += usize::from(outbox.push(b'4', &[&vec![b'x'; length]], 1_000).is_ok());
                } else {
                    let mut out = Vec::new();
                    polled += outbox.fill(&settings, &mut out);
                    prop_assert!(out.len() <= 401);
                    let text = String::from_utf8(out).unwrap();
                    let mut payload = Payload::new(&text);
                    while !text.is_empty() && let Some(packet) = payload.next() {
                        prop_assert!(packet.is_ok());
                    }
                }
                prop_assert!(outbox.bytes.len() <= 2 * 1_000 + 8);
            }
            outbox.drain(|_| polled += 1);
            prop_assert_eq!(pushed, polled);
        }
    }
}
