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

use redis::aio::ConnectionLike;
use redis::{RedisError, Script, ScriptInvocation};
use signaling_core::id::{ConnectionId, Epoch, SessionId, WorkerId};
use signaling_core::worker::Stored;

use super::Heard;

static SAVE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/save.lua")));
static FORGET: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/forget.lua")));
static LOAD: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/load.lua")));
static TAKE: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("scripts/take.lua")));

/// What is asked of the records, as [`Output`](signaling_core::worker::Output) says it.
#[derive(Debug)]
pub enum Ask {
    /// To write one.
    Save {
        /// The session.
        session: SessionId,
        /// The owner's term.
        epoch: Epoch,
        /// The session's bytes.
        body: Vec<u8>,
        /// Those of its side of a match; empty when it is in none.
        matched: Vec<u8>,
    },
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

/// A session's record.
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

    /// Does what is asked; an answer goes to the worker that asked.
    ///
    /// # Errors
    /// When Redis did not execute it.
    pub async fn handle(
        &self,
        connection: &mut impl ConnectionLike,
        ask: Ask,
    ) -> Result<Option<Heard>, RedisError> {
        match ask {
            Ask::Save {
                session,
                epoch,
                body,
                matched,
            } => {
                let mut save = self.of(&SAVE, session);
                save.arg(epoch.0).arg(self.owner.as_str());
                save.arg(body).arg(millis(self.session_ttl));
                save.arg(matched).arg(millis(self.match_ttl));
                let later: Vec<String> = save.invoke_async(connection).await?;
                Ok(superseded(session, &later))
            }
            Ask::Forget { session, epoch } => {
                let mut forget = self.of(&FORGET, session);
                let () = forget.arg(epoch.0).invoke_async(connection).await?;
                Ok(None)
            }
            Ask::Load {
                connection: for_whom,
                session,
            } => {
                let loaded: Answer = self.of(&LOAD, session).invoke_async(connection).await?;
                Ok(Some(Heard::Loaded {
                    connection: for_whom,
                    record: Record::read(loaded),
                }))
            }
            Ask::Take {
                connection: for_whom,
                session,
                from,
                epoch,
            } => {
                let mut take = self.of(&TAKE, session);
                take.arg(from.0).arg(epoch.0).arg(self.owner.as_str());
                let taken: Answer = take.invoke_async(connection).await?;
                Ok(Some(Heard::Taken {
                    connection: for_whom,
                    record: Record::read(taken),
                }))
            }
        }
    }

    fn of<'a>(&self, script: &'a Script, session: SessionId) -> ScriptInvocation<'a> {
        let mut invocation = script.prepare_invoke();
        invocation
            .key(format!("{}:session:{{{session}}}", self.prefix))
            .key(format!("{}:match:{{{session}}}", self.prefix));
        invocation
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
