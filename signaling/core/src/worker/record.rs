//! What happened, for whoever counts and publishes it.

use std::sync::Arc;
use std::time::Duration;

use crate::event::{ErrorCode, IceReport, SignalKind};
use crate::id::{MatchId, SessionId};
use crate::session::EndReason;

/// What happened, for metrics and the event stream. Never content: no SDP, candidate, text, token or address.
#[derive(Clone, Debug)]
pub enum Record {
    /// A session began.
    SessionConnected {
        /// The session.
        session: SessionId,
    },
    /// A client came back to its session, on this worker or from another one.
    SessionResumed {
        /// The session.
        session: SessionId,
        /// Whether it was taken from a connection that was still alive.
        taken_over: bool,
        /// Whether signals may be missing.
        renegotiate: bool,
    },
    /// A session came from another worker with its connection.
    SessionMoved {
        /// The session.
        session: SessionId,
    },
    /// A session was taken over from its record, for nobody handed it over.
    SessionTaken {
        /// The session.
        session: SessionId,
    },
    /// A session has a later owner, and ends here without ending.
    SessionSuperseded {
        /// The session.
        session: SessionId,
    },
    /// A client wanted to resume and could not.
    ResumeFailed,
    /// A session lost its connection and its window opened.
    SessionLost {
        /// The session.
        session: SessionId,
    },
    /// A session ended.
    SessionDisconnected {
        /// The session.
        session: SessionId,
        /// Whether the client left; otherwise its window passed.
        left: bool,
    },
    /// Someone began to wait.
    MatchRequested {
        /// Who.
        session: SessionId,
    },
    /// A wait ended without a match.
    WaitEnded {
        /// Who waited.
        session: SessionId,
        /// How it ended.
        how: WaitEnd,
        /// How long they waited.
        waited: Duration,
    },
    /// One side of a match has been told of it.
    MatchMade {
        /// The match.
        match_id: MatchId,
        /// This side.
        session: SessionId,
        /// Whether this side sends the offer; it alone counts the match.
        initiator: bool,
        /// How long this side waited.
        waited: Duration,
        /// Whether both sides live on one pod.
        same_pod: bool,
    },
    /// One side of a match has ended.
    MatchEnded {
        /// The match.
        match_id: MatchId,
        /// This side.
        session: SessionId,
        /// Whether this side sent the offer; it alone counts the match.
        initiator: bool,
        /// Why.
        reason: EndReason,
        /// How long it lasted.
        lasted: Duration,
    },
    /// A signal was taken from its sender, to be handed to the partner.
    SignalRelayed {
        /// The match.
        match_id: MatchId,
        /// The sender.
        session: SessionId,
        /// What it was.
        kind: SignalKind,
        /// Its size.
        bytes: usize,
    },
    /// A client reported its call's state.
    IceState {
        /// The match.
        match_id: MatchId,
        /// The report, of closed sets of words.
        report: IceReport,
    },
    /// A partner was blocked.
    PeerBlocked {
        /// By whom.
        session: SessionId,
    },
    /// A partner was reported.
    PeerReported {
        /// By whom.
        session: SessionId,
    },
    /// An event was refused.
    Refused {
        /// Why.
        code: ErrorCode,
    },
    /// A session sent more events than it may.
    LimitHit {
        /// The session.
        session: SessionId,
        /// Which limit.
        scope: Scope,
    },
    /// A person did not answer a ping, or a partner was no longer there: the match did not come about.
    ConfirmationFailed,
    /// A link to another worker was full, so that worker was taken for lost.
    LinkFull,
    /// Another worker said something in a version that this one does not understand.
    Unreadable,
    /// Signals that do not reach the partner.
    SignalsDropped {
        /// Why.
        reason: DropReason,
        /// How many.
        count: usize,
    },
    /// Something that is counted for a user, not only for everybody.
    Counted {
        /// The user.
        user: Arc<str>,
        /// What.
        what: Statistic,
    },
}

/// Why a signal does not reach the partner. In each case somebody is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// The link to the partner's worker is full: refused as `unavailable`.
    LinkFull,
    /// Too many candidates wait for their description: refused as `invalid_state`.
    HeldFull,
    /// Candidates that were held, and whose description did not come before the end of the match.
    Unclaimed,
    /// It was on its way when the partner's side of the match ended: `peer_disconnected`.
    Stale,
}

/// How a wait ended without a match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitEnd {
    /// The person changed their mind.
    Cancelled,
    /// The time limit passed.
    TimedOut,
    /// The person went away.
    Disconnected,
}

/// What is counted for a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statistic {
    /// A session began.
    Session,
    /// A search began.
    Search,
    /// A match was made.
    Match,
    /// A match has ended that lasted so long.
    Talked(Duration),
    /// A partner was blocked.
    Block,
    /// A partner was reported.
    Report,
}

/// What a rate limit of events counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// `find_match`, `cancel_match`, `leave_match` and `next_match` together.
    Match,
    /// Offers, answers, candidates and whatever else is no text.
    Signal,
    /// `chat_message`.
    Text,
}

impl Scope {
    /// The scope as clients and labels have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Match => "match",
            Self::Signal => "signal",
            Self::Text => "text",
        }
    }
}
