//! A service in a box: workers, the memory pool, a bus with faults, and clients, on virtual time from one seed.
//!
//! Every message takes its way through one queue of events ordered by time, so that a seed replays its history to the
//! letter. Faults are those of a real bus and real clients: packets are lost, doubled, delayed and reordered; workers die;
//! connections break with messages under way in both directions.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test stops where it is wrong"
)]

mod client;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use signaling_core::ice::IceConfig;
use signaling_core::id::{ConnectionId, WorkerId};
use signaling_core::pairing::{MemoryPool, Reply, Request};
use signaling_core::time::Millis;
use signaling_core::worker::{Closed, Config, Connect, Input, Output, Outputs, Record, User, Worker};

#[allow(unused_imports, reason = "each test file uses its part")]
pub use self::client::{Client, Seen};

/// Index of a client in its world.
pub type ClientId = usize;

/// How the bus and the pool's line misbehave.
#[derive(Clone, Copy, Debug)]
pub struct Faults {
    /// Share of packets lost, 0 to 1.
    pub loss: f64,
    /// Share of packets doubled.
    pub doubling: f64,
    /// The longest delay of a packet; each has its own, so they overtake each other.
    pub delay: Duration,
    /// Share of the pool's requests and replies lost.
    pub pool_loss: f64,
}

impl Faults {
    /// A bus that does what it should, in a millisecond.
    pub const NONE: Self = Self {
        loss: 0.0,
        doubling: 0.0,
        delay: Duration::from_millis(1),
        pool_loss: 0.0,
    };
}

enum Happening {
    Packet {
        to: usize,
        from: WorkerId,
        bytes: Vec<u8>,
    },
    ToPool {
        from: usize,
        request: Request,
    },
    FromPool {
        to: usize,
        reply: Reply,
    },
    /// A client's message reaches its worker.
    ToWorker {
        connection: ConnectionId,
        message: Upward,
    },
    /// A worker's message reaches its client.
    ToClient {
        connection: ConnectionId,
        message: Downward,
    },
    /// A worker's deadline, if it still stands.
    Deadline {
        worker: usize,
    },
}

pub enum Upward {
    Connect {
        token: Option<String>,
        offset: Option<String>,
        seq: Option<u64>,
        offsets: bool,
        user: User,
    },
    Event {
        args: String,
        ack: Option<u64>,
    },
    Pong,
    Closed(Closed),
}

#[derive(Debug)]
pub enum Downward {
    Accepted {
        sid: String,
        pid: String,
    },
    Refused,
    Event(String),
    Ack {
        id: u64,
        args: String,
    },
    Ping,
    /// DISCONNECT: a stock client gives up.
    Disconnected,
    Closed,
}

struct Host {
    name: WorkerId,
    worker: Option<Worker>,
    deadline: Option<Millis>,
}

pub struct World {
    pub now: Millis,
    pub rng: ChaCha12Rng,
    pub faults: Faults,
    pub clients: Vec<Client>,
    pub records: Vec<Record>,
    config: Config,
    hosts: Vec<Host>,
    pool: MemoryPool,
    queue: BinaryHeap<Reverse<(Millis, u64)>>,
    happenings: BTreeMap<(Millis, u64), Happening>,
    connections: BTreeMap<ConnectionId, (usize, ClientId)>,
    /// The moment until which each connection's direction is taken, for it keeps its order.
    up_until: BTreeMap<ConnectionId, Millis>,
    down_until: BTreeMap<ConnectionId, Millis>,
    counter: u64,
    outputs: Outputs,
}

impl World {
    pub fn new(workers: u16, seed: u64) -> Self {
        Self::with(workers, seed, |_| ())
    }

    /// A world whose workers have other settings.
    pub fn with(workers: u16, seed: u64, change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(WorkerId::new("pod", 0));
        change(&mut config);
        let mut world = Self {
            now: Millis(1_800_000_000_000),
            rng: ChaCha12Rng::seed_from_u64(seed),
            faults: Faults::NONE,
            clients: Vec::new(),
            records: Vec::new(),
            pool: MemoryPool::new(config.match_timeout),
            config,
            hosts: Vec::new(),
            queue: BinaryHeap::new(),
            happenings: BTreeMap::new(),
            connections: BTreeMap::new(),
            up_until: BTreeMap::new(),
            down_until: BTreeMap::new(),
            counter: 0,
            outputs: Outputs::default(),
        };
        for index in 0..workers {
            let name = WorkerId::new("pod", index);
            world.hosts.push(Host {
                name,
                worker: None,
                deadline: None,
            });
        }
        for index in 0..usize::from(workers) {
            world.start_worker(index);
        }
        world
    }

    pub fn workers(&self) -> usize {
        self.hosts.len()
    }

    pub fn is_up(&self, worker: usize) -> bool {
        self.hosts[worker].worker.is_some()
    }

