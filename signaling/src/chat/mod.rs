//! The chat on top of the transport: Socket.IO packets in, the core's worker in the middle, Socket.IO packets out.
//!
//! ```text
//! Engine.IO message → socket_io::Client → Input → core::worker::Worker → Outputs → Engine
//!                                                                                ├ the pod's pool (worker 0)
//!                                                                                ├ siblings, by post
//!                                                                                └ other pods and their pool, by Redis
//! ```

mod admission;
mod auth_payload;
mod drain;
mod moving;
mod perform;
mod pools;
mod post;
mod record;
mod records;
mod settings;
mod statistics;
mod tick;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rand::rngs::{StdRng, SysRng};
use rand::{Rng as _, SeedableRng as _};
use signaling_core::id::{ConnectionId, IdMap, SessionId};
use signaling_core::pairing::MemoryPool;
use signaling_core::time::Millis;
use signaling_core::worker::{Closed, Connect, Input, Output, Outputs, User, Worker};
use signaling_wire::socket_io::{self, Client, Received};
use signaling_wire::time::Millis as WireMillis;

pub use self::admission::{Admission, Admitted};
use self::auth_payload::AuthPayload;
pub use self::post::{Mail, Post};
pub use self::settings::Settings;
use self::statistics::Counted;
use crate::auth::Authenticator;
use crate::config::Recovery;
use crate::metrics::{self, ErrorKind, LimitScope, Metrics, Transport, WorkerMetrics};
use crate::redis::records::Record;
use crate::redis::{self, Heard};
use crate::status::Status;
use crate::traces::Traces;
use crate::transport::{
    Application, Close, Closing, Engine, Event, Handshake, Notice, RefusalStatus, Refused,
};

/// How often a worker reports how full it is, and reads its secrets again.
const TICK: Duration = Duration::from_secs(1);

/// The only namespace of the service.
const NAMESPACE: &str = "/";

/// What the chats of a pod's workers share.
#[derive(Clone)]
pub struct Shared {
    /// What they take from the configuration.
    pub settings: Arc<Settings>,
    /// Who is let in.
    pub admission: Arc<Admission>,
    /// How full and alive the pod is.
    pub status: Arc<Status>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Where traces go.
    pub traces: Option<Arc<Traces>>,
}

/// One worker's chat.
pub struct Chat {
    number: usize,
    settings: Arc<Settings>,
    auth: Option<Authenticator>,
    admission: Arc<Admission>,
    status: Arc<Status>,
    metrics: Arc<Metrics>,
    traces: Option<Arc<Traces>>,
    counts: Arc<WorkerMetrics>,
    worker: Worker,
    outputs: Outputs,
    /// The list that is being carried out; kept for its memory.
    doing: Vec<Output>,
    /// Bytes of a packet in the making; kept for its memory.
    packet: Vec<u8>,
    sockets: IdMap<ConnectionId, Socket>,
    /// When to look whether a connection has joined the namespace.
    joining: BTreeSet<(Millis, ConnectionId)>,
    /// The pod's pool, which worker 0 keeps.
    pool: Option<(MemoryPool, StdRng)>,
    /// The other pods, and the pool of all.
    redis: Option<redis::Client>,
    /// The lease has not been renewed for so long that others may have taken this pod for lost.
    silent: bool,
    /// Those of whom the pool of all has a ticket.
    ticketed: IdMap<SessionId, ()>,
    /// What is to be added to the statistics of users.
    counted: Counted,
    post: Post,
    tick_at: Millis,
}

/// One connection's Socket.IO side.
struct Socket {
    io: Client,
    browser: bool,
    /// How it was let in, until it has joined.
    admitted: Option<Admitted>,
    /// Told to go, because the pod goes.
    leaving: bool,
}

