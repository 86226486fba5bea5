//! A client's end of a WebSocket.
//!
//! It has no task, timer or read buffer of its own: whoever drives it polls it, all sockets of a thread read into one
//! buffer, and what is written is collected in an [`Outbox`] until it is flushed. Between messages an idle connection
//! costs its socket and little more than a hundred bytes.

use std::cell::RefCell;
use std::future::poll_fn;
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signaling_wire::websocket::{
    CloseCode, CloseFrame, Decoder, Message, Opcode, ProtocolError, Role, accept_key, encode_close_masked,
    encode_masked,
};
use tokio::io::{AsyncRead as _, AsyncReadExt as _, AsyncWrite as _, AsyncWriteExt as _, ReadBuf};

use crate::target::{Stream, Target};

/// The longest message that is accepted from a server.
const MAX_MESSAGE: usize = 1 << 20;
/// The longest answer to the opening request, with the body of a refusal.
const MAX_ANSWER: usize = 16 * 1024;
/// The most headers of that answer.
const MAX_HEADERS: usize = 32;
/// How much is read at once.
const READ: usize = 64 * 1024;

thread_local! {
    /// What is read is looked at on the spot, so one buffer does for all sockets of a thread.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into());
}

/// Why a WebSocket could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no socket to be had, or it ended before the answer.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// The server refused.
    #[error("the server answered {status}: {body}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// `Retry-After`, in seconds.
        retry_after: Option<Duration>,
        /// The body, as text.
        body: String,
    },
    /// The server did not answer as one does that speaks WebSocket.
    #[error("this is no answer of a WebSocket server: {0}")]
    Invalid(&'static str),
}

/// How a WebSocket came to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Closed {
    /// The server sent a close frame; its code and reason, [`CloseCode::NO_STATUS`] when it gave none.
    #[error("closed by the server with {code} {reason}")]
    Frame {
        /// The code.
        code: CloseCode,
        /// The reason.
        reason: String,
    },
    /// The socket ended without a close frame.
    #[error("the connection ended without a close frame")]
    Ended,
    /// The socket failed.
    #[error("the connection failed: {0}")]
    Failed(io::ErrorKind),
    /// The server broke the protocol.
    #[error("the server broke the protocol: {0}")]
    Protocol(#[from] ProtocolError),
}

/// How many bytes went each way, framing included.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Written to the socket.
    pub sent: u64,
    /// Read from it.
    pub received: u64,
}

/// Frames that wait to be written, masked as a client's must be; or packets that wait to be posted.
#[derive(Debug)]
pub struct Outbox {
    bytes: Vec<u8>,
    framing: Framing,
    /// Bytes of the front that are written.
    written: usize,
    key: u32,
}

/// How messages are put one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    /// In frames of a WebSocket.
    Frames,
    /// As packets of a payload of Engine.IO's polling.
    Packets,
}

impl Outbox {
    fn new(framing: Framing) -> Self {
        Self {
            bytes: Vec::new(),
            framing,
            written: 0,
            key: random() as u32 | 1,
        }
    }

    /// An outbox whose texts become the packets of a payload.
    pub(crate) fn of_packets() -> Self {
        Self::new(Framing::Packets)
    }

    /// Takes out all that waits.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }

    /// Appends a text message, in as many parts as it comes in.
    pub fn text(&mut self, parts: &[&[u8]]) {
        if self.framing == Framing::Frames {
            return self.frame(Opcode::Text, parts);
        }
        if !self.bytes.is_empty() {
            self.bytes.push(0x1e);
        }
        for part in parts {
            self.bytes.extend_from_slice(part);
        }
    }

    /// Appends a message of any kind.
    pub fn frame(&mut self, opcode: Opcode, parts: &[&[u8]]) {
        let key = self.next_key();
        encode_masked(opcode, key, parts, &mut self.bytes);
    }

    /// Appends a close frame, or the packet that closes a session.
    pub fn close(&mut self, code: CloseCode) {
        if self.framing == Framing::Packets {
            return self.text(&[b"1"]);
        }
        let key = self.next_key();
        encode_close_masked(Some(CloseFrame { code, reason: "" }), key, &mut self.bytes);
    }

