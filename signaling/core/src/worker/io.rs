//! What goes into a worker and what comes out.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

pub(super) use super::record::{DropReason, Record, Scope, Statistic, WaitEnd};
use crate::id::{ConnectionId, Epoch, SessionId, WorkerId};
use crate::pairing;
use crate::time::Millis;

/// One thing that happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// A client asked to join the default namespace. Answered by [`Output::Accept`], at once or, where another worker
    /// has to be asked, within [`super::Config::summon_timeout`] and a little; or by [`Output::Refuse`].
    Connect(Connect<'a>),
    /// A client sent an event: the JSON array text of its packet, and the number of the acknowledgement that it wants.
    Event {
        /// The client's connection.
        connection: ConnectionId,
        /// `["name", payload]`, not yet validated.
        args: &'a str,
        /// The packet's acknowledgement id.
        ack: Option<u64>,
    },
    /// A client sent an event with binary attachments, which no event of this service has.
    BinaryEvent {
        /// The client's connection.
        connection: ConnectionId,
        /// The packet's acknowledgement id.
        ack: Option<u64>,
    },
    /// A client answered a ping.
    Alive(ConnectionId),
    /// A connection is gone, or its client has left the namespace.
    Closed {
        /// The connection.
        connection: ConnectionId,
        /// How it ended.
        how: Closed,
    },
    /// A connection is to be closed because its pod goes away: its client is told when to come back.
    Drain {
        /// The connection.
        connection: ConnectionId,
        /// When the client should try again.
        reconnect_in: Duration,
    },
    /// The pool's answer to an [`Output::Pool`].
    Pool(pairing::Reply),
    /// A packet from another worker's link.
    Packet {
        /// The worker that sent it.
        from: &'a WorkerId,
        /// The packet's bytes.
        bytes: &'a [u8],
    },
    /// The workers that may own sessions now, this one among them or not. Who was not named the last time, or has been lost
    /// since, is greeted, so that both learn what has become void.
    Workers(&'a [WorkerId]),
    /// A worker is lost with all that it owned: its lease has run out, or it has said that it goes. Should it live, the two
    /// find out as soon as either speaks.
    WorkerLost(&'a WorkerId),
    /// What an [`Output::Load`] has found.
    Loaded {
        /// The connection that it was for.
        connection: ConnectionId,
        /// The record, if there is one.
        record: Option<Stored<'a>>,
    },
    /// What became of an [`Output::Take`].
    Taken {
        /// The connection that it was for.
        connection: ConnectionId,
        /// The record, when the session is this worker's now. Otherwise it is somebody else's.
        record: Option<Stored<'a>>,
    },
    /// A record was not written, for a later owner's is there.
    Superseded {
        /// The session.
        session: SessionId,
        /// The later owner's term.
        epoch: Epoch,
        /// The later owner.
        owner: &'a WorkerId,
    },
    /// This worker was silent for so long that others may have taken it for lost.
    Interrupted,
    /// The store has lost what was written to it, or may have.
    Emptied,
    /// [`super::Worker::deadline`] has come.
    Deadline,
}

/// A session's record, as an [`Output::Save`] has written it.
#[derive(Clone, Copy, Debug)]
pub struct Stored<'a> {
    /// Who wrote it.
    pub owner: &'a WorkerId,
    /// In which term.
    pub epoch: Epoch,
    /// The session.
    pub body: &'a [u8],
    /// Its side of a match.
    pub matched: Option<&'a [u8]>,
}

/// A client's request to join, as far as it is the core's business: tokens of authentication are verified before.
#[derive(Debug)]
pub struct Connect<'a> {
    /// The connection that asks.
    pub connection: ConnectionId,
    /// The resume token: `auth.pid`, else `auth.resume`.
    pub token: Option<&'a str>,
    /// `auth.offset` of Socket.IO's connection state recovery.
    pub offset: Option<&'a str>,
    /// `auth.seq`: the number of the partner's last signal seen.
    pub seq: Option<u64>,
    /// Whether events to this client are to carry an offset.
    pub offsets: bool,
    /// Who the client is, when authentication is on.
    pub user: User,
    /// Whether a new session may begin. Where the pod is full, only those who return are let in; others are closed and
    /// try again.
    pub may_begin: bool,
    /// The worker that the connection comes from ([`super::Papers`]): its client goes on, and is answered nothing but
    /// [`Output::Moved`], or [`Output::Close`] when its session cannot be had. Nothing of the client may be handed to the
    /// worker until then. None where the client asks itself.
    pub from: Option<Origin>,
}

/// Where a connection comes from that goes on here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// Who has its session.
    pub owner: WorkerId,
    /// Since which term.
    pub epoch: Epoch,
    /// When it asked for the session: one that asked later keeps it.
    pub since: Millis,
}

/// The outcome of authentication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum User {
    /// Authentication is off.
    Anonymous,
    /// The `sub` of a valid JWT.
    Known(Arc<str>),
    /// The `sub` of a JWT that is valid but for its expiry: good for resuming that user's live session only.
    Expired(Arc<str>),
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closed {
    /// The client left: Socket.IO DISCONNECT, or WebSocket close 1000 or 1001.
    Left,
    /// The transport ended with a close handshake: the client may come back, and nothing was sent into a dead
    /// connection.
    Clean,
    /// The transport broke off: the client may come back, and what it sent last may be lost.
    Lost,
}

