//! One person's state: who they are, where they are connected, and whether they are idle, waiting or in a match.
//!
//! A session has one writer, the worker that owns it. It outlives its connection by the resume window, and its worker
//! when it is handed over, which is why every part of it can be serialised.

mod bucket;
mod held;
mod matched;
mod record;
mod sent;
mod waiting;

use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub(crate) use self::bucket::Bucket;
pub use self::bucket::Rate;
pub use self::matched::EndReason;
pub(crate) use self::matched::{Asked, Away, Match, Partner};
pub(crate) use self::record::SIGNALS_PER_RECORD;
pub(crate) use self::sent::keep_for;
pub(crate) use self::waiting::{Proposal, Shown, Stage, Waiting};
use crate::id::{ConnectionId, Epoch, MatchId, Person, Secret, SessionId, WorkerId};
use crate::time::Millis;

/// How many recent partners are avoided.
pub(crate) const RECENT: usize = 5;
/// How many people one session may block; the oldest block gives way.
pub(crate) const BLOCKED: usize = 128;

/// One person's session.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Session {
    pub(crate) id: SessionId,
    pub(crate) secret: Secret,
    /// The worker that made the session and is named in its token.
    pub(crate) made_by: WorkerId,
    pub(crate) epoch: Epoch,
    pub(crate) person: Person,
    /// The `sub` of the JWT that it was opened with.
    pub(crate) user: Option<Arc<str>>,
    pub(crate) presence: Presence,
    /// Whether events carry an offset for Socket.IO's connection state recovery.
    pub(crate) offsets: bool,
    /// Counts the changes that the client is told of.
    pub(crate) version: u32,
    pub(crate) last_alive: Millis,
    /// When the last connection asked for this session.
    pub(crate) connected: Millis,
    pub(crate) chat: Chat,
    pub(crate) recent: Vec<Person>,
    pub(crate) blocked: Vec<Person>,
    /// Blocks of a user that the pool has not confirmed, and when it is asked again.
    pub(crate) unsaved: Vec<Person>,
    pub(crate) save_at: Millis,
    /// The last match, for a block or report that comes after its end, and for a partner who has not heard of it.
    pub(crate) last: Option<Last>,
    /// How the last wait or match ended, for a client that may not have been told.
    pub(crate) outcome: Option<Ended>,
    pub(crate) requests: Bucket,
    pub(crate) signals: Bucket,
    pub(crate) text: Bucket,
    /// The moments until which the client has been told that it is limited, by scope.
    pub(crate) limited_until: [Millis; 3],
    /// When its record was written last.
    #[serde(skip)]
    pub(crate) saved: Millis,
    /// Its worker was silent for long: somebody else may own it by now, and whoever comes back to it is answered only when
    /// that is known.
    #[serde(skip)]
    pub(crate) doubted: bool,
}

/// What the person is doing.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Chat {
    Idle,
    Waiting(Box<Waiting>),
    Matched(Box<Match>),
}

/// What is remembered of a match that is over.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Last {
    pub(crate) match_id: MatchId,
    pub(crate) partner: SessionId,
    pub(crate) person: Person,
    pub(crate) ended: Millis,
    pub(crate) reason: EndReason,
    /// The number of the partner's last signal that was handed to this client.
    pub(crate) heard: u64,
}

/// How and when a wait or a match ended without the person's doing.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) outcome: Outcome,
    /// The version that told of it.
    pub(crate) version: u32,
    pub(crate) at: Millis,
}

/// How a wait or a match ended.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(crate) enum Outcome {
    TimedOut { waited_ms: u64 },
    PeerDisconnected { match_id: MatchId, reason: EndReason },
}

/// Whether the person is connected. A session is handed over without its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Presence {
    /// Lost, and waited for. First, for what is skipped has no number in the serialised form.
    Lost {
        until: Millis,
        /// Whether the transport ended with a close handshake, so that nothing was sent into a dead connection.
        clean: bool,
    },
    #[serde(skip)]
    Here(ConnectionId),
}

impl Session {
    /// The connection, while there is one.
    pub(crate) fn connection(&self) -> Option<ConnectionId> {
        match self.presence {
            Presence::Here(connection) => Some(connection),
            Presence::Lost { .. } => None,
        }
    }

