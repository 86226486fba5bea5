//! A service in a box: workers, the memory pool, a bus with faults, and clients, on virtual time from one seed.
//!
//! Every message takes its way through one queue of events ordered by time, so that a seed replays its history to the
//! letter. Faults are those of a real bus and real clients: packets are lost, doubled, delayed and reordered; workers die
//! and are cut off; connections break with messages under way in both directions, and are noticed late.

#![allow(dead_code, reason = "each test file uses its part")]
#![allow(
    clippy::unwrap_used,
    unreachable_pub,
    reason = "a test stops where it is wrong"
)]

mod bus;
mod client;
mod line;
mod store;
mod upgrade;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use signaling_core::ice::IceConfig;
use signaling_core::id::{ConnectionId, MatchId, SessionId, WorkerId};
use signaling_core::pairing::{Claim, MemoryPool, Reply, Request, Ticket};
use signaling_core::time::Millis;
use signaling_core::worker::{Config, Input, Output, Outputs, Record, Worker};

pub use self::bus::Faults;
#[allow(unused_imports, reason = "each test file uses its part")]
pub use self::client::{Client, Seen};
use self::line::{Downward, Line, Upward};
use self::store::{FromStore, Kept, Store, ToStore};

/// Index of a client in its world.
pub type ClientId = usize;

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
    ToStore {
        from: usize,
        request: ToStore,
    },
    FromStore {
        to: usize,
        answer: FromStore,
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
    /// The next step of a connection's way to another worker.
    Upgrade {
        connection: ConnectionId,
        step: upgrade::Step,
    },
    /// A worker's deadline, if it still stands.
    Deadline {
        worker: usize,
    },
}

/// A happening in the queue: ordered by its moment, then by when it was put there.
struct Due {
    at: Millis,
    number: u64,
    happening: Happening,
}

impl PartialEq for Due {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl Eq for Due {}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Due {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

struct Host {
    name: WorkerId,
    worker: Option<Worker>,
    deadline: Option<Millis>,
    /// No packet reaches it or leaves it.
    cut_off: bool,
}

pub struct World {
    pub now: Millis,
    pub rng: ChaCha12Rng,
    pub faults: Faults,
    pub clients: Vec<Client>,
    /// What the workers recorded, and which of them.
    pub records: Vec<(Millis, usize, Record)>,
    pub pool: MemoryPool,
    pub store: Store,
    /// The last ticket of each session that was put into the pool, or lost on its way there.
    pub tickets: BTreeMap<SessionId, Ticket>,
    /// What happened, in words, while it is wanted.
    pub trace: Option<Vec<String>>,
    config: Config,
    ice: IceConfig,
    hosts: Vec<Host>,
    queue: BinaryHeap<Reverse<Due>>,
    lines: BTreeMap<ConnectionId, Line>,
    counter: u64,
    outputs: Outputs,
}

impl World {
    pub fn new(workers: u16, seed: u64) -> Self {
        Self::with(workers, seed, |_, _| ())
    }

