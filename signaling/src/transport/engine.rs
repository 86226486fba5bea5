//! The connections of one worker, as its application sees them.

mod writing;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use rand::rngs::{StdRng, SysRng};
use rand::{Rng as _, RngExt as _, SeedableRng as _};
use signaling_core::id::ConnectionId;
use signaling_core::time::Millis;
use signaling_wire::engine_io::{Body, Due, Ending, Packet, Probe, Settings, Socket, Transport};
use signaling_wire::time::Millis as WireMillis;
use signaling_wire::websocket::{self, CloseCode, CloseFrame, Opcode};
use slab::Slab;
use tokio::sync::oneshot;

pub(super) use self::writing::frame_packet;
use self::writing::{SMALL_FRAME, answer_poll};
use super::application::{Closing, Loss};
use super::connection::{Carrier, Close, Connection, Writing, write_out};
use super::mailbox::Pod;
use super::poll::Answer;
use super::sid::Locator;
use super::stream::WriteHalf;

/// What an [`Application`](super::Application) may do with the connections of its worker.
///
/// A connection that is gone takes nothing: what is sent to it disappears, and its
/// [`Closed`](super::Event::Closed) event has come or is about to come. Nothing is written within a turn.
#[derive(Debug)]
pub struct Engine {
    pub(super) settings: Settings,
    pod: Arc<Pod>,
    worker: u16,
    now: Millis,
    connections: Slab<Connection>,
    /// The high half of the next connection's id.
    serial: u32,
    /// When to look after which connection.
    deadlines: BTreeSet<(Millis, u32)>,
    /// Connections that were sent something since the last write.
    dirty: Vec<u32>,
    /// About how many bytes have been gathered for them.
    gathered: usize,
    /// Connections that have ended, and of which the application does not know yet.
    ended: VecDeque<(ConnectionId, Closing)>,
    spare: Vec<Vec<u8>>,
    /// WebSockets that are not read yet, and what tells their readers to begin.
    held: BTreeMap<ConnectionId, oneshot::Sender<()>>,
    /// Writes that a socket did not take whole, since [`Self::take_deferred`].
    deferred: u64,
    /// Draws what makes identifiers unguessable.
    rng: StdRng,
}

impl Engine {
    pub(super) fn new(pod: Arc<Pod>, worker: u16) -> Self {
        Self {
            settings: pod.config().engine_io,
            now: pod.clock().now(),
            pod,
            worker,
            connections: Slab::new(),
            serial: 0,
            deadlines: BTreeSet::new(),
            dirty: Vec::new(),
            gathered: 0,
            ended: VecDeque::new(),
            spare: Vec::new(),
            held: BTreeMap::new(),
            deferred: 0,
            rng: StdRng::try_from_rng(&mut SysRng).expect("the kernel has random bytes"),
        }
    }

    /// The time of this turn.
    #[must_use]
    pub fn now(&self) -> Millis {
        self.now
    }

