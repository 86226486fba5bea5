//! Writing what turns have gathered: each connection's messages in one system call.

use signaling_core::id::ConnectionId;
use signaling_wire::engine_io::{Settings, Socket};
use signaling_wire::websocket::{self, Opcode};
use tokio::sync::oneshot;

use super::{Engine, place};
use crate::transport::application::Loss;
use crate::transport::connection::{Carrier, Writing, Written, write_out};
use crate::transport::poll::Answer;

/// Parts of a message that are put into one frame without copying them together first.
const PARTS: usize = 8;
/// How many bytes are gathered for other turns to add to.
const GATHER: usize = 256 * 1024;
/// For how many connections they are gathered. With 64 a relayed event cost a tenth more than with 8, and a match no less.
const GATHER_FOR: usize = 8;
/// What each frame is taken for besides its message: no pong is longer.
pub(super) const SMALL_FRAME: usize = 128;
/// Write buffers that are kept for the next connection that is sent anything, and how large one may be to be kept.
const SPARE_BUFFERS: usize = 64;
const SPARE_CAPACITY: usize = 16 * 1024;

impl Engine {
    /// Whether there is something to write.
    pub(in crate::transport) fn has_gathered(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// Whether there is so much to write that nothing more should be gathered.
    pub(in crate::transport) fn has_gathered_enough(&self) -> bool {
        self.gathered >= GATHER || self.dirty.len() >= GATHER_FOR
    }

    /// Writes what was gathered, each connection's in one system call; hands those to `wait` whose sockets take no more
    /// for now. `false` when there was nothing to write.
    pub(in crate::transport) fn flush(&mut self, mut wait: impl FnMut(ConnectionId)) -> bool {
        self.gathered = 0;
        let mut dirty = std::mem::take(&mut self.dirty);
        let flushed = !dirty.is_empty();
        for index in dirty.drain(..) {
            self.flush_connection(index, &mut wait);
        }
        // Nothing is sent to a connection by writing to one: the list is empty, and its memory is kept.
        self.dirty = dirty;
        flushed
    }

    fn flush_connection(&mut self, index: u32, wait: &mut impl FnMut(ConnectionId)) {
        let Some(connection) = self.connections.get_mut(index as usize) else {
            return;
        };
        if connection.writing != Writing::Soon {
            return;
        }
        connection.writing = Writing::Idle;
        let id = connection.id;
        let written = match &mut connection.carrier {
            Carrier::Polling { poll, .. } => {
                answer_poll(poll, &mut connection.socket, &self.settings);
                return;
            }
            Carrier::WebSocket { .. } if connection.out.is_empty() => Written::All,
            Carrier::WebSocket { write, .. } => write_out(write, &mut connection.out),
        };
        self.written(id, written);
        if written == Written::Part {
            wait(id);
        }
    }

    /// Draws the consequences of a write: who writes next, and whether the client reads fast enough.
    pub(in crate::transport) fn written(&mut self, id: ConnectionId, written: Written) {
        let limit = self.settings.max_waiting;
        let Some(connection) = self.connections.get_mut(place(id)) else {
            return;
        };
        match written {
            Written::Part if connection.out.len() > limit => self.cut(id, Loss::SlowReader),
            Written::Part => {
                self.deferred += 1;
                connection.writing = Writing::Task;
            }
            Written::All | Written::Nothing => {
                connection.writing = match written {
                    Written::Nothing => Writing::Dead,
                    _ => Writing::Idle,
                };
                let mut buffer = std::mem::take(&mut connection.out);
                buffer.clear();
                if self.spare.len() < SPARE_BUFFERS && buffer.capacity() <= SPARE_CAPACITY {
                    self.spare.push(buffer);
                }
            }
        }
    }
}

/// Answers the poll that hangs, if there is something to say.
pub(super) fn answer_poll(
    poll: &mut Option<oneshot::Sender<Answer>>,
    socket: &mut Socket,
    settings: &Settings,
) {
    let mut payload = Vec::new();
    if poll.is_some()
        && socket.take_response(settings, &mut payload)
        && let Some(poll) = poll.take()
    {
        // When its client has given up in the meantime, whoever waits for the answer ends the session.
        let _ = poll.send(Answer::Payload(payload));
    }
}

/// Appends a packet as a WebSocket message.
pub(in crate::transport) fn frame_packet(kind: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    let kind: &[u8] = &[kind];
    if parts.len() < PARTS {
        let mut all = [kind; PARTS];
        all[1..=parts.len()].copy_from_slice(parts);
        websocket::encode(Opcode::Text, &all[..=parts.len()], out);
    } else {
        websocket::encode(Opcode::Text, &[kind, &parts.concat()], out);
    }
}
