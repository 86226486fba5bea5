//! A WebSocket for a session of another pod: when its client has switched to it, the session comes here.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use signaling_core::id::ConnectionId;
use signaling_wire::engine_io::{Packet, Payload};
use signaling_wire::websocket::{self, CloseCode, CloseFrame, Decoder, Message, Opcode, Role};
use tokio::io::ReadBuf;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::application::Application;
use super::connection::{Carrier, Written, write_out};
use super::engine::{Engine, frame_packet};
use super::forward::{Remote, Step};
use super::stream::{ReadHalf, Stream, WriteHalf};
use super::websocket::{Reader, linger};
use super::worker::Worker;

/// A WebSocket that carries nothing yet.
struct Fetch<A: Application> {
    worker: Worker<A>,
    remote: Remote,
    read: ReadHalf,
    write: WriteHalf,
    decoder: Decoder,
    /// What has been read and not been decoded.
    unread: Vec<u8>,
}

/// What the client wants next.
enum Wanted {
    /// An answer to its probe.
    Probe,
    /// To go on here.
    Switch,
}

/// Answers the client's probe, and takes over its session when it switches.
pub(super) async fn fetch<A: Application>(worker: Worker<A>, remote: Remote, stream: Stream, early: Bytes) {
    let (read, write) = stream.into_split();
    let config = &worker.pod().config().engine_io;
    let patience = Duration::from_millis(config.upgrade_timeout);
    let mut fetch = Fetch {
        decoder: Decoder::new(Role::Server, config.max_payload),
        worker,
        remote,
        read,
        write,
        unread: early.to_vec(),
    };
    let switched = timeout(patience, fetch.probe()).await;
    if !matches!(switched, Ok(Some(()))) {
        fetch.step(Step::Abandon).await;
        return fetch.close().await;
    }
    match fetch.step(Step::Depart).await {
        Some(luggage) => fetch.go_on(&luggage).await,
        // The client comes back to its session.
        None => fetch.close().await,
    }
}

impl<A: Application> Fetch<A> {
    /// Waits for the client to switch; none when it does anything else than it should, or goes.
    async fn probe(&mut self) -> Option<()> {
        loop {
            match self.wanted().await? {
                Wanted::Probe => {
                    self.step(Step::Probe).await?;
                    self.say(|out| frame_packet(b'3', &[b"probe"], out))?;
                }
                Wanted::Switch => return Some(()),
            }
        }
    }

    async fn wanted(&mut self) -> Option<Wanted> {
        loop {
            let before = self.unread.len();
            let mut rest = &mut self.unread[..];
            let mut pong = Vec::new();
            let wanted = match self.decoder.decode(&mut rest).ok()? {
                None => None,
                Some(Message::Text(text)) => match Packet::parse(text) {
                    Ok(Packet::Ping("probe")) => Some(Wanted::Probe),
                    Ok(Packet::Upgrade) => Some(Wanted::Switch),
                    _ => return None,
                },
                Some(Message::Ping(payload)) => {
                    websocket::encode(Opcode::Pong, &[payload], &mut pong);
                    None
                }
                Some(Message::Pong(_)) => None,
                Some(Message::Binary(_) | Message::Close(_)) => return None,
            };
            let taken = before - rest.len();
            self.unread.drain(..taken);
            if wanted.is_some() {
                return wanted;
            }
            if !pong.is_empty() {
                self.say(|out| out.append(&mut pong))?;
            } else if self.unread.is_empty() {
                self.read_more().await.ok()?;
            }
        }
    }

    async fn read_more(&mut self) -> io::Result<()> {
        let mut bytes = [0; 1024];
        let mut buffer = ReadBuf::new(&mut bytes);
        std::future::poll_fn(|context| self.read.poll_read(context, &mut buffer)).await?;
        if buffer.filled().is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.unread.extend_from_slice(buffer.filled());
        Ok(())
    }

    /// Writes a frame. The WebSocket has been sent next to nothing, so that it takes a few bytes, or is dead.
    fn say(&self, encode: impl FnOnce(&mut Vec<u8>)) -> Option<()> {
        let mut frame = Vec::new();
        encode(&mut frame);
        (write_out(&self.write, &mut frame) == Written::All).then_some(())
    }

    /// Has the session's owner take a step; none when it does not.
    async fn step(&self, step: Step) -> Option<Bytes> {
        let (status, body) = self.worker.forwarder().step(&self.remote, step).await?;
        matches!(status, StatusCode::OK | StatusCode::NO_CONTENT).then_some(body)
    }

    async fn close(self) {
        let mut frame = Vec::new();
        let code = CloseCode::POLICY;
        websocket::encode_close(Some(CloseFrame { code, reason: "" }), &mut frame);
        linger(self.read, self.write, frame).await;
    }

    /// Goes on with the session here. What its client has sent meanwhile is read when the application is ready for it.
    async fn go_on(self, luggage: &[u8]) {
        let Self {
            worker,
            read,
            write,
            decoder,
            unread,
            ..
        } = self;
        let luggage = String::from_utf8_lossy(luggage);
        let (told, waiting) = luggage.split_once('\n').unwrap_or((&*luggage, ""));
        let (id, released) = worker.turn(|application, engine| {
            let (id, released) = open(engine, write, waiting);
            application.arrive(id, told, engine);
            (id, released)
        });
        // Dropped with the connection.
        if released.await.is_ok() {
            Reader::continuing(worker, id, read, decoder).spawn(&unread);
        }
    }
}

/// Makes a connection of the WebSocket; what waited for the client is the first that is written to it.
fn open(engine: &mut Engine, write: WriteHalf, waiting: &str) -> (ConnectionId, oneshot::Receiver<()>) {
    let id = engine.open(Carrier::WebSocket { write, reader: None });
    let released = engine.hold(id);
    if let Some(connection) = engine.writable(id).filter(|_| !waiting.is_empty()) {
        let mut payload = Payload::new(waiting);
        while let Some(Ok(packet)) = payload.next() {
            let mut text = Vec::new();
            match packet {
                Packet::Binary(bytes) => websocket::encode(Opcode::Binary, &[bytes], &mut connection.out),
                packet => {
                    packet.encode(&mut text);
                    websocket::encode(Opcode::Text, &[&text], &mut connection.out);
                }
            }
        }
    }
    (id, released)
}