impl Chat {
    /// The chat of the worker that `post` belongs to, in its first life since `now`; without Redis, a pod on its own.
    #[must_use]
    pub fn new(shared: Shared, post: Post, redis: Option<redis::Client>, now: Millis) -> Self {
        let Shared {
            settings,
            admission,
            status,
            metrics,
            traces,
        } = shared;
        let number = usize::from(post.number());
        let mut rng = StdRng::try_from_rng(&mut SysRng).expect("the system has randomness");
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let mut worker = Worker::new(settings.worker(post.name().clone()), settings.ice(), seed, now);
        let mut outputs = Outputs::default();
        worker.handle(Input::Workers(post.everyone()), now, &mut outputs);
        let pool = (number == 0).then(|| (MemoryPool::new(settings.match_timeout()), rng));
        Self {
            number,
            counts: metrics.worker(number),
            auth: settings.authenticator(),
            settings,
            admission,
            status,
            metrics,
            traces,
            worker,
            outputs,
            doing: Vec::new(),
            packet: Vec::new(),
            sockets: IdMap::default(),
            joining: BTreeSet::new(),
            pool,
            redis,
            silent: false,
            ticketed: IdMap::default(),
            counted: Counted::default(),
            post,
            tick_at: now,
        }
    }

    /// Takes what another worker of this pod sent.
    pub fn mail(&mut self, mail: Mail, engine: &mut Engine) {
        match mail {
            Mail::Packet { from, bytes } => self.run(
                Input::Packet {
                    from: &from,
                    bytes: &bytes,
                },
                engine,
            ),
            Mail::Ask { from, request } => {
                let Some((pool, rng)) = &mut self.pool else { return };
                if let Some(reply) = pool.handle(request, engine.now(), rng) {
                    self.post.answer(from, reply);
                }
            }
            Mail::Answer(reply) => {
                if let Some(reply) = self.of_own_pool(reply) {
                    self.run(Input::Pool(reply), engine);
                }
            }
            Mail::Drain { some } => {
                self.drain(some, engine);
                self.write_statistics(engine.now());
            }
        }
    }

    /// Takes what Redis brought.
    pub fn heard(&mut self, heard: Heard, engine: &mut Engine) {
        match heard {
            Heard::Packet(packet) => {
                let (from, bytes) = (packet.from(), packet.bytes());
                self.run(Input::Packet { from, bytes }, engine);
            }
            Heard::Pool(reply) => self.run(Input::Pool(reply), engine),
            Heard::Workers(workers) => self.run(Input::Workers(&workers), engine),
            Heard::Lost(worker) => self.run(Input::WorkerLost(&worker), engine),
            Heard::Loaded { connection, record } => {
                let record = record.as_ref().map(Record::stored);
                self.run(Input::Loaded { connection, record }, engine);
            }
            Heard::Taken { connection, record } => {
                let record = record.as_ref().map(Record::stored);
                self.run(Input::Taken { connection, record }, engine);
            }
            Heard::Superseded {
                session,
                epoch,
                owner,
            } => {
                let owner = &owner;
                let input = Input::Superseded {
                    session,
                    epoch,
                    owner,
                };
                self.run(input, engine);
            }
            Heard::Interrupted => {
                self.silent = false;
                self.run(Input::Interrupted, engine);
            }
            Heard::Emptied => self.run(Input::Emptied, engine),
        }
    }

    /// Hands one input to the worker and does what it says.
    fn run(&mut self, input: Input<'_>, engine: &mut Engine) {
        self.notice_silence(engine.now());
        self.worker.handle(input, engine.now(), &mut self.outputs);
        self.perform(engine);
    }

    fn opened(&mut self, id: ConnectionId, handshake: &Handshake<'_>, admitted: Admitted, engine: &Engine) {
        self.status.workers()[self.number].connected();
        self.metrics.connection_opened();
        let now = engine.now();
        let io = Client::new(self.settings.socket_io(admitted.provisional), WireMillis(now.0));
        if let Some(deadline) = io.deadline() {
            self.joining.insert((Millis(deadline.0), id));
        }
        let browser = handshake.sec_fetch_mode.is_some()
            || handshake
                .user_agent
                .is_some_and(|agent| agent.starts_with("Mozilla/5.0"));
        self.sockets.insert(
            id,
            Socket {
                io,
                browser,
                admitted: Some(admitted),
                leaving: false,
            },
        );
    }

