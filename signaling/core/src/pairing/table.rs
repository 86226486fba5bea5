//! What any pool has to answer: one table of requests and replies, for the pool in memory and for every other one.
//!
//! Each [`Case`] begins with an empty pool and is named after the rule that it shows. Times are the table's own; people
//! are numbered, and so are their sessions.

mod cases;

use std::sync::Arc;
use std::time::Duration;

use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;

use super::{Criteria, Reply, Request, Ticket};
use crate::id::{Epoch, Person, SessionId, WorkerId};
use crate::time::Millis;

/// A rule, and requests that show it.
#[derive(Debug)]
pub struct Case {
    /// The rule.
    pub rule: &'static str,
    /// What is asked, in order.
    pub steps: Vec<Step>,
}

/// A request and what is to come of it.
#[derive(Debug)]
pub struct Step {
    /// When it is asked.
    pub at: Millis,
    /// What is asked.
    pub request: Request,
    /// What has to be answered.
    pub expected: Expected,
}

/// What has to be answered to a [`Request`].
#[derive(Clone, Debug)]
pub enum Expected {
    /// No reply.
    Nothing,
    /// Nobody yet, at this place among those who want the same.
    Waiting {
        /// From 1.
        position: u32,
    },
    /// Nobody yet, and a guess within these bounds.
    Estimate {
        /// In milliseconds.
        at_least: u64,
        /// In milliseconds.
        at_most: u64,
    },
    /// The asker is paired with this session.
    Claimed {
        /// Who was waiting.
        partner: SessionId,
        /// JSON of what the two agree in.
        criteria: &'static str,
    },
    /// The block is noted.
    Blocked,
}

impl Step {
    /// Judges a pool's reply.
    ///
    /// # Errors
    /// In words, what is wrong with it.
    pub fn judge(&self, reply: Option<&Reply>) -> Result<(), String> {
        let right = match (&self.request, &self.expected, reply) {
            (_, Expected::Nothing, None) => true,
            (Request::Enter(ticket), expected, Some(reply)) => answers(ticket, expected, reply),
            (
                Request::Block { session, of, .. },
                Expected::Blocked,
                Some(Reply::Blocked {
                    session: answered,
                    of: blocked,
                }),
            ) => (session, of) == (answered, blocked),
            _ => false,
        };
        if right {
            return Ok(());
        }
        Err(format!(
            "at {} to {:?}: {:?} instead of {:?}",
            self.at, self.request, reply, self.expected
        ))
    }
}

fn answers(ticket: &Ticket, expected: &Expected, reply: &Reply) -> bool {
    match (expected, reply) {
        (
            expected,
            Reply::Waiting {
                session,
                epoch,
                position,
                estimated_wait_ms,
            },
        ) => {
            let fits = match expected {
                Expected::Waiting { position: wanted } => wanted == position,
                Expected::Estimate { at_least, at_most } => (at_least..=at_most).contains(&estimated_wait_ms),
                _ => false,
            };
            fits && (*session, *epoch) == (ticket.session, ticket.epoch)
        }
        (Expected::Claimed { partner, criteria }, Reply::Claimed(claim)) => {
            let first = &claim.first;
            (first.session, first.epoch, first.since) == (ticket.session, ticket.epoch, ticket.since)
                && first.worker == ticket.worker
                && claim.second.session == *partner
                && claim.criteria == *criteria
        }
        _ => false,
    }
}

/// The session of person `number`.
fn session(number: u64) -> SessionId {
    SessionId::random(&mut ChaCha12Rng::seed_from_u64(number))
}

fn person(number: u64) -> Person {
    Person::of_session(session(number))
}

/// Writes a case.
struct Script {
    now: Millis,
    case: Case,
}

impl Script {
    fn new(rule: &'static str) -> Self {
        Self {
            now: Millis(1_800_000_000_000),
            case: Case {
                rule,
                steps: Vec::new(),
            },
        }
    }

    /// A ticket of a person who begins to wait now, on a worker of their own, and takes a partner of any.
    fn ticket(&self, number: u64) -> Ticket {
        Ticket {
            session: session(number),
            worker: WorkerId::new("pod", u16::try_from(number % 1_000).unwrap_or_default()),
            epoch: Epoch(1),
            since: self.now,
            anywhere_from: self.now,
            criteria: Arc::default(),
            person: person(number),
            recent: Vec::new(),
            blocked: Vec::new(),
        }
    }

    fn wanting(&self, number: u64, criteria: Criteria) -> Ticket {
        Ticket {
            criteria: Arc::new(criteria),
            ..self.ticket(number)
        }
    }

    fn pass(&mut self, duration: Duration) {
        self.now = self.now + duration;
    }

    fn ask(&mut self, request: Request, expected: Expected) {
        let at = self.now;
        self.case.steps.push(Step {
            at,
            request,
            expected,
        });
    }

    fn waits(&mut self, ticket: &Ticket, position: u32) {
        self.ask(
            Request::Enter(Box::new(ticket.clone())),
            Expected::Waiting { position },
        );
    }

    fn finds(&mut self, ticket: &Ticket, partner: &Ticket) {
        self.agrees(ticket, partner, "{}");
    }

    fn agrees(&mut self, ticket: &Ticket, partner: &Ticket, criteria: &'static str) {
        let partner = partner.session;
        self.ask(
            Request::Enter(Box::new(ticket.clone())),
            Expected::Claimed { partner, criteria },
        );
    }

    fn leaves(&mut self, ticket: &Ticket) {
        let (session, epoch) = (ticket.session, ticket.epoch);
        self.ask(Request::Leave { session, epoch }, Expected::Nothing);
    }

    fn blocks(&mut self, by: u64, of: u64) {
        let request = Request::Block {
            session: session(by),
            by: person(by),
            of: person(of),
        };
        self.ask(request, Expected::Blocked);
    }
}

/// All cases.
#[must_use]
pub fn cases() -> Vec<Case> {
    cases::ALL.iter().map(|case| case()).collect()
}
