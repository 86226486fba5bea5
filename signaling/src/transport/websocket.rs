//! The task that reads one WebSocket.
//!
//! It is all that an idle WebSocket costs beside its place in the [`Engine`]: no buffer, no timer, no channel. Writing is
//! the engine's.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use signaling_core::id::ConnectionId;
use signaling_wire::engine_io::{Packet, Probe};
use signaling_wire::websocket::{self, CloseCode, CloseFrame, Decoder, Message, Opcode, ProtocolError, Role};
use tokio::io::ReadBuf;
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::application::{Application, Closing, Loss};
use super::connection::{Carrier, Writing, Written, write_out};
use super::engine::{Engine, frame_packet};
use super::session::{Stop, take_packet};
use super::stream::{LINGER, ReadHalf, Stream, WriteHalf};
use super::worker::Worker;

/// Reads a WebSocket until its end.
pub(super) struct Reader<A> {
    worker: Worker<A>,
    id: ConnectionId,
    /// None after the end.
    read: Option<ReadHalf>,
    /// The other direction, while the session has not moved here.
    probe: Option<WriteHalf>,
    decoder: Decoder,
}

/// The end of a WebSocket.
struct End {
    /// What is still to be written, and where; none when the socket belongs to nobody any more.
    last: Option<(WriteHalf, Vec<u8>)>,
    /// Whether the client may still be sending.
    linger: bool,
}

/// How the reader's session, or its attempt to become the session's transport, ends.
struct Finish {
    /// The code of our close frame; none when one has been sent, or nobody would read it.
    reply: Option<CloseCode>,
    how: Closing,
}

impl<A: Application> Reader<A> {
    /// Reads a WebSocket that carries session `id`.
    pub(super) fn carrying(worker: Worker<A>, id: ConnectionId, read: ReadHalf) -> Self {
        Self::new(worker, id, read, None)
    }

    /// Reads a WebSocket that session `id` may move to.
    pub(super) fn probing(worker: Worker<A>, id: ConnectionId, read: ReadHalf, write: WriteHalf) -> Self {
        Self::new(worker, id, read, Some(write))
    }

    /// Goes on reading a WebSocket that carries session `id`, of which `decoder` has read a part.
    pub(super) fn continuing(worker: Worker<A>, id: ConnectionId, read: ReadHalf, decoder: Decoder) -> Self {
        Self {
            decoder,
            ..Self::new(worker, id, read, None)
        }
    }

    fn new(worker: Worker<A>, id: ConnectionId, read: ReadHalf, probe: Option<WriteHalf>) -> Self {
        let decoder = Decoder::new(Role::Server, worker.pod().config().engine_io.max_payload);
        Self {
            worker,
            id,
            read: Some(read),
            probe,
            decoder,
        }
    }

    /// Starts to read, beginning with what was read along with the request.
    pub(super) fn spawn(mut self, early: &[u8]) {
        if !early.is_empty()
            && let Some(end) = self.take(&mut early.to_vec())
        {
            return self.finish(end);
        }
        let (worker, id) = (self.worker.clone(), self.id);
        let task = spawn_local(self).abort_handle();
        worker.turn(
            |_, engine| match engine.get_mut(id).map(|connection| &mut connection.carrier) {
                Some(Carrier::WebSocket { reader: slot, .. } | Carrier::Polling { probe: slot, .. }) => {
                    *slot = Some(task);
                }
                None => task.abort(),
            },
        );
    }

