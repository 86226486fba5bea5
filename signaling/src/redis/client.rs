//! A worker's side of Redis: what it asks, and where it hears the answers.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use signaling_core::id::WorkerId;
use signaling_core::pairing::Request;
use signaling_core::time::Millis;
use tokio::sync::mpsc;

use super::call::Call;
use super::line::{Command, Line, QUEUE};
use super::pool::Pool;
use super::records::{Ask, Records};
use super::server::Server;
use super::state::State;
use super::statistics::{Counts, Statistics};
use super::wiring::Wiring;
use super::{Heard, bus};
use crate::config;
use crate::metrics::{Metrics, RedisOperation};

/// How much a worker may have left unheard.
const UNHEARD: usize = 8192;

/// What a worker asks Redis. Nothing here waits: a command that finds no room is dropped and counted.
pub struct Client {
    worker: WorkerId,
    prefix: Arc<str>,
    state: Arc<State>,
    metrics: Arc<Metrics>,
    lines: Vec<mpsc::Sender<Command>>,
    unwritten: Arc<AtomicBool>,
    statistics: Statistics,
}

/// The connections of one worker, not yet made: to be [run](Self::run) on the worker's runtime.
pub struct Listener {
    lines: Vec<Line>,
    wiring: Wiring,
    channel: String,
    heard: mpsc::Sender<Heard>,
}

impl Client {
    /// The client of a worker, with `connections` connections for what it asks; its connections; and what they bring.
    #[must_use]
    pub fn new(
        worker: WorkerId,
        server: Arc<Server>,
        (config, connections): (&config::Redis, usize),
        longest_wait: Duration,
        state: Arc<State>,
        metrics: Arc<Metrics>,
    ) -> (Self, Listener, mpsc::Sender<Heard>, mpsc::Receiver<Heard>) {
        let prefix = &*config.prefix;
        let ttls = (config.session_ttl, config.match_ttl);
        let (heard, hears) = mpsc::channel(UNHEARD);
        let wiring = Wiring {
            server,
            state: Arc::clone(&state),
            metrics: Arc::clone(&metrics),
        };
        let unwritten = Arc::new(AtomicBool::new(false));
        let (senders, lines) = (0..connections.max(1))
            .map(|_| {
                state.connection_broken();
                let (sender, commands) = mpsc::channel(QUEUE);
                let line = Line {
                    wiring: wiring.clone(),
                    pool: Pool::new(prefix, longest_wait),
                    records: Records::new(prefix, worker.clone(), ttls),
                    commands,
                    heard: heard.clone(),
                    unwritten: Arc::clone(&unwritten),
                    carries_records: false,
                };
                (sender, line)
            })
            .unzip();
        state.connection_broken();
        let listener = Listener {
            lines,
            wiring,
            channel: bus::channel(prefix, &worker),
            heard: heard.clone(),
        };
        let client = Self {
            worker,
            prefix: prefix.into(),
            state,
            metrics,
            lines: senders,
            unwritten,
            statistics: Statistics::new(prefix, config.user_ttl),
        };
        (client, listener, heard, hears)
    }

    /// How Redis is.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// Sends a packet to a worker of another pod. All for one worker go over one connection, in order.
    pub fn publish(&self, to: &WorkerId, packet: &[u8]) {
        let publish = match self.state.is_sharded(to.pod()) {
            true => Call::TO_SHARD,
            false => Call::TO_ALL,
        };
        let channel = bus::channel(&self.prefix, to);
        let command = bus::publish(publish, channel, &self.worker, packet);
        self.ask(self.line_to(to), Command::Publish(command.into()));
    }

    /// Asks the pool of all pods; the answer is [`Heard::Pool`].
    pub fn ask_pool(&self, mut request: Request, now: Millis) {
        if let Request::Enter(ticket) = &mut request {
            ticket.since = self.state.shared(ticket.since);
            ticket.anywhere_from = self.state.shared(ticket.anywhere_from);
        }
        let command = Command::Pool {
            request: Box::new(request),
            now: self.state.shared(now),
        };
        self.ask(0, command);
    }

    /// Reads or writes a record. `false` when it is certain that nothing comes of it.
    pub fn ask_record(&self, ask: Ask) -> bool {
        // Whoever looks for a record waits; what is to be written may find its connection in order.
        // A connection that is only being made anew loses the question, which is then asked once more.
        let in_vain = matches!(ask, Ask::Load { .. }) && !self.state.answers();
        if in_vain {
            self.metrics.redis_dropped(Command::Record(ask).operation());
        } else {
            self.ask(0, Command::Record(ask));
        }
        !in_vain
    }

    /// Adds to a user's statistics.
    pub fn add_statistics(&self, user: &str, counts: Counts, now: Millis) {
        let call = self.statistics.add(user, counts, self.state.shared(now));
        self.ask(0, Command::Count(call));
    }

    /// Something of a user's statistics is lost.
    pub fn drop_statistic(&self) {
        self.metrics.redis_dropped(RedisOperation::Write);
    }

    /// The first connection is for scripts, the others, if any, for packets, so that none waits for a script.
    fn line_to(&self, worker: &WorkerId) -> usize {
        let others = self.lines.len() as u64 - 1;
        if others == 0 {
            return 0;
        }
        let mut hasher = DefaultHasher::new();
        worker.hash(&mut hasher);
        usize::try_from(1 + hasher.finish() % others).unwrap_or(0)
    }

    fn ask(&self, line: usize, command: Command) {
        if let Err(mpsc::error::TrySendError::Full(command)) = self.lines[line].try_send(command) {
            self.unwritten
                .fetch_or(command.writes_record(), Ordering::Relaxed);
            self.metrics.redis_dropped(command.operation());
        }
    }
}

impl Listener {
    /// Makes the connections, and keeps them for as long as the worker lives.
    pub async fn run(self) {
        for line in self.lines {
            tokio::spawn(line.run());
        }
        bus::listen(self.wiring, self.channel, self.heard).await;
    }
}