/// One thing to be done. Bytes lie in [`Outputs::bytes`].
#[derive(Debug)]
pub enum Output {
    /// Answer CONNECT.
    Accept {
        /// The connection.
        connection: ConnectionId,
        /// The session: Socket.IO's `sid`.
        session: SessionId,
        /// The text of its resume token: Socket.IO's `pid`.
        token: Range<usize>,
        /// Whether the client has come back to it.
        resumed: bool,
    },
    /// Take from a connection that came from another worker what its client has sent in the meantime.
    Moved {
        /// The connection.
        connection: ConnectionId,
    },
    /// Answer CONNECT_ERROR `unauthorized`.
    Refuse {
        /// The connection.
        connection: ConnectionId,
    },
    /// Send an event: `body` is its JSON array.
    Emit {
        /// The connection.
        connection: ConnectionId,
        /// The JSON array text.
        body: Range<usize>,
    },
    /// Answer an event: `body` is the JSON array of the acknowledgement's arguments.
    Ack {
        /// The connection.
        connection: ConnectionId,
        /// The acknowledgement id.
        id: u64,
        /// The JSON array text.
        body: Range<usize>,
    },
    /// Ping the client out of turn; its answer is an [`Input::Alive`].
    Ping(ConnectionId),
    /// Send DISCONNECT and close: another connection has taken the session over.
    Disconnect(ConnectionId),
    /// Close the transport, without DISCONNECT: stock clients reconnect.
    Close(ConnectionId),
    /// Ask the pool.
    Pool(pairing::Request),
    /// Send a packet to another worker.
    Packet {
        /// The worker.
        to: WorkerId,
        /// The packet's bytes.
        body: Range<usize>,
    },
    /// Write a session's record, unless one of a later term is there ([`Input::Superseded`]).
    Save {
        /// The session.
        session: SessionId,
        /// The term in which this worker owns it.
        epoch: Epoch,
        /// The session's bytes.
        body: Range<usize>,
        /// Those of its side of a match, if it is in one; otherwise there is none any more.
        matched: Option<Range<usize>>,
    },
    /// Remove a session's record, unless one of a later term is there.
    Forget {
        /// The session.
        session: SessionId,
        /// The term in which this worker owned it.
        epoch: Epoch,
    },
    /// Look for a session's record ([`Input::Loaded`]).
    Load {
        /// The connection whose client wants the session.
        connection: ConnectionId,
        /// The session.
        session: SessionId,
    },
    /// Make this worker the owner in a session's record, if that is still of the term `from` ([`Input::Taken`]).
    Take {
        /// The connection whose client wants the session.
        connection: ConnectionId,
        /// The session.
        session: SessionId,
        /// The term of the record.
        from: Epoch,
        /// The term of this worker.
        epoch: Epoch,
    },
    /// Something worth counting and publishing happened.
    Record(Record),
}

/// What a call of [`super::Worker::handle`] leaves to be done, in order. Reused from call to call.
#[derive(Debug, Default)]
pub struct Outputs {
    /// What is to be done.
    pub list: Vec<Output>,
    /// The bytes that the list's ranges lie in.
    pub bytes: Vec<u8>,
}

impl Outputs {
    /// Forgets all, and gives back memory that one large turn took.
    pub fn clear(&mut self) {
        const KEEP: usize = 256 * 1024;
        self.list.clear();
        self.bytes.clear();
        self.bytes.shrink_to(KEEP);
    }

    /// The bytes of a range.
    #[must_use]
    pub fn slice(&self, range: &Range<usize>) -> &[u8] {
        &self.bytes[range.clone()]
    }

    pub(crate) fn push(&mut self, output: Output) {
        self.list.push(output);
    }

    pub(crate) fn record(&mut self, record: Record) {
        self.list.push(Output::Record(record));
    }

    /// Counts something for a user, if it is known who it is.
    pub(crate) fn count(&mut self, user: Option<&Arc<str>>, what: Statistic) {
        if let Some(user) = user {
            let user = Arc::clone(user);
            self.record(Record::Counted { user, what });
        }
    }

    pub(crate) fn dropped(&mut self, reason: DropReason, count: usize) {
        self.record(Record::SignalsDropped { reason, count });
    }

    /// Appends what `write` writes and answers where it lies.
    pub(crate) fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) -> Range<usize> {
        let start = self.bytes.len();
        write(&mut self.bytes);
        start..self.bytes.len()
    }
}

/// How many sessions a worker has, by what they do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Census {
    /// All sessions, those that are waited for included.
    pub sessions: usize,
    /// Those in the queue.
    pub waiting: usize,
    /// Those in a match.
    pub matched: usize,
    /// Those without a connection.
    pub lost: usize,
    /// Connections, those whose CONNECT is not answered yet included.
    pub connections: usize,
}
