//! What runs on top of the transport.

use std::borrow::Cow;
use std::net::SocketAddr;
use std::time::Duration;

use signaling_core::id::ConnectionId;
use signaling_core::time::Millis;
use signaling_wire::engine_io::Transport;

use super::connection::Close;
use super::engine::Engine;

/// What a worker does with its connections. Called in sequence, on the worker's thread; must not block.
pub trait Application: 'static {
    /// What is remembered of a client from its admission until its session is open.
    type Admitted: 'static;

    /// Decides on a session that a client asks for, before it exists. What was admitted need not be opened: the client
    /// may be gone by then, and what was remembered is dropped.
    ///
    /// # Errors
    /// When the client shall come back later.
    fn admit(&mut self, handshake: &Handshake<'_>, now: Millis) -> Result<Self::Admitted, Refused>;

    /// Takes a session that has been opened: what happens to its connection comes to [`Self::handle`] from now on.
    fn open(
        &mut self,
        id: ConnectionId,
        handshake: &Handshake<'_>,
        admitted: Self::Admitted,
        engine: &mut Engine,
    );

    /// Takes what happened to a connection. What is sent to a connection here leaves soon, along with what else is about
    /// to be sent to it.
    fn handle(&mut self, event: Event<'_>, engine: &mut Engine);

    /// Lets a connection go to another pod, where its client has opened a WebSocket: what that pod's application has to know
    /// ([`Self::arrive`]), in one line; or none yet, to be asked again soon. The connection's last event follows at once,
    /// [`Closing::Moved`].
    ///
    /// This and the next two are for an application whose pods take each other's connections.
    fn depart(&mut self, id: ConnectionId, engine: &mut Engine) -> Option<String> {
        let _ = (id, engine);
        None
    }

    /// Decides on a connection that is to come from another pod.
    ///
    /// # Errors
    /// When it shall stay there.
    fn admit_moving(&mut self) -> Result<(), Refused> {
        Ok(())
    }

    /// Takes a connection that comes from another pod, with what the application there said. Nothing that its client sends
    /// is read until [`Engine::release`] or the end of the connection.
    fn arrive(&mut self, id: ConnectionId, luggage: &str, engine: &mut Engine) {
        let _ = luggage;
        engine.close(id, Close::Internal);
    }

    /// When [`Self::handle_deadline`] is to be called; asked at the end of each turn.
    fn deadline(&self) -> Option<Millis>;

    /// The deadline has come. It is called again until the deadline lies ahead.
    fn handle_deadline(&mut self, now: Millis, engine: &mut Engine);

    /// Whether [`Self::flush`] has something to do; asked at the end of each turn.
    fn has_to_flush(&self) -> bool {
        false
    }

    /// Sends on what turns have gathered for others than clients. Called when all sockets that can be read at present have
    /// had their turn.
    fn flush(&mut self, engine: &mut Engine) {
        let _ = engine;
    }

    /// Takes note of what the transport did by itself, to count it.
    fn notice(&mut self, notice: Notice) {
        let _ = notice;
    }
}

/// What the transport does by itself, without the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Notice {
    /// A request was none of the protocol, or asked for what is not offered.
    BadHandshake,
    /// A socket was closed because there are too many.
    TurnedAway,
}

/// The request that opens a session.
#[derive(Clone, Debug)]
pub struct Handshake<'a> {
    /// The path that was asked for; one of [`Config::paths`](super::Config::paths), with or without its last slash.
    pub path: &'a str,
    /// The query, as it came.
    pub query: &'a str,
    /// What will carry the session at first.
    pub transport: Transport,
    /// The address that the socket comes from: the client's, or a proxy's.
    pub peer: SocketAddr,
    /// `User-Agent`.
    pub user_agent: Option<&'a str>,
    /// `Origin`: there is one when a browser asks from another site, and with every WebSocket.
    pub origin: Option<&'a str>,
    /// `Sec-Fetch-Mode`, which only browsers send.
    pub sec_fetch_mode: Option<&'a str>,
    /// `X-Forwarded-For`, all its lines in one. Whom of it to believe is for the application to know.
    pub forwarded_for: Option<Cow<'a, str>>,
}

/// Why a session is refused for now, so that stock clients try again: the status of the answer, and its body
/// `{"code":…,"message":…}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The status.
    pub status: RefusalStatus,
    /// For programs. Goes into JSON as it stands.
    pub code: &'static str,
    /// For people. Goes into JSON as it stands.
    pub message: &'static str,
    /// When to come back: `Retry-After`, in whole seconds, rounded up.
    pub retry_after: Duration,
}

/// The HTTP status of a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefusalStatus {
    /// 429: this client asks too often.
    TooManyRequests,
    /// 503: nobody is served.
    Unavailable,
}

/// What happened to a connection.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A text message has come. Also while the connection is closing: what was on its way counts.
    Text {
        /// The connection.
        id: ConnectionId,
        /// The message, without Engine.IO's packet type.
        text: &'a str,
    },
    /// A binary message has come.
    Binary {
        /// The connection.
        id: ConnectionId,
        /// The message.
        bytes: &'a [u8],
    },
    /// A ping was answered.
    Alive {
        /// The connection.
        id: ConnectionId,
    },
    /// The connection is gone. Its last event; nothing more can be sent to it.
    Closed {
        /// The connection, for the last time.
        id: ConnectionId,
        /// How it ended.
        how: Closing,
    },
}

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Closing {
    /// The client closed its WebSocket with code 1000 or 1001: it wants to go.
    Left,
    /// Both sides have said that they close (a WebSocket close frame from each, with whatever code, or the close packet
    /// in a poll): all that was sent has arrived.
    Clean,
    /// It goes on at another pod ([`Application::depart`]).
    Moved,
    /// It broke off: what was on its way may be lost.
    Lost(Loss),
}

/// What broke a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Loss {
    /// The client sent an Engine.IO close packet.
    ClosePacket,
    /// The socket ended without a close frame.
    Disconnected,
    /// A request was given up by the client before it was answered.
    AbortedRequest,
    /// A ping was not answered in time.
    PingTimeout,
    /// The client did not read: more was waiting for it than may wait.
    SlowReader,
    /// The client broke the protocol: frames, packets, overlapping requests.
    Protocol,
    /// A message or a body was larger than [`max_payload`](signaling_wire::engine_io::Settings::max_payload).
    TooLarge,
    /// The server closed, and the client did not in time.
    CloseTimeout,
}