    /// How many connections there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.connections.len()
    }

    /// Whether there is no connection.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.connections.is_empty()
    }

    /// All connections, in no particular order.
    pub fn ids(&self) -> impl Iterator<Item = ConnectionId> {
        self.connections.iter().map(|(_, connection)| connection.id)
    }

    /// How many writes were not taken whole by their sockets since the last call.
    pub fn take_deferred(&mut self) -> u64 {
        std::mem::take(&mut self.deferred)
    }

    /// What carries a connection at present.
    #[must_use]
    pub fn transport(&self, id: ConnectionId) -> Option<Transport> {
        Some(self.connections.get(place(id))?.socket.transport())
    }

    /// Sends a text message: the concatenation of `parts`, which must be UTF-8.
    pub fn send_text(&mut self, id: ConnectionId, parts: &[&[u8]]) {
        self.send_packet(id, b'4', parts);
    }

    /// Sends a binary message.
    pub fn send_binary(&mut self, id: ConnectionId, bytes: &[u8]) {
        let settings = self.settings;
        self.gathered += bytes.len();
        let Some(connection) = self.writable(id) else {
            return;
        };
        match connection.carrier {
            Carrier::WebSocket { .. } if connection.socket.is_closing() => {}
            Carrier::WebSocket { .. } => websocket::encode(Opcode::Binary, &[bytes], &mut connection.out),
            Carrier::Polling { .. } => {
                if connection.socket.push(b'b', &[bytes], &settings).is_err() {
                    self.cut(id, Loss::SlowReader);
                }
            }
        }
    }

    /// Sends an Engine.IO ping off schedule, to learn whether the client is alive: it then answers within its round trip
    /// ([`Event::Alive`](super::Event::Alive)), or is gone after the ping timeout. `false` when there is no such
    /// connection, or a ping is unanswered as it is.
    pub fn ping(&mut self, id: ConnectionId) -> bool {
        let (settings, now) = (self.settings, wire(self.now));
        let sent = self
            .get_mut(id)
            .is_some_and(|connection| connection.socket.ping(&settings, now));
        if sent {
            self.send_packet(id, b'2', &[]);
            self.rearm(id);
        }
        sent
    }

    /// Begins to close a connection: what was sent before arrives first, then the client is told, and what it sends until
    /// it knows is still handled; a WebSocket is sent nothing more. The [`Closed`](super::Event::Closed) event comes when
    /// the client has answered, or has not for [`Settings::close_timeout`].
    pub fn close(&mut self, id: ConnectionId, why: Close) {
        self.release(id);
        let (settings, now) = (self.settings, wire(self.now));
        let Some(connection) = self.writable(id) else {
            return;
        };
        if !connection.socket.close(&settings, now) {
            return;
        }
        if matches!(connection.carrier, Carrier::WebSocket { .. }) {
            let frame = CloseFrame {
                code: why.code(),
                reason: "",
            };
            websocket::encode_close(Some(frame), &mut connection.out);
        }
        self.rearm(id);
    }

    /// Takes what the client has sent since its connection came from another pod, and from now on.
    pub fn release(&mut self, id: ConnectionId) {
        if let Some(reader) = self.held.remove(&id) {
            // When the reader is gone, its WebSocket is, too.
            let _ = reader.send(());
        }
    }

    /// Writes one packet whose type is `kind`.
    fn send_packet(&mut self, id: ConnectionId, kind: u8, parts: &[&[u8]]) {
        let settings = self.settings;
        self.gathered += parts.iter().map(|part| part.len()).sum::<usize>();
        let Some(connection) = self.writable(id) else {
            return;
        };
        match connection.carrier {
            // Nothing follows a close frame (RFC 6455 §5.5.1).
            Carrier::WebSocket { .. } if connection.socket.is_closing() => {}
            Carrier::WebSocket { .. } => frame_packet(kind, parts, &mut connection.out),
            Carrier::Polling { .. } => {
                if connection.socket.push(kind, parts, &settings).is_err() {
                    self.cut(id, Loss::SlowReader);
                }
            }
        }
    }
}

/// What the transport itself does with the connections.
impl Engine {
    pub(super) fn begin_turn(&mut self, now: Millis) {
        self.now = now;
    }

    /// Makes a connection.
    pub(super) fn open(&mut self, carrier: Carrier) -> ConnectionId {
        let transport = match carrier {
            Carrier::Polling { .. } => Transport::Polling,
            Carrier::WebSocket { .. } => Transport::WebSocket,
        };
        let early = self.rng.random_range(0..=self.settings.ping_spread);
        let entry = self.connections.vacant_entry();
        let index = u32::try_from(entry.key()).expect("fewer sockets than 2^32");
        self.serial = self.serial.wrapping_add(1);
        let id = ConnectionId(u64::from(self.serial) << 32 | u64::from(index));
        entry.insert(Connection {
            id,
            salt: self.rng.next_u64(),
            socket: Socket::open(transport, &self.settings, early, wire(self.now)),
            carrier,
            armed: None,
            out: Vec::new(),
            writing: Writing::Idle,
        });
        self.rearm(id);
        id
    }

