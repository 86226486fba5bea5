//! The connections between clients and workers: ordered, and breakable.

use std::time::Duration;

use rand::RngExt as _;
use signaling_core::id::ConnectionId;
use signaling_core::time::Millis;
use signaling_core::worker::{Closed, Connect, Input, User};

use super::upgrade::Step;
use super::{ClientId, Happening, World};

/// What a client sends.
#[derive(Debug)]
pub enum Upward {
    Connect {
        token: Option<String>,
        offset: Option<String>,
        seq: Option<u64>,
        offsets: bool,
        user: User,
        may_begin: bool,
    },
    Event {
        args: String,
        ack: Option<u64>,
    },
    Pong,
    /// Goes on by a WebSocket to that worker, once all that was sent before has been taken.
    Upgrade {
        to: usize,
    },
    Closed(Closed),
}

/// What a client is sent.
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

/// One connection.
pub(super) struct Line {
    pub(super) worker: usize,
    pub(super) client: ClientId,
    /// The moments until which its directions are taken, for each keeps its order.
    up_until: Millis,
    down_until: Millis,
    /// It broke: what the client had sent before this number is lost.
    broken_at: u64,
    /// What the client has sent by its WebSocket, while it is not taken yet.
    pub(super) held: Option<Vec<(u64, Upward)>>,
    upgraded: bool,
    /// It has arrived where it was to go on.
    pub(super) settled: bool,
}

impl World {
    /// A new client, not yet connected.
    pub fn client(&mut self, recovery: bool) -> ClientId {
        self.clients.push(super::Client::new(recovery));
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
        self.open(client, worker, user, true);
    }

    /// Opens a connection; where not everybody `may_begin`, only who returns is let in.
    pub fn open(&mut self, client: ClientId, worker: usize, user: User, may_begin: bool) {
        self.counter += 1;
        let connection = ConnectionId(self.counter);
        let line = Line {
            worker,
            client,
            up_until: Millis(0),
            down_until: Millis(0),
            broken_at: 0,
            held: None,
            upgraded: false,
            settled: false,
        };
        self.lines.insert(connection, line);
        let message = self.clients[client].connecting(connection, user, may_begin);
        self.note(|| format!("client {client} -> worker {worker}: {message:?}"));
        self.upward(connection, message);
    }

    /// Asks to join once more, on the same connection.
    pub fn connect_again(&mut self, client: ClientId) {
        let connection = self.clients[client].connection.unwrap();
        let message = self.clients[client].connecting(connection, User::Anonymous, true);
        self.clients[client].accepted = true;
        self.upward(connection, message);
    }

    /// Sends an event; `ack` asks for an acknowledgement.
    pub fn emit(&mut self, client: ClientId, args: &str, ack: bool) -> Option<u64> {
        let connection = self.clients[client].connection?;
        let id = ack.then(|| self.clients[client].next_ack());
        self.note(|| {
            format!(
                "client {client} -> {args} {}",
                id.map_or(String::new(), |id| format!("ack {id}"))
            )
        });
        let args = args.to_owned();
        self.upward(connection, Upward::Event { args, ack: id });
        id
    }

    /// The client's transport ends. `Lost` loses what is under way in both directions.
    pub fn disconnect(&mut self, client: ClientId, how: Closed) {
        self.disconnect_noticed(client, how, Duration::ZERO);
    }

    /// The client's transport ends, and the server notices later.
    pub fn disconnect_noticed(&mut self, client: ClientId, how: Closed, later: Duration) {
        let Some(connection) = self.clients[client].connection else {
            return;
        };
        self.note(|| format!("client {client} disconnects: {how:?}, noticed after {later:?}"));
        if !self.clients[client].accepted {
            self.clients[client].withdrew = Some(self.now);
        }
        self.clients[client].lost(self.now);
        self.counter += 1;
        let counter = self.counter;
        if let Some(line) = self.lines.get_mut(&connection) {
            if how == Closed::Lost {
                line.broken_at = counter;
            }
            line.up_until = line.up_until.max(self.now + later);
        }
        self.upward(connection, Upward::Closed(how));
    }

