//! From what happened to what is counted.

use std::time::Duration;

use signaling_core::event::{self, ErrorCode};
use signaling_core::time::Millis;
use signaling_core::worker::{DropReason, EndReason, Record, Scope, WaitEnd};

use super::Chat;
use crate::metrics::{
    CandidateType, Closed, Dropped, ErrorKind, IceState, LimitScope, MatchEnd, Placement, Refused,
    ResumeOutcome, SearchOutcome, SignalKind,
};
use crate::transport::{Closing, Loss};

impl Chat {
    pub(super) fn record(&self, record: &Record, now: Millis) {
        if let Some(traces) = &self.traces {
            traces.record(record, now);
        }
        let metrics = &self.metrics;
        match *record {
            Record::SignalRelayed { kind, bytes, .. } => self.counts.signal_relayed(signal(kind), bytes),
            Record::MatchRequested { .. } => metrics.search_began(),
            Record::WaitEnded { how, waited, .. } => metrics.search_ended(wait_end(how), waited),
            Record::MatchMade {
                initiator,
                waited,
                same_pod,
                ..
            } => {
                metrics.search_ended(SearchOutcome::Matched, waited);
                if initiator {
                    let place = if same_pod {
                        Placement::SamePod
                    } else {
                        Placement::AcrossPods
                    };
                    metrics.match_made(place);
                }
            }
            Record::MatchEnded {
                initiator: true,
                reason,
                lasted,
                ..
            } => {
                metrics.match_ended(match_end(reason), lasted);
            }
            Record::SessionResumed { renegotiate, .. } => metrics.resumed(if renegotiate {
                ResumeOutcome::Renegotiate
            } else {
                ResumeOutcome::Recovered
            }),
            Record::ResumeFailed => metrics.resumed(ResumeOutcome::Failed),
            Record::IceState { report, .. } => self.ice(&report),
            Record::PeerBlocked { .. } => metrics.peer_blocked(),
            Record::PeerReported { .. } => metrics.peer_reported(),
            Record::Refused { code } => metrics.error(error(code)),
            Record::LimitHit { scope, .. } => metrics.limited(limit(scope)),
            Record::Counted { .. }
            | Record::MatchEnded { .. }
            | Record::SessionConnected { .. }
            | Record::SessionLost { .. }
            | Record::SessionDisconnected { .. } => {}
            Record::ConfirmationFailed => metrics.confirmation_failed(),
            Record::LinkFull => metrics.link_full(),
            Record::SessionTaken { .. } => metrics.session_taken(),
            Record::SessionMoved { .. } => metrics.session_moved(),
            Record::SessionSuperseded { .. } => metrics.session_superseded(),
            Record::Unreadable => metrics.bus_unreadable(),
            Record::SignalsDropped { reason, count } => {
                metrics.signals_dropped(dropped(reason), u64::try_from(count).unwrap_or(u64::MAX));
            }
        }
    }

    fn ice(&self, report: &event::IceReport) {
        let Some(state) = ice_state(report.state) else {
            return;
        };
        let candidate = report.candidate_type.map_or(CandidateType::Unknown, candidate);
        let round_trip = report
            .rtt_ms
            .and_then(|rtt| Duration::try_from_secs_f64(rtt / 1000.0).ok());
        self.metrics.ice_state(state, candidate, round_trip);
    }
}

fn signal(kind: event::SignalKind) -> SignalKind {
    match kind {
        event::SignalKind::Offer => SignalKind::Offer,
        event::SignalKind::Answer => SignalKind::Answer,
        event::SignalKind::Candidate => SignalKind::IceCandidate,
        event::SignalKind::ChatMessage => SignalKind::ChatMessage,
    }
}

fn dropped(reason: DropReason) -> Dropped {
    match reason {
        DropReason::LinkFull => Dropped::LinkFull,
        DropReason::HeldFull => Dropped::HeldFull,
        DropReason::Unclaimed => Dropped::Unclaimed,
        DropReason::Stale => Dropped::Stale,
    }
}