    /// A world whose workers have other settings.
    pub fn with(workers: u16, seed: u64, change: impl FnOnce(&mut Config, &mut IceConfig)) -> Self {
        let (mut config, mut ice) = (Config::new(WorkerId::new("pod", 0)), IceConfig::default());
        change(&mut config, &mut ice);
        let mut world = Self {
            now: Millis(1_800_000_000_000),
            rng: ChaCha12Rng::seed_from_u64(seed),
            faults: Faults::NONE,
            clients: Vec::new(),
            records: Vec::new(),
            pool: MemoryPool::new(config.match_timeout),
            store: Store::default(),
            tickets: BTreeMap::new(),
            trace: None,
            config,
            ice,
            hosts: Vec::new(),
            queue: BinaryHeap::new(),
            lines: BTreeMap::new(),
            counter: 0,
            outputs: Outputs::default(),
        };
        for index in 0..workers {
            let name = WorkerId::new(&format!("pod-{index}"), 0);
            world.hosts.push(Host {
                name,
                worker: None,
                deadline: None,
                cut_off: false,
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

    /// The worker itself, while it lives.
    pub fn worker(&self, index: usize) -> Option<&Worker> {
        self.hosts[index].worker.as_ref()
    }

    pub fn start_worker(&mut self, index: usize) {
        self.note(|| format!("worker {index} starts"));
        let mut seed = [0; 32];
        self.rng.fill_bytes(&mut seed);
        let config = Config {
            worker: self.hosts[index].name.clone(),
            ..self.config.clone()
        };
        self.hosts[index].worker = Some(Worker::new(config, self.ice.clone(), seed, self.now));
        let names: Vec<WorkerId> = self.hosts.iter().map(|host| host.name.clone()).collect();
        self.input(index, Input::Workers(&names));
    }

    /// The worker and all its connections are gone at once; the others learn it when told so.
    pub fn kill_worker(&mut self, index: usize) {
        self.note(|| format!("worker {index} dies"));
        self.hosts[index].worker = None;
        self.hosts[index].deadline = None;
        let now = self.now;
        let (lines, clients) = (&mut self.lines, &mut self.clients);
        lines.retain(|connection, line| {
            let client = &mut clients[line.client];
            if line.worker == index && client.connection == Some(*connection) {
                client.lost(now);
            }
            line.worker != index
        });
    }

    /// Tells everyone that a worker is lost, as its lease would.
    pub fn announce_lost(&mut self, index: usize) {
        self.note(|| format!("worker {index} counts as lost"));
        let name = self.hosts[index].name.clone();
        for other in 0..self.hosts.len() {
            if other != index {
                self.input(other, Input::WorkerLost(&name));
            }
        }
    }

    /// Tells everyone who lives who may own sessions, as the leases do.
    pub fn announce_workers(&mut self) {
        let live = self
            .hosts
            .iter()
            .filter(|host| host.worker.is_some() && !host.cut_off);
        let names: Vec<WorkerId> = live.map(|host| host.name.clone()).collect();
        for index in 0..self.hosts.len() {
            self.input(index, Input::Workers(&names));
        }
    }

    /// Tells one worker that another is lost.
    pub fn announce_lost_to(&mut self, lost: usize, to: usize) {
        let name = self.hosts[lost].name.clone();
        self.input(to, Input::WorkerLost(&name));
    }

    /// The pool, right or wrong, has taken two clients' tickets out for each other: tells the first one's worker.
    pub fn claim(&mut self, first: ClientId, second: ClientId) {
        let [one, other] =
            [first, second].map(|client| self.tickets[&self.clients[client].session()].clone());
        let asker = self
            .hosts
            .iter()
            .position(|host| host.name == one.worker)
            .unwrap();
        let claim = Claim {
            match_id: MatchId::random(&mut self.rng),
            criteria: one.criteria.agreement(&other.criteria),
            first: one.into(),
            second: other.into(),
        };
        self.input(asker, Input::Pool(Reply::Claimed(Box::new(claim))));
    }

    /// This worker was silent for so long that others may have taken it for lost, and finds out.
    pub fn interrupt(&mut self, index: usize) {
        self.note(|| format!("worker {index} was silent for long"));
        self.input(index, Input::Interrupted);
    }

    /// The pool forgets all, and so does the store.
    pub fn restart_pool(&mut self) {
        self.note(|| "the pool is empty".to_owned());
        self.pool = MemoryPool::new(self.config.match_timeout);
        self.store.snapshot = std::collections::BTreeMap::new();
        self.restore_snapshot();
    }

    /// Lets time pass.
    pub fn run(&mut self, duration: Duration) {
        let until = self.now + duration;
        while self.next_at().is_some_and(|at| at <= until) {
            self.step();
        }
        self.now = until;
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<Millis> {
        self.queue.peek().map(|Reverse(due)| due.at)
    }

    /// Lets the next thing happen; answers the client that saw it.
    pub fn step(&mut self) -> Option<ClientId> {
        let Reverse(due) = self.queue.pop()?;
        self.now = self.now.max(due.at);
        match due.happening {
            Happening::Packet { to, from, bytes } => self.deliver_packet(to, &from, &bytes),
            Happening::ToPool { from, request } => {
                if let Some(reply) = self.pool.handle(request, self.now, &mut self.rng)
                    && !self.chance(self.faults.pool_loss)
                {
                    self.after(1, Happening::FromPool { to: from, reply });
                }
            }
            Happening::ToStore { from, request } => self.in_store(from, request),
            Happening::FromStore { to, answer } => self.hear_from_store(to, &answer),
            Happening::FromPool { to, reply } => self.input(to, Input::Pool(reply)),
            Happening::ToWorker { connection, message } => {
                self.reach_worker(connection, message, due.number);
            }
            Happening::ToClient { connection, message } => {
                return self.reach_client(connection, message);
            }
            Happening::Upgrade { connection, step } => self.go_on(connection, step),
            Happening::Deadline { worker } => {
                if self.hosts[worker].deadline.is_some_and(|at| at <= self.now) {
                    self.hosts[worker].deadline = None;
                    self.input(worker, Input::Deadline);
                }
            }
        }
        None
    }

    /// Adds a line to the trace.
    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(format!("{:>9}  {}", self.now.0 % 1_000_000_000, line()));
        }
    }

    fn at(&mut self, at: Millis, happening: Happening) -> u64 {
        self.counter += 1;
        let number = self.counter;
        self.queue.push(Reverse(Due {
            at,
            number,
            happening,
        }));
        number
    }

    fn after(&mut self, millis: u64, happening: Happening) {
        self.at(self.now + Duration::from_millis(millis), happening);
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
        worker.transmit(self.now, &mut outputs);
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
                ..
            } => {
                let (sid, pid) = (session.to_string(), text(&token));
                self.downward(connection, Downward::Accepted { sid, pid });
            }
            Output::Moved { connection } => {
                let step = upgrade::Step::Settle;
                self.after(0, Happening::Upgrade { connection, step });
            }
            Output::Refuse { connection } => self.downward(connection, Downward::Refused),
            Output::Emit { connection, body } => self.downward(connection, Downward::Event(text(&body))),
            Output::Ack { connection, id, body } => {
                let args = text(&body);
                self.downward(connection, Downward::Ack { id, args });
            }
            Output::Ping(connection) => self.downward(connection, Downward::Ping),
            Output::Disconnect(connection) => self.downward(connection, Downward::Disconnected),
            Output::Close(connection) => self.close(connection),
            Output::Pool(request) => {
                if let Request::Enter(ticket) = &request {
                    self.tickets.insert(ticket.session, (**ticket).clone());
                }
                if !self.chance(self.faults.pool_loss) {
                    self.after(1, Happening::ToPool { from: index, request });
                }
            }
            Output::Packet { to, body } => self.packet(index, &to, outputs.slice(&body)),
            Output::Save {
                session,
                epoch,
                body,
                matched,
            } => {
                let owner = self.hosts[index].name.clone();
                let kept = Kept {
                    owner,
                    epoch,
                    body: outputs.slice(&body).to_vec(),
                    matched: matched.map(|matched| outputs.slice(&matched).to_vec()),
                };
                self.send_to_store(index, ToStore::Save(session, kept));
            }
            Output::Forget { session, epoch } => self.send_to_store(index, ToStore::Forget(session, epoch)),
            Output::Load { connection, session } => {
                self.send_to_store(index, ToStore::Load(connection, session))
            }
            Output::Take {
                connection,
                session,
                from,
                epoch,
            } => {
                let taker = Kept {
                    owner: self.hosts[index].name.clone(),
                    epoch,
                    body: Vec::new(),
                    matched: None,
                };
                self.send_to_store(index, ToStore::Take(connection, session, from, taker));
            }
            Output::Record(record) => {
                self.note(|| format!("    worker {index}: {record:?}"));
                self.records.push((self.now, index, record));
            }
        }
    }
}
