//! A connection that goes on at another worker: its client has opened a WebSocket there, for a session that it has polled
//! here. The client has asked for nothing and shall notice nothing. Until the other worker has the session, it stays here as
//! it is, and what its client is told is kept; then all of that goes over, as for a client that comes back.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::io::{Closed, Origin, Output, Outputs, Record};
use super::{Due, Key, Worker};
use crate::id::{ConnectionId, SessionId};
use crate::time::Millis;

/// How long the other worker may take to ask for the session. Then the connection counts as lost.
const FETCHED_WITHIN: Duration = Duration::from_secs(5);
/// How much is kept for a client that is on its way; with more, its connection counts as lost.
const MAX_UNSAID: usize = 64 * 1024;

/// What stands in the way of a connection that is to go on at another worker, or what it takes along.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Departure {
    /// Nothing: it has not joined.
    Empty,
    /// Its CONNECT is not answered yet. That is soon over.
    NotYet,
    /// It goes, with these papers. Here it is no more: nothing is sent to it, and its end is not to be told.
    Ready(Papers),
}

/// How another worker asks for a session, in the name of a client that is connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Papers {
    /// Whose it was.
    pub from: Origin,
    /// Its resume token.
    pub token: String,
    /// Whether its events carry offsets.
    pub offsets: bool,
    /// The `sub` of the JWT that it was opened with.
    pub user: Option<Arc<str>>,
}

/// Connections that have departed, and whose sessions have not been fetched yet.
#[derive(Debug, Default)]
pub(super) struct Underway(BTreeMap<ConnectionId, Unsaid>);

/// The JSON arrays of events that a client has still to be told.
pub(super) type Unsaid = Vec<Box<[u8]>>;

impl Worker {
    /// Lets a connection go on at another worker, if it may.
    pub fn depart(&mut self, connection: ConnectionId, now: Millis) -> Departure {
        if self.pending.contains_key(&connection) {
            return Departure::NotYet;
        }
        let Some(&key) = self.by_connection.get(&connection) else {
            return Departure::Empty;
        };
        self.underway.0.insert(connection, Unsaid::new());
        self.deadlines
            .set(&Due::Underway(connection), Some(now + FETCHED_WITHIN));
        let session = &self.sessions[key];
        Departure::Ready(Papers {
            from: Origin {
                owner: self.config.worker.clone(),
                epoch: session.epoch,
                since: session.connected,
            },
            token: session.token().to_string(),
            offsets: session.offsets,
            user: session.user.clone(),
        })
    }

    /// Keeps what connections are told that are on their way to another worker.
    pub(super) fn keep_unsaid(&mut self, now: Millis, out: &mut Outputs) {
        if self.underway.0.is_empty() {
            return;
        }
        let (underway, bytes) = (&mut self.underway.0, &out.bytes);
        let mut overflown = None;
        out.list.retain(|output| {
            let Output::Emit { connection, body } = output else {
                return true;
            };
            let Some(unsaid) = underway.get_mut(connection) else {
                return true;
            };
            unsaid.push(bytes[body.clone()].into());
            if unsaid.iter().map(|event| event.len()).sum::<usize>() > MAX_UNSAID {
                overflown = Some(*connection);
            }
            false
        });
        if let Some(connection) = overflown {
            self.underway_due(connection, now, out);
        }
    }

    /// What the client of a connection that is on its way has still to be told; none where it is not on its way.
    pub(super) fn take_unsaid(&mut self, connection: ConnectionId) -> Option<Unsaid> {
        self.deadlines.set(&Due::Underway(connection), None);
        self.underway.0.remove(&connection)
    }

    /// The session was not fetched: its client may come back.
    pub(super) fn underway_due(&mut self, connection: ConnectionId, now: Millis, out: &mut Outputs) {
        if self.take_unsaid(connection).is_some() {
            self.closed(connection, Closed::Lost, now, out);
        }
    }

    /// Gives way to the owner that a connection comes from, where there is an older copy of its session here. `false` where
    /// that owner's is the older one.
    pub(super) fn gives_way(
        &mut self,
        session: SessionId,
        from: &Origin,
        now: Millis,
        out: &mut Outputs,
    ) -> bool {
        if from.owner == self.config.worker {
            return true;
        }
        let Some(epoch) = self.epoch_of(session) else {
            return true;
        };
        self.superseded(session, from.epoch, &from.owner, now, out);
        epoch < from.epoch
    }

    /// The session is here, and its client goes on: it is told what was kept for it. Where signals may be missing, `session`
    /// says so, as after a resume.
    pub(super) fn settle_in(
        &mut self,
        key: Key,
        connection: ConnectionId,
        unsaid: &Unsaid,
        (renegotiate, version): (bool, u32),
        out: &mut Outputs,
    ) {
        let session = self.sessions[key].id;
        out.record(Record::SessionMoved { session });
        out.push(Output::Moved { connection });
        for event in unsaid {
            let body = out.write(|bytes| bytes.extend_from_slice(event));
            out.push(Output::Emit { connection, body });
        }
        if renegotiate {
            self.greet(key, (true, renegotiate), version, out);
        }
    }
}
