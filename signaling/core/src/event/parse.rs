//! From the JSON array of a client's packet to one of the contract's events.

use super::fields::{self, Event, Fields, given};
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
#[derive(Clone, Copy, Debug, Default)]
pub struct Target<'a>(Option<&'a str>);

impl<'a> Target<'a> {
    pub(super) fn parse(fields: &Fields<'a>) -> Result<Self, Rejection> {
        match given(fields.match_id) {
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
    let event = Event::read(args, limits)?;
    match &*event.name {
        "webrtc_ice_candidate" => signal(SignalKind::Candidate, &event, limits),
        "webrtc_offer" => signal(SignalKind::Offer, &event, limits),
        "webrtc_answer" => signal(SignalKind::Answer, &event, limits),
        "chat_message" => signal(SignalKind::ChatMessage, &event, limits),
        "find_match" => Ok(ClientEvent::FindMatch {
            criteria: Criteria::parse(&event, limits)?.0,
        }),
        "next_match" => {
            let (criteria, target) = Criteria::parse(&event, limits)?;
            Ok(ClientEvent::NextMatch { criteria, target })
        }
        "cancel_match" => Ok(ClientEvent::CancelMatch),
        "leave_match" => Ok(ClientEvent::LeaveMatch {
            target: target(&event)?,
        }),
        "ice_state" => {
            let (_, fields) = required(&event)?;
            Ok(ClientEvent::IceState {
                report: IceReport::parse(fields)?,
                target: Target::parse(fields)?,
            })
        }
        "ice_servers" => Ok(ClientEvent::IceServers),
        "block_peer" => Ok(ClientEvent::BlockPeer {
            target: reasoned(&event)?,
        }),
        "report_peer" => Ok(ClientEvent::ReportPeer {
            target: reasoned(&event)?,
        }),
        unknown => Err(unknown_event(unknown)),
    }
}

fn signal<'a>(kind: SignalKind, event: &Event<'a>, limits: &Limits) -> Result<ClientEvent<'a>, Rejection> {
    let (object, fields) = required(event)?;
    Signal::parse(kind, object, fields, limits).map(ClientEvent::Signal)
}

/// The payload of an event that cannot do without.
fn required<'a, 'e>(event: &'e Event<'a>) -> Result<(&'a str, &'e Fields<'a>), Rejection> {
    match (event.payload, event.fields()?) {
        (Some(object), Some(fields)) => Ok((object, fields)),
        _ => Err(Rejection::new(
            ErrorCode::InvalidPayload,
            "the event needs an object",
        )),
    }
}

fn target<'a>(event: &Event<'a>) -> Result<Target<'a>, Rejection> {
    event.fields()?.map_or(Ok(Target(None)), Target::parse)
}

fn reasoned<'a>(event: &Event<'a>) -> Result<Target<'a>, Rejection> {
    if let Some(reason) = event.fields()?.and_then(|fields| given(fields.reason)) {
        fields::bounded(reason, "reason", MAX_REASON)?;
    }
    target(event)
}

fn unknown_event(name: &str) -> Rejection {
    let shown: String = name.chars().take(40).flat_map(char::escape_debug).collect();
    Rejection::new(ErrorCode::UnknownEvent, format!("there is no event {shown}"))
}
