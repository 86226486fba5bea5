//! From a listener to the workers.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream, UnixStream};
use tokio::sync::oneshot;
use tokio::task::spawn_local;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;

use super::application::{Application, Notice};
use super::http;
use super::mailbox::Mail;
use super::stream::{LINGER, Permit, Stream};
use super::worker::Worker;

/// How long to wait when the process has no file descriptor left, or the kernel no memory.
const OUT_OF_RESOURCES: Duration = Duration::from_millis(50);

/// What a client is answered when there are too many sockets, before anything of its request is read.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-type: application/json\r\nretry-after: 5\r\n\
connection: close\r\ncache-control: no-store\r\ncontent-length: 52\r\n\r\n\
{\"code\":\"capacity\",\"message\":\"too many connections\"}";

/// Accepts sockets and hands them to the workers of the pod in turn, until
/// [`Pod::stop_accepting`](super::Pod::stop_accepting). One worker of a pod does that; the listener is closed on return.
pub async fn accept<A: Application>(worker: &Worker<A>, listener: TcpListener) {
    let mut accepting = worker.pod().accepting();
    let mut turn = 0;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = accepting.wait_for(|accepting| !accepting) => return,
        };
        match accepted {
            Ok((socket, peer)) => {
                distribute(worker, turn, socket, peer);
                turn = (turn + 1) % worker.pod().workers();
            }
            Err(error) if is_of_one_socket(&error) => {}
            Err(error) => {
                tracing::warn!(%error, "cannot accept");
                sleep(OUT_OF_RESOURCES).await;
            }
        }
    }
}

/// Whether it is the socket that failed before it was accepted, and not the listener.
fn is_of_one_socket(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::ConnectionAborted | io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionRefused
    )
}

/// Gives the socket to worker number `turn`.
fn distribute<A: Application>(worker: &Worker<A>, turn: u16, socket: TcpStream, peer: SocketAddr) {
    let Some(permit) = worker.pod().permit() else {
        worker.turn(|application, _| application.notice(Notice::TurnedAway));
        // Words that are not encrypted mean nothing to a client that speaks TLS.
        if let Some(permit) = worker.pod().farewell()
            && worker.pod().config().tls.is_none()
        {
            spawn_local(turn_away(socket, permit));
        }
        return;
    };
    if turn == worker.number() {
        serve(worker, socket, peer, permit);
        return;
    }
    match Mail::accepted(socket, peer, permit) {
        Ok(mail) => {
            if worker.pod().send(turn, mail).is_err() {
                tracing::warn!(
                    worker = turn,
                    "the worker does not come after: a socket was closed"
                );
            }
        }
        Err(error) => tracing::debug!(%error, "cannot hand over a socket"),
    }
}

/// Takes a socket that another worker has accepted.
pub(super) fn take<A: Application>(
    worker: &Worker<A>,
    socket: std::net::TcpStream,
    peer: SocketAddr,
    permit: Permit,
) {
    match TcpStream::from_std(socket) {
        Ok(socket) => serve(worker, socket, peer, permit),
        Err(error) => tracing::debug!(%error, "cannot take a socket"),
    }
}

/// Tells a client that there are too many, whatever it says, and waits for it to hear that: closing a socket with unread
/// bytes would reset it.
async fn turn_away(mut socket: TcpStream, _permit: Permit) {
    let farewell = async {
        socket.write_all(FULL).await?;
        socket.shutdown().await?;
        let mut ignored = [0; 1024];
        while socket.read(&mut ignored).await? > 0 {}
        Ok::<_, io::Error>(())
    };
    // Who has not heard it by then finds the socket closed.
    let _ = timeout(LINGER, farewell).await;
}

fn serve<A: Application>(worker: &Worker<A>, socket: TcpStream, peer: SocketAddr, permit: Permit) {
    // Fails only on a socket that is dead already.
    let _ = socket.set_nodelay(true);
    match &worker.pod().config().tls {
        None => {
            spawn_local(http::serve(worker.clone(), Stream::tcp(socket, permit), peer));
        }
        Some(tls) => {
            let acceptor = TlsAcceptor::clone(&tls.load());
            spawn_local(serve_tls(worker.clone(), acceptor, socket, peer, permit));
        }
    }
}

/// Speaks TLS with the client; the rest of the transport sees a local stream with the bytes in plain.
async fn serve_tls<A: Application>(
    worker: Worker<A>,
    acceptor: TlsAcceptor,
    socket: TcpStream,
    peer: SocketAddr,
    permit: Permit,
) {
    let patience = worker.pod().config().body_timeout;
    let mut tls = match timeout(patience, acceptor.accept(socket)).await {
        Ok(Ok(tls)) => tls,
        Ok(Err(error)) => return tracing::debug!(%peer, %error, "no TLS session"),
        Err(_) => return tracing::debug!(%peer, "no TLS session in time"),
    };
    let (near, mut far) = match UnixStream::pair() {
        Ok(pair) => pair,
        Err(error) => return tracing::warn!(%error, "cannot serve a TLS session"),
    };
    let (alive, gone) = oneshot::channel();
    spawn_local(http::serve(worker, Stream::local(near, alive), peer));
    let mut relay = pin!(tokio::io::copy_bidirectional(&mut tls, &mut far));
    // However the client's side ends, the near end finds out.
    let ended = tokio::select! {
        _ = &mut relay => true,
        _ = gone => false,
    };
    // What the near end wrote last still has to go out; but a client that does not read must not keep its place for ever.
    if !ended {
        let _ = timeout(LINGER, relay).await;
    }
    drop(permit);
}
