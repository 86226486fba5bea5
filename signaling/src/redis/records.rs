//! Sessions' records: who owns each, and what the next owner needs to go on.
//!
//! | key | |
//! |---|---|
//! | `prefix:session:{<session>}` | hash: `epoch`, `owner`, `body`; kept for `REDIS_TTL_SOCKET_MAP` |
//! | `prefix:match:{<session>}` | its side of a match; kept for `REDIS_TTL_MATCH_MAP` |
//!
//! What the bodies hold is the core's business.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use redis::{RedisError, Script, Value, from_redis_value};
use signaling_core::id::{ConnectionId, Epoch, SessionId, WorkerId};
use signaling_core::worker::Stored;

use super::Heard;
use super::call::Call;
use crate::metrics::RedisOperation;

static SAVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/save.lua")));
static FORGET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/forget.lua")));
static LOAD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/load.lua")));
static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/take.lua")));

/// What is asked of the records, as [`Output`](signaling_core::worker::Output) says it.
#[derive(Debug)]
pub enum Ask {
    /// To write one.
    Save(Save),
    /// To remove one.
    Forget {
        /// The session.
        session: SessionId,
        /// The owner's term.
        epoch: Epoch,
    },
    /// To read one.
    Load {
        /// Whom it is for.
        connection: ConnectionId,
        /// The session.
        session: SessionId,
    },
    /// To become the owner in one.
    Take {
        /// Whom it is for.
        connection: ConnectionId,
        /// The session.
        session: SessionId,
        /// The term that was read.
        from: Epoch,
        /// The new one.
        epoch: Epoch,
    },
}

/// A record to be written.
#[derive(Debug)]
pub struct Save {
    /// The session.
    pub session: SessionId,
    /// The owner's term.
    pub epoch: Epoch,
    /// The session's bytes.
    pub body: Vec<u8>,
    /// Those of its side of a match; empty when it is in none.
    pub matched: Vec<u8>,
}

/// A session's record, as it is found.
#[derive(Debug)]
pub struct Record {
    /// Who wrote it.
    pub owner: WorkerId,
    /// In which term.
    pub epoch: Epoch,
    /// The session.
    pub body: Vec<u8>,
    /// Its side of a match.
    pub matched: Option<Vec<u8>>,
}

impl Record {
    fn read(answer: Answer) -> Option<Self> {
        let mut answer = answer.into_iter();
        let (epoch, owner, body) = (answer.next()??, answer.next()??, answer.next()??);
        let text = |bytes| String::from_utf8(bytes).ok();
        Some(Self {
            owner: text(owner)?.as_str().into(),
            epoch: Epoch(text(epoch)?.parse().ok()?),
            body,
            matched: answer.next().flatten(),
        })
    }

    /// The same, borrowed.
    #[must_use]
    pub fn stored(&self) -> Stored<'_> {
        Stored {
            owner: &self.owner,
            epoch: self.epoch,
            body: &self.body,
            matched: self.matched.as_deref(),
        }
    }
}

/// The records of a service, for one owner.
#[derive(Clone, Debug)]
pub struct Records {
    prefix: Arc<str>,
    owner: WorkerId,
    session_ttl: Duration,
    match_ttl: Duration,
}

/// What the scripts `load` and `take` answer: epoch, owner, session, side of a match; as far as they are there.
type Answer = Vec<Option<Vec<u8>>>;

impl Records {
    /// The records that `owner` writes, with how long sessions and matches are kept.
    #[must_use]
    pub fn new(prefix: &str, owner: WorkerId, (session_ttl, match_ttl): (Duration, Duration)) -> Self {
        Self {
            prefix: prefix.into(),
            owner,
            session_ttl,
            match_ttl,
        }
    }

    /// The script's call that does what is asked, and what its answer is to.
    pub(super) fn ask(&self, ask: Ask) -> (Call, Asked) {
        match ask {
            Ask::Save(save) => self.save(vec![save]),
            Ask::Forget { session, epoch } => (self.of(&FORGET, session).arg(epoch.0), Asked::Forget),
            Ask::Load { connection, session } => (self.of(&LOAD, session), Asked::Load { connection }),
            Ask::Take {
                connection,
                session,
                from,
                epoch,
            } => {
                let take = self.of(&TAKE, session).arg(from.0).arg(epoch.0);
                (take.arg(self.owner.as_str()), Asked::Take { connection })
            }
        }
    }

    /// The same for several that are written together. A cluster takes no more than one at a time.
    pub(super) fn save(&self, saves: Vec<Save>) -> (Call, Asked) {
        let keys: Vec<String> = saves.iter().flat_map(|save| self.keys(save.session)).collect();
        let mut call = Call::of(&SAVE, &keys).arg(self.owner.as_str());
        call = call.arg(millis(self.session_ttl)).arg(millis(self.match_ttl));
        let mut sessions = Vec::with_capacity(saves.len());
        for save in saves {
            call = call.arg(save.epoch.0).arg(save.body).arg(save.matched);
            sessions.push(save.session);
        }
        (call, Asked::Save(sessions))
    }

    fn of(&self, script: &'static Script, session: SessionId) -> Call {
        Call::of(script, &self.keys(session))
    }

    fn keys(&self, session: SessionId) -> [String; 2] {
        let text = session.text();
        let session = std::str::from_utf8(&text).expect("base64url is ASCII");
        [":session:{", ":match:{"].map(|kind| [&self.prefix, kind, session, "}"].concat())
    }
}

/// What was asked of the records, for whoever reads the answer.
pub(super) enum Asked {
    Save(Vec<SessionId>),
    Forget,
    Load { connection: ConnectionId },
    Take { connection: ConnectionId },
}

impl Asked {
    /// What is asked for: to read, or to write.
    pub(super) fn operation(&self) -> RedisOperation {
        match self {
            Self::Load { .. } => RedisOperation::Read,
            Self::Save(_) | Self::Forget | Self::Take { .. } => RedisOperation::Write,
        }
    }

    /// Reads the answer, for the worker that asked.
    ///
    /// # Errors
    /// When it cannot be understood.
    pub(super) fn read(self, answer: Value) -> Result<Vec<Heard>, RedisError> {
        Ok(match self {
            Self::Forget => Vec::new(),
            Self::Save(sessions) => {
                let later = from_redis_value::<Vec<Vec<String>>>(answer)?;
                let saved = sessions.into_iter().zip(&later);
                saved
                    .filter_map(|(session, later)| superseded(session, later))
                    .collect()
            }
            Self::Load { connection } => {
                let record = Record::read(from_redis_value(answer)?);
                vec![Heard::Loaded { connection, record }]
            }
            Self::Take { connection } => {
                let record = Record::read(from_redis_value(answer)?);
                vec![Heard::Taken { connection, record }]
            }
        })
    }
}

fn superseded(session: SessionId, later: &[String]) -> Option<Heard> {
    let [epoch, owner] = later else { return None };
    Some(Heard::Superseded {
        session,
        epoch: Epoch(epoch.parse().ok()?),
        owner: owner.as_str().into(),
    })
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
