//! A WebSocket server that sends back every message, and nothing else: the least that a server on the same sockets can
//! do, which the bench measures the pod beside.
//!
//! One thread, one task for each socket that reads when there is something to read, one buffer to read into for all, the
//! answer written directly. It knows just enough of RFC 6455 for the bench: a client's whole frames.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, Write as _};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use anyhow::Context as _;
use signaling_wire::websocket::accept_key;
use tokio::io::{AsyncRead as _, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::{LocalSet, spawn_local};

/// Sockets that may wait to be accepted, as in the pod.
const BACKLOG: u32 = 4096;
const READ_BUFFER: usize = 64 * 1024;

/// What all sockets share: where they are read into, and where their answers are gathered.
struct Buffers {
    read: Box<[u8]>,
    write: Vec<u8>,
}

fn main() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()?;
    LocalSet::new().block_on(&runtime, serve())
}

async fn serve() -> anyhow::Result<()> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(([127, 0, 0, 1], 0).into())?;
    let listener = socket.listen(BACKLOG)?;
    writeln!(io::stdout(), "listening on {}", listener.local_addr()?)?;
    let buffers = Rc::new(RefCell::new(Buffers {
        read: vec![0; READ_BUFFER].into(),
        write: Vec::new(),
    }));
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let buffers = Rc::clone(&buffers);
        spawn_local(async move {
            // A socket that fails is closed, and that is all.
            let _ = connection(stream, &buffers).await;
        });
    }
}

async fn connection(mut stream: TcpStream, buffers: &RefCell<Buffers>) -> anyhow::Result<()> {
    handshake(&mut stream, buffers).await?;
    // The start of a frame that was cut off by the end of a read.
    let mut partial = Vec::new();
    loop {
        let unsent = poll_fn(|context| exchange(&mut stream, &mut partial, buffers, context)).await?;
        stream.write_all(&unsent).await?;
    }
}

/// Reads once, and answers what came; what the socket did not take of the answer is handed back.
///
/// Polling the stream itself, instead of waiting for it to be readable and then trying, saves a system call: a read that
/// does not fill the buffer is known to have emptied the socket.
fn exchange(
    stream: &mut TcpStream,
    partial: &mut Vec<u8>,
    buffers: &RefCell<Buffers>,
    context: &mut Context<'_>,
) -> Poll<io::Result<Vec<u8>>> {
    let Buffers { read, write } = &mut *buffers.borrow_mut();
    let mut buffer = ReadBuf::new(read);
    ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
    let bytes = buffer.filled_mut();
    if bytes.is_empty() {
        return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()));
    }
    write.clear();
    if partial.is_empty() {
        let used = answer(bytes, write);
        partial.extend_from_slice(&bytes[used..]);
    } else {
        partial.extend_from_slice(bytes);
        let used = answer(partial, write);
        partial.drain(..used);
    }
    if partial.is_empty() {
        *partial = Vec::new();
    }
    let sent = match stream.try_write(write) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
        sent => sent?,
    };
    Poll::Ready(Ok(write[sent..].to_vec()))
}

/// Appends the answers to all whole frames; how many bytes they took.
fn answer(mut input: &mut [u8], out: &mut Vec<u8>) -> usize {
    let whole = input.len();
    loop {
        let (header, length) = match *input {
            [_, short @ 0x80..0xfe, ..] => (2, usize::from(short & 0x7f)),
            [_, 0xfe, high, low, ..] => (4, usize::from(u16::from_be_bytes([high, low]))),
            _ => return whole - input.len(),
        };
        if input.len() < header + 4 + length {
            return whole - input.len();
        }
        let (frame, rest) = input.split_at_mut(header + 4 + length);
        input = rest;
        let (head, payload) = frame.split_at_mut(header + 4);
        let mask = [head[header], head[header + 1], head[header + 2], head[header + 3]];
        let (words, last) = payload.as_chunks_mut::<4>();
        for word in words {
            *word = (u32::from_ne_bytes(*word) ^ u32::from_ne_bytes(mask)).to_ne_bytes();
        }
        for (byte, key) in last.iter_mut().zip(mask) {
            *byte ^= key;
        }
        out.extend_from_slice(&[head[0], head[1] & 0x7f]);
        out.extend_from_slice(&head[2..header]);
        out.extend_from_slice(payload);
    }
}

/// Answers the opening handshake, without judging it.
async fn handshake(stream: &mut TcpStream, buffers: &RefCell<Buffers>) -> anyhow::Result<()> {
    let mut request = Vec::new();
    while !request.ends_with(b"\r\n\r\n") {
        poll_fn(|context| {
            let Buffers { read, .. } = &mut *buffers.borrow_mut();
            let mut buffer = ReadBuf::new(read);
            ready!(Pin::new(&mut *stream).poll_read(context, &mut buffer))?;
            request.extend_from_slice(buffer.filled());
            Poll::Ready(match buffer.filled() {
                [] => Err(io::Error::from(io::ErrorKind::UnexpectedEof)),
                _ => Ok(()),
            })
        })
        .await?;
    }
    let request = std::str::from_utf8(&request)?;
    let key = request
        .lines()
        .filter_map(|line| line.split_once(": "))
        .find_map(|(name, value)| name.eq_ignore_ascii_case("sec-websocket-key").then_some(value))
        .context("no key")?;
    let answer = format!(
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\n\
         sec-websocket-accept: {}\r\n\r\n",
        accept_key(key)
    );
    stream.write_all(answer.as_bytes()).await?;
    Ok(())
}
