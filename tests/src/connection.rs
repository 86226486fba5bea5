//! A client's Engine.IO session and Socket.IO namespace, on one WebSocket or over polls.
//!
//! [`Connection::connect`] does what a stock client does with `transports: ["websocket"]`, and
//! [`Connection::connect_by`] with other ones. From there it is polled (or
//! awaited) for [`Incoming`] packets, which borrow from what was read; pings are answered by themselves. There is no timer:
//! [`Connection::handshake`] tells how long a server may be silent, for whoever looks after many connections at once.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{Cursor, Write as _};
use std::task::{Context, Poll};

use serde::Deserialize;
use signaling_wire::engine_io;
use signaling_wire::socket_io::Packet;
use signaling_wire::websocket::CloseCode;

use crate::carrier::Carrier;
use crate::target::Target;
use crate::websocket::{Closed, OpenError, Outbox, Traffic, WebSocket};

/// Where Socket.IO servers listen.
const PATH: &str = "/socket.io/?EIO=4&transport=websocket";

/// How packets travel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transport {
    /// Over one WebSocket from the beginning.
    #[default]
    WebSocket,
    /// Over polls, and a WebSocket as soon as one works: what stock clients do by default.
    Upgrade,
    /// Over polls for good.
    Polling,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// No WebSocket.
    #[error(transparent)]
    Open(#[from] OpenError),
    /// It ended before the namespace was joined.
    #[error(transparent)]
    Ended(#[from] Ended),
    /// CONNECT_ERROR: the server does not want this client.
    #[error("the namespace is refused: {0}")]
    Refused(String),
}

/// How a connection came to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Ended {
    /// The WebSocket's end.
    #[error(transparent)]
    Closed(#[from] Closed),
    /// DISCONNECT (41): the server does not want this client back.
    #[error("disconnected by the server")]
    Disconnected,
    /// The server closed the Engine.IO session.
    #[error("the session was closed by the server")]
    SessionClosed,
    /// The server sent what is no packet.
    #[error("the server broke the protocol: {0}")]
    Protocol(String),
    /// A poll or post was refused with this status.
    #[error("a poll was answered with {0}")]
    Refused(u16),
}

/// What the server says of the session when it opens.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Handshake {
    /// The Engine.IO session.
    pub sid: String,
    /// How often the server pings, in milliseconds.
    pub ping_interval: u64,
    /// How long after that it may be silent, in milliseconds.
    pub ping_timeout: u64,
    /// The longest message that it takes, in bytes.
    pub max_payload: usize,
}

/// The server's answer to CONNECT.
#[derive(Debug, Deserialize)]
struct Joined {
    sid: String,
    pid: Option<String>,
}

/// What came from the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Incoming<'a> {
    /// An event.
    Event {
        /// JSON of an array: the name and the arguments. [`split_event`] takes it apart.
        args: &'a str,
        /// The server asks for an acknowledgement with this id.
        ack: Option<u64>,
    },
    /// The acknowledgement of what was sent with this id.
    Ack {
        /// The id.
        id: u64,
        /// JSON of an array: the arguments.
        args: &'a str,
    },
}

/// Puts events into an outbox.
#[derive(Debug)]
pub struct Emitter<'a> {
    outbox: &'a mut Outbox,
    next_ack: &'a mut u64,
}

impl Emitter<'_> {
    /// Sends an event. The payload is JSON; empty for none.
    pub fn emit(&mut self, name: &str, payload: &[&[u8]]) {
        self.event(None, name, payload);
    }

    /// Sends an event that is to be acknowledged, and answers the acknowledgement's id.
    pub fn emit_with_ack(&mut self, name: &str, payload: &[&[u8]]) -> u64 {
        let id = *self.next_ack;
        *self.next_ack += 1;
        self.event(Some(id), name, payload);
        id
    }

    /// Appends the end of the connection: leaving by a close frame with this code.
    pub fn close(&mut self, code: CloseCode) {
        self.outbox.close(code);
    }

    /// Sends a Socket.IO packet's text as it stands.
    pub fn raw_packet(&mut self, text: &[u8]) {
        self.outbox.text(&[b"4", text]);
    }

    fn event(&mut self, id: Option<u64>, name: &str, payload: &[&[u8]]) {
        let mut head = [0; 24];
        let mut cursor = Cursor::new(&mut head[..]);
        let written = match id {
            Some(id) => write!(cursor, "42{id}[\""),
            None => write!(cursor, "42[\""),
        };
        debug_assert!(written.is_ok(), "a number has 20 digits at most");
        let length = usize::try_from(cursor.position()).unwrap_or_default();
        let comma: &[u8] = if payload.is_empty() { b"\"" } else { b"\"," };
        let before: [&[u8]; 3] = [&head[..length], name.as_bytes(), comma];
        // One part more than anybody's payload has.
        let mut parts: [&[u8]; 12] = [b""; 12];
        let count = before.len() + payload.len();
        assert!(count < parts.len(), "a payload comes in 8 parts at most");
        parts[..before.len()].copy_from_slice(&before);
        parts[before.len()..count].copy_from_slice(payload);
        parts[count] = b"]";
        self.outbox.text(&parts[..=count]);
    }
}

