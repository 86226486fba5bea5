//! The pool of all pods: requests and replies of [`signaling_core::pairing`], executed by Redis as scripts.
//!
//! It follows the same rules as the pool in memory, and is tested by the same
//! [table](signaling_core::pairing::table). All its keys have one hash tag, `{prefix}`, so that a cluster keeps them on
//! one node, where a script can reach them all:
//!
//! | key | |
//! |---|---|
//! | `prefix:{prefix}:tickets` | hash: session → its ticket |
//! | `prefix:{prefix}:put` | sorted set: sessions by when their tickets were last put |
//! | `prefix:{prefix}:heads` | sorted set: criteria by since when the oldest who want that wait |
//! | `prefix:{prefix}:queue:<criteria>` | sorted set: the sessions that want that, by since when they wait |
//! | `prefix:{prefix}:waits`, `…:waits-order` | how long people waited lately, by criteria |
//! | `prefix:{prefix}:blocks` | sorted set: blocks of users |

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use rand::Rng;
use redis::aio::ConnectionLike;
use redis::{RedisError, Script, Value};
use serde::{Deserialize, Serialize};
use signaling_core::id::{Epoch, MatchId, Person, SessionId, WorkerId};
use signaling_core::pairing::{Claim, Criteria, Party, Reply, Request, Ticket};
use signaling_core::time::Millis;

use super::call::Call;

/// How many tickets there may be.
const MAX_TICKETS: u32 = 1_000_000;
/// How many blocks of users are kept; the oldest give way.
const MAX_BLOCKS: u32 = 1_000_000;

macro_rules! script {
    ($file:literal) => {
        LazyLock::new(|| {
            Script::new(concat!(
                include_str!("scripts/pool.lua"),
                include_str!(concat!("scripts/", $file))
            ))
        })
    };
}

static ENTER: LazyLock<Script> = script!("enter.lua");
static LEAVE: LazyLock<Script> = script!("leave.lua");
static BLOCK: LazyLock<Script> = script!("block.lua");