    /// One read: everything in it is handled in one turn.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<Option<End>> {
        let worker = self.worker.clone();
        worker.with_read_buffer(|buffer| {
            let mut buffer = ReadBuf::new(buffer);
            let Some(read) = &mut self.read else {
                return Poll::Ready(None);
            };
            let result = ready!(read.poll_read(context, &mut buffer));
            let bytes = buffer.filled_mut();
            Poll::Ready(match result {
                Ok(()) if !bytes.is_empty() => self.take(bytes),
                _ => Some(self.lose()),
            })
        })
    }

    /// Takes what came.
    fn take(&mut self, mut bytes: &mut [u8]) -> Option<End> {
        let Self {
            worker,
            id,
            probe,
            decoder,
            ..
        } = self;
        worker.turn(|application, engine| {
            loop {
                let flow = match decoder.decode(&mut bytes) {
                    Ok(None) => return None,
                    Ok(Some(message)) if probe.is_some() => probed(engine, *id, message, probe),
                    Ok(Some(message)) => carried(application, engine, *id, message),
                    Err(error) => ControlFlow::Break(broken(error)),
                };
                if let ControlFlow::Break(finish) = flow {
                    return Some(end(engine, *id, finish, probe.take()));
                }
            }
        })
    }

    /// The socket has ended without a word.
    fn lose(&mut self) -> End {
        let Self {
            worker, id, probe, ..
        } = self;
        let finish = Finish {
            reply: None,
            how: Closing::Lost(Loss::Disconnected),
        };
        worker.turn(|_, engine| End {
            last: None,
            ..end(engine, *id, finish, probe.take())
        })
    }

    fn finish(&mut self, end: End) {
        let Some(read) = self.read.take() else { return };
        let Some((write, unsent)) = end.last else { return };
        if end.linger || !unsent.is_empty() {
            spawn_local(linger(read, write, unsent));
        }
    }
}

impl<A: Application> Future for Reader<A> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let reader = self.get_mut();
        loop {
            if let Some(end) = ready!(reader.poll_read(context)) {
                reader.finish(end);
            }
            if reader.read.is_none() {
                return Poll::Ready(());
            }
        }
    }
}

/// A message on the WebSocket that carries the session.
fn carried<A: Application>(
    application: &mut A,
    engine: &mut Engine,
    id: ConnectionId,
    message: Message<'_>,
) -> ControlFlow<Finish> {
    let packet = match message {
        Message::Text(text) => Packet::parse(text),
        Message::Binary(bytes) => Ok(Packet::Binary(bytes)),
        Message::Ping(payload) => {
            if let Some(connection) = engine.writable(id)
                && !connection.socket.is_closing()
            {
                websocket::encode(Opcode::Pong, &[payload], &mut connection.out);
            }
            return ControlFlow::Continue(());
        }
        Message::Pong(_) => return ControlFlow::Continue(()),
        Message::Close(frame) => return ControlFlow::Break(closed(engine, id, frame)),
    };
    take_packet(application, engine, id, packet).map_break(|stop| {
        let code = match stop {
            Stop::Gone | Stop::Closed => CloseCode::NORMAL,
            Stop::Broken => CloseCode::POLICY,
        };
        Finish {
            reply: Some(code),
            how: stop.how(),
        }
    })
}

/// The client's close frame: it wants to go, or answers ours.
fn closed(engine: &mut Engine, id: ConnectionId, frame: Option<CloseFrame<'_>>) -> Finish {
    let answers = engine
        .get_mut(id)
        .is_some_and(|connection| connection.socket.is_closing());
    let code = frame.map_or(CloseCode::NO_STATUS, |frame| frame.code);
    match code {
        _ if answers => Finish {
            reply: None,
            how: Closing::Clean,
        },
        CloseCode::NORMAL | CloseCode::GOING_AWAY => Finish {
            reply: Some(code),
            how: Closing::Left,
        },
        _ => Finish {
            reply: Some(code),
            how: Closing::Clean,
        },
    }
}

fn broken(error: ProtocolError) -> Finish {
    let loss = match error {
        ProtocolError::TooBig { .. } => Loss::TooLarge,
        _ => Loss::Protocol,
    };
    Finish {
        reply: Some(error.close_code()),
        how: Closing::Lost(loss),
    }
}

