//! The generator's WebSockets: thousands, on one thread, at as little cost as can be, for what the generator does the
//! server waits for.

use std::cell::Cell;
use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};

use super::frames;
use super::server::{Kind, Server};

/// A server that says nothing for so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);
/// Nothing comes for so long: all that was under way has come.
const QUIET: Duration = Duration::from_millis(20);
/// Handshakes under way at a time.
const AT_A_TIME: usize = 64;
const READ_BUFFER: usize = 64 * 1024;

/// Engine.IO's ping, which is answered here.
const PING: &[u8] = b"2";

/// What came on a WebSocket.
#[derive(Debug)]
pub(super) enum Incoming<'a> {
    /// The server has agreed to the WebSocket.
    Upgraded,
    /// A text message.
    Text(&'a [u8]),
}

/// WebSockets to one server.
pub(super) struct Sockets {
    poll: Poll,
    events: Events,
    sockets: Writers,
    buffer: Box<[u8]>,
    pong: Vec<u8>,
}

/// The WebSockets, for sending.
pub(super) struct Writers(Vec<Socket>);

struct Socket {
    stream: TcpStream,
    upgraded: bool,
    /// The start of a frame that was cut off by the end of a read.
    partial: Vec<u8>,
    pings: Cell<u32>,
}

impl Sockets {
    pub(super) fn none() -> io::Result<Self> {
        Ok(Self {
            poll: Poll::new()?,
            events: Events::with_capacity(1024),
            sockets: Writers(Vec::new()),
            buffer: vec![0; READ_BUFFER].into(),
            pong: frames::text("3"),
        })
    }

    /// Opens sessions, a few at a time, until there are `count`: WebSockets, and in Socket.IO members of the default
    /// namespace.
    pub(super) fn open(server: &Server, count: usize) -> anyhow::Result<Self> {
        Self::open_at(server.kind, count, |_| server.address)
    }

    /// The same, each with the server that `address` names for its number.
    pub(super) fn open_at(
        kind: Kind,
        count: usize,
        address: impl Fn(usize) -> SocketAddr,
    ) -> anyhow::Result<Self> {
        let mut all = Self::none()?;
        let socket_io = kind.is_socket_io();
        let connect = frames::text("40");
        let mut open = 0;
        while open < count {
            while all.len() < count && all.len() - open < AT_A_TIME {
                all.begin(address(all.len()))?;
            }
            all.wait(None, |sockets, from, incoming| {
                match incoming {
                    Incoming::Upgraded => open += usize::from(!socket_io),
                    Incoming::Text(text) if text.starts_with(b"0{") => sockets.send(from, &connect)?,
                    Incoming::Text(text) => open += usize::from(text.starts_with(b"40{")),
                }
                Ok(())
            })
            .with_context(|| format!("{open} of {count} sessions are open"))?;
        }
        Ok(all)
    }

    /// Has every client say goodbye, and waits until the server has closed all sockets: the next round must not pay for
    /// this one.
    pub(super) fn leave(self, kind: Kind) -> anyhow::Result<()> {
        let close = frames::close();
        for socket in 0..self.len() {
            if kind.is_socket_io() {
                self.send(socket, &close)?;
            }
            self.sockets.0[socket].stream.shutdown(Shutdown::Write)?;
        }
        for socket in self.sockets.0 {
            let mut stream = std::net::TcpStream::from(socket.stream);
            stream.set_nonblocking(false)?;
            stream.set_read_timeout(Some(PATIENCE))?;
            io::copy(&mut stream, &mut io::sink())?;
        }
        Ok(())
    }

    pub(super) fn len(&self) -> usize {
        self.sockets.0.len()
    }

    /// Asks for one more WebSocket.
    fn begin(&mut self, address: SocketAddr) -> anyhow::Result<()> {
        // The kernel answers for a listener with room in its backlog, so this does not wait for the server.
        let stream = std::net::TcpStream::connect(address)
            .context("no socket (are enough file descriptors allowed? ulimit -n)")?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        self.poll
            .registry()
            .register(&mut stream, Token(self.len()), Interest::READABLE)?;
        self.sockets.0.push(Socket {
            stream,
            upgraded: false,
            partial: Vec::new(),
            pings: Cell::new(0),
        });
        self.sockets.send(self.len() - 1, frames::REQUEST)
    }

    /// How many pings have come on the socket that has had the fewest.
    pub(super) fn fewest_pings(&self) -> u32 {
        self.sockets
            .0
            .iter()
            .map(|socket| socket.pings.get())
            .min()
            .unwrap_or(0)
    }

    pub(super) fn forget_pings(&self) {
        self.sockets.0.iter().for_each(|socket| socket.pings.set(0));
    }

    pub(super) fn send(&self, to: usize, frame: &[u8]) -> anyhow::Result<()> {
        self.sockets.send(to, frame)
    }