    fn closed(&mut self, id: ConnectionId, how: Closing, engine: &mut Engine) {
        self.status.workers()[self.number].disconnected();
        self.metrics.connection_closed(record::closed(how));
        let socket = self.sockets.remove(&id);
        if let Some(deadline) = socket.as_ref().and_then(|socket| socket.io.deadline()) {
            self.joining.remove(&(Millis(deadline.0), id));
        }
        let how = match how {
            Closing::Left => Closed::Left,
            Closing::Clean => Closed::Clean,
            Closing::Lost(_) => Closed::Lost,
            Closing::Moved => return,
        };
        let joined = socket.is_some_and(|socket| socket.admitted.is_none());
        if joined && how != Closed::Left {
            // It may want to come back sooner than the next tick.
            self.admission.note_lost(self.number);
        }
        self.run(Input::Closed { connection: id, how }, engine);
    }

    fn text(&mut self, id: ConnectionId, text: &str, engine: &mut Engine) {
        self.counts.received(transport(engine, id), text.len());
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        match socket.io.receive_text(text) {
            Ok(Some(Received::Event {
                args,
                ack,
                attachments: [],
                ..
            })) => {
                // It lies in the text, which outlives the client's borrow.
                let args = within(text, args);
                self.run(
                    Input::Event {
                        connection: id,
                        args,
                        ack,
                    },
                    engine,
                );
            }
            Ok(Some(Received::Connect { namespace, auth })) => {
                let (namespace, auth) = (namespace.to_owned(), AuthPayload::parse(auth));
                self.connect(id, &namespace, &auth, engine);
            }
            other => {
                let kind = Other::of(&other);
                self.other(id, kind, engine);
            }
        }
    }

    fn binary(&mut self, id: ConnectionId, bytes: &[u8], engine: &mut Engine) {
        self.counts.received(transport(engine, id), bytes.len());
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        let kind = Other::of(&socket.io.receive_binary(bytes));
        self.other(id, kind, engine);
    }

    fn other(&mut self, id: ConnectionId, kind: Other, engine: &mut Engine) {
        match kind {
            Other::Nothing => {}
            Other::BinaryEvent { ack } => self.run(Input::BinaryEvent { connection: id, ack }, engine),
            Other::Left => self.run(
                Input::Closed {
                    connection: id,
                    how: Closed::Left,
                },
                engine,
            ),
            Other::Broken => {
                self.metrics.error(ErrorKind::Protocol);
                engine.close(id, Close::Policy);
            }
        }
    }

    /// Someone asks to join a namespace.
    fn connect(&mut self, id: ConnectionId, namespace: &str, auth: &AuthPayload, engine: &mut Engine) {
        if namespace != NAMESPACE {
            return self.refuse(id, namespace, "Invalid namespace", None, engine);
        }
        let user = match &mut self.auth {
            None => User::Anonymous,
            Some(tokens) => match tokens.authenticate(auth.token.as_deref()) {
                Ok(user) => user,
                Err(error) => return self.refuse_unauthorized(id, error, engine),
            },
        };
        let Some(socket) = self.sockets.get(&id) else {
            return;
        };
        let offsets = match self.settings.recovery() {
            Recovery::Always => true,
            Recovery::Never => false,
            Recovery::Auto => socket.browser || auth.recovery,
        };
        let connect = Connect {
            connection: id,
            token: auth.session(),
            offset: auth.offset.as_deref(),
            seq: auth.seq,
            offsets,
            user,
            may_begin: !socket.admitted.is_some_and(|admitted| admitted.provisional),
            from: None,
        };
        self.run(Input::Connect(connect), engine);
    }