    /// Appends the open packet of a connection.
    pub(super) fn write_open_packet(&self, id: ConnectionId, out: &mut Vec<u8>) {
        let Some(connection) = self.connections.get(place(id)) else {
            return;
        };
        let locator = Locator {
            index: place_u32(id),
            salt: connection.salt,
        };
        let sid = self.pod.sids().text(self.worker, locator);
        self.settings
            .write_open_packet(&sid, connection.socket.transport(), out);
    }

    /// The connection that an identifier names.
    pub(super) fn locate(&self, locator: Locator) -> Option<ConnectionId> {
        let connection = self.connections.get(locator.index as usize)?;
        (connection.salt == locator.salt).then_some(connection.id)
    }

    pub(super) fn get_mut(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        self.connections
            .get_mut(place(id))
            .filter(|connection| connection.id == id)
    }

    /// The connection, to be written to soon, with a buffer to gather in.
    pub(super) fn writable(&mut self, id: ConnectionId) -> Option<&mut Connection> {
        let limit = self.settings.max_waiting;
        if self.get_mut(id)?.out.len() > limit && self.get_mut(id)?.writing == Writing::Task {
            self.cut(id, Loss::SlowReader);
            return None;
        }
        self.gathered += SMALL_FRAME;
        let connection = self.connections.get_mut(place(id))?;
        if connection.writing == Writing::Idle {
            connection.writing = Writing::Soon;
            self.dirty.push(place_u32(id));
            if connection.out.capacity() == 0 && matches!(connection.carrier, Carrier::WebSocket { .. }) {
                connection.out = self.spare.pop().unwrap_or_default();
            }
        }
        Some(connection)
    }

    /// Looks after the connection no later than its session's deadline. A deadline that has moved away is left as it is:
    /// looking too early costs less than moving it at each pong.
    pub(super) fn rearm(&mut self, id: ConnectionId) {
        let Some(connection) = self.connections.get_mut(place(id)) else {
            return;
        };
        let due = Millis(connection.socket.deadline().0);
        if connection.armed.is_some_and(|armed| armed <= due) {
            return;
        }
        if let Some(armed) = connection.armed.replace(due) {
            self.deadlines.remove(&(armed, place_u32(id)));
        }
        self.deadlines.insert((due, place_u32(id)));
    }

    /// When [`Self::handle_deadlines`] is to be called.
    pub(super) fn deadline(&self) -> Option<Millis> {
        self.deadlines.first().map(|&(due, _)| due)
    }

    /// Does what is due.
    pub(super) fn handle_deadlines(&mut self) {
        while let Some(&(due, index)) = self.deadlines.first()
            && due <= self.now
        {
            self.deadlines.pop_first();
            let Some(connection) = self.connections.get_mut(index as usize) else {
                continue;
            };
            connection.armed = None;
            let id = connection.id;
            self.handle_deadline(id);
            if self.get_mut(id).is_some() {
                self.rearm(id);
            }
        }
    }

    fn handle_deadline(&mut self, id: ConnectionId) {
        let (settings, now) = (self.settings, wire(self.now));
        while let Some(connection) = self.get_mut(id) {
            let Some(due) = connection.socket.handle_deadline(&settings, now) else {
                return;
            };
            match due {
                Due::Ping => self.send_packet(id, b'2', &[]),
                Due::PingTimeout => self.cut(id, Loss::PingTimeout),
                Due::UpgradeTimeout => connection.abort_probe(),
                Due::CloseTimeout if connection.socket.has_told_closing() => {
                    self.end(id, Closing::Clean);
                }
                Due::CloseTimeout => self.cut(id, Loss::CloseTimeout),
            }
        }
    }

    /// Moves a session to the WebSocket that its client has chosen: the poll that hangs is released, and what waited goes
    /// first.
    pub(super) fn switch(&mut self, id: ConnectionId, write: WriteHalf) {
        let settings = self.settings;
        let mut out = self.spare.pop().unwrap_or_default();
        let Some(connection) = self.writable(id) else {
            return;
        };
        let Carrier::Polling { poll, probe } = &mut connection.carrier else {
            return;
        };
        let reader = probe.take();
        connection.socket.drain(|body| match body {
            Body::Text(text) => websocket::encode(Opcode::Text, &[text], &mut out),
            Body::Binary(bytes) => websocket::encode(Opcode::Binary, &[bytes], &mut out),
        });
        answer_poll(poll, &mut connection.socket, &settings);
        if connection.socket.is_closing() {
            websocket::encode_close(
                Some(CloseFrame {
                    code: CloseCode::NORMAL,
                    reason: "",
                }),
                &mut out,
            );
        }
        connection.out = out;
        connection.carrier = Carrier::WebSocket { write, reader };
    }