    /// The client, if it is connected and has not before, goes on by a WebSocket to `worker`.
    pub fn upgrade(&mut self, client: ClientId, worker: usize) {
        let Some(connection) = self.clients[client].connection else {
            return;
        };
        if let Some(line) = self.lines.get_mut(&connection)
            && !std::mem::replace(&mut line.upgraded, true)
            && line.worker != worker
        {
            self.note(|| format!("client {client} upgrades to worker {worker}"));
            self.upward(connection, Upward::Upgrade { to: worker });
        }
    }

    /// The server closes the client's connection because its pod goes away.
    pub fn drain(&mut self, client: ClientId) {
        let line = self.clients[client].connection.and_then(|connection| {
            let worker = self.lines.get(&connection)?.worker;
            Some((connection, worker))
        });
        if let Some((connection, worker)) = line {
            let reconnect_in = Duration::from_millis(100);
            self.input(
                worker,
                Input::Drain {
                    connection,
                    reconnect_in,
                },
            );
        }
    }

    /// Whether the client's connection is on its way to another worker.
    pub fn is_moving(&self, client: ClientId) -> bool {
        let line = self.clients[client]
            .connection
            .and_then(|connection| self.lines.get(&connection));
        line.is_some_and(|line| line.upgraded && !line.settled)
    }

    /// Whether the client's connection is answered.
    pub fn is_accepted(&self, client: ClientId) -> bool {
        self.clients[client].accepted
    }

    pub(super) fn reach_worker(&mut self, connection: ConnectionId, message: Upward, number: u64) {
        let line = self.lines.get_mut(&connection);
        let Some(line) = line.filter(|line| number > line.broken_at) else {
            return;
        };
        let worker = line.worker;
        if let Some(held) = &mut line.held {
            return held.push((number, message));
        }
        match message {
            Upward::Upgrade { to } => {
                line.held = Some(Vec::new());
                self.go_on(connection, Step::Depart { to });
            }
            Upward::Connect {
                token,
                offset,
                seq,
                offsets,
                user,
                may_begin,
            } => {
                let (token, offset) = (token.as_deref(), offset.as_deref());
                let connect = Connect {
                    connection,
                    token,
                    offset,
                    seq,
                    offsets,
                    user,
                    may_begin,
                    from: None,
                };
                self.input(worker, Input::Connect(connect));
            }
            Upward::Event { args, ack } => {
                let args = args.as_str();
                let event = Input::Event {
                    connection,
                    args,
                    ack,
                };
                self.input(worker, event);
            }
            Upward::Pong => self.input(worker, Input::Alive(connection)),
            Upward::Closed(how) => {
                self.lines.remove(&connection);
                self.input(worker, Input::Closed { connection, how });
            }
        }
    }

    pub(super) fn reach_client(&mut self, connection: ConnectionId, message: Downward) -> Option<ClientId> {
        let line = self.lines.get(&connection)?;
        let client = line.client;
        if matches!(message, Downward::Disconnected | Downward::Closed) {
            // The server has closed, and reads on until the client has: what is under way arrives.
            self.upward(connection, Upward::Closed(Closed::Clean));
        }
        if self.clients[client].connection != Some(connection) {
            return None;
        }
        self.note(|| format!("client {client} <- {message:?}"));
        if let Some(answer) = self.clients[client].take(message, self.now) {
            self.upward(connection, answer);
        }
        Some(client)
    }

    pub(super) fn upward(&mut self, connection: ConnectionId, message: Upward) {
        if let Some(at) = self.in_order(connection, |line| &mut line.up_until) {
            self.at(at, Happening::ToWorker { connection, message });
        }
    }

    pub(super) fn downward(&mut self, connection: ConnectionId, message: Downward) {
        if let Some(at) = self.in_order(connection, |line| &mut line.down_until) {
            self.at(at, Happening::ToClient { connection, message });
        }
    }

    /// When the next message of a direction of a connection arrives: a little later, never before the last one.
    fn in_order(&mut self, connection: ConnectionId, until: fn(&mut Line) -> &mut Millis) -> Option<Millis> {
        let at = self.now + Duration::from_millis(self.rng.random_range(1..4));
        let until = until(self.lines.get_mut(&connection)?);
        *until = at.max(*until);
        Some(*until)
    }
}