    pub(crate) fn waiting(&mut self) -> Option<&mut Waiting> {
        match &mut self.chat {
            Chat::Waiting(waiting) => Some(waiting),
            _ => None,
        }
    }

    pub(crate) fn matched(&mut self) -> Option<&mut Match> {
        match &mut self.chat {
            Chat::Matched(matched) => Some(matched),
            _ => None,
        }
    }

    /// Whether this person must never be paired with that one: blocked, or the same user.
    pub(crate) fn shuns(&self, person: Person) -> bool {
        self.person == person || self.blocked.contains(&person)
    }

    /// The next change that the client is told of.
    pub(crate) fn bump(&mut self) -> u32 {
        self.version = self.version.wrapping_add(1);
        self.version
    }

    /// Remembers a partner among the recent ones.
    pub(crate) fn met(&mut self, person: Person) {
        self.recent.retain(|known| *known != person);
        if self.recent.len() == RECENT {
            self.recent.remove(0);
        }
        self.recent.push(person);
    }

    /// Blocks a person; `false` when they were blocked before.
    pub(crate) fn block(&mut self, person: Person) -> bool {
        if self.blocked.contains(&person) {
            return false;
        }
        if self.blocked.len() == BLOCKED {
            self.blocked.remove(0);
        }
        self.blocked.push(person);
        true
    }

    /// The token with which this session resumes, `pid` in Socket.IO: it names the worker that made it.
    pub(crate) fn token(&self) -> Token {
        Token {
            made_by: self.made_by.clone(),
            session: self.id,
            secret: self.secret,
        }
    }

    /// What a client has seen that has been told everything.
    pub(crate) fn offset(&self) -> Offset {
        let seq = match &self.chat {
            Chat::Matched(matched) => matched.heard,
            _ => 0,
        };
        Offset {
            tag: self.tag(),
            version: self.version,
            seq,
        }
    }

    /// The first characters of the session's id, which mark its offsets.
    pub(crate) fn tag(&self) -> [u8; 6] {
        let text = self.id.text();
        std::array::from_fn(|index| text[index])
    }
}

/// A resume token: `worker.` and 40 characters, the session's id and its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    pub(crate) made_by: WorkerId,
    pub(crate) session: SessionId,
    pub(crate) secret: Secret,
}

impl Token {
    /// Reads a token; `None` for what is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (worker, ids) = text.rsplit_once('.')?;
        if ids.len() != 40 || !ids.is_ascii() || worker.is_empty() || worker.len() > 80 {
            return None;
        }
        let (session, secret) = ids.split_at(20);
        Some(Self {
            made_by: worker.into(),
            session: session.parse().ok()?,
            secret: secret.parse().ok()?,
        })
    }
}

impl std::fmt::Display for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}{}", self.made_by, self.session, self.secret)
    }
}

/// What a client of Socket.IO's connection state recovery has seen: `tag.version.seq`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Offset {
    pub(crate) tag: [u8; 6],
    pub(crate) version: u32,
    /// The number of the partner's last signal seen.
    pub(crate) seq: u64,
}

impl Offset {
    /// Reads an offset; `None` for what is none.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split('.');
        let tag = parts.next()?.as_bytes().try_into().ok()?;
        let version = parts.next()?.parse().ok()?;
        let seq = parts.next()?.parse().ok()?;
        parts.next().is_none().then_some(Self { tag, version, seq })
    }
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;

    use super::*;

    #[test]
    fn a_token_survives_its_text() {
        let rng = &mut rand_chacha::ChaCha12Rng::seed_from_u64(7);
        let token = Token {
            made_by: WorkerId::new("acme-0.acme", 2),
            session: SessionId::random(rng),
            secret: Secret::random(rng),
        };
        assert_eq!(Token::parse(&token.to_string()), Some(token));
        for bad in ["", ".", "a.b", "no dot at all", "x.ééééééééééééééééééééééééé"] {
            assert_eq!(Token::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn an_offset_is_read_or_none() {
        let offset = Offset {
            tag: *b"abc-_9",
            version: 12,
            seq: 345,
        };
        assert_eq!(Offset::parse("abc-_9.12.345"), Some(offset));
        for bad in [
            "",
            "abc-_9",
            "abc-_9.12",
            "abc-_9.12.345.6",
            "abc-_9.-1.2",
            "abc.1.2",
        ] {
            assert_eq!(Offset::parse(bad), None, "{bad}");
        }
    }
}