fn wait_end(how: WaitEnd) -> SearchOutcome {
    match how {
        WaitEnd::Cancelled => SearchOutcome::Cancelled,
        WaitEnd::TimedOut => SearchOutcome::Timeout,
        WaitEnd::Disconnected => SearchOutcome::Disconnected,
    }
}

fn match_end(reason: EndReason) -> MatchEnd {
    match reason {
        EndReason::Left => MatchEnd::Left,
        EndReason::Next => MatchEnd::Next,
        EndReason::Timeout => MatchEnd::Timeout,
        EndReason::Error => MatchEnd::Error,
    }
}

fn ice_state(state: event::IceState) -> Option<IceState> {
    Some(match state {
        event::IceState::New => IceState::New,
        event::IceState::Checking => IceState::Checking,
        event::IceState::Connecting => IceState::Connecting,
        event::IceState::Connected => IceState::Connected,
        event::IceState::Completed => IceState::Completed,
        event::IceState::Disconnected => IceState::Disconnected,
        event::IceState::Failed => IceState::Failed,
        event::IceState::Closed => IceState::Closed,
        event::IceState::Other => return None,
    })
}

fn candidate(kind: event::CandidateType) -> CandidateType {
    match kind {
        event::CandidateType::Host => CandidateType::Host,
        event::CandidateType::ServerReflexive => CandidateType::ServerReflexive,
        event::CandidateType::PeerReflexive => CandidateType::PeerReflexive,
        event::CandidateType::Relay => CandidateType::Relay,
        event::CandidateType::Other => CandidateType::Unknown,
    }
}

fn limit(scope: Scope) -> LimitScope {
    match scope {
        Scope::Match => LimitScope::Matching,
        Scope::Signal => LimitScope::Signals,
        Scope::Text => LimitScope::Text,
    }
}

fn error(code: ErrorCode) -> ErrorKind {
    match code {
        ErrorCode::InvalidPayload => ErrorKind::InvalidPayload,
        ErrorCode::PayloadTooLarge => ErrorKind::PayloadTooLarge,
        ErrorCode::NotMatched => ErrorKind::NotMatched,
        ErrorCode::AlreadyMatched => ErrorKind::AlreadyMatched,
        ErrorCode::InvalidState => ErrorKind::InvalidState,
        ErrorCode::RateLimited => ErrorKind::RateLimited,
        ErrorCode::Unauthorized => ErrorKind::Unauthorized,
        ErrorCode::Capacity => ErrorKind::Capacity,
        ErrorCode::Unavailable => ErrorKind::Unavailable,
        ErrorCode::Draining => ErrorKind::Draining,
        ErrorCode::UnknownEvent => ErrorKind::UnknownEvent,
        ErrorCode::Internal => ErrorKind::Internal,
    }
}

/// How a connection closed, as a label.
pub(super) fn closed(how: Closing) -> Closed {
    match how {
        Closing::Left => Closed::Left,
        Closing::Clean => Closed::Clean,
        Closing::Moved => Closed::Moved,
        Closing::Lost(Loss::PingTimeout) => Closed::PingTimeout,
        Closing::Lost(Loss::SlowReader) => Closed::SlowReader,
        Closing::Lost(Loss::Protocol | Loss::TooLarge) => Closed::Protocol,
        Closing::Lost(Loss::CloseTimeout) => Closed::Server,
        Closing::Lost(Loss::ClosePacket | Loss::Disconnected | Loss::AbortedRequest) => Closed::Lost,
    }
}

/// The label of a refusal's code.
pub(super) fn refusal(code: &str) -> Refused {
    match code {
        "rate_limited" => Refused::RateLimited,
        "draining" => Refused::Draining,
        "unauthorized" => Refused::Unauthorized,
        "capacity" => Refused::Capacity,
        _ => Refused::Unavailable,
    }
}
