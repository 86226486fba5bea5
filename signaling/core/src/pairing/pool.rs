//! The pool of one pod without Redis: tickets in memory.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use rand::Rng;

use super::history::Waits;
use super::rules::{near_enough, people_agree, wishes_agree};
use super::{Claim, Criteria, Reply, Request, STALE_AFTER, Ticket};
use crate::id::{Epoch, IdMap, MatchId, Person, SessionId};
use crate::time::Millis;

/// How many tickets one request looks at.
const LOOKS: usize = 64;
/// How many tickets there may be.
const MAX_TICKETS: usize = 1_000_000;
/// How many blocks of users are kept; the oldest give way.
const MAX_BLOCKS: usize = 1_000_000;
/// The guess without any history.
const FIRST_GUESS_MS: u64 = 5_000;

type QueueId = u64;

/// Tickets in memory.
///
/// Those who want the same stand in one queue by the time they came. The oldest of a queue has dropped the most demands,
/// so when its wishes do not agree with the asker's, nobody's behind it do: however many wait in vain at the front, a
/// compatible ticket of another kind is found.
#[derive(Debug)]
pub struct MemoryPool {
    queues: IdMap<QueueId, Queue>,
    by_criteria: HashMap<Arc<Criteria>, QueueId>,
    /// Since when the oldest of each queue waits, and what they want there: most demands of a queue fail by that alone.
    heads: BTreeMap<(Millis, QueueId), Arc<Criteria>>,
    tickets: IdMap<SessionId, Place>,
    blocks: HashSet<(Person, Person)>,
    block_order: VecDeque<(Person, Person)>,
    waits: Waits,
    longest_wait: Duration,
    /// How many tickets and blocks there may be.
    room: (usize, usize),
    next_queue: QueueId,
    /// When stale tickets are next looked for.
    sweep_at: Millis,
}

/// Those who want the same.
#[derive(Debug, Default)]
struct Queue {
    tickets: BTreeMap<(Millis, SessionId), Kept>,
}

#[derive(Debug)]
struct Kept {
    ticket: Ticket,
    /// When it was last put.
    put: Millis,
}

#[derive(Clone, Copy, Debug)]
struct Place {
    queue: QueueId,
    since: Millis,
    epoch: Epoch,
    put: Millis,
}

impl MemoryPool {
    /// An empty pool; `longest_wait` bounds what it estimates.
    #[must_use]
    pub fn new(longest_wait: Duration) -> Self {
        Self {
            queues: IdMap::default(),
            by_criteria: HashMap::new(),
            heads: BTreeMap::new(),
            tickets: IdMap::default(),
            blocks: HashSet::new(),
            block_order: VecDeque::new(),
            waits: Waits::default(),
            longest_wait,
            room: (MAX_TICKETS, MAX_BLOCKS),
            next_queue: 0,
            sweep_at: Millis(0),
        }
    }

    /// How many tickets there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    /// Whether nobody waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    /// Executes one request. A reply goes to whoever asked.
    pub fn handle(&mut self, request: Request, now: Millis, rng: &mut impl Rng) -> Option<Reply> {
        if self.sweep_at <= now {
            self.sweep(now);
        }
        match request {
            Request::Enter(ticket) => self.enter(*ticket, now, rng),
            Request::Leave { session, epoch } => {
                if self
                    .tickets
                    .get(&session)
                    .is_some_and(|place| place.epoch <= epoch)
                    && let Some(ticket) = self.take(session)
                {
                    self.note_vain(&ticket, now);
                }
                None
            }
            Request::Block { session, by, of } => {
                self.block(by, of);
                Some(Reply::Blocked { session, of })
            }
        }
    }

    fn enter(&mut self, ticket: Ticket, now: Millis, rng: &mut impl Rng) -> Option<Reply> {
        let (session, epoch) = (ticket.session, ticket.epoch);
        match self.tickets.get(&session) {
            Some(place) if place.epoch > epoch => return None,
            Some(_) => {
                self.take(session);
            }
            None if self.tickets.len() >= self.room.0 => return Some(Reply::Full { session, epoch }),
            None => {}
        }
        if let Some(partner) = self.partner(&ticket, now)
            && let Some(partner) = self.take(partner)
        {
            for ticket in [&ticket, &partner] {
                self.waits.note(&ticket.criteria, millis(now.since(ticket.since)));
            }
            let criteria = ticket.criteria.agreement(&partner.criteria);
            let match_id = MatchId::random(rng);
            let claim = Claim {
                match_id,
                first: ticket.into(),
                second: partner.into(),
                criteria,
            };
            return Some(Reply::Claimed(Box::new(claim)));
        }
        let estimated_wait_ms = self.estimate(&ticket, now);
        let position = self.put(ticket, now);
        Some(Reply::Waiting {
            session,
            epoch,
            position,
            estimated_wait_ms,
        })
    }