/// A message on a WebSocket that the session may move to.
fn probed(
    engine: &mut Engine,
    id: ConnectionId,
    message: Message<'_>,
    probe: &mut Option<WriteHalf>,
) -> ControlFlow<Finish> {
    const ABANDON: Finish = Finish {
        reply: Some(CloseCode::POLICY),
        how: Closing::Clean,
    };
    let packet = match message {
        Message::Text(text) => Packet::parse(text),
        Message::Pong(_) => return ControlFlow::Continue(()),
        Message::Ping(payload) => {
            return answer_probe(probe, |out| websocket::encode(Opcode::Pong, &[payload], out));
        }
        Message::Close(_) => {
            return ControlFlow::Break(Finish {
                reply: Some(CloseCode::NORMAL),
                ..ABANDON
            });
        }
        Message::Binary(_) => return ControlFlow::Break(ABANDON),
    };
    let (Ok(packet), Some(connection)) = (packet, engine.writable(id)) else {
        return ControlFlow::Break(ABANDON);
    };
    match connection.socket.receive_probe(packet) {
        Probe::Answer => answer_probe(probe, |out| frame_packet(b'3', &[b"probe"], out)),
        Probe::Switch => {
            if let Some(write) = probe.take() {
                engine.switch(id, write);
            }
            ControlFlow::Continue(())
        }
        Probe::Abandon => ControlFlow::Break(ABANDON),
    }
}

/// Writes a frame to a WebSocket that is not the session's yet. It has been sent next to nothing, so that it takes a few
/// bytes, or is dead.
fn answer_probe(probe: &Option<WriteHalf>, encode: impl FnOnce(&mut Vec<u8>)) -> ControlFlow<Finish> {
    let mut frame = Vec::new();
    encode(&mut frame);
    match probe {
        Some(write) if write_out(write, &mut frame) == Written::All => ControlFlow::Continue(()),
        _ => ControlFlow::Break(Finish {
            reply: None,
            how: Closing::Clean,
        }),
    }
}

/// Ends the session that the WebSocket carries, or the attempt to move it there.
fn end(engine: &mut Engine, id: ConnectionId, finish: Finish, probe: Option<WriteHalf>) -> End {
    let linger = !matches!(finish.how, Closing::Left | Closing::Clean);
    let (write, mut out, writing) = match probe {
        Some(write) => {
            if let Some(connection) = engine.get_mut(id) {
                connection.socket.abandon_upgrade();
                connection.forget_probe();
            }
            (write, Vec::new(), Writing::Idle)
        }
        None => match engine.end(id, finish.how) {
            Some(connection) => match connection.carrier {
                Carrier::WebSocket { write, .. } => (write, connection.out, connection.writing),
                Carrier::Polling { .. } => return End { last: None, linger },
            },
            None => return End { last: None, linger },
        },
    };
    if let Some(code) = finish.reply {
        let frame = (code != CloseCode::NO_STATUS).then_some(CloseFrame { code, reason: "" });
        websocket::encode_close(frame, &mut out);
    }
    if writing == Writing::Dead || (!out.is_empty() && write_out(&write, &mut out) == Written::Nothing) {
        out.clear();
    }
    End {
        last: Some((write, out)),
        linger,
    }
}

/// Closes a WebSocket that is of no use.
pub(super) fn dismiss(stream: Stream) {
    let (read, write) = stream.into_split();
    let mut frame = Vec::new();
    websocket::encode_close(None, &mut frame);
    spawn_local(linger(read, write, frame));
}

/// Writes the last words, and reads what the client still sends without listening, until it has closed, too.
pub(super) async fn linger(mut read: ReadHalf, write: WriteHalf, mut unsent: Vec<u8>) {
    let farewell = async {
        while !unsent.is_empty() {
            if std::future::poll_fn(|context| write.poll_write_ready(context))
                .await
                .is_err()
                || write_out(&write, &mut unsent) == Written::Nothing
            {
                return;
            }
        }
        drop(write);
        let mut ignored = [0; 1024];
        loop {
            let mut buffer = ReadBuf::new(&mut ignored);
            let result = std::future::poll_fn(|context| read.poll_read(context, &mut buffer)).await;
            if result.is_err() || buffer.filled().is_empty() {
                return;
            }
        }
    };
    // Who has not closed by then is closed upon.
    let _ = timeout(LINGER, farewell).await;
}
