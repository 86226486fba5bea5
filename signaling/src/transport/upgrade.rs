//! From an HTTP request to a WebSocket.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use hyper::http::request::Parts;
use signaling_core::id::ConnectionId;
use signaling_wire::engine_io::Transport;
use signaling_wire::websocket::{Opcode, encode};
use tokio::task::spawn_local;

use super::application::Application;
use super::connection::Carrier;
use super::fetch::fetch;
use super::forward::Remote;
use super::http::handshake;
use super::mailbox::Mail;
use super::sid::Locator;
use super::stream::Stream;
use super::websocket::{self, Reader};
use super::worker::Worker;

/// What becomes of a socket after the answer 101.
pub(super) enum Next<A: Application> {
    /// A session begins on it.
    Open {
        request: Box<Parts>,
        admitted: A::Admitted,
    },
    /// A session of worker `owner` may move to it.
    Join { owner: u16, locator: Locator },
    /// A session of another pod may move to it.
    Fetch(Remote),
    /// A session exists that has a WebSocket already: this one is closed at once, as by the reference server.
    Dismiss,
    /// The router wants it.
    Takeover(Takeover),
}

/// What a handler of the router puts into the extensions of a response with status 101, to be given the socket and what
/// has been read of it. It is called on the worker's thread, within its `LocalSet`.
#[derive(Clone)]
pub struct Takeover(Arc<dyn Fn(Stream, Bytes) + Send + Sync>);

impl Takeover {
    /// Has `take` called with the socket.
    pub fn new(take: impl Fn(Stream, Bytes) + Send + Sync + 'static) -> Self {
        Self(Arc::new(take))
    }
}

impl fmt::Debug for Takeover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Takeover(..)")
    }
}

/// Goes on with a socket that HTTP is done with.
pub(super) fn proceed<A: Application>(
    worker: &Worker<A>,
    next: Next<A>,
    stream: Stream,
    early: Bytes,
    peer: SocketAddr,
) {
    match next {
        Next::Open { request, admitted } => open(worker, &request, admitted, stream, &early, peer),
        Next::Join { owner, locator } if owner == worker.number() => join(worker, locator, stream, &early),
        Next::Join { owner, locator } => match stream.park() {
            // When the owner does not take it, the socket is closed, and the session stays with its polls.
            Ok(stream) => drop(worker.pod().send(
                owner,
                Mail::HandOver {
                    locator,
                    stream,
                    early,
                },
            )),
            Err(error) => tracing::debug!(%peer, %error, "cannot hand over a WebSocket"),
        },
        Next::Fetch(remote) => {
            spawn_local(fetch(worker.clone(), remote, stream, early));
        }
        Next::Dismiss => websocket::dismiss(stream),
        Next::Takeover(takeover) => (takeover.0)(stream, early),
    }
}

/// Begins a session on a WebSocket.
fn open<A: Application>(
    worker: &Worker<A>,
    request: &Parts,
    admitted: A::Admitted,
    stream: Stream,
    early: &[u8],
    peer: SocketAddr,
) {
    let (read, write) = stream.into_split();
    let id = worker.turn(|application, engine| {
        let id = engine.open(Carrier::WebSocket { write, reader: None });
        let mut packet = Vec::new();
        engine.write_open_packet(id, &mut packet);
        if let Some(connection) = engine.writable(id) {
            encode(Opcode::Text, &[&packet], &mut connection.out);
        }
        let handshake = handshake(request, Transport::WebSocket, peer);
        application.open(id, &handshake, admitted, engine);
        id
    });
    Reader::carrying(worker.clone(), id, read).spawn(early);
}

/// Takes a WebSocket that another worker has opened.
pub(super) async fn take_over<A: Application>(
    worker: Worker<A>,
    locator: Locator,
    stream: Stream,
    early: Bytes,
) {
    // A runtime thinks of a socket that it has just been given that it takes nothing, until it has asked the system.
    if stream.writable().await.is_ok() {
        join(&worker, locator, stream, &early);
    }
}

/// Lets a session of this worker move to a WebSocket, once its client has probed it.
fn join<A: Application>(worker: &Worker<A>, locator: Locator, stream: Stream, early: &[u8]) {
    let id: Option<ConnectionId> = worker.turn(|_, engine| engine.locate(locator));
    // Without its session, the socket is closed.
    if let Some(id) = id {
        let (read, write) = stream.into_split();
        Reader::probing(worker.clone(), id, read, write).spawn(early);
    }
}
