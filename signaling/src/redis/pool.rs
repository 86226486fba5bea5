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

static SCRIPT: LazyLock<Script> = LazyLock::new(|| {
    Script::new(concat!(
        include_str!("scripts/pool.lua"),
        include_str!("scripts/enter.lua"),
        include_str!("scripts/leave.lua"),
        include_str!("scripts/block.lua"),
        include_str!("scripts/requests.lua"),
    ))
});

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

    /// Executes requests, one after the other. Replies go to whoever asked. `now` and the times in a ticket must be of one
    /// clock for all pods.
    ///
    /// # Errors
    /// When Redis did not execute them, or what came back cannot be understood. They may have been executed all the same;
    /// whatever they were, they are asked again.
    pub async fn handle(
        &self,
        connection: &mut impl ConnectionLike,
        requests: Vec<Request>,
        now: Millis,
        rng: &mut impl Rng,
    ) -> Result<Vec<Reply>, PoolError> {
        let (call, asked) = self.ask(requests, now, rng)?;
        let answer = call.ask(connection).await.map_err(PoolError::Script)?;
        asked.read(answer)
    }

    /// The script's call that executes requests, and what its answer is to.
    ///
    /// # Errors
    /// A ticket that cannot be written.
    pub(super) fn ask(
        &self,
        requests: Vec<Request>,
        now: Millis,
        rng: &mut impl Rng,
    ) -> Result<(Call, Asked), PoolError> {
        let longest_wait = u64::try_from(self.longest_wait.as_millis()).unwrap_or(u64::MAX);
        let mut call = Call::of(&SCRIPT, &[&*self.base]).arg(now.0).arg(longest_wait);
        call = call.arg(self.room.0).arg(self.room.1);
        let mut asked = Vec::with_capacity(requests.len());
        for request in requests {
            asked.push(match request {
                Request::Enter(ticket) => {
                    let stored = serde_json::to_string(&Stored::from(&*ticket)).map_err(PoolError::Ticket)?;
                    call = call.arg("enter").arg(stored);
                    let match_id = MatchId::random(rng);
                    AskedOne::Enter { ticket, match_id }
                }
                Request::Leave { session, epoch } => {
                    call = call.arg("leave").arg(&session.text()[..]).arg(epoch.0);
                    AskedOne::Leave
                }
                Request::Block { session, by, of } => {
                    call = call.arg("block").arg(by.to_string()).arg(of.to_string());
                    AskedOne::Block { session, of }
                }
            });
        }
        Ok((call, Asked(asked)))
    }
}

/// What was asked of the pool, for whoever reads the answer.
pub(super) struct Asked(Vec<AskedOne>);

enum AskedOne {
    Enter { ticket: Box<Ticket>, match_id: MatchId },
    Leave,
    Block { session: SessionId, of: Person },
}

impl Asked {
    /// Reads the answer; replies go to whoever asked.
    ///
    /// # Errors
    /// When it cannot be understood.
    pub(super) fn read(self, answer: Value) -> Result<Vec<Reply>, PoolError> {
        let answers = match answer.as_sequence() {
            Some(answers) if answers.len() == self.0.len() => answers,
            _ => return Err(PoolError::Reply(format!("{answer:?}"))),
        };
        let replies = self.0.into_iter().zip(answers);
        replies
            .filter_map(|(asked, answer)| asked.read(answer).transpose())
            .collect()
    }
}

impl AskedOne {
    fn read(self, answer: &Value) -> Result<Option<Reply>, PoolError> {
        match self {
            Self::Leave => Ok(None),
            Self::Block { session, of } => Ok(Some(Reply::Blocked { session, of })),
            Self::Enter { ticket, match_id } => read_entered(*ticket, match_id, answer),
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
    #[serde(with = "ids")]
    recent: Vec<Person>,
    #[serde(with = "ids")]
    blocked: Vec<Person>,
}

/// An identifier as its 20 characters.
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

/// Several of them.
mod ids {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};
    use signaling_core::id::Person;

    #[derive(Serialize, Deserialize)]
    struct AsText(#[serde(with = "super::id")] Person);

    pub(super) fn serialize<S: Serializer>(people: &[Person], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(people.iter().map(|person| AsText(*person)))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Person>, D::Error> {
        let people = Vec::<AsText>::deserialize(deserializer)?;
        Ok(people.into_iter().map(|AsText(person)| person).collect())
    }
}

impl From<&Ticket> for Stored {
    fn from(ticket: &Ticket) -> Self {
        Self {
            session: ticket.session,
            worker: ticket.worker.clone(),
            epoch: ticket.epoch,
            since: ticket.since,
            anywhere_from: ticket.anywhere_from,
            criteria: serde_json::to_string(&*ticket.criteria).expect("strings are JSON"),
            person: ticket.person,
            recent: ticket.recent.clone(),
            blocked: ticket.blocked.clone(),
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
