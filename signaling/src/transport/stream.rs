//! The socket of a client, or the near end of the task that speaks TLS with it.

use std::convert::Infallible;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream, tcp, unix};
use tokio::sync::oneshot;

/// How long a socket is kept after the last word, so that it arrives: closing a socket that has unread bytes would reset
/// it.
pub(super) const LINGER: Duration = Duration::from_secs(2);

/// One place among the sockets that a pod may have open; free again when it is dropped.
#[derive(Debug)]
pub(super) struct Permit(Arc<AtomicUsize>);

impl Permit {
    /// Takes a place, if fewer than `limit` are taken.
    pub(super) fn take(open: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let permit = Self(Arc::clone(open));
        let before = open.fetch_add(1, Ordering::Relaxed);
        (before < limit).then_some(permit)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// What is let go of with a stream: the socket's place, or what tells the task that speaks TLS, and has the place, that
/// its near end is gone.
#[derive(Debug)]
struct Hold {
    _place: Option<Permit>,
    _near: Option<oneshot::Sender<Infallible>>,
}

/// A connected byte stream.
#[derive(Debug)]
pub struct Stream {
    kind: Kind,
    hold: Hold,
}

#[derive(Debug)]
enum Kind {
    Tcp(TcpStream),
    /// The near end of a TLS task.
    Local(UnixStream),
}

/// A stream that belongs to no runtime, on its way to another worker.
#[derive(Debug)]
pub(super) struct Parked {
    kind: ParkedKind,
    hold: Hold,
}

#[derive(Debug)]
enum ParkedKind {
    Tcp(std::net::TcpStream),
    Local(std::os::unix::net::UnixStream),
}

impl Stream {
    pub(super) fn tcp(stream: TcpStream, permit: Permit) -> Self {
        Self {
            kind: Kind::Tcp(stream),
            hold: Hold {
                _place: Some(permit),
                _near: None,
            },
        }
    }

    /// The near end of a task that speaks TLS: when it is gone, the other end of `near` is told.
    pub(super) fn local(stream: UnixStream, near: oneshot::Sender<Infallible>) -> Self {
        Self {
            kind: Kind::Local(stream),
            hold: Hold {
                _place: None,
                _near: Some(near),
            },
        }
    }

    /// Takes the stream out of this worker's runtime.
    pub(super) fn park(self) -> io::Result<Parked> {
        let kind = match self.kind {
            Kind::Tcp(stream) => ParkedKind::Tcp(stream.into_std()?),
            Kind::Local(stream) => ParkedKind::Local(stream.into_std()?),
        };
        Ok(Parked {
            kind,
            hold: self.hold,
        })
    }

    /// The two directions. The reading half keeps the stream's place; dropping the writing half ends that direction.
    pub(super) fn into_split(self) -> (ReadHalf, WriteHalf) {
        let (reading, write) = match self.kind {
            Kind::Tcp(stream) => {
                let (read, write) = stream.into_split();
                (Reading::Tcp(read), WriteHalf::Tcp(write))
            }
            Kind::Local(stream) => {
                let (read, write) = stream.into_split();
                (Reading::Local(read), WriteHalf::Local(write))
            }
        };
        (
            ReadHalf {
                reading,
                _hold: self.hold,
            },
            write,
        )
    }

    /// Waits until the kernel takes something.
    pub(super) async fn writable(&self) -> io::Result<()> {
        match &self.kind {
            Kind::Tcp(stream) => stream.writable().await,
            Kind::Local(stream) => stream.writable().await,
        }
    }

    /// Writes what the kernel takes at once.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match &self.kind {
            Kind::Tcp(stream) => stream.try_write(bytes),
            Kind::Local(stream) => stream.try_write(bytes),
        }
    }

    /// Lets the kernel throw away what it has not sent, once the socket is closed.
    pub(super) fn discard_unsent(&self) {
        if let Kind::Tcp(stream) = &self.kind {
            // Fails when the socket is dead, and then there is nothing to discard.
            let _ = stream.set_zero_linger();
        }
    }
}

impl Parked {
    /// Takes the stream into the runtime of the current thread.
    pub(super) fn unpark(self) -> io::Result<Stream> {
        let kind = match self.kind {
            ParkedKind::Tcp(stream) => Kind::Tcp(TcpStream::from_std(stream)?),
            ParkedKind::Local(stream) => Kind::Local(UnixStream::from_std(stream)?),
        };
        Ok(Stream {
            kind,
            hold: self.hold,
        })
    }
}

/// The direction from the client.
#[derive(Debug)]
pub(super) struct ReadHalf {
    reading: Reading,
    _hold: Hold,
}

#[derive(Debug)]
enum Reading {
    Tcp(tcp::OwnedReadHalf),
    Local(unix::OwnedReadHalf),
}

/// The direction to the client.
#[derive(Debug)]
pub(super) enum WriteHalf {
    Tcp(tcp::OwnedWriteHalf),
    Local(unix::OwnedWriteHalf),
}

impl ReadHalf {
    /// Reads once. A read that does not fill the buffer is known to have emptied the socket: the next one costs no
    /// system call.
    pub(super) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.reading {
            Reading::Tcp(read) => Pin::new(read).poll_read(context, buffer),
            Reading::Local(read) => Pin::new(read).poll_read(context, buffer),
        }
    }
}

impl WriteHalf {
    /// Writes what the kernel takes at once.
    pub(super) fn try_write(&self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(write) => write.try_write(bytes),
            Self::Local(write) => write.try_write(bytes),
        }
    }

    /// Waits until the kernel takes more.
    pub(super) fn poll_write_ready(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(write) => write.as_ref().poll_write_ready(context),
            Self::Local(write) => write.as_ref().poll_write_ready(context),
        }
    }

    /// Lets the kernel throw away what it has not sent, once the socket is closed.
    pub(super) fn discard_unsent(&self) {
        if let Self::Tcp(write) = self {
            // Fails when the socket is dead, and then there is nothing to discard.
            let _ = write.as_ref().set_zero_linger();
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Kind::Local(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Kind::Local(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Kind::Local(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Kind::Local(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
