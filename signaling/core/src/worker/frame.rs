//! What workers say to each other: the payloads of a [`crate::link::Link`].
//!
//! A frame is one version byte and the [postcard](https://postcard.jamesmunns.com/wire-format) form of [`Frame`]. Two
//! releases share a bus in every rollout, so within a version kinds of frames are only added at the end of the list, and
//! fields at the end of a frame, each of them an `Option`: an older release ignores what follows the fields that it knows,
//! and what it leaves out is read as `None`.

use std::borrow::Cow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{Epoch, MatchId, PeerId, Person, SessionId, WorkerId};
use crate::session::{EndReason, Session, Token};
use crate::time::Millis;

/// The version that this worker writes.
pub(crate) const VERSION: u8 = 1;

/// One side of an intended match, as its owner names it to the other owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Side {
    pub(crate) session: SessionId,
    pub(crate) epoch: Epoch,
    pub(crate) person: Person,
    pub(crate) peer_id: PeerId,
}

/// A match that the pool has paired two for.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Propose<'a> {
    pub(crate) match_id: MatchId,
    pub(crate) from: Side,
    pub(crate) to: SessionId,
    pub(crate) to_epoch: Epoch,
    /// JSON of what the two agree in.
    pub(crate) criteria: Cow<'a, str>,
}

/// A signal, as the text that the client gets without the closing bracket.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Relayed<'a> {
    pub(crate) match_id: MatchId,
    pub(crate) to: SessionId,
    pub(crate) seq: u64,
    pub(crate) offer: bool,
    #[serde(borrow, with = "crate::piece")]
    pub(crate) body: Cow<'a, [u8]>,
}

/// A question of somebody in a match to the partner's owner.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Confirm {
    pub(crate) match_id: MatchId,
    pub(crate) from: SessionId,
    pub(crate) epoch: Epoch,
    pub(crate) to: SessionId,
    /// The question's number, which the answer bears: only the last question's answer counts.
    pub(crate) ask: u64,
    /// The partner's last signal seen; without a number nothing is known of what was seen.
    pub(crate) after: Option<u64>,
    pub(crate) renegotiate: bool,
}

/// The answer: the match stands.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Confirmed {
    pub(crate) match_id: MatchId,
    pub(crate) to: SessionId,
    pub(crate) ask: u64,
    /// The signals from the one after this number follow.
    pub(crate) heard: u64,
    /// Otherwise some of what was asked for is gone.
    pub(crate) complete: bool,
    /// The partner has no connection either.
    pub(crate) away: bool,
    /// The number of the asker's last signal that has come.
    pub(crate) got: Option<u64>,
}

/// A search for a session, for a connection that has come to the sender.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Summon {
    /// The connection's number.
    pub(crate) request: u64,
    pub(crate) token: Token,
    /// The `sub` of the client's JWT.
    pub(crate) user: Option<Arc<str>>,
    /// When the connection came: one that came later keeps the session.
    pub(crate) since: Millis,
    /// Whether its client goes on rather than comes back, and notices nothing.
    pub(crate) moves: Option<bool>,
    /// Who owns the session as far as the sender knows, since which term: a copy of an earlier one is good for nothing.
    pub(crate) known: Option<(WorkerId, Epoch)>,
}

/// One message between the owners of two sessions.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Frame<'a> {
    /// The pool has paired `from` with `to`: will they?
    Propose(#[serde(borrow)] Propose<'a>),
    /// `from` is there, waits, and is kept for this match.
    Accept {
        match_id: MatchId,
        from: Side,
        to: SessionId,
    },
    /// The proposal came to nothing.
    Refuse { match_id: MatchId, to: SessionId },
    /// The match is made.
    Commit {
        match_id: MatchId,
        from: SessionId,
        to: SessionId,
    },
    /// The pool took `to` out for a partner who no longer wants one: back to the old place.
    Release { to: SessionId, epoch: Epoch },
    /// The sender's side of the match is over, or never was.
    End {
        match_id: MatchId,
        to: SessionId,
        reason: EndReason,
        /// The term in which the sender owns its side, if it does.
        epoch: Option<Epoch>,
    },
    /// A signal.
    Signal(#[serde(borrow)] Relayed<'a>),
    /// The sender's person has lost the connection.
    Away { match_id: MatchId, to: SessionId },
    /// The sender's person is back.
    Back {
        match_id: MatchId,
        to: SessionId,
        renegotiate: bool,
    },
    /// The partner `gone` now lives on that worker.
    Moved {
        match_id: MatchId,
        gone: SessionId,
        worker: WorkerId,
    },
    /// The partner `gone` is not in that match, or nowhere.
    Over {
        match_id: MatchId,
        gone: SessionId,
        reason: EndReason,
    },
    /// Somebody has a new connection, perhaps at a new owner, and wants what was missed.
    Confirm(Confirm),
    /// The match stands.
    Confirmed(Confirmed),
    /// Whoever has this session hands it over to the sender.
    Summon(Summon),
    /// Here it is.
    Handed {
        request: u64,
        session: Box<Session>,
        /// Where its client goes on: the events that it has still to be told.
        unsaid: Option<Vec<Box<[u8]>>>,
        /// The number after which its signals of this match begin, where the sender has it from a record.
        numbered_from: Option<u64>,
    },
    /// It is not here, but may be where it was handed to.
    Elsewhere { request: u64, worker: Option<WorkerId> },
}

/// Not a frame of a version that this worker understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a frame of version {VERSION}")]
pub(crate) struct Unreadable;

impl<'a> Frame<'a> {
    /// Appends the frame's bytes.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        *out = postcard::to_extend(self, std::mem::take(out)).expect("a Vec takes every frame");
    }

    /// What stands behind a frame that is to be read: the fields that its writer may not have known.
    pub(crate) const ABSENT: [u8; 8] = [0; 8];

    /// Reads a frame, which [`Self::ABSENT`] follows.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, Unreadable> {
        match bytes.split_first() {
            Some((&VERSION, body)) => postcard::from_bytes(body).map_err(|_| Unreadable),
            _ => Err(Unreadable),
        }
    }
}

#[cfg(test)]
mod tests;
