//! What a WebSocket connection carries: messages, their opcodes, and the codes of its end.

use std::fmt;

/// Which side of the connection the local end is; decides who masks (RFC 6455 §5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The local end accepted the connection: what it receives must be masked, what it sends must not.
    Server,
    /// The local end opened the connection: what it sends must be masked, what it receives must not be.
    Client,
}

impl Role {
    /// The other end's role.
    #[must_use]
    pub const fn peer(self) -> Self {
        match self {
            Self::Server => Self::Client,
            Self::Client => Self::Server,
        }
    }
}

/// What a frame is, RFC 6455 §5.2; the discriminants are the bits on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// A further fragment of the message that is under way.
    Continuation = 0x0,
    /// UTF-8 text, or its first fragment.
    Text = 0x1,
    /// Bytes, or their first fragment.
    Binary = 0x2,
    /// The end: see [`CloseFrame`].
    Close = 0x8,
    /// Asks for a [`Pong`](Self::Pong) with the same payload.
    Ping = 0x9,
    /// Answers a [`Ping`](Self::Ping), or is a sign of life that nobody asked for.
    Pong = 0xA,
}

impl Opcode {
    /// The opcode with these four bits; none for the reserved ones.
    pub(super) const fn from_bits(bits: u8) -> Option<Self> {
        Some(match bits {
            0x0 => Self::Continuation,
            0x1 => Self::Text,
            0x2 => Self::Binary,
            0x8 => Self::Close,
            0x9 => Self::Ping,
            0xA => Self::Pong,
            _ => return None,
        })
    }

    /// Control frames may stand between the fragments of a message, carry at most 125 bytes and are never fragmented
    /// (RFC 6455 §5.5).
    #[must_use]
    pub const fn is_control(self) -> bool {
        self as u8 >= 0x8
    }
}

/// A whole message, borrowed from the buffer that it was read into, or from the decoder when it came in pieces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Message<'a> {
    /// Text, checked to be UTF-8.
    Text(&'a str),
    /// Bytes.
    Binary(&'a [u8]),
    /// To be answered by a pong with the same payload, at most 125 bytes, unless the connection is closing.
    Ping(&'a [u8]),
    /// A sign of life.
    Pong(&'a [u8]),
    /// The peer closes; to be answered by a close frame unless one was sent before. Nothing follows it.
    Close(Option<CloseFrame<'a>>),
}

/// The body of a close frame (RFC 6455 §5.5.1): a code the peer may send, and a reason in UTF-8 of at most 123 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloseFrame<'a> {
    /// Why the connection ends.
    pub code: CloseCode,
    /// The same for people; mostly empty, and not to be shown to users.
    pub reason: &'a str,
}

/// Why a connection ends, RFC 6455 §7.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// The purpose of the connection is fulfilled.
    pub const NORMAL: Self = Self(1000);
    /// The endpoint goes away: a server shuts down, a user leaves the page.
    pub const GOING_AWAY: Self = Self(1001);
    /// The peer broke the framing.
    pub const PROTOCOL_ERROR: Self = Self(1002);
    /// The peer sent a kind of message that is not accepted.
    pub const UNSUPPORTED: Self = Self(1003);
    /// Never on the wire: stands for a close frame without a code.
    pub const NO_STATUS: Self = Self(1005);
    /// Never on the wire: stands for a connection that ended without a close frame.
    pub const ABNORMAL: Self = Self(1006);
    /// What was sent as text is not UTF-8.
    pub const INVALID_PAYLOAD: Self = Self(1007);
    /// The peer broke a rule of the service.
    pub const POLICY: Self = Self(1008);
    /// The message is larger than what is accepted.
    pub const TOO_BIG: Self = Self(1009);
    /// The service failed.
    pub const INTERNAL: Self = Self(1011);
    /// The service restarts; coming back later is welcome.
    pub const RESTART: Self = Self(1012);
    /// The service is overloaded; coming back later is welcome.
    pub const TRY_AGAIN: Self = Self(1013);

    /// Whether a close frame from an end of this role may carry the code: those of the RFC, the ranges for libraries
    /// (3000–3999) and applications (4000–4999), and from a server also what IANA registered for servers (1012–1014).
    #[must_use]
    pub const fn may_come_from(self, sender: Role) -> bool {
        match self.0 {
            1000..=1003 | 1007..=1011 | 3000..=4999 => true,
            1012..=1014 => matches!(sender, Role::Server),
            _ => false,
        }
    }
}

impl fmt::Display for CloseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