    /// Appends bytes as they stand, for tests that break the framing.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Bytes that have not been written.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.bytes.len() - self.written
    }

    /// Keys need not be unpredictable here (xorshift, never zero): no page's script chooses what is sent.
    fn next_key(&mut self) -> [u8; 4] {
        self.key ^= self.key << 13;
        self.key ^= self.key >> 17;
        self.key ^= self.key << 5;
        self.key.to_ne_bytes()
    }
}

/// A client's end of a WebSocket.
#[derive(Debug)]
pub struct WebSocket {
    stream: Stream,
    decoder: Decoder,
    /// What came together with the answer to the opening request.
    early: Vec<u8>,
    outbox: Outbox,
    closed: Option<Closed>,
    traffic: Traffic,
}

impl WebSocket {
    /// Opens a WebSocket at this path and query of the target.
    ///
    /// # Errors
    /// There is no connection, or the server does not want it to be a WebSocket.
    pub async fn open(target: &Target, path: &str, headers: &[(&str, &str)]) -> Result<Self, OpenError> {
        let mut stream = target.connect().await?;
        let key = request_key();
        let mut request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n",
            target.authority()
        );
        for (name, value) in headers {
            request.extend([name, ": ", value, "\r\n"]);
        }
        request.push_str("\r\n");
        stream.write_all(request.as_bytes()).await?;
        let (early, received) = answer(&mut stream, &key).await?;
        Ok(Self {
            stream,
            decoder: Decoder::new(Role::Client, MAX_MESSAGE),
            early,
            outbox: Outbox::new(Framing::Frames),
            closed: None,
            traffic: Traffic {
                sent: request.len() as u64,
                received,
            },
        })
    }

    /// What waits to be written; [`Self::flush`] writes it.
    pub fn outbox(&mut self) -> &mut Outbox {
        &mut self.outbox
    }

    /// Bytes that went each way.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.traffic
    }

    /// The socket below.
    #[must_use]
    pub fn stream(&self) -> &Stream {
        &self.stream
    }

    /// Writes what waits, as far as the socket takes it.
    ///
    /// # Errors
    /// How the connection came to its end.
    pub fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Closed>> {
        while self.outbox.waiting() > 0 {
            let rest = &self.outbox.bytes[self.outbox.written..];
            match ready!(Pin::new(&mut self.stream).poll_write(cx, rest)) {
                Ok(0) => return Poll::Ready(Err(self.end(Closed::Ended))),
                Ok(count) => {
                    self.outbox.written += count;
                    self.traffic.sent += count as u64;
                }
                Err(error) => return Poll::Ready(Err(self.end(Closed::Failed(error.kind())))),
            }
        }
        self.outbox.written = 0;
        if self.outbox.bytes.capacity() > 4096 {
            self.outbox.bytes = Vec::new();
        }
        self.outbox.bytes.clear();
        match &mut self.stream {
            Stream::Plain(_) => Poll::Ready(Ok(())),
            Stream::Tls(stream) => {
                let flushed = ready!(Pin::new(stream).poll_flush(cx));
                Poll::Ready(flushed.map_err(|error| self.end(Closed::Failed(error.kind()))))
            }
        }
    }

    /// Reads once, and hands out every message that is whole, with the outbox for what is to be said to it. Pings are
    /// answered, and so is a close frame, which ends the connection.
    ///
    /// # Errors
    /// How the connection came to its end; what came before has been handed out.
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        mut handle: impl FnMut(Message<'_>, &mut Outbox),
    ) -> Poll<Result<(), Closed>> {
        if let Some(closed) = &self.closed {
            return Poll::Ready(Err(closed.clone()));
        }
        if !self.early.is_empty() {
            let mut early = std::mem::take(&mut self.early);
            return Poll::Ready(self.take(&mut early, &mut handle));
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            if let Err(error) = ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer)) {
                return Poll::Ready(Err(self.end(Closed::Failed(error.kind()))));
            }
            let bytes = buffer.filled_mut();
            if bytes.is_empty() {
                return Poll::Ready(Err(self.end(Closed::Ended)));
            }
            self.traffic.received += bytes.len() as u64;
            Poll::Ready(self.take(bytes, &mut handle))
        })
    }

    /// Writes all that waits.
    ///
    /// # Errors
    /// How the connection came to its end.
    pub async fn flush(&mut self) -> Result<(), Closed> {
        poll_fn(|cx| self.poll_flush(cx)).await
    }

    /// Flushes, then waits until something comes, as [`Self::poll_read`] does.
    ///
    /// # Errors
    /// How the connection came to its end.
    pub async fn read(&mut self, mut handle: impl FnMut(Message<'_>, &mut Outbox)) -> Result<(), Closed> {
        poll_fn(|cx| {
            // A server that does not read is no reason not to read what it says.
            if let Poll::Ready(Err(closed)) = self.poll_flush(cx) {
                return Poll::Ready(Err(closed));
            }
            self.poll_read(cx, &mut handle)
        })
        .await
    }

    fn take(
        &mut self,
        mut bytes: &mut [u8],
        handle: &mut impl FnMut(Message<'_>, &mut Outbox),
    ) -> Result<(), Closed> {
        loop {
            match self.decoder.decode(&mut bytes) {
                Ok(None) => return Ok(()),
                Ok(Some(Message::Ping(payload))) => self.outbox.frame(Opcode::Pong, &[payload]),
                Ok(Some(Message::Close(frame))) => {
                    let (code, reason) = frame.map_or((CloseCode::NO_STATUS, String::new()), |frame| {
                        (frame.code, frame.reason.to_owned())
                    });
                    self.outbox.close(CloseCode::NORMAL);
                    return Err(self.end(Closed::Frame { code, reason }));
                }
                Ok(Some(message)) => handle(message, &mut self.outbox),
                Err(error) => {
                    self.outbox.close(error.close_code());
                    return Err(self.end(error.into()));
                }
            }
        }
    }

    fn end(&mut self, closed: Closed) -> Closed {
        self.closed.get_or_insert(closed).clone()
    }
}

/// 16 random bytes in base64.
fn request_key() -> String {
    STANDARD.encode((u128::from(random()) << 64 | u128::from(random())).to_ne_bytes())
}

/// A random number, without asking the system each time.
fn random() -> u64 {
    RandomState::new().hash_one(())
}

/// Reads the answer to the opening request: what came behind it, and how many bytes were read.
async fn answer(stream: &mut Stream, key: &str) -> Result<(Vec<u8>, u64), OpenError> {
    let mut bytes = Vec::with_capacity(512);
    loop {
        if stream.read_buf(&mut bytes).await? == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut headers);
        match response.parse(&bytes) {
            Ok(httparse::Status::Complete(head)) => {
                let status = response.code.unwrap_or_default();
                let header = |name: &str| find(response.headers, name);
                if status != 101 {
                    let retry_after = header("retry-after").and_then(|value| value.parse().ok());
                    let length = header("content-length").and_then(|value| value.parse().ok());
                    let retry_after = retry_after.map(Duration::from_secs);
                    let body = body(stream, bytes.split_off(head), length.unwrap_or(0)).await;
                    return Err(OpenError::Refused {
                        status,
                        retry_after,
                        body,
                    });
                }
                if header("sec-websocket-accept") != Some(accept_key(key).as_str()) {
                    return Err(OpenError::Invalid("Sec-WebSocket-Accept is not that of the key"));
                }
                let received = bytes.len() as u64;
                return Ok((bytes.split_off(head), received));
            }
            Ok(httparse::Status::Partial) if bytes.len() < MAX_ANSWER => {}
            Ok(httparse::Status::Partial) => return Err(OpenError::Invalid("it is too long")),
            Err(_) => return Err(OpenError::Invalid("it is not HTTP")),
        }
    }
}

fn find<'a>(headers: &[httparse::Header<'a>], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|header| header.name.eq_ignore_ascii_case(name))
        .and_then(|header| std::str::from_utf8(header.value).ok())
}

/// The body of a refusal, as far as it comes.
async fn body(stream: &mut Stream, mut bytes: Vec<u8>, length: usize) -> String {
    let length = length.min(MAX_ANSWER);
    while bytes.len() < length && stream.read_buf(&mut bytes).await.is_ok_and(|read| read > 0) {}
    bytes.truncate(length);
    String::from_utf8_lossy(&bytes).into_owned()
}
