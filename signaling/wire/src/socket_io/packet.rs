//! A packet's text: `<type>[<attachments>-][<namespace>,][<id>][<payload>]`.

use super::encode::encode_head;
use super::error::ProtocolError;

/// The longest name of a namespace, in bytes, with its query.
pub const MAX_NAMESPACE_BYTES: usize = 512;

/// Names that no event may have, because a handler for them hears something else on one of the sides.
const RESERVED_EVENTS: [&str; 6] = [
    "connect",
    "connect_error",
    "disconnect",
    "disconnecting",
    "newListener",
    "removeListener",
];

/// A packet's type; the discriminants are the digits on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Kind {
    /// Asks for a namespace, or grants it.
    Connect = 0,
    /// Leaves a namespace, or ends it.
    Disconnect = 1,
    /// An event.
    Event = 2,
    /// The answer to an event with an id.
    Ack = 3,
    /// Refuses a namespace.
    ConnectError = 4,
    /// An event with attachments.
    BinaryEvent = 5,
    /// An answer with attachments.
    BinaryAck = 6,
}

impl Kind {
    fn from_digit(digit: u8) -> Option<Self> {
        Some(match digit {
            b'0' => Self::Connect,
            b'1' => Self::Disconnect,
            b'2' => Self::Event,
            b'3' => Self::Ack,
            b'4' => Self::ConnectError,
            b'5' => Self::BinaryEvent,
            b'6' => Self::BinaryAck,
            _ => return None,
        })
    }

    /// Whether binary messages follow the text.
    #[must_use]
    pub const fn is_binary(self) -> bool {
        matches!(self, Self::BinaryEvent | Self::BinaryAck)
    }
}

/// A packet, borrowed from its text. Payloads are JSON text, seen from the outside only: see
/// [who validates what](super#who-validates-what).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Packet<'a> {
    /// From a client: asks for a namespace. From a server: grants it.
    Connect {
        /// The namespace, `/` or a name that starts with a slash.
        namespace: &'a str,
        /// What follows a `?` after the name; some clients send one.
        query: Option<&'a str>,
        /// An object: a client's `auth`, a server's `sid`.
        data: Option<&'a str>,
    },
    /// Leaves a namespace.
    Disconnect {
        /// The namespace.
        namespace: &'a str,
    },
    /// EVENT or BINARY_EVENT.
    Event {
        /// The namespace.
        namespace: &'a str,
        /// Asks for an acknowledgment with this id.
        id: Option<u64>,
        /// An array: the event's name (a string or a number) and its arguments.
        args: &'a str,
        /// How many binary messages follow; 0 for EVENT.
        attachments: usize,
    },
    /// ACK or BINARY_ACK.
    Ack {
        /// The namespace.
        namespace: &'a str,
        /// The id of the event that this answers.
        id: u64,
        /// An array: the answer's arguments.
        args: &'a str,
        /// How many binary messages follow; 0 for ACK.
        attachments: usize,
    },
    /// Refuses a namespace.
    ConnectError {
        /// The namespace.
        namespace: &'a str,
        /// An object with a `message`, or a string.
        data: Option<&'a str>,
    },
}

impl<'a> Packet<'a> {
    /// Reads a packet's text. Neither the number of attachments nor the depth of a payload is limited here.
    ///
    /// # Errors
    /// The text is not a packet.
    pub fn decode(text: &'a str) -> Result<Self, ProtocolError> {
        let first = *text.as_bytes().first().ok_or(ProtocolError::Empty)?;
        let kind = Kind::from_digit(first).ok_or(ProtocolError::UnknownType)?;
        let rest = &text[1..];
        let (attachments, rest) = if kind.is_binary() {
            attachments(rest)?
        } else {
            (0, rest)
        };
        let (namespace, query, rest) = namespace(rest)?;
        let (id, payload) = ack_id(rest)?;
        match kind {
            Kind::Connect => {
                let data = optional(payload, is_object)?;
                Ok(Self::Connect {
                    namespace,
                    query,
                    data,
                })
            }
            Kind::Disconnect if payload.is_empty() => Ok(Self::Disconnect { namespace }),
            Kind::Disconnect => Err(ProtocolError::InvalidPayload),
            Kind::Event | Kind::BinaryEvent => {
                let args = event_args(payload)?;
                Ok(Self::Event {
                    namespace,
                    id,
                    args,
                    attachments,
                })
            }
            Kind::Ack | Kind::BinaryAck => {
                let id = id.ok_or(ProtocolError::MissingAckId)?;
                let args = ack_args(payload)?;
                Ok(Self::Ack {
                    namespace,
                    id,
                    args,
                    attachments,
                })
            }
            Kind::ConnectError => {
                let data = optional(payload, |data| is_object(data) || is_string(data))?;
                Ok(Self::ConnectError { namespace, data })
            }
        }
    }