/// Why a request was not executed, or its reply is of no use.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// Redis cannot be reached, or refuses the script.
    #[error("the script of the pool was not executed: {0}")]
    Script(#[source] RedisError),
    /// The reply is none of this version's.
    #[error("the pool has answered {0}")]
    Reply(String),
    /// A ticket in Redis is none of this version's.
    #[error("a ticket in the pool cannot be read: {0}")]
    Ticket(#[source] serde_json::Error),
}

/// The pool on Redis. It keeps nothing but its settings: any number of them may stand for one pool.
#[derive(Clone, Debug)]
pub struct Pool {
    /// What all keys begin with.
    base: Arc<str>,
    longest_wait: Duration,
    /// How many tickets and blocks there may be.
    room: (u32, u32),
}

impl Pool {
    /// The pool of the service whose keys begin with `prefix`; `longest_wait` bounds what it estimates.
    #[must_use]
    pub fn new(prefix: &str, longest_wait: Duration) -> Self {
        Self {
            base: format!("{prefix}:{{{prefix}}}:").into(),
            longest_wait,
            room: (MAX_TICKETS, MAX_BLOCKS),
        }
    }

    /// The same with room for that many tickets and that many blocks.
    #[must_use]
    pub fn with_room(self, tickets: u32, blocks: u32) -> Self {
        Self {
            room: (tickets, blocks),
            ..self
        }
    }

    /// Executes one request. A reply goes to whoever asked. `now` and the times in a ticket must be of one clock for all
    /// pods.
    ///
    /// # Errors
    /// When Redis did not execute it, or what came back cannot be understood. The request may have been executed all the
    /// same; whatever it was, it is asked again.
    pub async fn handle(
        &self,
        connection: &mut impl ConnectionLike,
        request: Request,
        now: Millis,
        rng: &mut impl Rng,
    ) -> Result<Option<Reply>, PoolError> {
        let (call, asked) = self.ask(request, now, rng)?;
        let answer = call.ask(connection).await.map_err(PoolError::Script)?;
        asked.read(answer)
    }

    /// The script's call that executes a request, and what its answer is to.
    ///
    /// # Errors
    /// A ticket that cannot be written.
    pub(super) fn ask(
        &self,
        request: Request,
        now: Millis,
        rng: &mut impl Rng,
    ) -> Result<(Call, Asked), PoolError> {
        let base = [&*self.base];
        Ok(match request {
            Request::Enter(ticket) => {
                let stored = serde_json::to_string(&Stored::from(&*ticket)).map_err(PoolError::Ticket)?;
                let longest_wait = u64::try_from(self.longest_wait.as_millis()).unwrap_or(u64::MAX);
                let enter = Call::of(&ENTER, base).arg(stored).arg(now.0);
                let match_id = MatchId::random(rng);
                (
                    enter.arg(longest_wait).arg(self.room.0),
                    Asked::Enter { ticket, match_id },
                )
            }
            Request::Leave { session, epoch } => {
                let leave = Call::of(&LEAVE, base).arg(&session.text()[..]);
                (leave.arg(epoch.0).arg(now.0), Asked::Leave)
            }
            Request::Block { session, by, of } => {
                let block = Call::of(&BLOCK, base).arg(by.to_string()).arg(of.to_string());
                (block.arg(now.0).arg(self.room.1), Asked::Block { session, of })
            }
        })
    }
}

/// What was asked of the pool, for whoever reads the answer.
pub(super) enum Asked {
    Enter { ticket: Box<Ticket>, match_id: MatchId },
    Leave,
    Block { session: SessionId, of: Person },
}

impl Asked {
    /// Reads the answer; a reply goes to whoever asked.
    ///
    /// # Errors
    /// When it cannot be understood.
    pub(super) fn read(self, answer: Value) -> Result<Option<Reply>, PoolError> {
        match self {
            Self::Leave => Ok(None),
            Self::Block { session, of } => Ok(Some(Reply::Blocked { session, of })),
            Self::Enter { ticket, match_id } => read_entered(*ticket, match_id, &answer),
        }
    }
}

fn read_entered(ticket: Ticket, match_id: MatchId, answer: &Value) -> Result<Option<Reply>, PoolError> {
    let (session, epoch) = (ticket.session, ticket.epoch);
    Ok(match Answer::read(answer)? {
        Answer::Old => None,
        Answer::Full => Some(Reply::Full { session, epoch }),
        Answer::Waiting {
            position,
            estimated_wait_ms,
        } => Some(Reply::Waiting {
            session,
            epoch,
            position,
            estimated_wait_ms,
        }),
        Answer::Claimed(partner) => {
            let partner: Stored = serde_json::from_str(partner).map_err(PoolError::Ticket)?;
            let wants: Criteria = serde_json::from_str(&partner.criteria).map_err(PoolError::Ticket)?;
            Some(Reply::Claimed(Box::new(Claim {
                match_id,
                criteria: ticket.criteria.agreement(&wants),
                first: ticket.into(),
                second: partner.into(),
            })))
        }
    })
}

/// What the script `enter` answers.
enum Answer<'a> {
    Old,
    Full,
    Waiting { position: u32, estimated_wait_ms: u64 },
    Claimed(&'a str),
}

impl<'a> Answer<'a> {
    fn read(reply: &'a Value) -> Result<Self, PoolError> {
        let unknown = || PoolError::Reply(format!("{reply:?}"));
        let list = reply.as_sequence().ok_or_else(unknown)?;
        let (word, rest) = list.split_first().ok_or_else(unknown)?;
        match (text(word).ok_or_else(unknown)?, rest) {
            ("old", []) => Ok(Self::Old),
            ("full", []) => Ok(Self::Full),
            ("waiting", [Value::Int(position), Value::Int(estimate)]) => Ok(Self::Waiting {
                position: u32::try_from(*position).unwrap_or(u32::MAX),
                estimated_wait_ms: u64::try_from(*estimate).unwrap_or_default(),
            }),
            ("claimed", [partner]) => Ok(Self::Claimed(text(partner).ok_or_else(unknown)?)),
            _ => Err(unknown()),
        }
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::BulkString(bytes) => std::str::from_utf8(bytes).ok(),
        _ => None,
    }
}

/// A ticket as it lies in Redis, and as the scripts read it. A field may be added, and must then have a default: pods of
/// two releases share a pool in every rollout.
#[derive(Debug, Serialize, Deserialize)]
struct Stored {
    #[serde(with = "id")]
    session: SessionId,
    worker: WorkerId,
    epoch: Epoch,
    since: Millis,
    anywhere_from: Millis,
    /// JSON, the same for equal criteria: it names the queue.
    criteria: String,
    #[serde(with = "id")]
    person: Person,
    recent: Vec<String>,
    blocked: Vec<String>,
}

/// Identifiers as their 20 characters.
mod id {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(id: &impl Display, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(id)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(de::Error::custom)
    }
}

impl From<&Ticket> for Stored {
    fn from(ticket: &Ticket) -> Self {
        let texts = |people: &[Person]| people.iter().map(Person::to_string).collect();
        Self {
            session: ticket.session,
            worker: ticket.worker.clone(),
            epoch: ticket.epoch,
            since: ticket.since,
            anywhere_from: ticket.anywhere_from,
            criteria: serde_json::to_string(&*ticket.criteria).expect("strings are JSON"),
            person: ticket.person,
            recent: texts(&ticket.recent),
            blocked: texts(&ticket.blocked),
        }
    }
}

impl From<Stored> for Party {
    fn from(stored: Stored) -> Self {
        Self {
            session: stored.session,
            worker: stored.worker,
            epoch: stored.epoch,
            since: stored.since,
            person: stored.person,
        }
    }
}
