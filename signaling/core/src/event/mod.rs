//! Chat events as the bytes of Socket.IO packets, both ways, with their limits.
//!
//! A client's event arrives as the JSON array of its packet and is read once, by borrowing: [`parse`] finds the fields
//! that matter and where the sender's object lies, which is relayed as the bytes that it came in. Nothing is unescaped
//! that does not have to be. Events to clients are written by [`ServerEvent::write`].

mod criteria;
mod fields;
mod json;
mod parse;
mod server;
mod signal;

use std::borrow::Cow;

pub use self::parse::{ClientEvent, Target, parse};
pub use self::server::{InMatch, ServerEvent, State, write_ack_error, write_ack_ice_servers, write_ack_ok};
pub use self::signal::{Body, CandidateType, IceReport, IceState, Protocol, Signal, SignalKind};

/// Bounds of what clients send. Sizes are bytes of UTF-8, of the text and not of its JSON form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A session description (`MAX_SDP_BYTES`).
    pub sdp: usize,
    /// A candidate line (`MAX_CANDIDATE_BYTES`).
    pub candidate: usize,
    /// A text (`MAX_TEXT_BYTES`).
    pub text: usize,
    /// The whole JSON of a `find_match` payload (`MAX_CRITERIA_BYTES`).
    pub criteria: usize,
    /// How deep arrays and objects may be nested in an event, its own array included.
    pub depth: usize,
    /// How many interests a person may name.
    pub interests: usize,
    /// How many characters an interest may have.
    pub interest_chars: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            sdp: 65_536,
            candidate: 4_096,
            text: 4_096,
            criteria: 2_048,
            depth: 32,
            interests: 10,
            interest_chars: 64,
        }
    }
}

/// Why something was refused, as a code for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorCode {
    /// The payload is not what the event takes.
    InvalidPayload,
    /// A field is longer than its limit.
    PayloadTooLarge,
    /// There is no such match.
    NotMatched,
    /// The person is in a match.
    AlreadyMatched,
    /// The event does not fit the state of the call.
    InvalidState,
    /// Too many events or connections.
    RateLimited,
    /// The JWT is missing or not valid.
    Unauthorized,
    /// The pod is full.
    Capacity,
    /// Something that is needed is away just now.
    Unavailable,
    /// The pod goes away.
    Draining,
    /// There is no such event.
    UnknownEvent,
    /// A fault of the service.
    Internal,
}

impl ErrorCode {
    /// All codes.
    pub const ALL: [Self; 12] = [
        Self::InvalidPayload,
        Self::PayloadTooLarge,
        Self::NotMatched,
        Self::AlreadyMatched,
        Self::InvalidState,
        Self::RateLimited,
        Self::Unauthorized,
        Self::Capacity,
        Self::Unavailable,
        Self::Draining,
        Self::UnknownEvent,
        Self::Internal,
    ];

    /// The code as clients and labels have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::InvalidPayload => "invalid_payload",
            Self::PayloadTooLarge => "payload_too_large",
            Self::NotMatched => "not_matched",
            Self::AlreadyMatched => "already_matched",
            Self::InvalidState => "invalid_state",
            Self::RateLimited => "rate_limited",
            Self::Unauthorized => "unauthorized",
            Self::Capacity => "capacity",
            Self::Unavailable => "unavailable",
            Self::Draining => "draining",
            Self::UnknownEvent => "unknown_event",
            Self::Internal => "internal",
        }
    }
}

/// A refusal, as the client gets it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejection {
    /// For programs.
    pub code: ErrorCode,
    /// For people: one sentence that says what is allowed.
    pub message: Cow<'static, str>,
    /// The payload's field that is meant.
    pub field: Option<&'static str>,
}

impl Rejection {
    /// A refusal that is not about one field.
    #[must_use]
    pub fn new(code: ErrorCode, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code,
            message: message.into(),
            field: None,
        }
    }

    /// A refusal of one field.
    pub(crate) fn field(field: &'static str, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            code: ErrorCode::InvalidPayload,
            message: message.into(),
            field: Some(field),
        }
    }

    pub(crate) fn too_large(field: &'static str, limit: usize) -> Self {
        let message = format!("{field} may have {limit} bytes of UTF-8 at most").into();
        Self {
            code: ErrorCode::PayloadTooLarge,
            message,
            field: Some(field),
        }
    }
}
