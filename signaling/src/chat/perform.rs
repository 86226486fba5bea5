//! Doing what the worker says.

use signaling_core::id::{ConnectionId, WorkerId};
use signaling_core::worker::{Output, Record};
use signaling_wire::socket_io::{self, Kind};

use super::{Chat, NAMESPACE, record, transport};
use crate::auth::Unauthorized;
use crate::metrics::{ErrorKind, Refused};
use crate::transport::{Close, Engine};

impl Chat {
    /// Carries out all outputs, and those that the pool's replies bring.
    pub(super) fn perform(&mut self, engine: &mut Engine) {
        while !self.outputs.list.is_empty() {
            let mut doing = std::mem::take(&mut self.doing);
            std::mem::swap(&mut doing, &mut self.outputs.list);
            for output in doing.drain(..) {
                self.perform_one(output, engine);
            }
            self.doing = doing;
        }
        self.outputs.clear();
    }

    fn perform_one(&mut self, output: Output, engine: &mut Engine) {
        match output {
            Output::Emit { connection, body } => {
                self.send(engine, connection, b"2", body);
            }
            Output::Ack { connection, id, body } => {
                let mut head = std::mem::take(&mut self.packet);
                head.clear();
                socket_io::encode_head(Kind::Ack, 0, NAMESPACE, Some(id), &mut head);
                self.send(engine, connection, &head, body);
                self.packet = head;
            }
            Output::Record(Record::Counted { user, what }) => self.count(user, what),
            Output::Record(happened) => self.record(&happened, engine.now()),
            Output::Ping(connection) => {
                engine.ping(connection);
            }
            Output::Packet { to, body } => self.send_packet(&to, body),
            Output::Pool(request) => self.ask_pools(request, engine),
            Output::Save { .. } | Output::Forget { .. } | Output::Load { .. } | Output::Take { .. } => {
                self.ask_record(output, engine.now());
            }
            Output::Accept {
                connection,
                session,
                token,
                resumed,
            } => {
                let Some(socket) = self.sockets.get_mut(&connection) else {
                    return;
                };
                let counted = socket.admitted.take().and_then(|admitted| admitted.counted);
                if resumed {
                    self.admission.note_returned(self.number, counted, engine.now());
                }
                let token = std::str::from_utf8(self.outputs.slice(&token)).unwrap_or_default();
                self.packet.clear();
                socket
                    .io
                    .accept(NAMESPACE, &session.to_string(), Some(token), &mut self.packet);
                engine.send_text(connection, &[&self.packet]);
            }
            Output::Moved { connection } => engine.release(connection),
            Output::Refuse { connection } => {
                self.refuse_unauthorized(connection, Unauthorized::Expired, engine);
            }
            Output::Disconnect(connection) => {
                if let Some(socket) = self.sockets.get_mut(&connection) {
                    self.packet.clear();
                    socket.io.disconnect(NAMESPACE, &mut self.packet);
                    engine.send_text(connection, &[&self.packet]);
                }
                engine.close(connection, Close::Normal);
            }
            Output::Close(connection) => self.send_away(connection, engine),
        }
    }

    /// Closes a connection whose client is to try again elsewhere, or later.
    fn send_away(&self, connection: ConnectionId, engine: &mut Engine) {
        let admitted = self.sockets.get(&connection).and_then(|socket| socket.admitted);
        if admitted.is_some_and(|admitted| admitted.provisional) {
            self.metrics.connection_refused(Refused::Capacity);
        }
        engine.close(connection, Close::GoingAway);
    }

    /// Sends a packet: its head, and its JSON array.
    fn send(&self, engine: &mut Engine, to: ConnectionId, head: &[u8], body: std::ops::Range<usize>) {
        let body = self.outputs.slice(&body);
        self.counts.sent(transport(engine, to), head.len() + body.len());
        engine.send_text(to, &[head, body]);
    }

    /// Sends a packet to a sibling or to another pod's worker.
    fn send_packet(&self, to: &WorkerId, body: std::ops::Range<usize>) {
        let packet = self.outputs.slice(&body);
        if to.pod() == self.post.name().pod() {
            self.post.packet(to, packet);
        } else if let Some(redis) = &self.redis {
            redis.publish(to, packet);
        }
    }

    /// The reason is for the client's developer; none of them tells what a key is.
    pub(super) fn refuse_unauthorized(&mut self, id: ConnectionId, why: Unauthorized, engine: &mut Engine) {
        self.metrics.error(ErrorKind::Unauthorized);
        self.metrics.connection_refused(record::refusal("unauthorized"));
        let data = format!(r#"{{"code":"unauthorized","message":"{why}"}}"#);
        self.refuse(id, NAMESPACE, "unauthorized", Some(&data), engine);
    }

    /// Answers CONNECT_ERROR, at which a stock client gives up.
    pub(super) fn refuse(
        &mut self,
        id: ConnectionId,
        namespace: &str,
        message: &str,
        data: Option<&str>,
        engine: &mut Engine,
    ) {
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        self.packet.clear();
        if socket.io.refuse(namespace, message, data, &mut self.packet) {
            engine.send_text(id, &[&self.packet]);
        }
    }
}

/// A sibling's number, from its name.
pub(super) fn number(worker: &WorkerId) -> Option<usize> {
    worker.as_str().rsplit_once('/')?.1.parse().ok()
}