    /// Has nothing read from a WebSocket until [`Self::release`], which the receiver is told; nor when the connection ends.
    pub(super) fn hold(&mut self, id: ConnectionId) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        self.held.insert(id, sender);
        receiver
    }

    /// Lets a session go to another pod, whose WebSocket it has been switched to: the poll that hangs is released, and what
    /// waited is appended to `payload`.
    pub(super) fn depart(&mut self, id: ConnectionId, payload: &mut Vec<u8>) {
        let settings = self.settings;
        let Some(connection) = self.get_mut(id) else {
            return;
        };
        if connection.socket.receive_probe(Packet::Upgrade) == Probe::Switch {
            connection.socket.take_waiting(payload);
        }
        if let Carrier::Polling { poll, .. } = &mut connection.carrier {
            answer_poll(poll, &mut connection.socket, &settings);
        }
        self.end(id, Closing::Moved);
    }

    /// Takes the connection out, answers the poll that hangs, and lets the application know before the turn ends. The
    /// caller closes the WebSocket, if there is one.
    pub(super) fn end(&mut self, id: ConnectionId, how: Closing) -> Option<Connection> {
        self.get_mut(id)?;
        let mut connection = self.connections.remove(place(id));
        if let Some(armed) = connection.armed {
            self.deadlines.remove(&(armed, place_u32(id)));
        }
        self.ended.push_back((id, how));
        self.held.remove(&id);
        connection.abort_probe();
        if let Carrier::Polling { poll, .. } = &mut connection.carrier
            && let Some(poll) = poll.take()
        {
            let ending = match how {
                Closing::Lost(Loss::ClosePacket) => Ending::ByClient,
                _ => Ending::ByServer,
            };
            let mut words = Vec::new();
            connection.socket.end(ending, &self.settings, &mut words);
            // When its client has given up in the meantime, there is nobody to answer.
            let _ = poll.send(Answer::Payload(words));
        }
        Some(connection)
    }

    /// Ends the connection from outside of the task that reads it.
    pub(super) fn cut(&mut self, id: ConnectionId, loss: Loss) {
        let Some(mut connection) = self.end(id, Closing::Lost(loss)) else {
            return;
        };
        if let Carrier::WebSocket { write, reader } = connection.carrier {
            if loss == Loss::SlowReader {
                write.discard_unsent();
            } else if connection.writing != Writing::Task {
                websocket::encode_close(None, &mut connection.out);
                write_out(&write, &mut connection.out);
            }
            if let Some(reader) = reader {
                reader.abort();
            }
        }
    }

    /// What has ended since the last call.
    pub(super) fn take_ended(&mut self) -> Option<(ConnectionId, Closing)> {
        self.ended.pop_front()
    }
}

impl Connection {
    /// The WebSocket of an upgrade reads no more.
    pub(super) fn forget_probe(&mut self) {
        if let Carrier::Polling { probe, .. } = &mut self.carrier {
            *probe = None;
        }
    }

    /// Stops reading the WebSocket of an upgrade.
    fn abort_probe(&mut self) {
        if let Carrier::Polling { probe, .. } = &mut self.carrier
            && let Some(probe) = probe.take()
        {
            probe.abort();
        }
    }
}

/// A moment, as `wire` has it.
pub(super) fn wire(now: Millis) -> WireMillis {
    WireMillis(now.0)
}

fn place_u32(id: ConnectionId) -> u32 {
    (id.0 & u64::from(u32::MAX)) as u32
}

fn place(id: ConnectionId) -> usize {
    place_u32(id) as usize
}
