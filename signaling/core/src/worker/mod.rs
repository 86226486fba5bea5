//! Everything above, composed: one worker's sessions, and what they say to those of other workers.
//!
//! [`Worker::handle`] takes one [`Input`] and the time, and leaves in [`Outputs`] what is to be done. It is split by
//! what a person goes through: [`connect`] and [`summon`] (coming, and coming back), [`client`] (what they ask for),
//! [`matching`] (finding a partner), [`relay`] (talking), [`presence`] (leaving and losing); [`frame`] is what two
//! owners say to each other about it.

mod client;
mod connect;
mod frame;
mod io;
mod matching;
mod presence;
mod relay;
mod summon;
mod tell;

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::time::Duration;

use rand::SeedableRng as _;
use rand_chacha::ChaCha12Rng;
use slab::Slab;

use self::connect::Pending;
use self::frame::Frame;
pub use self::io::{
    Census, Closed, Connect, EndReason, Input, Output, Outputs, Record, Scope, User, WaitEnd,
};
use self::summon::Departed;
use crate::deadline::Deadlines;
use crate::event::Limits;
use crate::ice::IceConfig;
use crate::id::{ConnectionId, MatchId, SessionId, WorkerId};
use crate::link::{Incarnation, Link};
pub use crate::session::Rate;
use crate::session::{Chat, Presence, Session};
use crate::time::Millis;

/// A worker's settings. The defaults are the contract's.
#[derive(Clone, Debug)]
pub struct Config {
    /// The worker's own name.
    pub worker: WorkerId,
    /// Bounds of what clients send.
    pub limits: Limits,
    /// How long a lost client is waited for.
    pub resume_window: Duration,
    /// How long a lost transport takes to be noticed: ping interval and ping timeout together.
    pub ping_time: Duration,
    /// How long someone waits before `match_timeout`.
    pub match_timeout: Duration,
    /// `find_match`, `cancel_match`, `leave_match` and `next_match` of one session.
    pub request_rate: Rate,
    /// Signals of one session.
    pub signal_rate: Rate,
    /// Texts of one session.
    pub text_rate: Rate,
    /// A sign of life younger than this is good enough for a match.
    pub alive_within: Duration,
    /// How long a just-in-time ping may take.
    pub alive_timeout: Duration,
    /// How long a session stays reserved without a commit.
    pub reserve_for: Duration,
    /// How long other workers are asked for a session before a client is told that it is not recovered.
    pub summon_timeout: Duration,
    /// How long a partner's owner may take to confirm a match that is resumed.
    pub confirm_timeout: Duration,
    /// How long after a match its partner may be blocked or reported.
    pub report_within: Duration,
    /// How often a waiting session's ticket is put again, which keeps its place and estimate current and the pool whole.
    pub ask_every: Duration,
}

impl Config {
    /// The contract's settings for this worker.
    #[must_use]
    pub fn new(worker: WorkerId) -> Self {
        Self {
            worker,
            limits: Limits::default(),
            resume_window: Duration::from_secs(60),
            ping_time: Duration::from_secs(45),
            match_timeout: Duration::from_secs(60),
            request_rate: Rate {
                per_second: 1,
                burst: 10,
            },
            signal_rate: Rate {
                per_second: 50,
                burst: 200,
            },
            text_rate: Rate {
                per_second: 5,
                burst: 20,
            },
            alive_within: Duration::from_secs(2),
            alive_timeout: Duration::from_millis(1500),
            reserve_for: Duration::from_secs(2),
            summon_timeout: Duration::from_millis(500),
            confirm_timeout: Duration::from_secs(1),
            report_within: Duration::from_secs(300),
            ask_every: Duration::from_secs(2),
        }
    }
}

/// A session's place in its worker's slab.
type Key = usize;