    /// Waits until something comes, for at most `patience`, and has all of it taken. Without a bound, that nothing comes
    /// for a long time is an error.
    pub(super) fn wait(
        &mut self,
        patience: Option<Duration>,
        mut take: impl FnMut(&Writers, usize, Incoming<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        self.poll
            .poll(&mut self.events, Some(patience.unwrap_or(PATIENCE)))?;
        ensure!(
            patience.is_some() || !self.events.is_empty(),
            "nothing has come for {PATIENCE:?}"
        );
        for event in &self.events {
            let at = event.token().0;
            // A socket is read until it is empty, for only what comes after is an event again.
            while read(&mut self.sockets, at, &mut self.buffer, &self.pong, &mut take)? {}
        }
        Ok(())
    }

    /// As [`Self::wait`] without a bound, but never asleep: whose writes wake a thread pays for that, which no client on
    /// another machine has a server do.
    pub(super) fn wait_awake(
        &mut self,
        mut take: impl FnMut(&Writers, usize, Incoming<'_>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            self.wait(Some(Duration::ZERO), &mut take)?;
            if !self.events.is_empty() {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "nothing has come for {PATIENCE:?}");
        }
    }

    /// Reads what has come while it was another server's turn, pings above all, until nothing comes for a moment.
    pub(super) fn catch_up(&mut self) -> anyhow::Result<()> {
        loop {
            self.wait(Some(QUIET), |_, _, _| Ok(()))?;
            if self.events.is_empty() {
                return Ok(());
            }
        }
    }
}

impl Writers {
    /// Sends a frame. So little is under way at a time that a socket always takes it whole.
    pub(super) fn send(&self, to: usize, frame: &[u8]) -> anyhow::Result<()> {
        let written = (&self.0[to].stream).write(frame)?;
        ensure!(
            written == frame.len(),
            "a socket took {written} of {} bytes",
            frame.len()
        );
        Ok(())
    }
}

/// Reads a socket once; whether there may be more in it.
fn read(
    sockets: &mut Writers,
    at: usize,
    buffer: &mut [u8],
    pong: &[u8],
    take: &mut impl FnMut(&Writers, usize, Incoming<'_>) -> anyhow::Result<()>,
) -> anyhow::Result<bool> {
    let socket = &mut sockets.0[at];
    let count = match (&socket.stream).read(buffer) {
        Ok(0) => bail!("the server has closed a WebSocket"),
        Ok(count) => count,
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let more = count == buffer.len();
    let mut partial = std::mem::take(&mut socket.partial);
    let mut bytes = &buffer[..count];
    if !partial.is_empty() {
        partial.extend_from_slice(bytes);
        bytes = &partial;
    }
    if !socket.upgraded {
        let Some(end) = bytes.windows(4).position(|window| window == b"\r\n\r\n") else {
            socket.partial = bytes.to_vec();
            return Ok(more);
        };
        let status = bytes.split(|byte| *byte == b'\r').next().unwrap_or_default();
        ensure!(
            status.starts_with(b"HTTP/1.1 101 "),
            "{}",
            String::from_utf8_lossy(status)
        );
        socket.upgraded = true;
        bytes = &bytes[end + 4..];
        take(sockets, at, Incoming::Upgraded)?;
    }
    while let Some((text, rest)) = frame(bytes)? {
        bytes = rest;
        if text == PING {
            let pings = &sockets.0[at].pings;
            pings.set(pings.get() + 1);
            sockets.send(at, pong)?;
        } else {
            take(sockets, at, Incoming::Text(text))?;
        }
    }
    sockets.0[at].partial = bytes.to_vec();
    Ok(more)
}

/// The text of the frame at the front, and what follows it; none when the frame is cut off.
fn frame(bytes: &[u8]) -> anyhow::Result<Option<(&[u8], &[u8])>> {
    let (header, length) = match *bytes {
        [0x81, short @ ..126, ..] => (2, usize::from(short)),
        [0x81, 126, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
        [0x81, 126, ..] | [0x81] | [] => return Ok(None),
        _ => bail!("a frame other than text: {:x?}", &bytes[..bytes.len().min(8)]),
    };
    if bytes.len() < header + length {
        return Ok(None);
    }
    let (frame, rest) = bytes.split_at(header + length);
    Ok(Some((&frame[header..], rest)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_taken_only_whole() {
        let mut short = vec![0x81, 3];
        short.extend_from_slice(b"abcde");
        assert_eq!(frame(&short).unwrap(), Some((&b"abc"[..], &b"de"[..])));
        let mut long = vec![0x81, 126, 1, 0];
        long.extend_from_slice(&[b'x'; 256]);
        assert_eq!(frame(&long).unwrap().unwrap().0.len(), 256);
        for cut in 0..long.len() {
            assert!(frame(&long[..cut]).unwrap().is_none(), "{cut}");
        }
        assert!(frame(&[0x88, 0]).is_err());
    }
}
