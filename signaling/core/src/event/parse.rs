//! From the JSON array of a client's packet to one of the contract's events.

use serde_json::value::RawValue;

use super::fields::{self, Fields};
use super::signal::{IceReport, Signal, SignalKind};
use super::{ErrorCode, Limits, Rejection};
use crate::id::MatchId;
use crate::pairing::Criteria;

/// An event that a client may send, checked.
#[derive(Debug)]
pub enum ClientEvent<'a> {
    /// `find_match`.
    FindMatch {
        /// Whom the person wants to meet.
        criteria: Criteria,
    },
    /// `cancel_match`.
    CancelMatch,
    /// `leave_match`.
    LeaveMatch {
        /// Which match.
        target: Target<'a>,
    },
    /// `next_match`.
    NextMatch {
        /// Whom the person wants to meet.
        criteria: Criteria,
        /// Which match ends.
        target: Target<'a>,
    },
    /// `webrtc_offer`, `webrtc_answer`, `webrtc_ice_candidate` and `chat_message`.
    Signal(Signal<'a>),
    /// `ice_state`.
    IceState {
        /// What the client reports.
        report: IceReport,
        /// Of which match.
        target: Target<'a>,
    },
    /// `ice_servers`.
    IceServers,
    /// `block_peer`.
    BlockPeer {
        /// In which match.
        target: Target<'a>,
    },
    /// `report_peer`.
    ReportPeer {
        /// In which match.
        target: Target<'a>,
    },
}

/// Which match an event is for: the present one, unless it names one.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a>(Option<&'a str>);

impl<'a> Target<'a> {
    pub(super) fn parse(fields: &Fields<'a>) -> Result<Self, Rejection> {
        match fields.match_id.filter(|id| id.get() != "null") {
            Some(id) => fields::bounded(id, "matchId", 64).map(|id| Self(Some(id))),
            None => Ok(Self(None)),
        }
    }

    /// Whether the event names the match that it is for.
    #[must_use]
    pub fn names_a_match(&self) -> bool {
        self.0.is_some()
    }

    /// Whether the event is for the match with this id.
    #[must_use]
    pub fn admits(&self, match_id: MatchId) -> bool {
        self.0.is_none_or(|named| named.as_bytes() == match_id.text())
    }
}

/// How long the reason of a block or a report may be, in bytes.
const MAX_REASON: usize = 256;

/// Reads the JSON array of an EVENT packet, `["name", payload]`. The text is not trusted to be JSON.
///
/// # Errors
/// `invalid_payload`, `payload_too_large` or `unknown_event`, with the field that is meant.
pub fn parse<'a>(args: &'a str, limits: &Limits) -> Result<ClientEvent<'a>, Rejection> {
    if too_deep(args, limits.depth) {
        let message = format!("an event may be nested {} deep at most", limits.depth);
        return Err(Rejection::new(ErrorCode::InvalidPayload, message));
    }
    let (name, payload) = fields::split(args)?;
    match &*name {
        "webrtc_ice_candidate" => signal(SignalKind::Candidate, payload, limits),
        "webrtc_offer" => signal(SignalKind::Offer, payload, limits),
        "webrtc_answer" => signal(SignalKind::Answer, payload, limits),
        "chat_message" => signal(SignalKind::ChatMessage, payload, limits),
        "find_match" => Ok(ClientEvent::FindMatch {
            criteria: Criteria::parse(payload, limits)?.0,
        }),
        "next_match" => {
            let (criteria, target) = Criteria::parse(payload, limits)?;
            Ok(ClientEvent::NextMatch { criteria, target })
        }
        "cancel_match" => Ok(ClientEvent::CancelMatch),
        "leave_match" => Ok(ClientEvent::LeaveMatch {
            target: target(payload)?,
        }),
        "ice_state" => {
            let (_, fields) = required(payload)?;
            Ok(ClientEvent::IceState {
                report: IceReport::parse(&fields)?,
                target: Target::parse(&fields)?,
            })
        }
        "ice_servers" => Ok(ClientEvent::IceServers),
        "block_peer" => Ok(ClientEvent::BlockPeer {
            target: reasoned(payload)?,
        }),
        "report_peer" => Ok(ClientEvent::ReportPeer {
            target: reasoned(payload)?,
        }),
        unknown => Err(unknown_event(unknown)),
    }
}

fn signal<'a>(
    kind: SignalKind,
    payload: Option<&'a RawValue>,
    limits: &Limits,
) -> Result<ClientEvent<'a>, Rejection> {
    let (object, fields) = required(payload)?;
    Signal::parse(kind, object, &fields, limits).map(ClientEvent::Signal)
}

/// The payload of an event that cannot do without.
fn required<'a>(payload: Option<&'a RawValue>) -> Result<(&'a RawValue, Fields<'a>), Rejection> {
    match (payload, fields::read(payload)?) {
        (Some(object), Some(fields)) => Ok((object, fields)),
        _ => Err(Rejection::new(
            ErrorCode::InvalidPayload,
            "the event needs an object",
        )),
    }
}

fn target(payload: Option<&RawValue>) -> Result<Target<'_>, Rejection> {
    match fields::read(payload)? {
        Some(fields) => Target::parse(&fields),
        None => Ok(Target(None)),
    }
}

fn reasoned(payload: Option<&RawValue>) -> Result<Target<'_>, Rejection> {
    let fields = fields::read(payload)?;
    if let Some(reason) = fields
        .as_ref()
        .and_then(|fields| fields.reason)
        .filter(|value| value.get() != "null")
    {
        fields::bounded(reason, "reason", MAX_REASON)?;
    }
    fields.map_or(Ok(Target(None)), |fields| Target::parse(&fields))
}

fn unknown_event(name: &str) -> Rejection {
    let shown: String = name.chars().take(40).flat_map(char::escape_debug).collect();
    Rejection::new(ErrorCode::UnknownEvent, format!("there is no event {shown}"))
}

/// Whether arrays and objects are nested deeper than `limit`. Looks twice only at texts with many brackets.
fn too_deep(json: &str, limit: usize) -> bool {
    if memchr::memchr2_iter(b'{', b'[', json.as_bytes())
        .take(limit + 1)
        .count()
        <= limit
    {
        return false;
    }
    let (mut depth, mut quoted, mut escaped) = (0_usize, false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b'{' | b'[' if !quoted => depth += 1,
            b'}' | b']' if !quoted => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > limit {
            return true;
        }
    }
    false
}