/// What a deadline is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Due {
    Session(Key),
    Pending(ConnectionId),
    Link(WorkerId),
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
    by_id: HashMap<SessionId, Key>,
    by_connection: HashMap<ConnectionId, Key>,
    /// Connections whose CONNECT is not answered yet.
    pending: HashMap<ConnectionId, Pending>,
    /// Where sessions went that were handed over.
    departed: Departed,
    /// The workers that may own sessions.
    workers: BTreeSet<WorkerId>,
    links: BTreeMap<WorkerId, Link>,
    /// Workers that were lost, until they are heard of again.
    lost: BTreeSet<WorkerId>,
    /// Links that have something to transmit at the end of this turn.
    talking: Vec<WorkerId>,
    /// Frames from this worker to itself.
    loopback: VecDeque<Frame<'static>>,
    deadlines: Deadlines<Due>,
    scratch: Vec<u8>,
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
            by_id: HashMap::new(),
            by_connection: HashMap::new(),
            pending: HashMap::new(),
            departed: Departed::default(),
            workers: BTreeSet::new(),
            links: BTreeMap::new(),
            lost: BTreeSet::new(),
            talking: Vec::new(),
            loopback: VecDeque::new(),
            deadlines: Deadlines::default(),
            scratch: Vec::new(),
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

    /// Takes in one input; what is to be done is appended to `out`.
    pub fn handle(&mut self, input: Input<'_>, now: Millis, out: &mut Outputs) {
        match input {
            Input::Connect(connect) => self.connect(&connect, now, out),
            Input::Event {
                connection,
                args,
                ack,
            } => self.client_event(connection, args, ack, now, out),
            Input::BinaryEvent { connection, ack } => self.binary_event(connection, ack, now, out),
            Input::Alive(connection) => self.alive(connection, now, out),
            Input::Closed { connection, how } => self.closed(connection, how, now, out),
            Input::Drain {
                connection,
                reconnect_in,
            } => self.drain(connection, reconnect_in, out),
            Input::Pool(reply) => self.pool_replied(reply, now, out),
            Input::Packet { from, bytes } => self.packet(from, bytes, now, out),
            Input::Workers(workers) => self.know(workers),
            Input::WorkerLost(worker) => self.worker_lost(worker, now, out),
            Input::Deadline => self.due(now, out),
        }
        self.settle(now, out);
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
            ..Census::default()
        };
        for (_, session) in &self.sessions {
            census.waiting += usize::from(matches!(session.chat, Chat::Waiting(_)));
            census.matched += usize::from(matches!(session.chat, Chat::Matched(_)));
            census.lost += usize::from(matches!(session.presence, Presence::Lost { .. }));
        }
        census
    }

    fn know(&mut self, workers: &[WorkerId]) {
        self.workers = workers.iter().cloned().collect();
        // Names that nobody bears any more need not be remembered as lost: there is nothing left to hear from them.
        let (workers, links) = (&self.workers, &self.links);
        self.lost
            .retain(|worker| workers.contains(worker) || links.contains_key(worker));
    }

    /// The session's key, when it is in this match.
    fn in_match(&self, session: SessionId, match_id: MatchId) -> Option<Key> {
        let key = *self.by_id.get(&session)?;
        matches!(&self.sessions[key].chat, Chat::Matched(matched) if matched.id == match_id).then_some(key)
    }

    /// Says something to the owner of a session, which may be this worker.
    fn send(&mut self, to: &WorkerId, frame: Frame<'static>, now: Millis, out: &mut Outputs) {
        if *to == self.config.worker {
            self.loopback.push_back(frame);
            return;
        }
        self.scratch.clear();
        frame.write(&mut self.scratch);
        let mut scratch = std::mem::take(&mut self.scratch);
        let sent = self.link(to, now).send_control(&scratch).is_ok();
        scratch.clear();
        self.scratch = scratch;
        if sent {
            self.talking.push(to.clone());
        } else {
            // A peer that has not acknowledged a whole window is as good as gone, and both sides must be told.
            out.record(Record::LinkFull);
            self.worker_lost(&to.clone(), now, out);
        }
    }

    /// The link to a worker; a new one is a new life, which the other end takes note of.
    fn link(&mut self, to: &WorkerId, now: Millis) -> &mut Link {
        let youngest = &mut self.incarnation;
        self.links.entry(to.clone()).or_insert_with(|| {
            youngest.0 = now.0.max(youngest.0 + 1);
            Link::new(*youngest)
        })
    }

    fn packet(&mut self, from: &WorkerId, bytes: &[u8], now: Millis, out: &mut Outputs) {
        let mut frames = Vec::new();
        let received = self
            .link(from, now)
            .receive(bytes, now, &mut |frame| frames.push(frame.to_vec()));
        self.talking.push(from.clone());
        if self.lost.remove(from) || received.is_ok_and(|received| received.peer_restarted) {
            self.peer_restarted(from, now, out);
        }
        for frame in frames {
            if let Ok(frame) = Frame::read(&frame) {
                self.frame(from, frame, now, out);
            }
        }
    }

    fn frame(&mut self, from: &WorkerId, frame: Frame<'_>, now: Millis, out: &mut Outputs) {
        match frame {
            Frame::Propose {
                match_id,
                from: side,
                to,
                to_epoch,
                criteria,
            } => {
                self.proposed(from, match_id, side, (to, to_epoch), &criteria, now, out);
            }
            Frame::Accept {
                match_id,
                from: side,
                to,
            } => self.accepted(from, match_id, side, to, now, out),
            Frame::Refuse { match_id, to } => self.refused(match_id, to, now, out),
            Frame::Commit {
                match_id,
                from: session,
                to,
            } => self.committed(from, match_id, session, to, now, out),
            Frame::Release { to, epoch } => self.released(to, epoch, now, out),
            Frame::End { match_id, to, reason } => self.ended(match_id, to, reason, now, out),
            Frame::Signal {
                match_id,
                to,
                seq,
                offer,
                body,
            } => {
                self.signal_arrived(from, match_id, to, (seq, offer), &body, now, out);
            }
            Frame::Away { match_id, to } => self.partner_away(match_id, to, now, out),
            Frame::Back {
                match_id,
                to,
                renegotiate,
            } => self.partner_back(match_id, to, renegotiate, out),
            Frame::Moved {
                match_id,
                gone,
                worker,
            } => self.partner_moved(match_id, gone, worker, now, out),
            Frame::Over {
                match_id,
                gone,
                reason,
            } => self.partner_gone(match_id, gone, reason, now, out),
            Frame::Confirm {
                match_id,
                from: session,
                epoch,
                to,
                after,
                renegotiate,
            } => {
                self.confirm(
                    from,
                    match_id,
                    (session, epoch),
                    to,
                    (after, renegotiate),
                    now,
                    out,
                );
            }
            Frame::Confirmed {
                match_id,
                to,
                heard,
                complete,
                away,
            } => {
                self.confirmed(match_id, to, heard, (complete, away), now, out);
            }
            Frame::Summon { request, token, user } => {
                self.summoned(from, request, &token, user.as_deref(), now, out)
            }
            Frame::Handed { request, session } => self.handed(request, *session, now, out),
            Frame::Elsewhere { request, worker } => self.elsewhere(from, request, worker, now, out),
        }
    }

    /// Handles the frames to itself, then sends what links have to say.
    fn settle(&mut self, now: Millis, out: &mut Outputs) {
        while let Some(frame) = self.loopback.pop_front() {
            let own = self.config.worker.clone();
            self.frame(&own, frame, now, out);
        }
        while let Some(peer) = self.talking.pop() {
            self.transmit(&peer, now, out);
        }
    }

    fn transmit(&mut self, peer: &WorkerId, now: Millis, out: &mut Outputs) {
        let Some(link) = self.links.get_mut(peer) else {
            return;
        };
        loop {
            let start = out.bytes.len();
            if !link.transmit(now, &mut out.bytes) {
                break;
            }
            out.push(Output::Packet {
                to: peer.clone(),
                body: start..out.bytes.len(),
            });
        }
        self.deadlines.set(&Due::Link(peer.clone()), link.deadline());
    }

    fn due(&mut self, now: Millis, out: &mut Outputs) {
        while let Some(due) = self.deadlines.pop(now) {
            match due {
                Due::Session(key) => self.session_due(key, now, out),
                Due::Pending(connection) => self.pending_due(connection, now, out),
                Due::Link(peer) => self.transmit(&peer, now, out),
            }
        }
    }
}