    /// The oldest compatible ticket.
    fn partner(&self, asker: &Ticket, now: Millis) -> Option<SessionId> {
        let mut looks = 0;
        let mut oldest: Option<(Millis, SessionId)> = None;
        let wish = (&*asker.criteria, now.since(asker.since));
        for ((head, queue), criteria) in &self.heads {
            if looks >= LOOKS || oldest.is_some_and(|(since, _)| since <= *head) {
                break;
            }
            looks += 1;
            if !wishes_agree(wish, (criteria, now.since(*head))) {
                continue;
            }
            let queue = &self.queues[queue];
            for (place, Kept { ticket, put }) in queue.tickets.iter().take(LOOKS - looks + 1) {
                looks += 1;
                if oldest.is_some_and(|best| best <= *place)
                    || !wishes_agree(wish, (criteria, now.since(place.0)))
                {
                    break;
                }
                if !is_stale(*put, now)
                    && near_enough(asker, ticket, now)
                    && people_agree(asker, ticket, now)
                    && !self.blocked(asker.person, ticket.person)
                {
                    oldest = Some(*place);
                    break;
                }
            }
        }
        oldest.map(|(_, session)| session)
    }

    /// Puts a ticket and answers its place among those who want the same.
    fn put(&mut self, ticket: Ticket, now: Millis) -> u32 {
        let (session, since) = (ticket.session, ticket.since);
        let id = *self
            .by_criteria
            .entry(Arc::clone(&ticket.criteria))
            .or_insert_with(|| {
                self.next_queue += 1;
                self.next_queue
            });
        self.tickets.insert(
            session,
            Place {
                queue: id,
                since,
                epoch: ticket.epoch,
                put: now,
            },
        );
        let criteria = Arc::clone(&ticket.criteria);
        let queue = self.queues.entry(id).or_default();
        let before = queue.head();
        queue.tickets.insert((since, session), Kept { ticket, put: now });
        let after = queue.head();
        let position = queue.tickets.range(..=(since, session)).take(1_000).count();
        self.move_head(id, &criteria, (before, after));
        u32::try_from(position).unwrap_or(u32::MAX)
    }

    fn take(&mut self, session: SessionId) -> Option<Ticket> {
        let place = self.tickets.remove(&session)?;
        let queue = self.queues.get_mut(&place.queue)?;
        let before = queue.head();
        let Kept { ticket, .. } = queue.tickets.remove(&(place.since, session))?;
        let after = queue.head();
        self.move_head(place.queue, &ticket.criteria, (before, after));
        if after.is_none() {
            self.queues.remove(&place.queue);
            self.by_criteria.remove(&ticket.criteria);
        }
        Some(ticket)
    }

    /// Takes out the tickets that were not put again: a worker that is gone leaves none behind for long.
    fn sweep(&mut self, now: Millis) {
        self.sweep_at = now + STALE_AFTER;
        let stale = |(session, place): (&SessionId, &Place)| is_stale(place.put, now).then_some(*session);
        let stale: Vec<SessionId> = self.tickets.iter().filter_map(stale).collect();
        for session in stale {
            self.take(session);
        }
    }

    fn move_head(
        &mut self,
        queue: QueueId,
        criteria: &Arc<Criteria>,
        (before, after): (Option<Millis>, Option<Millis>),
    ) {
        if before != after {
            if let Some(before) = before {
                self.heads.remove(&(before, queue));
            }
            if let Some(after) = after {
                self.heads.insert((after, queue), Arc::clone(criteria));
            }
        }
    }

    fn blocked(&self, one: Person, other: Person) -> bool {
        !self.blocks.is_empty()
            && (self.blocks.contains(&(one, other)) || self.blocks.contains(&(other, one)))
    }

    fn block(&mut self, by: Person, of: Person) {
        if self.blocks.insert((by, of)) {
            self.block_order.push_back((by, of));
        }
        if self.block_order.len() > self.room.1
            && let Some(oldest) = self.block_order.pop_front()
        {
            self.blocks.remove(&oldest);
        }
    }