/// A client in the namespace `/`.
#[derive(Debug)]
pub struct Connection {
    carrier: Carrier,
    handshake: Handshake,
    joined: Joined,
    /// Packets that came together with the answer to CONNECT.
    early: VecDeque<Box<str>>,
    next_ack: u64,
    ended: Option<Ended>,
}

impl Connection {
    /// Connects as a stock client does, with this JSON object as `auth`.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub async fn connect(target: &Target, auth: Option<&str>) -> Result<Self, ConnectError> {
        Self::connect_with(target, PATH, &[], auth).await
    }

    /// The same with another path and query, and with headers.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub async fn connect_with(
        target: &Target,
        path: &str,
        headers: &[(&str, &str)],
        auth: Option<&str>,
    ) -> Result<Self, ConnectError> {
        let socket = WebSocket::open(target, path, headers).await?;
        Self::join(Carrier::WebSocket(socket), auth).await
    }

    /// The same as [`Self::connect`] over this transport.
    ///
    /// # Errors
    /// The server cannot be reached or refuses.
    pub async fn connect_by(
        target: &Target,
        transport: Transport,
        auth: Option<&str>,
    ) -> Result<Self, ConnectError> {
        if transport == Transport::WebSocket {
            return Self::connect(target, auth).await;
        }
        let carrier = Carrier::poll(target, transport == Transport::Upgrade).await?;
        Self::join(carrier, auth).await
    }

    /// Joins the namespace of a session that has just been opened.
    async fn join(mut carrier: Carrier, auth: Option<&str>) -> Result<Self, ConnectError> {
        let mut joining = Joining::new(auth);
        let answer = loop {
            let read = poll_fn(|cx| {
                if let Poll::Ready(Err(ended)) = carrier.poll_flush(cx) {
                    return Poll::Ready(Err(ended));
                }
                carrier.poll_read(cx, |text, outbox| joining.take(text, outbox))
            })
            .await;
            if let Some(ended) = joining.ended.take() {
                return Err(ended.into());
            }
            if let Some(answer) = joining.answer.take() {
                break answer;
            }
            read?;
        };
        let handshake = joining
            .handshake
            .ok_or_else(|| Ended::Protocol("joined before it was open".into()))?;
        Ok(Self {
            carrier,
            handshake,
            joined: answer.map_err(ConnectError::Refused)?,
            early: joining.early,
            next_ack: 0,
            ended: None,
        })
    }

    /// What the server said when the session opened.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.handshake
    }

    /// The socket's id, `socket.id` of stock clients.
    #[must_use]
    pub fn socket_id(&self) -> &str {
        &self.joined.sid
    }

    /// The private id of connection state recovery.
    #[must_use]
    pub fn private_id(&self) -> Option<&str> {
        self.joined.pid.as_deref()
    }

    /// Sends events.
    pub fn emitter(&mut self) -> Emitter<'_> {
        Emitter {
            outbox: self.carrier.outbox(),
            next_ack: &mut self.next_ack,
        }
    }

    /// Appends the end of the connection to what is to be sent: leaving by a close frame with this code.
    pub fn close(&mut self, code: CloseCode) {
        self.carrier.outbox().close(code);
    }

    /// Gives the connection up: the next read ends, and nothing more is written.
    pub fn abandon(&mut self) {
        self.ended.get_or_insert(Ended::Closed(Closed::Ended));
    }

    /// Whether packets travel over a WebSocket by now.
    #[must_use]
    pub fn is_websocket(&self) -> bool {
        matches!(self.carrier, Carrier::WebSocket(_) | Carrier::Upgraded(..))
    }

    /// Bytes that went each way.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.carrier.traffic()
    }

    /// Writes what waits to be sent, as far as the socket takes it.
    ///
    /// # Errors
    /// How the connection came to its end.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Ended>> {
        self.carrier.poll_flush(cx)
    }

    /// Reads once and hands out the packets that came, with the means to send in return. Nothing is written here.
    /// The handler must not read from another connection.
    ///
    /// # Errors
    /// How the connection came to its end; what came before has been handed out.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        mut handle: impl FnMut(Incoming<'_>, &mut Emitter<'_>),
    ) -> Poll<Result<(), Ended>> {
        let Self {
            carrier,
            early,
            next_ack,
            ended,
            ..
        } = self;
        if let Some(ended) = ended {
            return Poll::Ready(Err(ended.clone()));
        }
        let mut take = |text: &str, outbox: &mut Outbox| {
            if ended.is_none()
                && let Err(end) = packet(text, &mut Emitter { outbox, next_ack }, &mut handle)
            {
                *ended = Some(end);
            }
        };
        let read = if early.is_empty() {
            carrier.poll_read(cx, take)
        } else {
            early.drain(..).for_each(|text| take(&text, carrier.outbox()));
            Poll::Ready(Ok(()))
        };
        match ended {
            Some(ended) => Poll::Ready(Err(ended.clone())),
            None => read,
        }
    }

    /// Writes all that waits.
    ///
    /// # Errors
    /// How the connection came to its end.
    pub async fn flush(&mut self) -> Result<(), Ended> {
        poll_fn(|cx| self.carrier.poll_flush(cx)).await
    }

    /// Flushes, then waits until something comes, as [`Self::poll_read`] does.
    ///
    /// # Errors
    /// How the connection came to its end.
    pub async fn read(
        &mut self,
        mut handle: impl FnMut(Incoming<'_>, &mut Emitter<'_>),
    ) -> Result<(), Ended> {
        poll_fn(|cx| {
            // A server that does not read is no reason not to read what it says.
            if let Poll::Ready(Err(ended)) = self.poll_flush(cx) {
                return Poll::Ready(Err(ended));
            }
            self.poll_read(cx, &mut handle)
        })
        .await
    }
}

