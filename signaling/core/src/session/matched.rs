//! A person in a match, as their owner knows it.

use serde::{Deserialize, Serialize};

use super::held::Held;
use super::sent::Sent;
use super::waiting::Proposal;
use crate::id::{Epoch, MatchId, PeerId, Person, SessionId, WorkerId};
use crate::time::Millis;

/// Where the other side of a match lives.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Partner {
    pub(crate) session: SessionId,
    pub(crate) worker: WorkerId,
    pub(crate) epoch: Epoch,
    pub(crate) person: Person,
    pub(crate) peer_id: PeerId,
}

/// One side of a match.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Match {
    pub(crate) id: MatchId,
    pub(crate) partner: Partner,
    /// This side's name, as the partner knows it.
    pub(crate) peer_id: PeerId,
    pub(crate) initiator: bool,
    /// The JSON of the criteria that the two agreed in.
    pub(crate) criteria: Box<str>,
    pub(crate) began: Millis,
    /// The version that told the client of the match.
    pub(crate) found: u32,
    /// What this person sent.
    pub(crate) sent: Sent,
    /// Whether each of those carried an acknowledgement, so that the client knows what has arrived.
    pub(crate) all_acknowledged: bool,
    /// The number of the partner's last signal that was handed to this client.
    pub(crate) heard: u64,
    /// Whether the partner has sent an offer in this match.
    pub(crate) offered: bool,
    pub(crate) held: Held,
    pub(crate) away: Away,
    /// The version of the last event that asked this client to renegotiate.
    pub(crate) renegotiate: Option<u32>,
    /// The version of the last event that told of the partner's return.
    pub(crate) returned: Option<u32>,
    /// A signal of this match was relayed, or one that named it held back, by this owner or one before it.
    pub(crate) named: bool,
    /// The open question to the partner's owner, to confirm and replay: signals before its answer are part of the replay.
    #[serde(skip)]
    pub(crate) confirming: Option<Asked>,
    /// When fresh TURN credentials are due.
    pub(crate) ice_refresh: Option<Millis>,
    /// The number after which this owner's signals begin.
    #[serde(skip)]
    pub(crate) numbered_from: u64,
}

/// What a partner's owner has been asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Asked {
    /// The question's number: only the last one's answer counts.
    pub(crate) number: u64,
    /// The partner's last signal that the client has seen, if that is known.
    pub(crate) after: Option<u64>,
    pub(crate) renegotiate: bool,
    /// How often the partner turned out to have moved on.
    pub(crate) moves: u8,
}

/// What this side knows of the partner's transport.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Away {
    /// There.
    No,
    /// Lost. The partner's owner tells how it ends; without word from any owner until then, the match is over.
    Until(Millis),
}

/// Why a match is over, as the other side is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndReason {
    /// The partner left, or blocked this side, which is told the same.
    Left,
    /// The partner went on to the next match.
    Next,
    /// The partner did not come back within the resume window.
    Timeout,
    /// The partner's side of the match does not exist.
    Error,
}

impl EndReason {
    /// The reason as clients and labels have it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Left => "left",
            Self::Next => "next",
            Self::Timeout => "timeout",
            Self::Error => "error",
        }
    }
}

impl Match {
    /// A match that begins.
    pub(crate) fn new(proposal: Proposal, initiator: bool, now: Millis, found: u32) -> Self {
        Self {
            id: proposal.match_id,
            partner: proposal.partner,
            peer_id: proposal.peer_id,
            initiator,
            criteria: proposal.criteria,
            began: now,
            found,
            sent: Sent::default(),
            all_acknowledged: true,
            heard: 0,
            offered: false,
            held: Held::default(),
            away: Away::No,
            renegotiate: None,
            returned: None,
            named: false,
            confirming: None,
            ice_refresh: None,
            numbered_from: 0,
        }
    }

    /// Whether this side was taken over from its record, so that less is known of it than was.
    pub(crate) fn is_from_record(&self) -> bool {
        self.numbered_from > 0
    }

    /// Whether the client has surely sent a signal in this match: a candidate that is held and names no match may be of the
    /// last one.
    pub(crate) fn signalled(&self) -> bool {
        // Not by the number of the last signal: who takes a record numbers from beyond it without having had any.
        self.named
    }
}