    /// How much longer it may take: what is usual, less what has passed; who waits longer than usual may still wait as
    /// long again as half of that.
    fn estimate(&self, ticket: &Ticket, now: Millis) -> u64 {
        let usual = self.waits.usual(&ticket.criteria).unwrap_or(FIRST_GUESS_MS);
        let waited = millis(now.since(ticket.since));
        let left = millis(self.longest_wait).saturating_sub(waited);
        usual.saturating_sub(waited).max(waited / 2).min(left)
    }

    /// A wait without a partner says something as well, once it is longer than usual.
    fn note_vain(&mut self, ticket: &Ticket, now: Millis) {
        let waited = millis(now.since(ticket.since));
        if self.waits.usual(&ticket.criteria).unwrap_or(FIRST_GUESS_MS) < waited {
            self.waits.note(&ticket.criteria, waited);
        }
    }
}

impl Queue {
    fn head(&self) -> Option<Millis> {
        self.tickets.first_key_value().map(|((since, _), _)| *since)
    }
}

fn is_stale(put: Millis, now: Millis) -> bool {
    now.since(put) > STALE_AFTER
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha12Rng;

    use super::*;
    use crate::id::WorkerId;

    fn ticket(rng: &mut ChaCha12Rng, since: u64) -> Ticket {
        let session = SessionId::random(rng);
        Ticket {
            session,
            worker: WorkerId::new("pod", 0),
            epoch: Epoch(1),
            since: Millis(since),
            anywhere_from: Millis(since),
            criteria: Arc::default(),
            // All are one user, so that nobody is paired.
            person: Person::of_user("alice"),
            recent: Vec::new(),
            blocked: Vec::new(),
        }
    }

    #[test]
    fn a_full_pool_refuses_new_tickets_and_keeps_the_old_ones() {
        let rng = &mut ChaCha12Rng::seed_from_u64(1);
        let mut pool = MemoryPool::new(Duration::from_secs(60));
        pool.room.0 = 2;
        let tickets: Vec<Ticket> = (0..3).map(|number| ticket(rng, number)).collect();
        let mut enter = |pool: &mut MemoryPool, ticket: &Ticket| {
            let request = Request::Enter(Box::new(ticket.clone()));
            pool.handle(request, Millis(10), rng)
        };
        assert!(matches!(
            enter(&mut pool, &tickets[0]),
            Some(Reply::Waiting { .. })
        ));
        assert!(matches!(
            enter(&mut pool, &tickets[1]),
            Some(Reply::Waiting { .. })
        ));
        let (session, epoch) = (tickets[2].session, Epoch(1));
        assert_eq!(
            enter(&mut pool, &tickets[2]),
            Some(Reply::Full { session, epoch })
        );
        assert!(
            matches!(enter(&mut pool, &tickets[0]), Some(Reply::Waiting { .. })),
            "put again"
        );
        assert_eq!(pool.len(), 2);
    }

    #[test]
    fn of_too_many_blocks_the_oldest_give_way() {
        let mut pool = MemoryPool::new(Duration::from_secs(60));
        pool.room.1 = 2;
        let people = ["a", "b", "c", "d"].map(Person::of_user);
        for of in &people[1..] {
            pool.block(people[0], *of);
            pool.block(people[0], *of);
        }
        assert!(!pool.blocked(people[0], people[1]));
        assert!(pool.blocked(people[0], people[2]) && pool.blocked(people[3], people[0]));
        assert_eq!((pool.blocks.len(), pool.block_order.len()), (2, 2));
    }

    #[test]
    fn tickets_that_are_not_put_again_are_swept_out_with_their_queues() {
        let rng = &mut ChaCha12Rng::seed_from_u64(2);
        let mut pool = MemoryPool::new(Duration::from_secs(60));
        for number in 0..5 {
            let request = Request::Enter(Box::new(ticket(rng, number)));
            pool.handle(request, Millis(number), rng);
        }
        let later = Millis(5) + STALE_AFTER + STALE_AFTER;
        let (session, epoch) = (SessionId::random(rng), Epoch(1));
        pool.handle(Request::Leave { session, epoch }, later, rng);
        assert!(
            pool.is_empty() && pool.queues.is_empty() && pool.by_criteria.is_empty() && pool.heads.is_empty()
        );
    }
}
