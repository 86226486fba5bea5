//! Everything above, composed: one worker's sessions, and what they say to those of other workers.
//!
//! [`Worker::handle`] takes one [`Input`] and the time, and leaves in [`Outputs`] what is to be done. It is split by
//! what a person goes through: [`connect`], [`recover`], [`summon`], [`confirm`] and [`resume`] (coming, and coming back),
//! [`moving`] (going on elsewhere), [`client`] (what they ask for), [`waiting`] and [`matching`] (finding a partner), [`relay`]
//! (talking), [`presence`] (leaving and losing), [`records`] (what outlives this worker); [`frame`] is what two owners say to
//! each other about it, and [`peers`] how it gets there.

mod client;
mod config;
mod confirm;
mod connect;
mod frame;
mod io;
mod matching;
mod moving;
mod peers;
mod presence;
mod record;
mod records;
mod recover;
mod relay;
mod resume;
mod summon;
mod tell;
mod waiting;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;
use slab::Slab;

pub use self::config::Config;
use self::connect::Pending;
use self::frame::Frame;
pub use self::io::{Census, Closed, Connect, Input, Origin, Output, Outputs, Stored, User};
use self::moving::Underway;
pub use self::moving::{Departure, Papers};
use self::peers::Arrivals;
pub use self::record::{DropReason, Record, Scope, Statistic, WaitEnd};
use self::records::Unsaved;
use self::summon::Departed;
use crate::deadline::Deadlines;
use crate::ice::IceConfig;
use crate::id::{ConnectionId, Epoch, IdMap, MatchId, SessionId, WorkerId};
use crate::link::{Incarnation, Link};
use crate::session::{Chat, Presence, Session};
pub use crate::session::{EndReason, Rate};
use crate::time::Millis;

/// A session's place in its worker's slab.
type Key = usize;

/// What a deadline is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Due {
    Session(Key),
    Pending(ConnectionId),
    Underway(ConnectionId),
    Link(WorkerId),
    Records,
    /// To ask those for a sign of life who may have given one only before this worker was stopped.
    Doubted,
}

/// The owner of some sessions. One writer: nothing else changes them.
#[derive(Debug)]
pub struct Worker {
    config: Config,
    ice: IceConfig,
    rng: ChaCha12Rng,
    /// The youngest life that a link of this worker has begun.
    incarnation: Incarnation,
    sessions: Slab<Session>,
    by_id: IdMap<SessionId, Key>,
    by_connection: IdMap<ConnectionId, Key>,
    /// Connections whose CONNECT is not answered yet.
    pending: BTreeMap<ConnectionId, Pending>,
    /// Where sessions went that were handed over.
    departed: Departed,
    /// The workers that may own sessions.
    workers: BTreeSet<WorkerId>,
    links: BTreeMap<WorkerId, Link>,
    /// Workers that were lost, until they are heard of again.
    lost: BTreeSet<WorkerId>,
    /// Connections that are on their way to another worker.
    underway: Underway,
    /// Links that have something to transmit.
    talking: Vec<WorkerId>,
    /// Frames from this worker to itself.
    loopback: VecDeque<Frame<'static>>,
    deadlines: Deadlines<Due>,
    /// Which records are to be written.
    unsaved: Unsaved,
    /// Until when what clients of doubted sessions say is no sign of life.
    stale_until: Millis,
    /// Numbers the questions to partners' owners.
    asks: u64,
    /// A frame that is being written; kept for its memory.
    scratch: Vec<u8>,
    /// Frames that have just come; kept for their memory.
    arrivals: Arrivals,
}

impl Worker {
    /// A worker without sessions. `seed` is the source of all its randomness and must be unpredictable in production,
    /// for session secrets are drawn from it; `started` tells this life of the worker from earlier ones.
    #[must_use]
    pub fn new(config: Config, ice: IceConfig, seed: [u8; 32], started: Millis) -> Self {
        Self {
            config,
            ice,
            rng: ChaCha12Rng::from_seed(seed),
            incarnation: Incarnation(started.0),
            sessions: Slab::new(),
            by_id: IdMap::default(),
            by_connection: IdMap::default(),
            pending: BTreeMap::new(),
            departed: Departed::default(),
            workers: BTreeSet::new(),
            links: BTreeMap::new(),
            lost: BTreeSet::new(),
            underway: Underway::default(),
            talking: Vec::new(),
            loopback: VecDeque::new(),
            deadlines: Deadlines::default(),
            unsaved: Unsaved::default(),
            stale_until: Millis(0),
            asks: 0,
            scratch: Vec::new(),
            arrivals: Arrivals::default(),
        }
    }