    /// Closes the connections that have not joined in time.
    fn close_unjoined(&mut self, now: Millis, engine: &mut Engine) {
        while let Some(&(at, id)) = self.joining.first()
            && at <= now
        {
            self.joining.pop_first();
            if self
                .sockets
                .get(&id)
                .is_some_and(|socket| socket.io.deadline().is_some())
            {
                engine.close(id, Close::Policy);
            }
        }
    }
}

impl Application for Chat {
    type Admitted = Admitted;

    fn admit(&mut self, handshake: &Handshake<'_>, now: Millis) -> Result<Admitted, Refused> {
        self.admission
            .admit(handshake, &self.status, now)
            .inspect_err(|refused| {
                self.metrics.connection_refused(record::refusal(refused.code));
                if refused.status == RefusalStatus::TooManyRequests {
                    self.metrics.limited(LimitScope::Connections);
                }
            })
    }

    fn open(&mut self, id: ConnectionId, handshake: &Handshake<'_>, admitted: Admitted, engine: &mut Engine) {
        self.opened(id, handshake, admitted, engine);
    }

    fn depart(&mut self, id: ConnectionId, engine: &mut Engine) -> Option<String> {
        self.let_go(id, engine)
    }

    fn admit_moving(&mut self) -> Result<(), Refused> {
        self.admission.admit_moving(&self.status)
    }

    fn arrive(&mut self, id: ConnectionId, luggage: &str, engine: &mut Engine) {
        self.take_in(id, luggage, engine);
    }

    fn handle(&mut self, event: Event<'_>, engine: &mut Engine) {
        match event {
            Event::Text { id, text } => self.text(id, text, engine),
            Event::Alive { id } => self.run(Input::Alive(id), engine),
            Event::Binary { id, bytes } => self.binary(id, bytes, engine),
            Event::Closed { id, how } => self.closed(id, how, engine),
        }
    }

    fn deadline(&self) -> Option<Millis> {
        let joining = self.joining.first().map(|&(at, _)| at);
        [self.worker.deadline(), joining, Some(self.tick_at)]
            .into_iter()
            .flatten()
            .min()
    }

    fn handle_deadline(&mut self, now: Millis, engine: &mut Engine) {
        if self.tick_at <= now {
            self.tick(now, engine);
        }
        self.close_unjoined(now, engine);
        if self.worker.deadline().is_some_and(|at| at <= now) {
            self.run(Input::Deadline, engine);
        }
    }

    fn has_to_flush(&self) -> bool {
        self.worker.has_to_transmit()
    }

    fn flush(&mut self, engine: &mut Engine) {
        self.worker.transmit(engine.now(), &mut self.outputs);
        self.perform(engine);
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::BadHandshake => self.metrics.connection_refused(metrics::Refused::BadHandshake),
            Notice::TurnedAway => self.metrics.connection_refused(metrics::Refused::Capacity),
        }
    }
}

/// What a packet means that is neither CONNECT nor an event without attachments.
enum Other {
    Nothing,
    BinaryEvent { ack: Option<u64> },
    Left,
    Broken,
}

impl Other {
    fn of(received: &Result<Option<Received<'_>>, socket_io::ProtocolError>) -> Self {
        match received {
            Ok(Some(Received::Event { ack, .. })) => Self::BinaryEvent { ack: *ack },
            Ok(Some(Received::Disconnect { namespace })) if *namespace == NAMESPACE => Self::Left,
            Ok(_) => Self::Nothing,
            Err(_) => Self::Broken,
        }
    }
}

/// `part` of `whole`, borrowed from `whole` itself.
fn within<'a>(whole: &'a str, part: &str) -> &'a str {
    let start = (part.as_ptr() as usize).wrapping_sub(whole.as_ptr() as usize);
    whole.get(start..start + part.len()).unwrap_or_default()
}

/// The label of what carries a connection.
fn transport(engine: &Engine, id: ConnectionId) -> Transport {
    use signaling_wire::engine_io::Transport as Carrier;
    match engine.transport(id) {
        Some(Carrier::Polling) => Transport::Polling,
        _ => Transport::Websocket,
    }
}