/// Takes one Engine.IO packet.
fn packet(
    text: &str,
    emitter: &mut Emitter<'_>,
    handle: &mut impl FnMut(Incoming<'_>, &mut Emitter<'_>),
) -> Result<(), Ended> {
    match engine_io::Packet::parse(text) {
        Ok(engine_io::Packet::Text(text)) => match Packet::decode(text) {
            Ok(Packet::Event { id: ack, args, .. }) => handle(Incoming::Event { args, ack }, emitter),
            Ok(Packet::Ack { id, args, .. }) => handle(Incoming::Ack { id, args }, emitter),
            Ok(Packet::Disconnect { .. }) => return Err(Ended::Disconnected),
            _ => return Err(Ended::Protocol(clip(text))),
        },
        Ok(engine_io::Packet::Ping(carried)) => emitter.outbox.text(&[b"3", carried.as_bytes()]),
        Ok(engine_io::Packet::Close) => return Err(Ended::SessionClosed),
        Ok(engine_io::Packet::Noop) => {}
        _ => return Err(Ended::Protocol(clip(text))),
    }
    Ok(())
}

/// The start of a packet, for a message to people.
fn clip(text: &str) -> String {
    text[..text.floor_char_boundary(80)].to_owned()
}

/// A connection on its way into the namespace.
struct Joining<'a> {
    auth: Option<&'a str>,
    handshake: Option<Handshake>,
    answer: Option<Result<Joined, String>>,
    early: VecDeque<Box<str>>,
    ended: Option<Ended>,
}

impl<'a> Joining<'a> {
    fn new(auth: Option<&'a str>) -> Self {
        Self {
            auth,
            handshake: None,
            answer: None,
            early: VecDeque::new(),
            ended: None,
        }
    }

    fn take(&mut self, text: &str, outbox: &mut Outbox) {
        if self.answer.is_some() {
            return self.early.push_back(text.into());
        }
        let wrong = || Some(Ended::Protocol(clip(text)));
        match engine_io::Packet::parse(text) {
            Ok(engine_io::Packet::Open(json)) => match serde_json::from_str(json) {
                Ok(handshake) => {
                    self.handshake = Some(handshake);
                    outbox.text(&[b"40", self.auth.unwrap_or_default().as_bytes()]);
                }
                Err(_) => self.ended = wrong(),
            },
            Ok(engine_io::Packet::Ping(carried)) => outbox.text(&[b"3", carried.as_bytes()]),
            Ok(engine_io::Packet::Close) => self.ended = Some(Ended::SessionClosed),
            // A poll that ends, for the session is about to move.
            Ok(engine_io::Packet::Noop) => {}
            Ok(engine_io::Packet::Text(packet)) => match Packet::decode(packet) {
                Ok(Packet::Connect { data, .. }) => match serde_json::from_str(data.unwrap_or_default()) {
                    Ok(joined) => self.answer = Some(Ok(joined)),
                    Err(_) => self.ended = wrong(),
                },
                Ok(Packet::ConnectError { data, .. }) => {
                    self.answer = Some(Err(data.unwrap_or_default().to_owned()));
                }
                Ok(Packet::Disconnect { .. }) => self.ended = Some(Ended::Disconnected),
                _ => self.ended = wrong(),
            },
            _ => self.ended = wrong(),
        }
    }
}

/// An event's name and what follows it, as JSON text: `["a",{"b":1}]` is `a` and `{"b":1}`. None when the name is no
/// string or has escapes, which no event of the service has.
#[must_use]
pub fn split_event(args: &str) -> Option<(&str, &str)> {
    let inside = args.strip_prefix("[\"")?.strip_suffix(']')?;
    let (name, rest) = inside.split_once('"')?;
    let rest = rest.strip_prefix(',').unwrap_or(rest);
    (!name.contains('\\')).then_some((name, rest))
}