    pub fn start_worker(&mut self, index: usize) {
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let config = Config {
            worker: self.hosts[index].name.clone(),
            ..self.config.clone()
        };
        self.hosts[index].worker = Some(Worker::new(config, IceConfig::default(), seed, self.now));
        let names: Vec<WorkerId> = self.hosts.iter().map(|host| host.name.clone()).collect();
        self.input(index, Input::Workers(&names));
    }

    /// The worker and all its connections are gone at once; the others learn it when told so.
    pub fn kill_worker(&mut self, index: usize) {
        self.hosts[index].worker = None;
        self.hosts[index].deadline = None;
        let gone: Vec<(ConnectionId, ClientId)> = self
            .connections
            .iter()
            .filter(|(_, (worker, _))| *worker == index)
            .map(|(connection, (_, client))| (*connection, *client))
            .collect();
        for (connection, client) in gone {
            self.connections.remove(&connection);
            self.clients[client].lost(self.now);
        }
    }

    /// Tells everyone that a worker is lost, as its lease would.
    pub fn announce_lost(&mut self, index: usize) {
        let name = self.hosts[index].name.clone();
        for other in 0..self.hosts.len() {
            if other != index {
                self.input(other, Input::WorkerLost(&name));
            }
        }
    }

    /// A new client, not yet connected.
    pub fn client(&mut self, recovery: bool) -> ClientId {
        self.clients.push(Client::new(recovery));
        self.clients.len() - 1
    }

    /// A new client, connected to `worker` and greeted.
    pub fn join(&mut self, worker: usize) -> ClientId {
        let client = self.client(true);
        self.connect(client, worker);
        self.run(Duration::from_millis(20));
        assert!(self.clients[client].accepted, "not accepted");
        client
    }

    /// Opens a connection, with whatever the client remembers of its session.
    pub fn connect(&mut self, client: ClientId, worker: usize) {
        self.connect_as(client, worker, User::Anonymous);
    }

    pub fn connect_as(&mut self, client: ClientId, worker: usize, user: User) {
        self.counter += 1;
        let connection = ConnectionId(self.counter);
        self.connections.insert(connection, (worker, client));
        let message = self.clients[client].connecting(connection, user);
        self.upward(connection, message);
    }

    /// Sends an event; `ack` asks for an acknowledgement.
    pub fn emit(&mut self, client: ClientId, args: &str, ack: bool) -> Option<u64> {
        let connection = self.clients[client].connection?;
        let id = ack.then(|| self.clients[client].next_ack());
        self.upward(
            connection,
            Upward::Event {
                args: args.to_owned(),
                ack: id,
            },
        );
        id
    }

    /// The client's transport ends. `Lost` loses what is under way in both directions.
    pub fn disconnect(&mut self, client: ClientId, how: Closed) {
        let Some(connection) = self.clients[client].connection else {
            return;
        };
        self.clients[client].lost(self.now);
        if how == Closed::Lost {
            let under_way = |happening: &Happening| match happening {
                Happening::ToWorker { connection: of, .. } | Happening::ToClient { connection: of, .. } => {
                    *of == connection
                }
                _ => false,
            };
            self.happenings.retain(|_, happening| !under_way(happening));
        }
        self.upward(connection, Upward::Closed(how));
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let until = self.now + duration;
        while let Some(Reverse((at, number))) = self.queue.peek().copied() {
            if at > until {
                break;
            }
            self.queue.pop();
            if let Some(happening) = self.happenings.remove(&(at, number)) {
                self.now = self.now.max(at);
                self.happen(happening);
            }
        }
        self.now = until;
    }

