//! Who is paired with whom: the rules, and a pool that follows them.
//!
//! Owners put [`Ticket`]s into a pool and get [`Reply`]s; the pool takes two compatible tickets out and names a match.
//! It only proposes: a ticket may be older than its person's mind, and the owners decide.

mod criteria;
mod history;
mod pool;
mod rules;
pub mod table;

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use self::criteria::{Criteria, Mode};
pub use self::pool::MemoryPool;
pub use self::rules::{Widening, compatible, widens_after};
use crate::id::{Epoch, MatchId, Person, SessionId, WorkerId};
use crate::time::Millis;

/// How often the owner of a ticket puts it again, so that a pool that lost it is whole again, and one whose owner is gone
/// is known by its age.
pub const REFRESH_EVERY: Duration = Duration::from_secs(2);
/// How old a ticket may be that was not put again: its owner is gone, or has changed its mind in a message that was lost.
pub const STALE_AFTER: Duration = Duration::from_secs(7);

/// Someone who waits for a partner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// Whose session it is: each has one ticket at most.
    pub session: SessionId,
    /// Its owner, who is asked.
    pub worker: WorkerId,
    /// The owner's term: a ticket of an earlier one never replaces a later one.
    pub epoch: Epoch,
    /// When the wait began: the place in the queue.
    pub since: Millis,
    /// From when on a partner of another pod will do: until then one of the same pod is hoped for.
    pub anywhere_from: Millis,
    /// Whom the person wants to meet.
    pub criteria: Arc<Criteria>,
    /// Who it is.
    pub person: Person,
    /// The last partners, at most 5.
    pub recent: Vec<Person>,
    /// Whom the person has blocked.
    pub blocked: Vec<Person>,
}

/// What a pool is asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Request {
    /// Puts a ticket, or takes its new state if it is there, and looks for a partner. Asked again when demands have
    /// been dropped, and every now and then, so that a pool that lost its tickets is whole again.
    Enter(Box<Ticket>),
    /// Takes a ticket out, if it is there with this epoch or an earlier one.
    Leave {
        /// Whose.
        session: SessionId,
        /// The owner's term.
        epoch: Epoch,
    },
    /// `by` is never to be paired with `of` again, whichever sessions the two have. Asked again until it is answered.
    Block {
        /// The session that is answered.
        session: SessionId,
        /// Who blocks.
        by: Person,
        /// Whom.
        of: Person,
    },
}

/// What a pool answers, always to whoever asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reply {
    /// Nobody yet.
    Waiting {
        /// Whose ticket.
        session: SessionId,
        /// Its epoch.
        epoch: Epoch,
        /// The place among those who want the same, from 1.
        position: u32,
        /// How much longer it may take, from recent waits.
        estimated_wait_ms: u64,
    },
    /// Two tickets have been taken out, that of the asker first.
    Claimed(Box<Claim>),
    /// A block is noted.
    Blocked {
        /// The session that asked.
        session: SessionId,
        /// Who is blocked.
        of: Person,
    },
    /// There is no room for another ticket.
    Full {
        /// Whose ticket was refused.
        session: SessionId,
        /// Its epoch.
        epoch: Epoch,
    },
}

/// Two who may be a match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The name of their match.
    pub match_id: MatchId,
    /// Who asked.
    pub first: Party,
    /// Who was waiting.
    pub second: Party,
    /// JSON of what the two agree in.
    pub criteria: String,
}

/// One of two who may be a match.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Party {
    /// The session.
    pub session: SessionId,
    /// Its owner.
    pub worker: WorkerId,
    /// The owner's term.
    pub epoch: Epoch,
    /// The place in the queue, to go back to.
    pub since: Millis,
    /// Who it is.
    pub person: Person,
}

impl From<Ticket> for Party {
    fn from(ticket: Ticket) -> Self {
        let Ticket {
            session,
            worker,
            epoch,
            since,
            person,
            ..
        } = ticket;
        Self {
            session,
            worker,
            epoch,
            since,
            person,
        }
    }
}