    /// The STUN and TURN servers that clients are told.
    #[must_use]
    pub fn ice(&self) -> &IceConfig {
        &self.ice
    }

    /// Replaces the STUN and TURN servers and secrets.
    pub fn set_ice(&mut self, ice: IceConfig) {
        self.ice = ice;
    }

    /// Takes in one input; what is to be done is appended to `out`. What is to be said to other workers waits for
    /// [`Self::transmit`].
    pub fn handle(&mut self, input: Input<'_>, now: Millis, out: &mut Outputs) {
        match input {
            Input::Connect(connect) => self.connect(&connect, now, out),
            Input::Event {
                connection,
                args,
                ack,
            } => self.client_event(connection, args, ack, now, out),
            Input::BinaryEvent { connection, ack } => self.binary_event(connection, ack, now, out),
            Input::Alive(connection) => drop(self.alive(connection, now, out)),
            Input::Closed { connection, how } => self.closed(connection, how, now, out),
            Input::Drain {
                connection,
                reconnect_in,
            } => self.drain(connection, reconnect_in, out),
            Input::Pool(reply) => self.pool_replied(reply, now, out),
            Input::Packet { from, bytes } => self.packet(from, bytes, now, out),
            Input::Workers(workers) => self.know(workers, now),
            Input::WorkerLost(worker) => self.worker_lost(worker, now, out),
            Input::Loaded { connection, record } => self.loaded(connection, record, now, out),
            Input::Taken { connection, record } => self.taken(connection, record, now, out),
            Input::Superseded {
                session,
                epoch,
                owner,
            } => self.superseded(session, epoch, owner, now, out),
            Input::Interrupted => self.interrupted(now),
            Input::Emptied => self.emptied(now, out),
            Input::Deadline => self.due(now, out),
        }
        self.settle(now, out);
        self.keep_unsaid(now, out);
        self.schedule_records(now);
    }

    /// Whether something is to be said to other workers.
    #[must_use]
    pub fn has_to_transmit(&self) -> bool {
        !self.talking.is_empty()
    }

    /// Says to other workers what there is to say. To be called before the worker rests, once for any number of inputs: what
    /// they have for one worker then travels together.
    pub fn transmit(&mut self, now: Millis, out: &mut Outputs) {
        while let Some(peer) = self.talking.pop() {
            self.transmit_to(&peer, now, out);
            // A link that is given up may leave something to be said.
            self.settle(now, out);
        }
        self.keep_unsaid(now, out);
    }

    /// When [`Input::Deadline`] is next wanted.
    #[must_use]
    pub fn deadline(&self) -> Option<Millis> {
        self.deadlines.next()
    }

    /// How many sessions there are and what they do. Walks over all of them.
    #[must_use]
    pub fn census(&self) -> Census {
        let mut census = Census {
            sessions: self.sessions.len(),
            connections: self.by_connection.len() + self.pending.len(),
            ..Census::default()
        };
        for (_, session) in &self.sessions {
            census.waiting += usize::from(matches!(session.chat, Chat::Waiting(_)));
            census.matched += usize::from(matches!(session.chat, Chat::Matched(_)));
            census.lost += usize::from(matches!(session.presence, Presence::Lost { .. }));
        }
        census
    }

    /// The session's key, when it is in this match.
    fn in_match(&self, session: SessionId, match_id: MatchId) -> Option<Key> {
        let key = *self.by_id.get(&session)?;
        matches!(&self.sessions[key].chat, Chat::Matched(matched) if matched.id == match_id).then_some(key)
    }

    /// The term in which this worker owns a session, if it does.
    fn epoch_of(&self, session: SessionId) -> Option<Epoch> {
        let key = *self.by_id.get(&session)?;
        Some(self.sessions[key].epoch)
    }

    fn due(&mut self, now: Millis, out: &mut Outputs) {
        while let Some(due) = self.deadlines.pop(now) {
            match due {
                Due::Session(key) => self.session_due(key, now, out),
                Due::Pending(connection) => self.pending_due(connection, now, out),
                Due::Underway(connection) => self.underway_due(connection, now, out),
                Due::Link(peer) => self.talk_to(&peer),
                Due::Records => self.save_records(now, out),
                Due::Doubted => self.ask_doubted(out),
            }
        }
    }
}