    fn at(&mut self, at: Millis, happening: Happening) {
        self.counter += 1;
        self.queue.push(Reverse((at, self.counter)));
        self.happenings.insert((at, self.counter), happening);
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Packet { to, from, bytes } => self.input(
                to,
                Input::Packet {
                    from: &from,
                    bytes: &bytes,
                },
            ),
            Happening::ToPool { from, request } => {
                let replies = self.pool.handle(request, self.now, &mut self.rng);
                if let Some(reply) = replies {
                    let to = self.addressee(&reply, from);
                    if !self.chance(self.faults.pool_loss) {
                        let at = self.now + Duration::from_millis(1);
                        self.at(at, Happening::FromPool { to, reply });
                    }
                }
            }
            Happening::FromPool { to, reply } => self.input(to, Input::Pool(reply)),
            Happening::ToWorker { connection, message } => self.reach_worker(connection, message),
            Happening::ToClient { connection, message } => self.reach_client(connection, message),
            Happening::Deadline { worker } => {
                if self.hosts[worker].deadline.is_some_and(|at| at <= self.now) {
                    self.hosts[worker].deadline = None;
                    self.input(worker, Input::Deadline);
                }
            }
        }
    }

    fn addressee(&self, _reply: &Reply, asker: usize) -> usize {
        asker
    }

    fn reach_worker(&mut self, connection: ConnectionId, message: Upward) {
        let Some(&(worker, _)) = self.connections.get(&connection) else {
            return;
        };
        match message {
            Upward::Connect {
                token,
                offset,
                seq,
                offsets,
                user,
            } => {
                let (token, offset) = (token.as_deref(), offset.as_deref());
                let connect = Connect {
                    connection,
                    token,
                    offset,
                    seq,
                    offsets,
                    user,
                    may_begin: true,
                };
                self.input(worker, Input::Connect(connect));
            }
            Upward::Event { args, ack } => self.input(
                worker,
                Input::Event {
                    connection,
                    args: &args,
                    ack,
                },
            ),
            Upward::Pong => self.input(worker, Input::Alive(connection)),
            Upward::Closed(how) => {
                self.connections.remove(&connection);
                self.input(worker, Input::Closed { connection, how });
            }
        }
    }

    fn reach_client(&mut self, connection: ConnectionId, message: Downward) {
        let Some(&(worker, client)) = self.connections.get(&connection) else {
            return;
        };
        if self.clients[client].connection != Some(connection) {
            return;
        }
        if matches!(message, Downward::Disconnected | Downward::Closed) {
            // The server has closed; its worker hears that the transport ended.
            self.connections.remove(&connection);
            self.input(
                worker,
                Input::Closed {
                    connection,
                    how: Closed::Clean,
                },
            );
        }
        if let Some(answer) = self.clients[client].take(message, self.now) {
            self.upward(connection, answer);
        }
    }

    fn upward(&mut self, connection: ConnectionId, message: Upward) {
        let at = self.in_order(connection, true);
        self.at(at, Happening::ToWorker { connection, message });
    }

    fn downward(&mut self, connection: ConnectionId, message: Downward) {
        let at = self.in_order(connection, false);
        self.at(at, Happening::ToClient { connection, message });
    }

    /// When the next message of a direction of a connection arrives: a little later, never before the last one.
    fn in_order(&mut self, connection: ConnectionId, up: bool) -> Millis {
        let at = self.now + Duration::from_millis(self.rng.random_range(1..4));
        let until = if up {
            &mut self.up_until
        } else {
            &mut self.down_until
        };
        let slot = until.entry(connection).or_default();
        *slot = at.max(*slot);
        *slot
    }

    fn chance(&mut self, share: f64) -> bool {
        share > 0.0 && self.rng.random_bool(share)
    }

    fn input(&mut self, index: usize, input: Input<'_>) {
        let Some(worker) = &mut self.hosts[index].worker else {
            return;
        };
        let mut outputs = std::mem::take(&mut self.outputs);
        worker.handle(input, self.now, &mut outputs);
        let deadline = worker.deadline();
        for output in std::mem::take(&mut outputs.list) {
            self.output(index, output, &outputs);
        }
        outputs.clear();
        self.outputs = outputs;
        if deadline != self.hosts[index].deadline {
            self.hosts[index].deadline = deadline;
            if let Some(at) = deadline {
                self.at(at.max(self.now), Happening::Deadline { worker: index });
            }
        }
    }

    fn output(&mut self, index: usize, output: Output, outputs: &Outputs) {
        let text = |body: &std::ops::Range<usize>| String::from_utf8(outputs.slice(body).to_vec()).unwrap();
        match output {
            Output::Accept {
                connection,
                session,
                token,
            } => {
                let (sid, pid) = (session.to_string(), text(&token));
                self.downward(connection, Downward::Accepted { sid, pid });
            }
            Output::Refuse { connection } => self.downward(connection, Downward::Refused),
            Output::Emit { connection, body } => self.downward(connection, Downward::Event(text(&body))),
            Output::Ack { connection, id, body } => {
                self.downward(
                    connection,
                    Downward::Ack {
                        id,
                        args: text(&body),
                    },
                );
            }
            Output::Ping(connection) => self.downward(connection, Downward::Ping),
            Output::Disconnect(connection) => self.downward(connection, Downward::Disconnected),
            Output::Close(connection) => self.downward(connection, Downward::Closed),
            Output::Pool(request) => {
                if !self.chance(self.faults.pool_loss) {
                    let at = self.now + Duration::from_millis(1);
                    self.at(at, Happening::ToPool { from: index, request });
                }
            }
            Output::Packet { to, body } => self.packet(index, &to, outputs.slice(&body)),
            Output::Record(record) => self.records.push(record),
        }
    }

    fn packet(&mut self, from: usize, to: &WorkerId, bytes: &[u8]) {
        let from = self.hosts[from].name.clone();
        let Some(to) = self.hosts.iter().position(|host| host.name == *to) else {
            return;
        };
        let copies = if self.chance(self.faults.loss) {
            0
        } else {
            1 + usize::from(self.chance(self.faults.doubling))
        };
        for _ in 0..copies {
            let longest = u64::try_from(self.faults.delay.as_millis()).unwrap().max(1);
            let at = self.now + Duration::from_millis(self.rng.random_range(1..=longest));
            self.at(
                at,
                Happening::Packet {
                    to,
                    from: from.clone(),
                    bytes: bytes.to_vec(),
                },
            );
        }
    }
}