    /// Appends the packet's text; the binary messages are the caller's to send.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let kind = self.kind();
        match *self {
            Self::Connect {
                namespace,
                query: Some(query),
                data,
            } => {
                out.push(b'0');
                out.extend_from_slice(namespace.as_bytes());
                out.push(b'?');
                out.extend_from_slice(query.as_bytes());
                out.push(b',');
                out.extend_from_slice(data.unwrap_or_default().as_bytes());
            }
            Self::Connect {
                namespace,
                query: None,
                data,
            }
            | Self::ConnectError { namespace, data } => {
                encode_head(kind, 0, namespace, None, out);
                out.extend_from_slice(data.unwrap_or_default().as_bytes());
            }
            Self::Disconnect { namespace } => encode_head(kind, 0, namespace, None, out),
            Self::Event {
                namespace,
                id,
                args,
                attachments,
            } => {
                encode_head(kind, attachments, namespace, id, out);
                out.extend_from_slice(args.as_bytes());
            }
            Self::Ack {
                namespace,
                id,
                args,
                attachments,
            } => {
                encode_head(kind, attachments, namespace, Some(id), out);
                out.extend_from_slice(args.as_bytes());
            }
        }
    }

    /// The packet's type on the wire.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Connect { .. } => Kind::Connect,
            Self::Disconnect { .. } => Kind::Disconnect,
            Self::Event { attachments: 0, .. } => Kind::Event,
            Self::Event { .. } => Kind::BinaryEvent,
            Self::Ack { attachments: 0, .. } => Kind::Ack,
            Self::Ack { .. } => Kind::BinaryAck,
            Self::ConnectError { .. } => Kind::ConnectError,
        }
    }

    /// The namespace that the packet is for.
    #[must_use]
    pub const fn namespace(&self) -> &'a str {
        match self {
            Self::Connect { namespace, .. }
            | Self::Disconnect { namespace }
            | Self::Event { namespace, .. }
            | Self::Ack { namespace, .. }
            | Self::ConnectError { namespace, .. } => namespace,
        }
    }
}

/// The number of attachments and what follows its dash.
fn attachments(text: &str) -> Result<(usize, &str), ProtocolError> {
    let (number, rest) = digits(text);
    let rest = rest.strip_prefix('-').ok_or(ProtocolError::InvalidAttachments)?;
    match number.parse() {
        Ok(0) | Err(_) => Err(ProtocolError::InvalidAttachments),
        Ok(number) => Ok((number, rest)),
    }
}

/// The namespace's name, its query, and what follows its comma, or `/` where none is named.
fn namespace(text: &str) -> Result<(&str, Option<&str>, &str), ProtocolError> {
    if !text.starts_with('/') {
        return Ok(("/", None, text));
    }
    let (namespace, rest) = text.split_once(',').unwrap_or((text, ""));
    if namespace.len() > MAX_NAMESPACE_BYTES {
        return Err(ProtocolError::LongNamespace);
    }
    match namespace.split_once('?') {
        Some((name, query)) => Ok((name, Some(query), rest)),
        None => Ok((namespace, None, rest)),
    }
}

/// The acknowledgment id, if there is one, and what follows it.
fn ack_id(text: &str) -> Result<(Option<u64>, &str), ProtocolError> {
    match digits(text) {
        ("", rest) => Ok((None, rest)),
        (id, rest) => match id.parse() {
            Ok(id) => Ok((Some(id), rest)),
            Err(_) => Err(ProtocolError::LargeAckId),
        },
    }
}

/// The ASCII digits at the start of a text, and the rest.
fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    text.split_at(end)
}

fn optional(payload: &str, is_valid: impl Fn(&str) -> bool) -> Result<Option<&str>, ProtocolError> {
    match payload {
        "" => Ok(None),
        payload if is_valid(payload) => Ok(Some(payload)),
        _ => Err(ProtocolError::InvalidPayload),
    }
}

/// The payload of an event, as far as its outer shape tells.
fn event_args(payload: &str) -> Result<&str, ProtocolError> {
    let args = ack_args(payload)?;
    let first = args[1..].trim_ascii_start();
    match first.as_bytes()[0] {
        b'"' if is_reserved(&first[1..]) => Err(ProtocolError::ReservedEvent),
        b'"' | b'0'..=b'9' | b'-' => Ok(args),
        _ => Err(ProtocolError::InvalidPayload),
    }
}

/// The payload of an acknowledgment, as far as its outer shape tells.
fn ack_args(payload: &str) -> Result<&str, ProtocolError> {
    match payload.as_bytes() {
        [] => Err(ProtocolError::MissingPayload),
        [b'[', .., b']'] => Ok(payload),
        _ => Err(ProtocolError::InvalidPayload),
    }
}

/// Whether a string that starts with `text`, behind its opening quote, is a reserved name.
pub(super) fn is_reserved(text: &str) -> bool {
    // The first letters of all that are reserved, so that most events are through after one comparison.
    matches!(text.as_bytes().first(), Some(b'c' | b'd' | b'n' | b'r'))
        && RESERVED_EVENTS
            .iter()
            .any(|name| text.strip_prefix(name).is_some_and(|rest| rest.starts_with('"')))
}

fn is_object(payload: &str) -> bool {
    payload.starts_with('{') && payload.ends_with('}')
}

fn is_string(payload: &str) -> bool {
    payload.len() >= 2 && payload.starts_with('"') && payload.ends_with('"')
}
